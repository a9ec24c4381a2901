/** Results out of what test runners print or write: one reader for each format. */

import type { CommandOutcome, TestResult, TestResults } from './suite.js';

const passed: TestResult = { kind: 'passed' };
const skipped: TestResult = { kind: 'skipped' };

function failed(message: string): TestResult {
  return { kind: 'failed', message: message.trim() };
}

/** A test of a name that was there before gets a number: suites give some names twice, always in the same order. */
class NamedResults {
  readonly results = new Map<string, TestResult>();

  add(name: string, result: TestResult): void {
    let number = 1;
    while (this.results.has(numbered(name, number))) number += 1;
    this.results.set(numbered(name, number), result);
  }
}

function numbered(name: string, number: number): string {
  return number === 1 ? name : `${name} #${number}`;
}

/** JUnit's XML, which pytest, Maven and Gradle write. */
export function readJunit({ file }: Pick<CommandOutcome, 'file'>): TestResults {
  const named = new NamedResults();
  for (const [, attributes = '', body = ''] of file.matchAll(/<testcase\b([^>]*?)(?:\/>|>(.*?)<\/testcase>)/gs)) {
    const attribute = (name: string): string =>
      unescapeXml(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? '');
    const name = [attribute('classname'), attribute('name')].filter(Boolean).join('.');
    const failure = /<(?:failure|error)\b(?:[^>]*?message="([^"]*)")?/s.exec(body);
    if (failure !== null) named.add(name, failed(unescapeXml(failure[1] ?? '')));
    else named.add(name, /<skipped\b/.test(body) ? skipped : passed);
  }
  return named.results;
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

function unescapeXml(text: string): string {
  return text.replaceAll(
    /&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
      return entities[name ?? ''] ?? whole;
    },
  );
}

interface MochaTest {
  readonly fullTitle: string;
  readonly err: { readonly message?: string };
}

interface MochaReport {
  readonly tests: readonly MochaTest[];
  readonly pending: readonly MochaTest[];
  readonly failures: readonly MochaTest[];
}

/** Mocha's reporter `json`. */
export function readMocha({ file }: Pick<CommandOutcome, 'file'>): TestResults {
  const named = new NamedResults();
  if (file === '') return named.results;
  const report = JSON.parse(file) as MochaReport;
  const isPending = new Set(report.pending.map(({ fullTitle }) => fullTitle));
  for (const { fullTitle, err } of report.tests) {
    if (isPending.has(fullTitle)) named.add(fullTitle, skipped);
    else named.add(fullTitle, 'message' in err ? failed(err.message ?? '') : passed);
  }
  // A hook that fails is no test, and keeps the tests after it from running.
  const known = new Set(report.tests.map(({ fullTitle }) => fullTitle));
  for (const { fullTitle, err } of report.failures) {
    if (!known.has(fullTitle)) named.add(fullTitle, failed(err.message ?? ''));
  }
  return named.results;
}

interface GoEvent {
  readonly Action: string;
  readonly Package?: string;
  readonly Test?: string;
  readonly Output?: string;
}

/** Lines of `go test -json`. A test with tests of its own counts once more than these. */
export function readGo({ output }: Pick<CommandOutcome, 'output'>): TestResults {
  const results = new Map<string, TestResult>();
  const said = new Map<string, string[]>();
  for (const line of output.split('\n')) {
    if (!line.startsWith('{')) continue;
    const { Action, Package = '', Test, Output } = JSON.parse(line) as GoEvent;
    if (Test === undefined) continue;
    const name = `${Package.replace(/^github\.com\/[^/]+\/[^/]+\/(v\d+\/?)?/, '')}/${Test}`.replace(/^\//, '');
    if (Action === 'run') said.set(name, []);
    if (Action === 'output' && Output !== undefined && !/^\s*(---|===)/.test(Output))
      said.get(name)?.push(Output.trim());
    if (Action === 'pass') results.set(name, passed);
    if (Action === 'skip') results.set(name, skipped);
    if (Action === 'fail') results.set(name, failed((said.get(name) ?? []).join(' ')));
  }
  // A panic, or the time limit, ends the process within a test.
  for (const name of said.keys()) {
    if (!results.has(name)) results.set(name, failed('The test did not end.'));
  }
  return results;
}

/**
 * One program of node-postgres's own: `✔` behind each test that ends well; the first that does not ends the program.
 * One without tests by name is a test as a whole.
 */
export function readNodeProgram({ output, exitCode }: Pick<CommandOutcome, 'output' | 'exitCode'>): TestResults {
  const named = new NamedResults();
  for (const [, name = '', verdict] of output.matchAll(/^ {2}(\S.*?) (✔|\? - SKIPPED)$/gm)) {
    named.add(name, verdict === '✔' ? passed : skipped);
  }
  if (exitCode !== 0) named.add('the program ends well', failed(output.slice(-600)));
  else named.add('the program ends well', passed);
  return named.results;
}

/** Lines `ok NAME`, `skip NAME` and `fail NAME: MESSAGE`, of harnesses in this folder. */
export function readLines({ output }: Pick<CommandOutcome, 'output'>): TestResults {
  const named = new NamedResults();
  for (const [, verdict, name = '', message = ''] of output.matchAll(/^(ok|skip|fail)\t([^\t\n]*)(?:\t(.*))?$/gm)) {
    if (verdict === 'ok') named.add(name, passed);
    else named.add(name, verdict === 'skip' ? skipped : failed(message));
  }
  return named.results;
}
