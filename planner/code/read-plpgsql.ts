/**
 * The SQL in a PL/pgSQL body, from the tree of libpg_query's PL/pgSQL parser (src/pl/plpgsql/src/plpgsql.h names its
 * nodes). The tree is walked whole, so that no expression is missed; a statement that is not known here is not read.
 */

import type { Routine } from '../../catalog/code.js';
import { quoteIdentifier } from '../../catalog/schema.js';
import { parsePlpgsql, parseStatements } from '../parse/parser.js';
import { tokens } from '../parse/tokens.js';
import { selectOf } from '../tree/tree.js';

export type Tree = Readonly<Record<string, unknown>>;

/** A piece of SQL in the body, as a statement: an expression is written as SELECT. */
interface Fragment {
  readonly sql: string;
  /** An expression of PL/pgSQL's, or a statement of SQL. */
  readonly kind: 'expression' | 'statement';
  /** Which of its rows come first may matter: only the first is taken, or they are taken one after the other. */
  readonly ordered: boolean;
}

export interface PlpgsqlBody {
  /** The nodes PLpgSQL_…, outermost first. */
  readonly nodes: readonly { readonly tag: string; readonly node: Tree }[];
  /** Variables by their number. */
  readonly datums: readonly Tree[];
  readonly fragments: readonly Fragment[];
  /** Statements whose text is made when they run, or that are not known. */
  readonly unread: string | undefined;
  /** It sends notices. */
  readonly tells: boolean;
  /** It commits or rolls back. */
  readonly endsTransactions: boolean;
}

const knownStatements: ReadonlySet<string> = new Set(
  (
    'block assign if case loop while fori fors forc foreach_a exit return return_next return_query raise assert ' +
    'execsql dynexecute dynfors getdiag open fetch close perform call commit rollback'
  ).split(' '),
);

/** RAISE of this level and above ends the statement (src/include/utils/elog.h). */
const ERROR_LEVEL = 21;

/** RawParseMode (src/include/parser/parser.h): 0 is a statement, 2 an expression, from 3 on an assignment. */
const STATEMENT_MODE = 0;
const EXPRESSION_MODE = 2;

/** The body of a function in PL/pgSQL; undefined when the parser does not take it. */
export function readPlpgsql(routine: Routine): PlpgsqlBody | undefined {
  return readBody(`${header(routine)} LANGUAGE plpgsql AS ${dollarQuoted(routine.source ?? '')}`);
}

/** The body of a DO statement. */
export function readAnonymous(source: string): PlpgsqlBody | undefined {
  return readBody(`DO LANGUAGE plpgsql ${dollarQuoted(source)}`);
}

function dollarQuoted(text: string): string {
  let tag = '$body$';
  while (text.includes(tag)) tag = `${tag.slice(0, -1)}_$`;
  return `${tag}${text}${tag}`;
}

/**
 * CREATE FUNCTION as far as the body depends on it. The parser takes every type that is not PostgreSQL's own for a row
 * type, so scalar ones are written as one of PostgreSQL's.
 */
function header(routine: Routine): string {
  const { kind, returnsSet, returnType } = routine;
  const typeOf = (isComposite: boolean): string => (isComposite ? 'record' : 'text');
  const list = routine.arguments.map(({ name, mode, isComposite }) => {
    const word = mode === 'o' || mode === 't' ? 'OUT' : mode === 'b' ? 'INOUT' : 'IN';
    return `${word} ${name === '' ? '' : quoteIdentifier(name)} ${mode === 'v' ? 'text[]' : typeOf(isComposite)}`;
  });
  if (kind === 'procedure') return `CREATE PROCEDURE f(${list.join(', ')})`;
  const outputs = routine.arguments.filter(({ mode }) => mode === 'o' || mode === 't' || mode === 'b');
  const [only] = outputs;
  const result =
    only !== undefined
      ? outputs.length === 1
        ? typeOf(only.isComposite)
        : 'record'
      : /^(void|trigger|event_trigger)$/.test(returnType)
        ? returnType
        : 'record';
  return `CREATE FUNCTION f(${list.join(', ')}) RETURNS ${returnsSet ? 'SETOF ' : ''}${result}`;
}

