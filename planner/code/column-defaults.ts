/** Defaults of columns, and which of them a shard must not evaluate on its own. */

import { refuse } from '../../base/errors.js';
import { quoteLiteral, type Column } from '../../catalog/schema.js';
import { typeOid } from '../../catalog/type-oid.js';
import type { CopyDefault } from '../plan/plan.js';
import { sessionFunctions } from '../postgres/function-names.js';
import { builtinTypeName } from '../postgres/key-family.js';

/** Whether the column's default takes from a sequence, which the home shard keeps. */
export function usesSequence(column: Column): boolean {
  return (
    column.identity !== 'no' || column.sequence !== undefined || /\bnextval\(/.test(column.defaultExpression ?? '')
  );
}

/** Whether only the client's own session on the home shard can tell the default. */
export function needsHome(column: Column): boolean {
  if (usesSequence(column)) return true;
  const calls = column.generated === 'no' ? (column.defaultExpression ?? '').matchAll(/\b(\w+)\(/g) : [];
  return [...calls].some(([, name = '']) => sessionFunctions.test(name));
}

/** The expression of a column's default, as SQL; undefined for none. */
export function defaultSql(column: Column): string | undefined {
  if (column.generated !== 'no') return undefined;
  if (column.identity !== 'no' && column.sequence === undefined) {
    throw refuse(`the identity column "${column.name}" without a known sequence`, 'Give it a value in the INSERT.');
  }
  if (column.identity !== 'no' && column.sequence !== undefined) {
    const sequence = `${quoteLiteral(column.sequence)}::pg_catalog.regclass`;
    // Who may insert needs no right to the sequence of an identity column (catalog/pgring-schema.ts).
    return (
      `CASE WHEN pg_catalog.has_sequence_privilege(${sequence}, 'USAGE, UPDATE') ` +
      `THEN pg_catalog.nextval(${sequence}) ELSE pgring.next_identity(${sequence}) END`
    );
  }
  return column.defaultExpression;
}

/** How a computed value of the column is typed. */
export function typeNameOf(column: Column): string {
  return column.typeOid === column.baseTypeOid
    ? (builtinTypeName(column.baseTypeOid) ?? column.typeName)
    : column.typeName;
}

/** Defaults that have one value for a statement, which must be one for all its rows. */
const statementDefault = /\b(now|statement_timestamp|transaction_timestamp)\(|\b(CURRENT_|LOCALTIME|SESSION_USER)/;

/** Nothing but the time of the statement or transaction, or the user; a cast may follow. */
const statementValue =
  /^\(?(now\(\)|(statement|transaction)_timestamp\(\)|CURRENT_(DATE|TIMESTAMP|TIME|USER|ROLE)|LOCALTIME(STAMP)?|SESSION_USER)\)?(::[a-z ]+)?$/;

/** As PostgreSQL prints the default of a serial column. */
const nextNumber = /^nextval\('[^']+'::regclass\)$/;

/**
 * The column's default for rows that are copied, in the column's own type, as it is stored; a length is checked when the
 * value is read.
 */
export function copyDefault(column: Column): CopyDefault {
  const isBounded = column.baseTypeOid === typeOid.varchar || column.baseTypeOid === typeOid.bpchar;
  const type = isBounded ? typeNameOf(column) : column.typeName;
  const expression = defaultSql(column) ?? 'NULL';
  return {
    name: column.name,
    typeName: type,
    sql: `CAST(${expression} AS ${type})`,
    once: statementValue.test(expression),
    counts: column.identity !== 'no' || nextNumber.test(expression),
  };
}

/** Where the rows of an INSERT go: `spread` to the shards that own them, `copied` to all, `single` to one. */
export type RowReach = 'single' | 'spread' | 'copied';

/** Whether a shard must not evaluate the column's default on its own. */
export function mustComputeDefault(column: Column, isKey: boolean, reach: RowReach): boolean {
  const sql = defaultSql(column);
  if (sql === undefined) return false;
  if (isKey || needsHome(column)) return true;
  if (reach === 'copied') return sql.includes('(') || statementDefault.test(sql);
  return reach === 'spread' && statementDefault.test(sql);
}
