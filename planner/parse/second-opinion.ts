/**
 * A cross-check of PostgreSQL's parse by an independent parser, node-sql-parser. It decides nothing: where the two
 * disagree on a routing fact, one of them  wrong, and the setting `cross_check` says whether to log or to refuse.
 * It knows less of PostgreSQL's language, so it is asked only inside a guard of constructs that it reads rightly.
 */

import { createRequire } from 'node:module';
import type { Parser } from 'node-sql-parser/build/postgresql.js';
import { parseStatements } from './parser.js';
import { factsOfTree, givenValues, type Equality, type RoutingFacts } from './routing-facts.js';
import { tokens, type Token } from './tokens.js';

interface CrossCheck {
  /** `rejected`: the second parser cannot read the statement, though PostgreSQL can. */
  readonly verdict: 'agree' | 'differ' | 'outside guard' | 'rejected';
  readonly detail: string;
}

/** Words of constructs that node-sql-parser reads differently, loses or refuses. */
const outsideWords = new Set(
  (
    'or with union intersect except for case exists any all some lateral tablesample ' +
    'interval array only over window using natural similar row isnull notnull fetch ' +
    'into grouping rollup cube values default collate operator conflict overriding of at escape ' +
    'cast extract current'
  ).split(' '),
);
/** INTO and VALUES are an INSERT's own. */
const insertWords = new Set(['into', 'values', 'default']);
const verbs = new Set(['select', 'insert', 'update', 'delete']);
const insideSymbols = new Set([
  '(',
  ')',
  ',',
  '.',
  '=',
  '<',
  '>',
  '<=',
  '>=',
  '<>',
  '!=',
  '*',
  ';',
  '+',
  '-',
  '/',
  '%',
  '||',
]);
/** It takes up to a millisecond for a row of an INSERT, and the event loop waits. */
const MAX_CHECKED_BYTES = 4096;
/** Integers of more digits lose some in a JavaScript number. */
const MAX_DIGITS = 15;

/** What keeps the statement outside the guard; undefined when it is inside. */
function outsideGuard(sql: Buffer, found: readonly Token[]): string | undefined {
  if (sql.length > MAX_CHECKED_BYTES) return 'a long text';
  const verb = found[0]?.text ?? '';
  if (!verbs.has(verb)) return `verb ${verb}`;
  for (const [index, token] of found.entries()) {
    const { kind, start, end, text } = token;
    if (kind === 'word') {
      if (outsideWords.has(text) && !(verb === 'insert' && insertWords.has(text))) return `the word ${text}`;
      if (index > 0 && verbs.has(text)) return `a second ${text}`;
      if (!/^[a-z_][a-z0-9_]*$/.test(text)) return 'a name with unusual letters';
    } else if (kind === 'symbol') {
      if (!insideSymbols.has(text)) return `the symbol ${text}`;
      if (text === '-' && !/^[0-9]$/.test(String.fromCharCode(sql[end] ?? 0)))
        return 'a minus sign apart from its number';
    } else if (kind === 'integer') {
      if (end - start > MAX_DIGITS || !/^[0-9]+$/.test(sql.toString('latin1', start, end))) return 'an unusual number';
    } else if (kind === 'string') {
      if (!/^'[^'\\]*'$/.test(sql.toString('latin1', start, end))) return 'a string with quotes or escapes';
    } else if (kind !== 'parameter') return `a ${kind}`;
  }
  return undefined;
}

const require = createRequire(import.meta.url);
let parser: Parser | undefined;

/** Its code is large and seldom wanted, so it is loaded on first use. */
function secondParser(): Parser {
  if (parser === undefined) {
    const loaded = require('node-sql-parser/build/postgresql.js') as { readonly Parser: new () => Parser };
    parser = new loaded.Parser();
  }
  return parser;
}