function readBody(statement: string): PlpgsqlBody | undefined {
  const tree = parsePlpgsql(statement) as { readonly plpgsql_funcs?: readonly Tree[] } | undefined;
  const found = tree?.plpgsql_funcs?.[0]?.['PLpgSQL_function'] as Tree | undefined;
  if (found === undefined) return undefined;
  const nodes: { tag: string; node: Tree }[] = [];
  collect(found, nodes);
  const statements = nodes.flatMap(({ tag, node }) =>
    tag.startsWith('PLpgSQL_stmt_') ? [{ kind: tag.slice('PLpgSQL_stmt_'.length), node }] : [],
  );
  const unknown = statements.find(({ kind }) => !knownStatements.has(kind));
  const dynamic = statements.flatMap(({ kind, node }) => dynamicText(kind, node));
  const unordered = new Set(nodes.flatMap(({ tag, node }) => unorderedQuery(tag, node) ?? []));
  const fragments = nodes.flatMap(({ tag, node }) =>
    tag === 'PLpgSQL_expr' ? fragmentsOf(node, !unordered.has(node)) : [],
  );
  fragments.push(
    ...dynamic.flatMap((sql) => (sql === undefined ? [] : [{ sql, kind: 'statement' as const, ordered: true }])),
  );
  const unread =
    unknown !== undefined ? `a ${unknown.kind} statement` : dynamic.includes(undefined) ? 'EXECUTE' : undefined;
  return {
    nodes,
    datums: (found['datums'] as readonly Tree[] | undefined) ?? [],
    fragments,
    unread,
    tells: statements.some(
      ({ kind, node }) => kind === 'raise' && Number(node['elog_level'] ?? ERROR_LEVEL) < ERROR_LEVEL,
    ),
    endsTransactions: statements.some(({ kind }) => kind === 'commit' || kind === 'rollback'),
  };
}

function collect(value: unknown, into: { tag: string; node: Tree }[]): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) collect(item, into);
    return;
  }
  for (const [key, child] of Object.entries(value)) {
    if (key.startsWith('PLpgSQL_')) into.push({ tag: key, node: child as Tree });
    collect(child, into);
  }
}

/** The SQL that a statement runs from a string: its text where that is a literal, undefined where it is not. */
function dynamicText(kind: string, node: Tree): (string | undefined)[] {
  const source =
    kind === 'dynexecute' || kind === 'dynfors'
      ? node['query']
      : kind === 'open' || kind === 'return_query'
        ? (node['dynquery'] ?? undefined)
        : undefined;
  if (source === undefined) return [];
  const { query } = (source as { readonly PLpgSQL_expr: { readonly query: string } }).PLpgSQL_expr;
  const select = selectOf(parseStatements(`SELECT ${query}`)[0]?.node);
  const target = select?.targetList?.length === 1 ? select.targetList[0] : undefined;
  const value = target !== undefined && 'ResTarget' in target ? target.ResTarget.val : undefined;
  return [value !== undefined && 'A_Const' in value ? value.A_Const.sval?.sval : undefined];
}

/** A query all of whose rows are taken at once, or of which there may be only one. */
function unorderedQuery(tag: string, node: Tree): Tree | undefined {
  const key =
    tag === 'PLpgSQL_stmt_return_query'
      ? 'query'
      : tag === 'PLpgSQL_stmt_perform'
        ? 'expr'
        : tag === 'PLpgSQL_stmt_execsql' && node['strict'] === true
          ? 'sqlstmt'
          : undefined;
  const found = key === undefined ? undefined : (node[key] as { readonly PLpgSQL_expr?: Tree } | undefined);
  return found?.PLpgSQL_expr;
}

function fragmentsOf(node: Tree, ordered: boolean): Fragment[] {
  const query = String(node['query']);
  const mode = Number(node['parseMode'] ?? STATEMENT_MODE);
  if (mode === STATEMENT_MODE) return [{ sql: query, kind: 'statement', ordered }];
  if (mode === EXPRESSION_MODE) return [{ sql: `SELECT ${query}`, kind: 'expression', ordered: false }];
  const { target, value } = splitAssignment(query);
  // Subscripts of the target are expressions too; a plain variable needs no reading.
  const expressions = target.includes('[') ? [target, value] : [value];
  return expressions.map((expression) => ({ sql: `SELECT ${expression}`, kind: 'expression', ordered: false }));
}

/** `target := value` */
export function splitAssignment(text: string): { readonly target: string; readonly value: string } {
  const bytes = Buffer.from(text);
  let depth = 0;
  for (const token of tokens(bytes)) {
    if (token.kind !== 'symbol') continue;
    if (token.text === '[' || token.text === '(') depth += 1;
    else if (token.text === ']' || token.text === ')') depth -= 1;
    else if (depth === 0 && (token.text === ':=' || token.text === '=')) {
      return {
        target: bytes.toString('utf8', 0, token.start).trim(),
        value: bytes.toString('utf8', token.end),
      };
    }
  }
  return { target: '', value: text };
}
