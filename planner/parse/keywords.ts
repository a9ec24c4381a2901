/** The few keywords that tell the tokenizer which literals must stay in the plan-cache key. */

const words = [
  '', // so that 0 means none
  // The verbs of DML
  'select',
  'insert',
  'update',
  'delete',
  'values',
  'with',
  'table',
  'merge',
  // Together with SELECT: what ends ORDER BY and GROUP BY. All are reserved words.
  'limit',
  'offset',
  'fetch',
  'having',
  'union',
  'intersect',
  'except',
  // What stands before BY
  'order',
  'group',
  'partition',
  'by',
  'distinct',
  'on',
  'as',
  'n',
  'uescape',
  'materialized',
  // Words of type names, before modifiers in parentheses or brackets
  'float',
  'bit',
  'char',
  'character',
  'varchar',
  'nchar',
  'numeric',
  'decimal',
  'dec',
  'time',
  'timestamp',
  'interval',
  'varying',
  'second',
  'current_time',
  'current_timestamp',
  'localtime',
  'localtimestamp',
  // Words inside type names
  'array',
  'setof',
  'to',
  'national',
  'zone',
] as const;

type KeywordText = (typeof words)[number];

/** The number of a keyword in this module's table; 0 stands for every other word. */
export function keyword(text: KeywordText): number {
  return words.indexOf(text);
}

export const SELECT = keyword('select');
export const MERGE = keyword('merge');
export const LIMIT = keyword('limit');
export const EXCEPT = keyword('except');
export const ORDER = keyword('order');
export const PARTITION = keyword('partition');
export const BY = keyword('by');
export const FLOAT = keyword('float');
export const LOCALTIMESTAMP = keyword('localtimestamp');
export const ZONE = keyword('zone');

export function keywordText(number: number): string {
  return words[number] ?? '';
}

const TABLE_SIZE = 1024;
const bytes = words.map((word) => Buffer.from(word));
const longest = Math.max(...words.map((word) => word.length));

function slotOf(length: number, first: number, second: number, last: number, multiplier: number): number {
  return Math.imul((length << 24) ^ (first << 16) ^ (second << 8) ^ last, multiplier) >>> 22;
}

/** A multiplier under which no two of the words share a place in the table. */
function perfectTable(): { multiplier: number; table: Uint8Array } {
  for (let multiplier = 0x9e3779b1; ; multiplier += 2) {
    const table = new Uint8Array(TABLE_SIZE);
    const fits = bytes.every((word, number) => {
      if (number === 0) return true;
      const slot = slotOf(word.length, word[0] ?? 0, word[1] ?? 0, word[word.length - 1] ?? 0, multiplier);
      if (table[slot] !== 0) return false;
      table[slot] = number;
      return true;
    });
    if (fits) return { multiplier, table };
  }
}

const { multiplier, table } = perfectTable();

/** The keyword that lower-cased bytes spell, or 0. */
export function keywordAt(source: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length > longest) return 0;
  const second = length > 1 ? (source[start + 1] ?? 0) : 0;
  const number = table[slotOf(length, source[start] ?? 0, second, source[end - 1] ?? 0, multiplier)] ?? 0;
  const word = bytes[number];
  if (number === 0 || word === undefined || word.length !== length) return 0;
  for (let index = 0; index < length; index++) if (word[index] !== source[start + index]) return 0;
  return number;
}
