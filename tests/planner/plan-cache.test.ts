import { type KeptPlan, PlanCache, contextKey } from '../../planner/plan-cache.js';
import { loadParser } from '../../planner/parse/parser.js';
import { applyExpansion } from '../../planner/tree/expansion.js';
import { normalize, type Slot } from '../../planner/parse/tokenizer.js';
import { catalog } from './fixture/catalog.js';
import { plan } from './fixture/plan.js';

const empty: KeptPlan = { plan: { kind: 'empty' } };

describe('PlanCache', () => {
  it('forgets the least recently used plan beyond its entries', () => {
    const cache = new PlanCache({ maxEntries: 2, maxBytes: 1_000_000 });
    cache.put('a', empty);
    cache.put('b', empty);
    expect(cache.get('a')).toBe(empty);
    cache.put('c', empty);
    expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([empty, undefined, empty]);
    expect(cache.statistics).toMatchObject({ entries: 2, hits: 3, misses: 1 });
  });

  it('stays within its bytes', () => {
    const cache = new PlanCache({ maxEntries: 1000, maxBytes: 10_000 });
    for (let index = 0; index < 100; index += 1) cache.put(`statement ${index}`, empty);
    expect(cache.statistics.bytes).toBeLessThanOrEqual(10_000);
    expect(cache.statistics.entries).toBeGreaterThan(1);
    cache.put('x'.repeat(10_000), empty);
    expect(cache.get('x'.repeat(10_000))).toBeUndefined();
  });

  it('counts a plan that is put twice once', () => {
    const cache = new PlanCache({ maxEntries: 10, maxBytes: 100_000 });
    cache.put('a', empty);
    const { bytes } = cache.statistics;
    cache.put('a', empty);
    expect(cache.statistics).toMatchObject({ entries: 1, bytes });
    cache.clear();
    expect(cache.statistics).toMatchObject({ entries: 0, bytes: 0 });
  });

  it('tells catalogs, search paths and parameter types apart', () => {
    const context = { catalog, searchPath: ['a', 'b'], parameterTypes: [], rules: { ruleFor: () => undefined } };
    const keys = [
      PlanCache.key(contextKey(context), [], 'x'),
      PlanCache.key(contextKey({ ...context, searchPath: ['a, b'] }), [], 'x'),
      PlanCache.key(contextKey({ ...context, catalog: { ...catalog, version: 2 } }), [], 'x'),
      PlanCache.key(contextKey(context), [20], 'x'),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('a reusable plan', () => {
  beforeAll(loadParser);

  const pairs: readonly (readonly [string, string])[] = [
    ['SELECT * FROM students WHERE id = 5', 'SELECT * FROM students WHERE id = 6'],
    ['SELECT * FROM students ORDER BY id LIMIT 5', 'SELECT * FROM students ORDER BY id LIMIT 50'],
    ["INSERT INTO students (id, name) VALUES (1, 'a')", "INSERT INTO students (id, name) VALUES (22, 'bbb')"],
    ['UPDATE students SET grade = 1 WHERE id IN (1, 2)', 'UPDATE students SET grade = 3 WHERE id IN (44, 5)'],
  ];
  it.each(pairs)('of %s is that of %s', (first, second) => {
    expect(normalize(Buffer.from(first))?.key).toBe(normalize(Buffer.from(second))?.key);
    const one = plan(first);
    expect(one.reusable).toBe(true);
    expect(plan(second).plan).toEqual(one.plan);
  });

  it.each([
    ['SELECT name FROM student_names WHERE id = 5', 'SELECT  name FROM student_names WHERE id = 47110 -- more'],
    [
      "SELECT 'ä', n.name FROM student_names n, student_names m WHERE n.id = m.id AND n.name <> 'b' LIMIT 3",
      "SELECT 'öü', n.name FROM student_names n, student_names m WHERE n.id = m.id AND n.name <> $$b'$$ LIMIT 44",
    ],
    ['TABLE student_names LIMIT 2', 'TABLE student_names LIMIT 9'],
  ])('with views expanded in %s is that of %s', (first, second) => {
    const one = plan(first);
    const two = plan(second);
    expect(one.reusable).toBe(true);
    expect(two.plan).toEqual(one.plan);
    const sql = Buffer.from(second);
    const { expansion } = one;
    if (expansion === undefined) throw new Error('no view was expanded');
    const applied = applyExpansion(expansion, sql, normalize(sql)?.slots ?? []);
    const literals = (text: Buffer | undefined, slots: readonly Slot[]): readonly string[] =>
      slots.map(({ kind, start, end }) => `${kind} ${text?.toString('utf8', start, end)}`);
    expect(literals(applied.expanded, applied.slots)).toEqual(literals(two.expanded, two.slots));
    expect(applied.slots.length).toBeGreaterThan(0);
  });

  it('is not what depends on a literal', () => {
    const sql = 'SELECT * FROM orders o, lineitem l WHERE o.customer_id = 7 AND l.customer_id = 7';
    expect(plan(sql).reusable).toBe(false);
    expect(plan("SELECT create_reference_table('grades')").reusable).toBe(false);
    expect(plan("SELECT set_config('work_mem', '1MB', false)").reusable).toBe(false);
    expect(plan('SELECT * FROM nowhere').reusable).toBe(false);
  });
});
