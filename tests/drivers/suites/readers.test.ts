import { readGo, readJunit, readLines, readMocha, readNodeProgram } from './readers.js';
import type { TestResults } from './suite.js';

function told(results: TestResults): Record<string, string> {
  return Object.fromEntries(
    [...results].map(([name, result]) => [name, result.kind === 'failed' ? `failed: ${result.message}` : result.kind]),
  );
}

it('reads JUnit’s XML', () => {
  const file = `<testsuites><testsuite tests="5"><testcase classname="a.B" name="test_one[&lt;x&gt;]" time="0.1" />
    <testcase classname="a.B" name="test_two"><failure message="1 &amp; 2&#10;more">text &lt;testcase</failure></testcase>
    <testcase classname="a.B" name="test_three"><skipped type="pytest.skip" message="no"/></testcase>
    <testcase classname="a.B" name="test_three"></testcase><testcase classname="" name="c"><error message="e"/></testcase>`;
  expect(told(readJunit({ file }))).toEqual({
    'a.B.test_one[<x>]': 'passed',
    'a.B.test_two': 'failed: 1 & 2\nmore',
    'a.B.test_three': 'skipped',
    'a.B.test_three #2': 'passed',
    c: 'failed: e',
  });
});

it('reads Mocha’s JSON, with a hook that fails', () => {
  const file = JSON.stringify({
    tests: [
      { fullTitle: 'a b', err: {} },
      { fullTitle: 'a c', err: { message: 'no' } },
      { fullTitle: 'a d', err: {} },
    ],
    pending: [{ fullTitle: 'a d', err: {} }],
    failures: [
      { fullTitle: 'a c', err: { message: 'no' } },
      { fullTitle: '"after all" hook', err: { message: 'left open' } },
    ],
  });
  expect(told(readMocha({ file }))).toEqual({
    'a b': 'passed',
    'a c': 'failed: no',
    'a d': 'skipped',
    '"after all" hook': 'failed: left open',
  });
  expect(readMocha({ file: '' }).size).toBe(0);
});

it('reads the events of go test, with a test that did not end', () => {
  const event = (Action: string, Test?: string, Output?: string): string =>
    JSON.stringify({ Action, Package: 'github.com/jackc/pgx/v5/pgconn', Test, Output });
  const output = [
    event('run', 'TestOne'),
    event('output', 'TestOne', '=== RUN   TestOne\n'),
    event('output', 'TestOne', '    one.go:7: wrong\n'),
    event('fail', 'TestOne'),
    event('run', 'TestTwo'),
    event('pass', 'TestTwo'),
    event('run', 'TestThree'),
    event('skip', 'TestThree'),
    event('run', 'TestFour'),
    'panic: no JSON',
    event('fail'),
  ].join('\n');
  expect(told(readGo({ output }))).toEqual({
    'pgconn/TestOne': 'failed: one.go:7: wrong',
    'pgconn/TestTwo': 'passed',
    'pgconn/TestThree': 'skipped',
    'pgconn/TestFour': 'failed: The test did not end.',
  });
});

it('reads the programs of node-postgres', () => {
  const output = 'array-tests.js\n  one ✔\n  two ? - SKIPPED\n  three FAILED!\n\nError: no';
  expect(told(readNodeProgram({ output, exitCode: 255 }))).toEqual({
    one: 'passed',
    two: 'skipped',
    'the program ends well': `failed: ${output}`,
  });
  expect(told(readNodeProgram({ output: '', exitCode: 0 }))).toEqual({ 'the program ends well': 'passed' });
});

it('reads lines of harnesses', () => {
  expect(told(readLines({ output: 'noise\nok\tone\nfail\ttwo\t1 != 2\nskip\tthree\nok\tone\n' }))).toEqual({
    one: 'passed',
    two: 'failed: 1 != 2',
    three: 'skipped',
    'one #2': 'passed',
  });
});
