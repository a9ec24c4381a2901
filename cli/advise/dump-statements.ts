/**
 * The statements of a plain dump, with the rows between them counted and left out: those of COPY … FROM stdin, and those
 * of INSERT. It reads line by line, so a dump of any size goes through.
 */

/** What a dump consists of, in its order. */
export type DumpPart =
  | { readonly kind: 'statement'; readonly sql: string; readonly line: number }
  /** Rows for a table, as the statement names it. */
  | { readonly kind: 'rows'; readonly sql: string; readonly rows: number; readonly bytes: number };

/** A statement longer than this is none that a schema has: rows in one INSERT. Its head is enough. */
const MAX_STATEMENT = 1 << 20;

const copyPattern = /^\s*COPY\s[\s\S]*\bFROM\s+stdin\b[^;]*;\s*$/i;
const insertPattern = /^\s*INSERT\s+INTO\s/i;

export async function* readDump(lines: AsyncIterable<string>): AsyncGenerator<DumpPart> {
  const splitter = new Splitter();
  let copy: { readonly sql: string; rows: number; bytes: number } | undefined;
  let number = 0;
  for await (const line of lines) {
    number += 1;
    if (copy !== undefined) {
      if (line === '\\.') {
        yield { kind: 'rows', ...copy };
        copy = undefined;
      } else {
        copy.rows += 1;
        copy.bytes += line.length;
      }
      continue;
    }
    // psql's own commands: \connect, \restrict.
    if (splitter.isBetween && /^\s*\\/.test(line)) continue;
    for (const statement of splitter.add(line, number)) {
      if (copyPattern.test(statement.sql)) copy = { sql: statement.sql, rows: 0, bytes: 0 };
      else if (insertPattern.test(statement.sql))
        yield { kind: 'rows', sql: statement.sql, rows: 1 + statement.rowEnds, bytes: statement.length };
      else yield { kind: 'statement', sql: statement.sql, line: statement.line };
    }
  }
  const rest = splitter.rest();
  if (rest !== undefined) yield { kind: 'statement', sql: rest.sql, line: rest.line };
}

interface Split {
  readonly sql: string;
  readonly line: number;
  readonly length: number;
  /** How often `),` stands outside of quotes and of other brackets: one less than the rows of VALUES. */
  readonly rowEnds: number;
}

type Quote =
  | { readonly kind: 'none' }
  | { readonly kind: 'string'; readonly escapes: boolean }
  | { readonly kind: 'name' }
  | { readonly kind: 'dollar'; readonly tag: string }
  | { readonly kind: 'comment'; readonly depth: number };

const none: Quote = { kind: 'none' };

/** Splits text at semicolons as psql does: not in quotes, comments, brackets, nor in BEGIN ATOMIC … END. */
class Splitter {
  #quote: Quote = none;
  #depth = 0;
  #begins = 0;
  #sql = '';
  #length = 0;
  #line = 0;
  #rowEnds = 0;

  get isBetween(): boolean {
    return this.#quote.kind === 'none' && this.#sql.trim() === '';
  }

  *add(line: string, number: number): Generator<Split> {
    let at = 0;
    let from = 0;
    while (at < line.length) {
      if (this.#quote.kind !== 'none') {
        const isComment = this.#quote.kind === 'comment';
        at = this.#skipQuoted(line, at, this.#quote);
        if (isComment) from = at;
        continue;
      }
      const character = line[at];
      if (character === '-' && line[at + 1] === '-') {
        this.#take(line.slice(from, at), number);
        from = at = line.length;
      } else if (character === '/' && line[at + 1] === '*') {
        this.#take(line.slice(from, at), number);
        this.#quote = { kind: 'comment', depth: 1 };
        from = at += 2;
      } else if (character === ';' && this.#depth === 0 && this.#begins === 0) {
        this.#take(line.slice(from, at + 1), number);
        const split = this.#finish();
        if (split.sql !== ';') yield split;
        from = at += 1;
      } else at = this.#step(line, at);
    }
    this.#take(this.#quote.kind === 'comment' ? '' : `${line.slice(from)}\n`, number);
  }

  rest(): Split | undefined {
    return this.#sql.trim() === '' ? undefined : this.#finish();
  }

  #take(text: string, number: number): void {
    if (this.isBlank && text.trim() === '') return;
    if (this.isBlank) this.#line = number;
    this.#length += text.length;
    if (this.#sql.length < MAX_STATEMENT) this.#sql += text;
  }

  private get isBlank(): boolean {
    return this.#sql === '';
  }

  #finish(): Split {
    const split = { sql: this.#sql.trim(), line: this.#line, length: this.#length, rowEnds: this.#rowEnds };
    this.#sql = '';
    this.#length = this.#rowEnds = this.#depth = this.#begins = 0;
    return split;
  }

  /** Goes over one token outside of quotes; returns where the next begins. */
  #step(line: string, at: number): number {
    const character = line[at] ?? '';
    if (character === "'") {
      const before = line[at - 1] ?? '';
      const escapes = /[eE]/.test(before) && !/\w/.test(line[at - 2] ?? '');
      this.#quote = { kind: 'string', escapes };
      return at + 1;
    }
    if (character === '"') {
      this.#quote = { kind: 'name' };
      return at + 1;
    }
    if (character === '$') {
      const tag = /^\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/.exec(line.slice(at))?.[0];
      if (tag === undefined) return at + 1;
      this.#quote = { kind: 'dollar', tag };
      return at + tag.length;
    }
    if (character === '(') this.#depth += 1;
    if (character === ')') {
      this.#depth -= 1;
      if (this.#depth === 0 && /^\)\s*,/.test(line.slice(at))) this.#rowEnds += 1;
    }
    const word = /^[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/.exec(line.slice(at, at + 64))?.[0];
    if (word === undefined) return at + 1;
    // In a string constant's prefix (E'…') the quote decides.
    if (/^begin$/i.test(word) && /^begin\s+atomic\b/i.test(line.slice(at))) this.#begins += 1;
    else if (this.#begins > 0 && /^case$/i.test(word)) this.#begins += 1;
    else if (this.#begins > 0 && /^end$/i.test(word)) this.#begins -= 1;
    return at + word.length;
  }

  /** Goes to the end of the quoted part, or of the line; returns where to go on. */
  #skipQuoted(line: string, at: number, quote: Exclude<Quote, { kind: 'none' }>): number {
    switch (quote.kind) {
      case 'dollar': {
        const end = line.indexOf(quote.tag, at);
        if (end < 0) return line.length;
        this.#quote = none;
        return end + quote.tag.length;
      }
      case 'comment': {
        const mark = /\/\*|\*\//.exec(line.slice(at));
        if (mark === null) return line.length;
        const depth = quote.depth + (mark[0] === '/*' ? 1 : -1);
        this.#quote = depth === 0 ? none : { kind: 'comment', depth };
        return at + mark.index + 2;
      }
      default: {
        const end = quote.kind === 'name' ? '"' : "'";
        let index = at;
        while (index < line.length && line[index] !== end) {
          index += quote.kind === 'string' && quote.escapes && line[index] === '\\' ? 2 : 1;
        }
        // A doubled quote ends one string and begins the next, which for this purpose is the same.
        if (index < line.length) this.#quote = none;
        return index + 1;
      }
    }
  }
}
