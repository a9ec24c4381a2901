/**
 * Whether functions of the user's that read reference tables do the same with every copy. Their bodies are judged as
 * queries are (planner/alike.ts), with their arguments and variables as parameters.
 */

import type { ColumnRef, FuncCall, Node, SelectStmt } from 'libpg-query';

import { PgError, refusedConstruct } from '../../base/errors.js';
import { differenceIn, requireOneMatch } from './alike.js';
import { Binder } from '../bind/bind.js';
import type { Conduct } from '../code/conduct.js';
import { readPlpgsql, type PlpgsqlBody } from '../code/read-plpgsql.js';
import { pathOf } from '../code/read-routine.js';
import type { Callee } from '../code/routines.js';
import type { PlanContext } from '../tree/context.js';
import { effectOf, userRoutines } from '../code/functions.js';
import { parseStatements, type ParsedStatement } from '../parse/parser.js';
import { StatementText } from '../tree/text.js';
import { columnRefParts, isStar, selectOf, stringValue, walkNodes } from '../tree/tree.js';

/**
 * Why a call may find something else with another copy, as a relative clause; undefined when it does not.
 * `ordered`: of a set, the order counts too.
 */
export function copiesProblem(conduct: Conduct, ordered: boolean, context: PlanContext): string | undefined {
  if (conduct.depends === 'time') return 'which reads tables and depends on the time of each server,';
  for (const reader of conduct.readers) {
    const construct = bodyDifference(reader, ordered, { ...context, searchPath: pathOf(reader) });
    if (construct !== undefined)
      return `which may find something else in another copy of what it reads (${construct}),`;
  }
  return undefined;
}

function otherwise(construct: string): string {
  return `which may find something else in another copy of what it reads (${construct.replace(/,$/, '')}),`;
}

/** The same of an expression of a policy, which stands beside the rows of a table. */
export function expressionProblem(expression: string, context: PlanContext): string | undefined {
  const construct = textDifference(`SELECT ${expression}`, false, [], [], context);
  return construct === undefined ? undefined : otherwise(construct);
}

function bodyDifference({ routine }: Callee, ordered: boolean, context: PlanContext): string | undefined {
  const inputs = routine.arguments.filter(({ mode }) => mode === 'i' || mode === 'b' || mode === 'v');
  const types = inputs.map(({ typeOid }) => typeOid);
  const names = [routine.name, ...routine.arguments.map(({ name }) => name)];
  const typed: PlanContext = { ...context, parameterTypes: types };
  if (routine.language === 'plpgsql') {
    const body = readPlpgsql(routine);
    if (body === undefined) return 'its body cannot be parsed';
    const variables = [...names, ...variablesOf(body)];
    return firstOf(body.fragments, (part) =>
      textDifference(
        part.sql,
        part.ordered || (ordered && routine.returnsSet),
        variables,
        inputs.map(({ name }) => name),
        typed,
      ),
    );
  }
  const isCut = ordered || !routine.returnsSet;
  const inputNames = inputs.map(({ name }) => name);
  if (routine.sqlBody === undefined) {
    return textDifference(routine.source ?? '', isCut, names, inputNames, typed);
  }
  const whole = `CREATE FUNCTION f() RETURNS void LANGUAGE sql ${routine.sqlBody}`;
  return firstOf(parseStatements(whole), (statement) =>
    firstOf(bodyQueries(statement.node), (query) =>
      queryDifference(query, isCut, names, inputNames, { statement, sql: Buffer.from(whole), context: typed }),
    ),
  );
}

