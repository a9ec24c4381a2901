/**
 * INSERT … VALUES into a sharded or reference table. What PostgreSQL would evaluate itself and a shard must not
 * (sequences, keys that are expressions, anything volatile in a reference table) is computed first and spliced in;
 * columns that are left to such defaults are added to the column list.
 */

import type { InsertStmt, Node } from 'libpg-query';

import { PgError, refuse, sqlstate, type PgReportFields } from '../../base/errors.js';
import { quoteIdentifier, type Column, type Relation } from '../../catalog/schema.js';
import type { Binder } from '../bind/bind.js';
import { ComputedList, computeOnce } from '../checks/computed.js';
import { refuseRoutine } from '../checks/checks.js';
import { callsOf, isOfSession } from '../code/functions.js';
import { storedModifier } from '../postgres/key-family.js';
import { typeOid } from '../../catalog/type-oid.js';
import { defaultSql, mustComputeDefault, typeNameOf, type RowReach } from '../code/column-defaults.js';
import { locateRows, type Extent, type RowText, type ValuesText } from '../tree/insert-text.js';
import { defaultEdits } from './assigned-defaults.js';
import { checkTail } from './insert-tail.js';
import type { Plan, SqlPiece, ValueSource } from '../plan/plan.js';
import { keyColumns } from '../route/routing.js';
import type { Edit } from '../parse/splice.js';
import { changesOnAssignment, storedValue } from '../tree/values.js';
import { leftmostLocation, someNode } from '../tree/tree.js';

interface Cell {
  readonly sql: readonly SqlPiece[];
  /** The value as a key; undefined for columns that are none. */
  readonly key: ValueSource | undefined;
  readonly changed: boolean;
}

class ValuesPlanner {
  readonly #relation: Relation;
  readonly #binder: Binder;
  readonly #computed = new ComputedList();
  readonly #isReference: boolean;
  readonly #reach: RowReach;
  readonly #keys: readonly Column[];
  /** OVERRIDING USER VALUE: what is given for identity columns does not count. */
  readonly #ignoresIdentities: boolean;
  #castsKeys = false;

  constructor(relation: Relation, binder: Binder, rows: number, override: InsertStmt['override']) {
    this.#ignoresIdentities = override === 'OVERRIDING_USER_VALUE';
    this.#relation = relation;
    this.#binder = binder;
    this.#isReference = relation.placement.kind === 'reference';
    this.#reach = this.#isReference ? 'copied' : rows > 1 ? 'spread' : 'single';
    this.#keys = keyColumns(relation);
  }

