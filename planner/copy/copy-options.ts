/** The options of COPY, as far as pgring must know them; a server says what is wrong with them. */

import type { CopyStmt, Node } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import type { CopyFormat, CopyIntake, SkipRule } from '../plan/plan.js';
import { nameParts, stringValue } from '../tree/tree.js';

/** PostgreSQL's names of UTF-8, with their aliases (src/common/encnames.c). Data in SQL_ASCII is taken as it is. */
const utf8Names: ReadonlySet<string> = new Set(['utf8', 'unicode', 'sqlascii']);
const latin1Names: ReadonlySet<string> = new Set(['latin1', 'iso88591']);

/** Encodings in which a character of several bytes may hold an ASCII byte: delimiters cannot be found in them. */
const unsafeNames: ReadonlySet<string> = new Set(
  (
    'sjis mskanji shiftjis win932 windows932 big5 win950 windows950 gbk win936 windows936 uhc win949 windows949 ' +
    'gb18030 johab shiftjis2004'
  ).split(' '),
);

const onValues: ReadonlySet<string> = new Set(['true', 'on', '1']);

export class CopyOptions {
  readonly #arguments = new Map<string, Node | undefined>();

  constructor(copy: CopyStmt) {
    for (const node of copy.options ?? []) {
      if ('DefElem' in node) this.#arguments.set(node.DefElem.defname ?? '', node.DefElem.arg);
    }
  }

  get format(): CopyFormat {
    const name = this.#text('format')?.toLowerCase();
    const kind = name === 'csv' || name === 'binary' ? name : 'text';
    const isCsv = kind === 'csv';
    const quote = this.#text('quote') ?? '"';
    const header = this.#arguments.has('header') ? (this.#text('header') ?? 'true').toLowerCase() : 'false';
    return {
      kind,
      delimiter: this.#text('delimiter') ?? (isCsv ? ',' : '\t'),
      nullText: this.#text('null') ?? (isCsv ? '' : '\\N'),
      header: header === 'match' ? 'match' : onValues.has(header) ? 'yes' : 'no',
      quote,
      escape: this.#text('escape') ?? quote,
    };
  }

  /** What COPY FROM does with the fields. Refuses encodings in which no delimiter can be found. */
  get intake(): CopyIntake {
    const encoding =
      this.#text('encoding')
        ?.toLowerCase()
        .replaceAll(/[^a-z0-9]/g, '') ?? 'utf8';
    if (unsafeNames.has(encoding)) {
      throw refuse(
        `COPY FROM data in the encoding ${encoding}, whose characters may hold ASCII bytes,`,
        'Convert the data to UTF-8 before sending them.',
      );
    }
    return {
      defaultText: this.#text('default'),
      forceNull: this.#columns('force_null'),
      forceNotNull: this.#columns('force_not_null'),
      encoding: utf8Names.has(encoding) ? 'utf8' : latin1Names.has(encoding) ? 'latin1' : 'other',
      skips: this.#skips(),
    };
  }

  #skips(): SkipRule | undefined {
    if (this.#text('on_error')?.toLowerCase() !== 'ignore') return undefined;
    const verbosity = this.#text('log_verbosity')?.toLowerCase();
    const limit = this.#text('reject_limit');
    return {
      limit: limit === undefined ? undefined : Number(limit),
      verbosity: verbosity === 'verbose' || verbosity === 'silent' ? verbosity : 'default',
    };
  }

  #text(name: string): string | undefined {
    const node = this.#arguments.get(name);
    if (node === undefined) return undefined;
    if ('Boolean' in node) return String(node.Boolean.boolval ?? false);
    if ('Integer' in node) return String(node.Integer.ival ?? 0);
    if ('Float' in node) return node.Float.fval ?? '';
    return stringValue(node);
  }

  #columns(name: string): 'all' | readonly string[] {
    const node = this.#arguments.get(name);
    if (node === undefined) return [];
    return 'List' in node ? nameParts(node.List.items) : 'all';
  }
}
