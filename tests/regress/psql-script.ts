/**
 * Reads a script as psql does (psqlscan.l): a statement ends at a semicolon outside quotes, comments, parentheses and
 * the body of a SQL function; a backslash outside of them begins a meta command. Variables take their values as the
 * script is read, so they are told by the reader's own `\set` and `\getenv`.
 */

type ScriptItem =
  | { readonly kind: 'statement'; readonly line: number; readonly sql: string; readonly copy: Buffer | undefined }
  | { readonly kind: 'meta'; readonly line: number; readonly command: string };

/** Where a token that hides semicolons ends; `undefined` where none begins. */
function quotedEnd(text: string, at: number): number | undefined {
  const rest = text.slice(at, at + 64);
  const character = rest[0];
  if (rest.startsWith('--')) return indexOr(text, '\n', at);
  if (rest.startsWith('/*')) return commentEnd(text, at);
  if (character === '"') return indexOr(text, '"', at + 1) + 1;
  if (character === "'") return stringEnd(text, at, /[eE]$/.test(text.slice(Math.max(0, at - 1), at)));
  if (character === '$' && !/[\w$]$/.test(text.slice(Math.max(0, at - 1), at))) {
    const tag = /^\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/.exec(rest)?.[0];
    if (tag !== undefined) return indexOr(text, tag, at + tag.length) + tag.length;
  }
  return undefined;
}

function indexOr(text: string, wanted: string, from: number): number {
  const index = text.indexOf(wanted, from);
  return index < 0 ? text.length : index;
}

function commentEnd(text: string, at: number): number {
  let depth = 0;
  for (let index = at; index < text.length; index += 1) {
    if (text.startsWith('/*', index)) depth += 1;
    else if (text.startsWith('*/', index)) depth -= 1;
    else continue;
    index += 1;
    if (depth === 0) return index + 1;
  }
  return text.length;
}

function stringEnd(text: string, at: number, escapes: boolean): number {
  for (let index = at + 1; index < text.length; index += 1) {
    if (escapes && text[index] === '\\') index += 1;
    else if (text[index] === "'") return index + 1;
  }
  return text.length;
}

/** psql's variables, with those that pg_regress hands over in the environment. */
export class ScriptVariables {
  readonly #values = new Map<string, string>();
  readonly #environment: ReadonlyMap<string, string>;

  constructor(environment: ReadonlyMap<string, string>) {
    this.#environment = environment;
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  set(name: string, value: string): void {
    this.#values.set(name, value);
  }

  /** Carries out \set and \getenv; other meta commands are not about variables. */
  obey(command: string): boolean {
    const [verb = '', name = '', ...words] = command.split(/\s+/);
    if (verb === '\\getenv') this.set(name, this.#environment.get(words[0] ?? '') ?? '');
    else if (verb === '\\set') {
      const parts = words.map((word) =>
        word.startsWith(':') ? (this.get(word.slice(1)) ?? word) : word.replaceAll("'", ''),
      );
      this.set(name, parts.join(''));
    } else return false;
    return true;
  }

  /** The text with `:name`, `:'name'` and `:"name"` replaced, where the variable is set and no quote hides it. */
  replace(code: string): string {
    return code.replaceAll(
      /(?<!:):(?:(\w+)|'(\w+)'|"(\w+)")/g,
      (whole, plain?: string, literal?: string, name?: string) => {
        const value = this.get(plain ?? literal ?? name ?? '');
        if (value === undefined) return whole;
        if (plain !== undefined) return value;
        return literal === undefined ? `"${value}"` : `'${value.replaceAll("'", "''")}'`;
      },
    );
  }
}

/** Hands out the items one by one: a `\gset` or `\set` between two of them changes how the next one reads. */
export function* readPsqlScript(text: string, variables: ScriptVariables): Generator<ScriptItem> {
  let at = 0;
  let start = 0;
  let sql = '';
  let parentheses = 0;
  let bodies = 0;
  const lineOf = (offset: number): number => text.slice(0, offset).split('\n').length;
  while (at < text.length) {
    const end = quotedEnd(text, at);
    if (end !== undefined) {
      const token = text.slice(at, end);
      if (sql === '' && /^(--|\/\*)/.test(token)) start = end;
      else sql += token;
      at = end;
      continue;
    }
    const character = text[at] ?? '';
    if (sql === '' && /\s/.test(character)) {
      at += 1;
      start = at;
      continue;
    }
    if (character === '\\') {
      const lineEnd = indexOr(text, '\n', at);
      const command = text.slice(at, lineEnd).trim();
      if (sql !== '') yield { kind: 'statement', line: lineOf(start), sql: sql.trim(), copy: undefined };
      yield { kind: 'meta', line: lineOf(at), command };
      sql = '';
      at = lineEnd;
      start = at;
      continue;
    }
    if (character === '(') parentheses += 1;
    else if (character === ')') parentheses = Math.max(0, parentheses - 1);
    const word = /^[A-Za-z_]\w*/.exec(text.slice(at, at + 64))?.[0];
    if (word !== undefined && !/\w$/.test(sql)) {
      bodies = nextBodies(bodies, word, sql);
      sql += word;
      at += word.length;
      continue;
    }
    const variable = /^:(?:\w+|'\w+'|"\w+")/.exec(text.slice(at, at + 64))?.[0];
    if (variable !== undefined && !sql.endsWith(':')) {
      sql += variables.replace(variable);
      at += variable.length;
      continue;
    }
    at += 1;
    if (character !== ';' || parentheses > 0 || bodies > 0) {
      sql += character;
      continue;
    }
    let copy: Buffer | undefined;
    if (/^copy\b[^;]*\bfrom\s+stdin\b/i.test(sql)) {
      const data = indexOr(text, '\n', at) + 1;
      const dataEnd = text.startsWith('\\.', data) ? data : indexOr(text, '\n\\.', data) + 1;
      copy = Buffer.from(text.slice(data, dataEnd));
      at = indexOr(text, '\n', dataEnd);
    }
    if (sql.trim() !== '') yield { kind: 'statement', line: lineOf(start), sql: sql.trim(), copy };
    sql = '';
    start = at;
  }
}

/** BEGIN … END of a SQL function's body, and CASE … END within (psqlscan.l counts them only after CREATE FUNCTION). */
function nextBodies(bodies: number, word: string, before: string): number {
  if (!/^create\s+(or\s+replace\s+)?(function|procedure)\b/i.test(before)) return 0;
  if (/^begin$/i.test(word)) return bodies + 1;
  if (/^case$/i.test(word)) return bodies === 0 ? 0 : bodies + 1;
  if (/^end$/i.test(word)) return Math.max(0, bodies - 1);
  return bodies;
}
