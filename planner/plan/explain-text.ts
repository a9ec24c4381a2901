/** A plan as text: what EXPLAIN shows and golden tests compare. It depends on nothing but the plan. */

import type { PgError } from '../../base/errors.js';
import { unreachable } from '../../base/assert.js';
import { builtinTypeName } from '../postgres/key-family.js';
import type { LocalCommand } from './command-plan.js';
import type {
  Combination,
  ComputedExpression,
  Gather,
  KeySource,
  Plan,
  Shipment,
  PlacementChange,
  Routing,
  SqlPiece,
  SqlTemplate,
  ValueSource,
} from './plan.js';

function describeValue(value: ValueSource): string {
  switch (value.kind) {
    case 'slot':
      return value.negative ? `-{${value.slot}}` : `{${value.slot}}`;
    case 'parameter':
      return `$${value.number}`;
    case 'computed':
      return `{computed ${value.index}}`;
    case 'null':
      return 'NULL';
    default:
      return unreachable(value, 'value source');
  }
}

function describeSource(source: KeySource): string {
  if (source.kind === 'elements') return `elements of ${describeValue(source.array)}`;
  const values = source.values.map(describeValue).join(', ');
  return source.values.length === 1 ? values : `(${values})`;
}

function typeNames(oids: readonly number[]): string {
  return oids.map((oid) => (builtinTypeName(oid) ?? `type ${oid}`).replace('pg_catalog.', '')).join(', ');
}

function describeRouting(routing: Routing): string {
  switch (routing.kind) {
    case 'byKey': {
      const lists = routing.alternatives.map((list) =>
        list.length === 0 ? 'no value' : list.map(describeSource).join(' or '),
      );
      return `by key (${typeNames(routing.keyTypes)}) = ${lists.join(' and ')}`;
    }
    case 'byRow': {
      const modifiers = describeModifiers(routing.keyModifiers);
      return `by row (${typeNames(routing.keyTypes)}${modifiers}) = ${routing.key.map(describeValue).join(', ')}`;
    }
    case 'all':
      return 'all shards';
    case 'any':
      return 'any shard';
    case 'home':
      return 'the home shard';
    case 'none':
      return 'no shard';
    default:
      return unreachable(routing, 'routing');
  }
}

/** Type modifiers that storing a key applies, where there are any. */
function describeModifiers(modifiers: readonly number[]): string {
  return modifiers.every((modifier) => modifier === -1) ? '' : `; modifiers ${modifiers.join(', ')}`;
}