function firstOf<Item>(items: readonly Item[], judge: (item: Item) => string | undefined): string | undefined {
  for (const item of items) {
    const found = judge(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The queries of `RETURN …` or `BEGIN ATOMIC … END`. */
function bodyQueries(node: Node): SelectStmt[] {
  if (!('CreateFunctionStmt' in node)) return [];
  const found: SelectStmt[] = [];
  walkNodes(node.CreateFunctionStmt.sql_body, (part) => {
    const select = selectOf(part);
    if (select !== undefined) found.push(select);
    else if ('ReturnStmt' in part && part.ReturnStmt.returnval !== undefined) {
      found.push({
        targetList: [{ ResTarget: { val: part.ReturnStmt.returnval } }],
        limitOption: 'LIMIT_OPTION_DEFAULT',
        op: 'SETOP_NONE',
      });
      return false;
    }
    return select === undefined;
  });
  return found;
}

function textDifference(
  source: string,
  isCut: boolean,
  names: readonly string[],
  inputs: readonly string[],
  context: PlanContext,
): string | undefined {
  const sql = Buffer.from(source);
  return firstOf(parseStatements(source), (statement) => {
    const select = selectOf(statement.node);
    // What is written has its own rules.
    return select === undefined
      ? undefined
      : queryDifference(select, isCut, names, inputs, { statement, sql, context });
  });
}

interface Around {
  readonly statement: ParsedStatement;
  readonly sql: Buffer;
  readonly context: PlanContext;
}

/** `isCut`: no more than its first row is taken, or its rows are taken in their order. */
function queryDifference(
  select: SelectStmt,
  isCut: boolean,
  names: readonly string[],
  inputs: readonly string[],
  around: Around,
): string | undefined {
  const judged = withParameters(select, names, inputs, around.context);
  // Without FROM there is one row.
  const mayHaveMore = judged.fromClause !== undefined || judged.op !== 'SETOP_NONE';
  const cut: SelectStmt =
    isCut && mayHaveMore && judged.limitCount === undefined ? { ...judged, limitCount: ONE } : judged;
  return nodeDifference({ SelectStmt: cut }, around);
}

function nodeDifference(root: Node, { statement, sql, context }: Around): string | undefined {
  try {
    const text = new StatementText({ statement, sql, slots: undefined, context });
    const query = new Binder(context, text).bindNode(root, undefined, new Map());
    requireOneMatch(root, query, text);
    return differenceIn([root], query, context, undefined, (call) => isJudged(call, context))?.construct;
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    return refusedConstruct(error) ?? error.message;
  }
}

const ONE: Node = { A_Const: { ival: { ival: 1 } } };

/** A function that gives one value: its body is among those that are judged. */
function isJudged(call: FuncCall, context: PlanContext): boolean {
  return (
    effectOf(call, context) === 'with copies' &&
    userRoutines(call, context).every(({ routine }) => routine.kind === 'function' && !routine.returnsSet)
  );
}

/** Arguments and variables are parameters, where no column of what is read has their name: then they may be either. */
function withParameters<Tree>(
  tree: Tree,
  names: readonly string[],
  inputs: readonly string[],
  context: PlanContext,
): Tree {
  const { qualifiers, columns } = namesIn(tree, context);
  const known = new Set(names.filter((name) => name !== ''));
  const parameterOf = (reference: ColumnRef): number | undefined => {
    if (isStar(reference)) return undefined;
    const [first = '', ...rest] = columnRefParts(reference);
    if (!known.has(first) || qualifiers.has(first) || (rest.length === 0 && columns.has(first))) return undefined;
    const place = inputs.indexOf(rest.length === 0 ? first : (rest[0] ?? ''));
    // A variable of a type that is not looked up: beyond the arguments no type is declared.
    return (place < 0 ? inputs.length : place) + 1;
  };
  return replaced(tree, (node) => {
    if (!('ColumnRef' in node)) return undefined;
    const number = parameterOf(node.ColumnRef);
    return number === undefined ? undefined : { ParamRef: { number, location: node.ColumnRef.location ?? 0 } };
  });
}

/** What may qualify or be a column in a statement, wherever it stands. */
function namesIn(tree: unknown, { catalog }: PlanContext): { qualifiers: Set<string>; columns: Set<string> } {
  const qualifiers = new Set<string>();
  const columns = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, child] of Object.entries(value)) {
      if (key === 'relname' || key === 'aliasname' || key === 'ctename') qualifiers.add(String(child));
      else if (key === 'colnames' || key === 'aliascolnames') {
        for (const name of child as readonly Node[]) columns.add(stringValue(name) ?? '');
      } else if (key === 'ResTarget') columns.add((child as { readonly name?: string }).name ?? '');
      visit(child);
    }
  };
  visit(tree);
  for (const relation of catalog.relations()) {
    if (qualifiers.has(relation.name)) for (const { name } of relation.columns) columns.add(name);
  }
  return { qualifiers, columns };
}

/** A copy of a tree with other nodes in the places of some. */
function replaced<Tree>(tree: Tree, replace: (node: Node) => Node | undefined): Tree {
  if (Array.isArray(tree)) return tree.map((item: unknown) => replaced(item, replace)) as Tree;
  if (typeof tree !== 'object' || tree === null) return tree;
  const instead = replace(tree as unknown as Node);
  if (instead !== undefined) return instead as Tree;
  return Object.fromEntries(
    Object.entries(tree).map(([key, child]) => [key, replaced(child as unknown, replace)]),
  ) as Tree;
}

/** Variables of PL/pgSQL by name, records among them. */
function variablesOf({ datums }: PlpgsqlBody): string[] {
  return datums.flatMap((datum) =>
    Object.values(datum).flatMap((value) => {
      const name = (value as { readonly refname?: unknown } | undefined)?.refname;
      return typeof name === 'string' ? [name] : [];
    }),
  );
}