  plan(insert: InsertStmt, rows: readonly (readonly Node[])[]): Plan {
    const { text } = this.#binder;
    const isDefaultValues = insert.selectStmt === undefined;
    const listed = this.#givenColumns(insert, rows);
    const added = this.#relation.columns.filter(
      (column) => !listed.includes(column) && mustComputeDefault(column, this.#keys.includes(column), this.#reach),
    );
    // DEFAULT VALUES is written as a row with one DEFAULT, for it must be a row.
    const given = isDefaultValues && added.length === 0 ? this.#relation.columns.slice(0, 1) : listed;
    const valuesIndex = this.#valuesIndex(insert);
    const located = isDefaultValues ? undefined : locateRows(text, valuesIndex);
    const planned = rows.map((row, index) => this.#row(row, given, added, located?.rows[index]));
    const returning = insert.returningClause !== undefined;
    const clauses = [insert.onConflictClause, insert.returningClause];
    checkTail(insert, this.#relation, planned.length > 1 ? 'many rows' : 'one row', this.#binder);
    const asksSession = callsOf(clauses, this.#binder.context).some(isOfSession);
    const isChanged = asksSession || added.length > 0 || planned.some((row) => row.changed);
    const only = planned.length === 1 ? planned[0] : undefined;
    if (!this.#isReference && only !== undefined && !isChanged) {
      const keyTypes = this.#keys.map((column) => column.baseTypeOid);
      return {
        kind: 'pass',
        routing: { kind: 'byRow', keyTypes, keyModifiers: this.#keys.map(storedModifier), key: only.key },
        access: 'write',
        sql: 'client',
        computed: this.#computed.expressions,
      };
    }
    const tailEdits = this.#tailEdits(insert);
    const { head, tail } = this.#frame(insert, given, added, located, valuesIndex, tailEdits);
    return {
      kind: 'insert',
      keyTypes: this.#isReference ? undefined : this.#keys.map((column) => column.baseTypeOid),
      keyModifiers: this.#isReference ? [] : this.#keys.map(storedModifier),
      head,
      rows: planned.map(({ sql, key }) => ({ sql, key })),
      tail,
      castsKeys: this.#castsKeys,
      computed: this.#computed.expressions,
      returning,
    };
  }

  #givenColumns(insert: InsertStmt, rows: readonly (readonly Node[])[]): Column[] {
    const assignable = this.#relation.columns;
    const cols = insert.cols ?? [];
    if (cols.length === 0) return assignable.slice(0, Math.max(0, ...rows.map((row) => row.length)));
    return cols.map((node) => {
      const target = 'ResTarget' in node ? node.ResTarget : undefined;
      const column = assignable.find((candidate) => candidate.name === target?.name);
      if (column === undefined) {
        throw new PgError(
          sqlstate.undefinedColumn,
          `column "${target?.name ?? ''}" of relation "${this.#relation.name}" does not exist`,
          { position: this.#binder.text.position(target?.location ?? 0) },
        );
      }
      if ((target?.indirection?.length ?? 0) > 0 && this.#keys.includes(column)) {
        throw refuse('INSERT into a part of a shard key column', 'Insert the whole value.');
      }
      return column;
    });
  }

  #valuesIndex(insert: InsertStmt): number {
    const { text } = this.#binder;
    const start = text.tokenIndexAt(insert.relation?.location ?? text.start);
    const word = insert.selectStmt === undefined ? 'default' : 'values';
    return text.findTopLevel(start, (found, index) => found === word && text.word(index - 1) !== '.');
  }

  #row(
    row: readonly Node[],
    given: readonly Column[],
    added: readonly Column[],
    located: RowText | undefined,
  ): { sql: SqlPiece[]; key: ValueSource[]; changed: boolean } {
    // By their places: parts of one column may stand in several of them.
    const cells: (Cell | undefined)[] = given.map(() => undefined);
    if (row.length > given.length)
      throw refuse('a row with more values than columns', 'Give one value for each column.');
    row.forEach((node, index) => {
      const column = given[index];
      const extent = located?.items[index];
      if (column !== undefined && extent !== undefined) cells[index] = this.#cell(node, column, extent);
    });
    const more = added.map((column) => this.#defaultCell(column));
    const sql: SqlPiece[] = ['('];
    const append = (pieces: readonly SqlPiece[]): void => {
      for (const piece of pieces) {
        const last = sql.at(-1);
        if (typeof piece === 'string' && typeof last === 'string') sql[sql.length - 1] = last + piece;
        else sql.push(piece);
      }
    };
    // A row that is shorter than the list takes defaults; PostgreSQL accepts it only without a column list.
    const listed = cells.slice(0, located === undefined ? given.length : row.length);
    [...listed, ...more].forEach((cell, index) =>
      append([...(index === 0 ? [] : [', ']), ...(cell?.sql ?? ['DEFAULT'])]),
    );
    append([')']);
    const columns = [...given, ...added];
    const all = [...cells, ...more];
    const key = this.#keys.map((column): ValueSource => all[columns.indexOf(column)]?.key ?? { kind: 'null' });
    return { sql, key, changed: all.some((cell) => cell?.changed === true) };
  }

  #cell(node: Node, column: Column, extent: Extent): Cell {
    const { text, context } = this.#binder;
    const isKey = this.#keys.includes(column);
    if (this.#ignoresIdentities && column.identity !== 'no') {
      if (!someNode([node], (part) => 'ParamRef' in part)) return this.#defaultCell(column);
      throw refuse(
        'a parameter that OVERRIDING USER VALUE leaves unused',
        'Leave the identity column out of the list.',
      );
    }
    if ('SetToDefault' in node) {
      return mustComputeDefault(column, isKey, this.#reach)
        ? this.#defaultCell(column)
        : { sql: ['DEFAULT'], key: isKey ? { kind: 'null' } : undefined, changed: false };
    }
    const written = text.pieces(extent.start, extent.end);
    if (isKey) {
      const stored = this.#keyValue(node, column);
      if (stored !== undefined) return { sql: written, key: stored, changed: false };
    }
    if ('A_Const' in node && !isKey) return { sql: written, key: undefined, changed: false };
    const calls = callsOf([node], context);
    const effects = calls.map(({ effect }) => effect);
    // Counting characters is only worth it for an error.
    const where = (): PgReportFields => ({ position: text.position(leftmostLocation(node) ?? 0) });
    const nowhere = calls.find(({ effect }) => effect === 'nowhere');
    if (nowhere !== undefined) throw refuseRoutine(nowhere.call, context, where());
    if (effects.some((effect) => effect === 'settings' || effect === 'unknown'))
      throw refuse('an unknown function or set_config() in VALUES', 'Call it in a statement of its own.', where());
    const needsHome = calls.some((call) => isOfSession(call) || call.effect === 'local' || call.effect === 'at home');
    const isTimed = effects.includes('once') || effects.includes('time');
    const once = isTimed || someNode([node], (part) => 'SQLValueFunction' in part);
    const varies = once || effects.some((effect) => effect !== 'plain');
    const mayStay = this.#reach === 'single' || !(this.#reach === 'copied' ? varies : once);
    if (!isKey && !needsHome && mayStay) return { sql: written, key: undefined, changed: false };
    if (someNode([node], (part) => 'ParamRef' in part)) {
      throw refuse(
        'a parameter inside an expression for a shard key, a sequence or a reference table',
        'Compute the value first and send it as a parameter of its own.',
        where(),
      );
    }
    this.#castsKeys ||= isKey;
    return this.#computedCell(written, column, isKey);
  }

  /** The value of a key column as it is stored. */
  #keyValue(node: Node, column: Column): ValueSource | undefined {
    // Of varchar(n) the router knows what is stored; of the others only a server does.
    if (column.baseTypeOid === typeOid.varchar && column.typeOid === column.baseTypeOid) {
      return storedValue(node, { ...column, typeModifier: -1 }, this.#binder.text);
    }
    const isChanging = changesOnAssignment(column);
    if (isChanging && 'ParamRef' in node) {
      throw refuse(
        `a parameter for the shard key column "${column.name}" of type ${column.typeName}`,
        'Storing it may change the value: send it as a literal, or use a key type without precision.',
      );
    }
    return storedValue(node, column, this.#binder.text);
  }

  #defaultCell(column: Column): Cell {
    return this.#computedCell([defaultSql(column) ?? 'NULL'], column, this.#keys.includes(column));
  }

  /** A value computed in the column's own type, so that what routes is what is stored. */
  #computedCell(expression: readonly SqlPiece[], column: Column, isKey: boolean): Cell {
    // An explicit cast to varchar(n) would cut what storing refuses.
    const isBounded = column.baseTypeOid === typeOid.varchar || column.baseTypeOid === typeOid.bpchar;
    const castType = isBounded ? typeNameOf(column) : column.typeName;
    const value = isKey
      ? this.#computed.add(['CAST(', ...expression, ` AS ${castType})`], typeNameOf(column))
      : this.#computed.addOnce(expression, undefined);
    return { sql: [value], key: isKey ? value : undefined, changed: true };
  }

  /** ON CONFLICT and RETURNING on several shards: what has one value for the statement is computed there too. */
  #tailEdits(insert: InsertStmt): readonly Edit[] {
    const { context, text } = this.#binder;
    const nodes = [insert.onConflictClause, insert.returningClause];
    return [
      ...computeOnce(nodes, context, text, this.#computed),
      ...defaultEdits(insert.onConflictClause?.targetList, this.#relation, text, this.#computed),
    ];
  }

  #frame(
    insert: InsertStmt,
    given: readonly Column[],
    added: readonly Column[],
    located: ValuesText | undefined,
    valuesIndex: number,
    tailEdits: readonly Edit[],
  ): { head: SqlPiece[]; tail: SqlPiece[] } {
    const { text } = this.#binder;
    const names = [...given, ...added].map((column) => quoteIdentifier(column.name)).join(', ');
    if (located === undefined) {
      const beforeDefault = text.pieces(text.start, text.startOf(valuesIndex));
      const after = text.endOf(valuesIndex + 1);
      return { head: [...beforeDefault, `(${names}) VALUES `], tail: text.pieces(after, text.end, tailEdits) };
    }
    const tail = text.pieces(located.tailStart, text.end, tailEdits);
    if (added.length === 0) return { head: [...text.pieces(text.start, located.headEnd), 'VALUES '], tail };
    if ((insert.cols?.length ?? 0) > 0) {
      const open = text.findTopLevel(
        text.tokenIndexAt(insert.relation?.location ?? text.start),
        (word) => word === '(',
      );
      const close = text.startOf(text.closingIndex(open));
      const more = added.map((column) => `, ${quoteIdentifier(column.name)}`).join('');
      const pieces = text.pieces(text.start, located.headEnd, [{ start: close, end: close, pieces: [more] }]);
      return { head: [...pieces, 'VALUES '], tail };
    }
    const before =
      insert.override === 'OVERRIDING_NOT_SET' || insert.override === undefined
        ? located.headEnd
        : this.#overridingStart(insert);
    return {
      head: [...text.pieces(text.start, before), `(${names}) `, ...text.pieces(before, located.headEnd), 'VALUES '],
      tail,
    };
  }

  #overridingStart(insert: InsertStmt): number {
    const { text } = this.#binder;
    const start = text.tokenIndexAt(insert.relation?.location ?? text.start);
    return text.startOf(text.findTopLevel(start, (word) => word === 'overriding'));
  }
}

export function planValues(
  insert: InsertStmt,
  rows: readonly (readonly Node[])[],
  relation: Relation,
  binder: Binder,
): Plan {
  checkLengths(rows);
  const ignored: readonly Column['identity'][] =
    insert.override === 'OVERRIDING_USER_VALUE' ? ['always', 'by default'] : ['always'];
  if (
    relation.columns.some(({ identity }) => ignored.includes(identity)) &&
    insert.override !== 'OVERRIDING_SYSTEM_VALUE'
  ) {
    return planIdentityAlways(insert, rows, relation, binder);
  }
  return new ValuesPlanner(relation, binder, rows.length, insert.override).plan(insert, rows);
}

/** The shards see other lists than the client has written, so a server has to tell what is wrong with these. */
function checkLengths(rows: readonly (readonly Node[])[]): void {
  if (rows.some((row) => row.length !== rows[0]?.length)) {
    throw refuse('INSERT of VALUES lists that differ in length', 'Give every row the same number of values.');
  }
}

/**
 * Values of GENERATED ALWAYS AS IDENTITY are computed here and so must be written with OVERRIDING SYSTEM VALUE, which
 * is only right while the statement itself gives none.
 */
function planIdentityAlways(
  insert: InsertStmt,
  rows: readonly (readonly Node[])[],
  relation: Relation,
  binder: Binder,
): Plan {
  const ignores = insert.override === 'OVERRIDING_USER_VALUE';
  if (!ignores) checkIdentities(insert, rows, relation);
  const plan = new ValuesPlanner(relation, binder, rows.length, insert.override).plan(insert, rows);
  if (plan.kind !== 'insert') return plan;
  const head = [...plan.head];
  let end = '';
  for (let last = head.at(-1); typeof last === 'string'; last = head.at(-1)) {
    end = last + end;
    head.pop();
  }
  const before = end.replace(/VALUES $/, '');
  // The client's own clause is the last before the list.
  const own = ignores ? before.replace(/\boverriding\s+user\s+value\s*$/i, '') : before;
  return { ...plan, head: [...head, `${own}OVERRIDING SYSTEM VALUE VALUES `] };
}

/** As rewriteTargetListIU() does (rewriteHandler.c), before any value is computed. */
function checkIdentities(insert: InsertStmt, rows: readonly (readonly Node[])[], relation: Relation): void {
  const names = (insert.cols ?? []).flatMap((node) => ('ResTarget' in node ? [node.ResTarget.name ?? ''] : []));
  const given = names.length > 0 ? names : relation.columns.slice(0, rows[0]?.length ?? 0).map((column) => column.name);
  for (const { name, identity } of relation.columns) {
    const index = given.indexOf(name);
    if (identity !== 'always' || index < 0) continue;
    if (rows.every((row) => row[index] === undefined || 'SetToDefault' in row[index])) continue;
    throw new PgError('428C9', `cannot insert a non-DEFAULT value into column "${name}"`, {
      detail: `Column "${name}" is an identity column defined as GENERATED ALWAYS.`,
      hint: 'Use OVERRIDING SYSTEM VALUE to override.',
    });
  }
}
