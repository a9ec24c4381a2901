import fc from 'fast-check';
import type { Placement } from '../../../catalog/schema.js';
import { refusalsOf } from '../../../cli/advise/constraints.js';
import { propose } from '../../../cli/advise/propose.js';
import type { AdvisedTable, ForeignKey } from '../../../cli/advise/schema.js';

const INT = 20;
const nothing = { shards: 4, pinned: new Map<number, Placement>(), barred: new Map<number, Placement['kind'][]>() };

interface Made {
  readonly keys?: readonly (readonly string[])[];
  readonly foreign?: readonly (readonly [columns: string, target: number, targetColumns: string])[];
  readonly rows?: number;
  readonly columns: string;
  readonly hasRules?: boolean;
  readonly exclusions?: readonly string[];
}

function table(oid: number, made: Made): AdvisedTable {
  return {
    oid,
    schema: 'public',
    name: `t${oid}`,
    columns: made.columns.split(' ').map((name) => ({
      name,
      typeName: 'bigint',
      family: name.startsWith('json') ? undefined : INT,
      distinct: undefined,
    })),
    uniqueKeys: (made.keys ?? []).map((columns, index) => ({
      name: `t${oid}_${index}`,
      columns,
      primary: index === 0,
    })),
    foreignKeys: (made.foreign ?? []).map(([columns, target, targetColumns]): ForeignKey => ({
      name: `t${oid}_t${target}`,
      columns: columns.split(' '),
      target,
      targetColumns: targetColumns.split(' '),
    })),
    exclusions: made.exclusions ?? [],
    hasRules: made.hasRules ?? false,
    members: [],
    rows: made.rows,
    bytes: undefined,
    writes: undefined,
  };
}

function proposed(tables: readonly AdvisedTable[], wishes = nothing): readonly string[] {
  const choices = propose(tables, wishes);
  return tables.map(({ oid }) => {
    const placement = choices.get(oid);
    return placement?.kind === 'sharded' ? placement.key.join(',') : (placement?.kind ?? '');
  });
}

describe('proposed placements', () => {
  it('keep together what foreign keys tie, and copy what they point at', () => {
    const customers = table(1, {
      columns: 'id country_id',
      keys: [['id']],
      foreign: [['country_id', 4, 'id']],
      rows: 50_000,
    });
    const orders = table(2, {
      columns: 'customer_id id',
      keys: [['customer_id', 'id']],
      foreign: [['customer_id', 1, 'id']],
      rows: 500_000,
    });
    const items = table(3, {
      columns: 'customer_id order_id line',
      keys: [['customer_id', 'order_id', 'line']],
      foreign: [['customer_id order_id', 2, 'customer_id id']],
      rows: 2_000_000,
    });
    const countries = table(4, { columns: 'id', keys: [['id']], rows: 200 });
    const tables = [customers, orders, items, countries];
    expect(proposed(tables)).toEqual(['id', 'customer_id', 'customer_id', 'reference']);
    // Guessed from the foreign keys, where nobody counted.
    expect(proposed(tables.map((each) => ({ ...each, rows: undefined })))).toEqual([
      'id',
      'customer_id',
      'customer_id',
      'reference',
    ]);
  });

  it('shard the largest where not all can be', () => {
    const users = table(1, { columns: 'id', keys: [['id']], rows: 10_000 });
    const posts = table(2, { columns: 'id user_id', keys: [['id']], foreign: [['user_id', 1, 'id']], rows: 900_000 });
    expect(proposed([users, posts])).toEqual(['reference', 'id']);
    const events = table(3, { columns: 'json user_id', foreign: [['user_id', 1, 'id']], rows: 9_000_000 });
    expect(proposed([users, events])).toEqual(['id', 'user_id']);
  });

  it('leave at home what cannot be elsewhere, and what that points at', () => {
    const ruled = table(1, { columns: 'id', keys: [['id']], rows: 100_000, hasRules: true });
    const child = table(2, { columns: 'id parent', keys: [['id']], foreign: [['parent', 1, 'id']], rows: 100_000 });
    expect(proposed([ruled, child])).toEqual(['home', 'home']);
    const booked = table(3, { columns: 'id', keys: [['id']], rows: 100, exclusions: ['no_overlap'] });
    expect(proposed([booked])).toEqual(['reference']);
  });

  it('are made around what a person chose, and around triggers', () => {
    const users = table(1, { columns: 'id', keys: [['id']], rows: 10_000 });
    const posts = table(2, {
      columns: 'id user_id',
      keys: [['id', 'user_id']],
      foreign: [['user_id', 1, 'id']],
      rows: 90_000,
    });
    expect(proposed([users, posts])).toEqual(['id', 'user_id']);
    const pinned = new Map<number, Placement>([[1, { kind: 'home' }]]);
    expect(proposed([users, posts], { ...nothing, pinned })).toEqual(['home', 'home']);
    const barred = new Map<number, Placement['kind'][]>([[2, ['sharded']]]);
    expect(proposed([users, posts], { ...nothing, barred })).toEqual(['reference', 'reference']);
  });

  it('break no constraint of any schema', () => {
    const columns = ['a', 'b', 'c', 'json'];
    const some = fc.uniqueArray(fc.constantFrom(...columns), { minLength: 1, maxLength: 3 });
    const made = fc.record({
      keys: fc.array(some, { maxLength: 3 }),
      foreign: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(7), fc.constantFrom('a', 'b', 'c')), {
        maxLength: 3,
      }),
      rows: fc.nat(100_000),
      hasRules: fc.integer({ min: 0, max: 9 }).map((chance) => chance === 0),
      exclusions: fc.integer({ min: 0, max: 9 }).map((chance) => (chance === 0 ? ['x'] : [])),
    });
    fc.assert(
      fc.property(fc.array(made, { minLength: 1, maxLength: 8 }), (all) => {
        const tables = all.map((each, oid) => table(oid, { ...each, columns: columns.join(' ') }));
        const choices = propose(tables, nothing);
        const refused = tables.flatMap((each) =>
          refusalsOf(each, choices.get(each.oid) ?? { kind: 'home' }, tables, choices),
        );
        expect(refused).toEqual([]);
      }),
      { seed: 7, numRuns: 500 },
    );
  });
});
