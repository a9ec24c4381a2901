/**
 * The few facts of a statement that decide where it goes, read from PostgreSQL's own tree and from that of
 * node-sql-parser. Each reader gives undefined for a statement with a construct that it does not know.
 */

import type { A_Expr, InsertStmt, Node, RangeVar, RawStmt, SelectStmt } from '@pgsql/types';

export interface Equality {
  /** As written: `column` or `table.column`, in lower case. */
  readonly column: string;
  /** `5`, `'text'` or `$1` */
  readonly value: string;
}

export interface RoutingFacts {
  /** `table` or `schema.table`, in the order of the text. */
  readonly tables: readonly string[];
  /** The conditions `column = constant` that WHERE joins by AND, and the values that an INSERT gives its columns. */
  readonly equalities: readonly Equality[];
  readonly limit: string | undefined;
  readonly offset: string | undefined;
  readonly orderBy: number;
  readonly groupBy: number;
}

type StatementNode = NonNullable<RawStmt['stmt']>;

const noClauses = { limit: undefined, offset: undefined, orderBy: 0, groupBy: 0 };

/** The facts as PostgreSQL's grammar sees them. */
export function factsOfTree(node: StatementNode): RoutingFacts | undefined {
  if ('SelectStmt' in node) return factsOfSelect(node.SelectStmt);
  if ('InsertStmt' in node) return factsOfInsert(node.InsertStmt);
  if ('UpdateStmt' in node) {
    const { relation, fromClause, whereClause } = node.UpdateStmt;
    return factsOfChange(relation, fromClause, whereClause);
  }
  if ('DeleteStmt' in node) {
    const { relation, usingClause, whereClause } = node.DeleteStmt;
    return factsOfChange(relation, usingClause, whereClause);
  }
  return undefined;
}

function factsOfSelect(statement: SelectStmt): RoutingFacts | undefined {
  const { fromClause, whereClause, limitCount, limitOffset, sortClause, groupClause, valuesLists } = statement;
  const tables = tablesOf(fromClause ?? []);
  if (valuesLists !== undefined || tables === undefined) return undefined;
  return {
    tables,
    equalities: equalitiesOf(whereClause),
    limit: constantOf(limitCount),
    offset: constantOf(limitOffset),
    orderBy: sortClause?.length ?? 0,
    groupBy: groupClause?.length ?? 0,
  };
}

function factsOfInsert({ relation, cols, selectStmt }: InsertStmt): RoutingFacts | undefined {
  if (cols === undefined || selectStmt === undefined || !('SelectStmt' in selectStmt)) return undefined;
  const tables = tablesOf(relation === undefined ? [] : [{ RangeVar: relation }]);
  const names = cols.map((column) => ('ResTarget' in column ? (column.ResTarget.name ?? '') : ''));
  const rows = (selectStmt.SelectStmt.valuesLists ?? []).map((row) => ('List' in row ? (row.List.items ?? []) : []));
  if (rows.length === 0 || tables === undefined) return undefined;
  return { ...noClauses, tables, equalities: givenValues(names, rows, constantOf) };
}

function factsOfChange(
  relation: RangeVar | undefined,
  others: readonly Node[] = [],
  condition: Node | undefined,
): RoutingFacts | undefined {
  const tables = tablesOf(relation === undefined ? others : [{ RangeVar: relation }, ...others]);
  return tables === undefined ? undefined : { ...noClauses, tables, equalities: equalitiesOf(condition) };
}

/** The values of rows that are constants, with their columns. */
export function givenValues<T>(
  names: readonly string[],
  rows: readonly (readonly T[])[],
  read: (value: T) => string | undefined,
): Equality[] {
  return rows.flatMap((row) =>
    row.flatMap((expression, index) => {
      const value = read(expression);
      const column = names[index];
      return value === undefined || column === undefined ? [] : [{ column, value }];
    }),
  );
}

/** Undefined when there are functions, subqueries or joins in parentheses among the tables. */
function tablesOf(items: readonly Node[]): string[] | undefined {
  const found: string[] = [];
  for (const item of items) {
    if ('RangeVar' in item) {
      const { schemaname, relname = '' } = item.RangeVar;
      found.push(schemaname === undefined ? relname : `${schemaname}.${relname}`);
      continue;
    }
    if (!('JoinExpr' in item)) return undefined;
    const { larg, rarg } = item.JoinExpr;
    const inner =
      larg === undefined || rarg === undefined || !('RangeVar' in rarg) ? undefined : tablesOf([larg, rarg]);
    if (inner === undefined) return undefined;
    found.push(...inner);
  }
  return found;
}

function equalitiesOf(condition: Node | undefined): Equality[] {
  if (condition === undefined) return [];
  if ('BoolExpr' in condition) {
    const { boolop, args } = condition.BoolExpr;
    return boolop === 'AND_EXPR' ? (args ?? []).flatMap(equalitiesOf) : [];
  }
  if (!('A_Expr' in condition) || !isEquality(condition.A_Expr)) return [];
  const { lexpr, rexpr } = condition.A_Expr;
  const [column, value] =
    columnOf(lexpr) === undefined ? [columnOf(rexpr), constantOf(lexpr)] : [columnOf(lexpr), constantOf(rexpr)];
  return column === undefined || value === undefined ? [] : [{ column, value }];
}

function isEquality({ kind, name }: A_Expr): boolean {
  const operator = name?.[0];
  return (
    kind === 'AEXPR_OP' &&
    name?.length === 1 &&
    operator !== undefined &&
    'String' in operator &&
    operator.String.sval === '='
  );
}

function columnOf(node: Node | undefined): string | undefined {
  if (node === undefined || !('ColumnRef' in node)) return undefined;
  const names = (node.ColumnRef.fields ?? []).map((field) => ('String' in field ? field.String.sval : undefined));
  return names.includes(undefined) ? undefined : names.join('.');
}

function constantOf(node: Node | undefined): string | undefined {
  if (node === undefined) return undefined;
  if ('ParamRef' in node) return `$${node.ParamRef.number ?? 0}`;
  if (!('A_Const' in node)) return undefined;
  const { ival, sval } = node.A_Const;
  if (ival !== undefined) return String(ival.ival ?? 0);
  return sval === undefined ? undefined : `'${sval.sval ?? ''}'`;
}
