/** A random COPY FROM STDIN: options of all kinds, and data that are mostly, but not always, as these want them. */

import type { Dice } from '../dice.js';

export interface RandomCopy {
  readonly sql: string;
  readonly data: Buffer;
}

/** The first column is the shard key of some of the tables, `id` of others; `id` and `at` have defaults of the cluster's. */
export const copySchema = [
  "CREATE TABLE by_text (a text, b int, c text DEFAULT 'de''f', id serial, d bool) WITH (pgring.shard_key = 'a')",
  "CREATE TABLE by_serial (a text, b int, c text DEFAULT 'de''f', id serial PRIMARY KEY, d bool)",
  "CREATE TABLE by_both (a text, b int, c text DEFAULT 'de''f', id serial, d bool) WITH (pgring.shard_key = 'b, a')",
  "CREATE TABLE copied (a text, b int, c text DEFAULT 'de''f', id serial, d bool) WITH (pgring.placement = 'reference')",
];

export const copyTables = ['by_text', 'by_serial', 'by_both', 'copied'];

const characters = Array.from('aN\\.\t\n\r"\',;|x1 éD€\u0001~');
const MALFORMED = 40;
const MOST_ROWS = 12;

interface Options {
  readonly csv: boolean;
  readonly delimiter: string;
  readonly nullText: string;
  readonly quote: string;
  readonly escape: string;
  readonly defaultText: string | undefined;
}

function randomOptions(dice: Dice): Options {
  const csv = dice.once(2);
  const quote = csv ? dice.pick(['"', '"', "'", '~']) : '"';
  return {
    csv,
    delimiter: dice.pick(csv ? [',', ';', '\t', '|'] : ['\t', ',', '|', '\u0001']),
    nullText: dice.pick(csv ? ['', '', 'N', '\\N'] : ['\\N', '\\N', '', 'NULL']),
    quote,
    escape: csv ? dice.pick([quote, quote, '\\', 'x']) : '"',
    defaultText: dice.once(4) ? dice.pick(['D', '\\D', 'a']) : undefined,
  };
}

function literal(text: string): string {
  const codes = Array.from(text).map(
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
  return `E'${codes.join('')}'`;
}

/** A value as it is meant; null is NULL, undefined the default. */
type Value = string | null | undefined;

function field(value: Value, options: Options, dice: Dice): string {
  const { csv, delimiter, nullText, quote, escape, defaultText } = options;
  if (value === null) return nullText;
  if (value === undefined) return defaultText ?? nullText;
  if (!csv) {
    const special = new Set([
      '\\',
      '\n',
      '\r',
      delimiter,
      ...(value === nullText || value === defaultText ? Array.from(value) : []),
    ]);
    const escaped = (character: string): string =>
      character === '\n' ? '\\n' : character === '\r' ? '\\r' : `\\x${(character.codePointAt(0) ?? 0).toString(16)}`;
    return Array.from(value)
      .map((each) => (special.has(each) || (each < '\u0080' && dice.once(9)) ? escaped(each) : each))
      .join('');
  }
  const needs = value === nullText || value === defaultText || /[\r\n]/.test(value) || value.startsWith('\\.');
  if (!needs && ![delimiter, quote].some((each) => value.includes(each)) && !dice.once(4)) return value;
  return `${quote}${Array.from(value)
    .map((each) => (each === quote || each === escape ? escape + each : each))
    .join('')}${quote}`;
}

function randomText(dice: Dice): string {
  return dice.once(6) ? '' : dice.some(7, () => dice.pick(characters)).join('');
}

function randomValue(column: string, options: Options, dice: Dice): Value {
  if (options.defaultText !== undefined && column === 'c' && dice.once(3)) return undefined;
  if (column === 'id') return String(dice.below(1_000_000) + 1_000_000);
  if (dice.once(7)) return null;
  if (column === 'b') return dice.once(MALFORMED) ? 'x7' : String(dice.below(50));
  if (column === 'd') return dice.once(MALFORMED) ? 'perhaps' : dice.pick(['t', 'false', 'on', '0']);
  return randomText(dice);
}

export function randomCopy(dice: Dice): RandomCopy {
  const options = randomOptions(dice);
  const { csv, delimiter, nullText, quote, escape, defaultText } = options;
  const table = dice.pick(copyTables);
  const all = dice.shuffle(['a', 'b', 'c', 'd']);
  const named = all.slice(0, 2 + dice.below(3));
  for (const key of ['a', 'b']) if (!named.includes(key)) named.push(key);
  if (dice.once(3)) named.push('id');
  const list: string[] = [
    `FORMAT ${csv ? 'csv' : 'text'}`,
    `DELIMITER ${literal(delimiter)}`,
    `NULL ${literal(nullText)}`,
  ];
  if (csv) list.push(`QUOTE ${literal(quote)}`, `ESCAPE ${literal(escape)}`);
  if (defaultText !== undefined) list.push(`DEFAULT ${literal(defaultText)}`);
  if (csv && dice.once(4)) list.push(`FORCE_NULL (${dice.pick(named)})`);
  if (csv && dice.once(4)) list.push(`FORCE_NOT_NULL (${dice.pick(named)})`);
  if (dice.once(5)) list.push('ON_ERROR ignore', ...(dice.once(2) ? ['LOG_VERBOSITY verbose'] : []));
  // A server that has not seen a line's end counts other characters as lines, and each has seen another first row.
  const breaks = csv && dice.once(2);
  const header = dice.pick(breaks ? (['yes', 'match'] as const) : (['no', 'no', 'yes', 'match'] as const));
  if (header !== 'no') list.push(`HEADER ${header === 'yes' ? 'true' : 'match'}`);
  const where = dice.once(6) ? ' WHERE b < 25' : '';
  const end = dice.pick(['\n', '\n', '\r\n', '\r']);
  const lines = dice.some(MOST_ROWS, () => {
    const fields = named.map((column) => {
      const value = randomValue(column, options, dice);
      return field(csv && !breaks ? (value === null ? null : value?.replaceAll(/[\r\n]/g, ' ')) : value, options, dice);
    });
    if (dice.once(MALFORMED)) fields.pop();
    if (dice.once(MALFORMED)) fields.push('more');
    return fields.join(delimiter);
  });
  if (header !== 'no') lines.unshift(dice.once(10) ? 'what' : named.join(delimiter));
  const last = dice.once(5) ? '' : end;
  return {
    sql: `COPY ${table} (${named.join(', ')}) FROM STDIN (${list.join(', ')})${where}`,
    data: Buffer.from(`${lines.join(end)}${last}`),
  };
}
