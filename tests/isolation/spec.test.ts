/** Specifications are read as isolationtester reads them. */

import { parseSpec } from './spec.js';

const names = (permutations: ReturnType<typeof parseSpec>['permutations']): readonly string[] =>
  permutations.map((steps) => steps.map(({ step }) => step.name).join(' '));

describe('a specification', () => {
  it('has sessions, steps and permutations with markers', () => {
    const spec = parseSpec(`
      # a comment { that holds no SQL }
      setup { CREATE TABLE t (a int); }
      setup { INSERT INTO t VALUES (1); }
      teardown { DROP TABLE t; }
      session one
      setup { BEGIN; }
      step first { SELECT 1; }
      step "second" { COMMIT; }
      session "two words"
      step other { UPDATE t SET a = 2 }
      teardown { ROLLBACK; }
      permutation first other(*, first, "second" notices 2) second
      permutation other`);
    expect(spec.setups).toEqual(['CREATE TABLE t (a int);', 'INSERT INTO t VALUES (1);']);
    expect(spec.teardown).toBe('DROP TABLE t;');
    expect(spec.sessions.map(({ name, setup, teardown }) => [name, setup, teardown])).toEqual([
      ['one', 'BEGIN;', undefined],
      ['two words', undefined, 'ROLLBACK;'],
    ]);
    expect(names(spec.permutations)).toEqual(['first other second', 'other']);
    expect(spec.permutations[0]?.[1]?.markers).toEqual([
      { kind: 'once' },
      { kind: 'step', step: 'first' },
      { kind: 'notices', step: 'second', count: 2 },
    ]);
  });

  it('without permutations has all orders that keep those of its sessions', () => {
    const spec = parseSpec('session a step a1 { 1 } step a2 { 2 } session b step b1 { 3 }');
    expect(names(spec.permutations)).toEqual(['a1 a2 b1', 'a1 b1 a2', 'b1 a1 a2']);
  });

  it.each(['session a step a1 { 1 } permutation a2', 'session a step { 1 }', 'what is this?'])(
    'is refused when it is none: %s',
    (text) => {
      expect(() => parseSpec(text)).toThrow();
    },
  );
});