/** Compares the routing facts of both parsers. The text is one that PostgreSQL's parser accepts. */
export function crossCheck(sql: string): CrossCheck {
  const bytes = Buffer.from(sql);
  const outside = outsideGuard(bytes, tokens(bytes));
  if (outside !== undefined) return { verdict: 'outside guard', detail: outside };
  const [statement, second] = parseStatements(sql);
  const ours = statement === undefined || second !== undefined ? undefined : factsOfTree(statement.node);
  if (ours === undefined) return { verdict: 'outside guard', detail: 'a statement of another form' };
  let tree: unknown;
  try {
    tree = secondParser().astify(sql, { database: 'postgresql' });
  } catch (error) {
    return {
      verdict: 'rejected',
      detail: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error),
    };
  }
  const theirs = factsOfSecondTree(tree);
  const left = describe(ours);
  const right = theirs === undefined ? 'no facts' : describe(theirs);
  if (left === right) return { verdict: 'agree', detail: left };
  return { verdict: 'differ', detail: `PostgreSQL: ${left}; node-sql-parser: ${right}` };
}

function describe({ tables, equalities, limit, offset, orderBy, groupBy }: RoutingFacts): string {
  const conditions = equalities.map(({ column, value }) => `${column}=${value}`);
  return JSON.stringify({ tables: tables.toSorted(), equalities: conditions.sort(), limit, offset, orderBy, groupBy });
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : [];
}

/** The facts as node-sql-parser sees them. Names are folded, for the guard lets no quoted ones in. */
function factsOfSecondTree(tree: unknown): RoutingFacts | undefined {
  const statements = Array.isArray(tree) ? listOf(tree) : [fieldsOf(tree)];
  const [statement] = statements;
  if (statement === undefined || statements.length !== 1) return undefined;
  const tables = [...(statement['type'] === 'select' ? [] : listOf(statement['table'])), ...listOf(statement['from'])];
  const limit = limitOf(fieldsOf(statement['limit']));
  const groupBy = fieldsOf(statement['groupby'])['columns'];
  return {
    // DELETE repeats its table.
    tables: tables.filter((table) => table['addition'] !== true).map(tableName),
    equalities:
      statement['type'] === 'insert' ? insertedValues(statement) : secondEqualities(fieldsOf(statement['where'])),
    ...limit,
    orderBy: listOf(statement['orderby']).length,
    groupBy: listOf(groupBy).length,
  };
}

function tableName({ db, schema, table }: Fields): string {
  const qualifier = schema ?? db;
  const name = String(table).toLowerCase();
  return typeof qualifier === 'string' ? `${qualifier.toLowerCase()}.${name}` : name;
}

function limitOf({ seperator, value }: Fields): { limit: string | undefined; offset: string | undefined } {
  const [first, second] = listOf(value).map(secondConstant);
  if (seperator === 'offset') {
    return second === undefined ? { limit: undefined, offset: first } : { limit: first, offset: second };
  }
  return { limit: first, offset: undefined };
}

function insertedValues(statement: Fields): Equality[] {
  const columns = Array.isArray(statement['columns']) ? statement['columns'] : [];
  const names = columns.map((column: unknown) =>
    (typeof column === 'string' ? column : String(fieldsOf(column)['value'])).toLowerCase(),
  );
  const rows = listOf(fieldsOf(statement['values'])['values']).map((row) => listOf(row['value']));
  return givenValues(names, rows, secondConstant);
}

function secondEqualities(condition: Fields): Equality[] {
  if (condition['type'] !== 'binary_expr') return [];
  const left = fieldsOf(condition['left']);
  const right = fieldsOf(condition['right']);
  if (condition['operator'] === 'AND') return [...secondEqualities(left), ...secondEqualities(right)];
  if (condition['operator'] !== '=') return [];
  const [column, value] =
    secondColumn(left) === undefined
      ? [secondColumn(right), secondConstant(left)]
      : [secondColumn(left), secondConstant(right)];
  return column === undefined || value === undefined ? [] : [{ column, value }];
}

function secondColumn(expression: Fields): string | undefined {
  if (expression['type'] !== 'column_ref') return undefined;
  const { schema, table } = expression;
  const name = fieldsOf(fieldsOf(expression['column'])['expr'])['value'];
  const parts = [schema, table, name].filter((part) => typeof part === 'string');
  return typeof name === 'string' ? parts.join('.').toLowerCase() : undefined;
}

function secondConstant(expression: Fields): string | undefined {
  const { type, value, name, prefix } = expression;
  if (type === 'number') return String(value);
  if (type === 'single_quote_string') return `'${String(value)}'`;
  return type === 'var' && prefix === '$' ? `$${String(name)}` : undefined;
}