/** Pieces as text: `{0}` is a literal of the client's, `{computed 0}` a value computed first, `{limit}` LIMIT + OFFSET, `{owned}` whether the shard owns the row. */
function describePieces(pieces: readonly SqlPiece[]): string {
  return pieces
    .map((piece) => {
      if (typeof piece === 'string') return piece;
      if (piece.kind === 'limit') return '{limit}';
      if (piece.kind === 'owned') return '{owned}';
      if (piece.kind === 'relation') return `{relation ${piece.shipment}}`;
      return piece.kind === 'slot' ? `{${piece.slot}}` : `{computed ${piece.index}}`;
    })
    .join('')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

function describeSql(sql: SqlTemplate): string[] {
  return sql === 'client' ? [] : [`SQL: ${describePieces(sql)}`];
}

function describeComputed(computed: readonly ComputedExpression[]): string[] {
  return computed.map(
    ({ sql, typeName, sizes, view }, index) =>
      `Computed first: {computed ${index}} = ${view === undefined ? (sizes === undefined ? describePieces(sql) : `${sizes}() of the other shards`) : `${view} of the session`}${typeName === undefined ? '' : ` as ${typeName}`}`,
  );
}

function describeCombination(column: Combination): string {
  return column.kind === 'min' || column.kind === 'max' ? `${column.kind} of ${column.type}` : column.kind;
}

function describeGather(gather: Gather): string {
  switch (gather.kind) {
    case 'concatenate':
      return 'rows concatenated';
    case 'aggregate':
      return `rows combined to one: ${gather.columns.map(describeCombination).join(', ')}`;
    case 'merge': {
      const keys = gather.order.map(
        ({ column, type, descending, nullsFirst }) =>
          `column ${column} ${type} ${descending ? 'descending' : 'ascending'} nulls ${nullsFirst ? 'first' : 'last'}`,
      );
      return `rows merged by ${keys.join(', ')}; ${gather.hidden} hidden`;
    }
    default:
      return unreachable(gather, 'gather');
  }
}

function describeRefusal({ message, sqlstate, fields }: PgError): string[] {
  return [`Refused: ${sqlstate} ${message}`, ...(fields.hint === undefined ? [] : [`Hint: ${fields.hint}`])];
}

function describeLocal(command: Exclude<LocalCommand, { readonly refusal: PgError }>): string {
  switch (command.kind) {
    case 'begin':
      return command.tag;
    case 'commit':
    case 'rollback':
      return command.chain ? `${command.kind} and chain` : command.kind;
    case 'savepoint':
    case 'release':
    case 'rollback to':
      return `${command.kind} ${command.name}`;
    case 'show pins':
      return command.kind;
    case 'deallocate':
      return `deallocate ${command.name ?? 'all'}`;
    case 'set':
      return `${command.tag}, scope ${command.scope}${command.name === undefined ? '' : `, setting ${command.name}`}`;
    default:
      return unreachable(command, 'command');
  }
}

function describePlacement(placement: Extract<PlacementChange, { kind: 'place' }>['placement']): string {
  return placement.kind === 'sharded' ? `sharded by ${placement.key.join(', ')}` : placement.kind;
}

function describeChange(change: PlacementChange): string {
  return change.kind === 'prune'
    ? 'Placements of dropped relations are removed'
    : `Placement: ${change.schema}.${change.name} ${describePlacement(change.placement)}`;
}

function describeScatter(plan: Extract<Plan, { kind: 'scatter' }>): string[] {
  const notes = [
    ...(plan.limit === undefined ? [] : [`limit ${describeValue(plan.limit)}`]),
    ...(plan.offset === undefined ? [] : [`offset ${describeValue(plan.offset)}`]),
    ...(plan.locks ? ['rows locked'] : []),
  ];
  return [
    `Scatter over ${describeRouting(plan.routing)}: ${[describeGather(plan.gather), ...notes].join('; ')}`,
    ...describeSql(plan.sql),
    ...describeComputed(plan.computed),
  ];
}

function describeShipment({ sql, routing, always, probed }: Shipment, index: number): string {
  const when = always ? '' : ', inside a transaction only';
  const indexes = probed.map((columns) => `, index (${columns.join(', ')})`).join('');
  return `Ship {relation ${index}} from ${describeRouting(routing)}${when}${indexes}: ${describePieces(sql)}`;
}

function describeCombine(plan: Extract<Plan, { kind: 'combine' }>): string[] {
  return [
    `Combine on the home shard${plan.session === 'own' ? ", in the client's own session" : ''}`,
    ...plan.shipments.map(describeShipment),
    `SQL: ${describePieces(plan.sql)}`,
    ...describeComputed(plan.computed),
    ...(plan.broadcasts ?? []).flatMap(({ shipment, scatter }) => [
      `If {relation ${shipment}} is small, ship it to the shards instead`,
      ...describeScatter(scatter).map((line) => `  ${line}`),
    ]),
  ];
}

function describeInsert(plan: Extract<Plan, { kind: 'insert' }>): string[] {
  const target =
    plan.keyTypes === undefined
      ? 'every shard'
      : `the owners by key (${typeNames(plan.keyTypes)}${describeModifiers(plan.keyModifiers)})`;
  return [
    `Insert of ${plan.rows.length} rows to ${target}${plan.returning ? ', returning rows' : ''}`,
    `Head: ${describePieces(plan.head)}`,
    ...plan.rows.map((row) => {
      const key = plan.keyTypes === undefined ? '' : ` key ${row.key.map(describeValue).join(', ')}`;
      return `Row: ${describePieces(row.sql)}${key}`;
    }),
    ...(plan.tail.length === 0 ? [] : [`Tail: ${describePieces(plan.tail)}`]),
    ...describeComputed(plan.computed),
  ];
}

function describeCopyFormat(format: Extract<Plan, { kind: 'copyTo' }>['format']): string {
  const marks =
    format.kind === 'binary'
      ? ''
      : ` delimiter ${JSON.stringify(format.delimiter)} null ${JSON.stringify(format.nullText)}`;
  const quotes =
    format.kind === 'csv' ? ` quote ${JSON.stringify(format.quote)} escape ${JSON.stringify(format.escape)}` : '';
  return `${format.kind}${marks}${quotes}${format.header === 'no' ? '' : ` header ${format.header}`}`;
}

export function describePlan(plan: Plan): string[] {
  switch (plan.kind) {
    case 'empty':
      return ['Nothing to do'];
    case 'local':
      return 'refusal' in plan.command
        ? describeRefusal(plan.command.refusal)
        : [`Local: ${describeLocal(plan.command)}`];
    case 'pass':
      return [
        `One shard, ${plan.access}: ${describeRouting(plan.routing)}`,
        ...describeSql(plan.sql),
        ...describeComputed(plan.computed),
      ];
    case 'scatter':
      return describeScatter(plan);
    case 'combine':
      return describeCombine(plan);
    case 'insert':
      return describeInsert(plan);
    case 'modify':
      return [
        `${plan.tag} on ${describeRouting(plan.routing)}: ${plan.outcome === 'sum' ? 'counts add up' : plan.replication === undefined ? 'every copy alike' : 'the other copies take over its rows'}${plan.returning ? ', returning rows' : ''}${plan.moves === undefined ? '' : ', rows move to their new owners'}`,
        ...describeSql(plan.sql),
        ...describeComputed(plan.computed),
      ];
    case 'staged':
      return [
        `In ${plan.stages.length + 1} stages`,
        ...plan.stages.map((sql, index) => `Stage {relation ${index}}: ${describePieces(sql)}`),
        ...describeSql(plan.sql),
      ];
    case 'ddl':
      return [
        `${plan.where === 'home' ? 'On the home shard, temporary' : 'On all shards'}${plan.transactional ? '' : ', outside a transaction'}${plan.changesCatalog ? '' : ', catalog unchanged'}${gathersText(plan)}`,
        ...describeSql(plan.sql),
        ...plan.changes.map(describeChange),
        ...plan.notices.map(({ message }) => `NOTICE: ${message}`),
      ];
    case 'insert select':
      return [
        `Insert combined rows, ${plan.target}, ${plan.columns.length} columns`,
        ...plan.shipments.map(describeShipment),
        ...describeSql(plan.sql),
        ...describeComputed(plan.computed),
        ...(plan.insertion === undefined ? [] : [`Stored by INSERT … ${describePieces(plan.insertion.tail)}`]),
      ];
    case 'create table as':
      return [
        `Create ${plan.persistence.toLowerCase()}table ${plan.schema}.${plan.name}${plan.placement ?? ''} and fill it`,
        ...describeSql(plan.sql),
      ];
    case 'copyFrom':
      return [
        `COPY in, ${plan.target}, ${plan.columns.length} columns, ${describeCopyFormat(plan.format)}`,
        ...plan.key.map(
          ({ index, typeOid, typeModifier }) =>
            `Key: column ${index} (${typeNames([typeOid])}${describeModifiers([typeModifier])})`,
        ),
        ...plan.defaults.map(({ name, sql, once }) => `Default of ${name}${once ? ', once' : ''}: ${sql}`),
        ...(plan.shardSql === undefined ? [] : describeSql(plan.shardSql)),
        ...describeComputed(plan.computed),
      ];
    case 'copyTo':
      return [
        `COPY out of ${describeRouting(plan.routing)}, ${plan.access === 'write' ? 'writing, ' : ''}${describeCopyFormat(plan.format)}`,
        ...describeSql(plan.sql),
        ...describeComputed(plan.computed),
      ];
    case 'copyGathered':
      return [
        `COPY out of gathered rows, ${describeCopyFormat(plan.format)}`,
        ...describePlan(plan.inner).map((line) => `  ${line}`),
      ];
    case 'copyCombined':
      return [
        'COPY out on the home shard',
        ...plan.shipments.map(describeShipment),
        ...describeSql(plan.sql),
        ...describeComputed(plan.computed),
      ];
    case 'place table':
      return [`Move ${plan.schema}.${plan.name}: ${describePlacement(plan.placement)}`];
    case 'declare function':
      return [
        `Declare ${plan.identity}: ${plan.argument === 0 ? 'touches no sharded table' : `shard key $${plan.argument}`}`,
      ];
    case 'explain':
      return [
        `Explain (${plan.format}${plan.analyze ? ', analyze' : ''}) ${describePieces(plan.statement)}`,
        ...describePlan(plan.inner).map((line) => `  ${line}`),
      ];
    case 'prepare':
      return [`The session prepares ${plan.name}`];
    case 'execute':
      return [`The session executes ${plan.name}, ${plan.arguments?.count ?? 0} arguments`];
    case 'declare':
      return [`The session declares the cursor ${plan.name}`];
    case 'fetch':
      return [
        `The session ${plan.move ? 'moves' : 'fetches'} ${plan.direction} ${plan.count} in the cursor ${plan.name}`,
      ];
    case 'current of':
      return [`Where the cursor ${plan.name} stands`];
    case 'close':
      return [
        plan.name === undefined ? 'The session closes all cursors' : `The session closes the cursor ${plan.name}`,
      ];
    case 'refuse':
      return describeRefusal(plan.error);
    default:
      return unreachable(plan, 'plan');
  }
}

/** Tables whose rows the home shard gets from all shards to fill a materialized view. */
function gathersText({ gathers }: Extract<Plan, { readonly kind: 'ddl' }>): string {
  if (gathers === undefined || gathers.tables.length === 0) return '';
  return `. With all rows of ${gathers.tables.map(({ schema, name }) => `${schema}.${name}`).join(', ')} on the home shard`;
}
