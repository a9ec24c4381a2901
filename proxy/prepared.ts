/** What a client has prepared (PostgreSQL manual, "Extended Query"). */

import { PgError, sqlstate } from '../base/errors.js';
import type { StatementShape } from '../router/execute/context.js';
import type { Parse } from '../wire/frontend.js';
import type { PlannedStatement } from './statement-planner.js';

/** One text with the types of its parameters, as one catalog and one search path give it its meaning. */
export interface Definition {
  readonly name: string;
  /** contextKey() of what it was prepared for. */
  readonly context: string;
  readonly parseFrame: Buffer;
  /** What a server says of it; undefined until one has. */
  shape: StatementShape | undefined;
}

/** A prepared statement. Its identity tells connections that have it from those that have another of that name. */
export interface PreparedStatement {
  readonly name: string;
  readonly sql: Buffer;
  readonly parameterTypes: readonly number[];
  /** The client's Parse message, to be repeated on other connections. */
  readonly parseFrame: Buffer;
  /** The newest plan, and the catalog and search path it was made for. */
  planned: PlannedStatement | undefined;
  plannedFor: string;
  /** What it took and gave when it was first described, which no change of the catalog may change. */
  shape: StatementShape | undefined;
  /** Under which name servers know it; undefined for the unnamed one, and until one needs it. */
  definition: Definition | undefined;
  /** What pg_prepared_statements tells of it. */
  readonly origin: StatementOrigin;
}

interface StatementOrigin {
  /** PREPARE, in contrast to a Parse message. */
  readonly fromSql: boolean;
  readonly text: string;
  /** How many characters of that come before the statement itself. */
  readonly offset: number;
  readonly preparedAt: Date;
}

/** The statement of a Parse message. */
export function parsedStatement(parse: Parse, parseFrame: Buffer): PreparedStatement {
  return {
    ...parse,
    parseFrame,
    planned: undefined,
    plannedFor: '',
    shape: undefined,
    definition: undefined,
    origin: { fromSql: false, text: parse.sql.toString('utf8'), offset: 0, preparedAt: new Date() },
  };
}

/** What is wrong with a prepared statement by now has its place in the text that prepared it, as PostgreSQL reports it. */
export function inPreparedText(error: unknown, { origin }: PreparedStatement): unknown {
  if (!(error instanceof PgError) || error.fields.position === undefined) return error;
  const position = error.fields.position + origin.offset;
  return new PgError(error.sqlstate, error.message, { ...error.fields, position });
}

/** How much of them one client may have. */
interface PreparedLimits {
  readonly statements: number;
  /** Of the messages that named ones were prepared by. */
  readonly bytes: number;
}

export class PreparedStatements {
  readonly #statements = new Map<string, PreparedStatement>();
  readonly #limits: PreparedLimits;
  #bytes = 0;

  constructor(limits: PreparedLimits) {
    this.#limits = limits;
  }

  /** Errors: 42P05 for a name in use, 54000 beyond the limits. */
  add(statement: PreparedStatement): void {
    if (statement.name !== '' && this.#statements.has(statement.name)) {
      throw new PgError(sqlstate.duplicatePreparedStatement, `prepared statement "${statement.name}" already exists`);
    }
    const { statements, bytes } = this.#limits;
    if (this.#statements.size >= statements) {
      throw new PgError(sqlstate.programLimitExceeded, `more than ${statements} prepared statements`, {
        hint: 'Close some, or raise limits.prepared_statements.',
      });
    }
    if (statement.name !== '' && this.#bytes + statement.parseFrame.length > bytes) {
      throw new PgError(sqlstate.programLimitExceeded, `prepared statements of more than ${bytes} bytes`, {
        hint: 'Close some, or raise limits.prepared_bytes.',
      });
    }
    this.#statements.set(statement.name, statement);
    if (statement.name !== '') this.#bytes += statement.parseFrame.length;
  }

  /** Whether all of them can be added. */
  hasRoomFor(statements: readonly PreparedStatement[]): boolean {
    const named = statements.filter(({ name }) => name !== '');
    const bytes = named.reduce((sum, { parseFrame }) => sum + parseFrame.length, this.#bytes);
    return this.#statements.size + statements.length <= this.#limits.statements && bytes <= this.#limits.bytes;
  }

  has(name: string): boolean {
    return this.#statements.has(name);
  }

  /** Adds a statement; the unnamed one takes the place of its predecessor. */
  replace(statement: PreparedStatement): void {
    if (statement.name === '') this.#statements.delete('');
    this.add(statement);
  }

  get all(): Iterable<PreparedStatement> {
    return this.#statements.values();
  }

  find(name: string): PreparedStatement | undefined {
    return this.#statements.get(name);
  }

  /** Errors: 26000. */
  get(name: string): PreparedStatement {
    const statement = this.#statements.get(name);
    if (statement !== undefined) return statement;
    const which = name === '' ? 'unnamed prepared statement' : `prepared statement "${name}"`;
    throw new PgError(sqlstate.invalidSqlStatementName, `${which} does not exist`);
  }

  remove(name: string): void {
    const statement = this.#statements.get(name);
    if (statement === undefined) return;
    this.#statements.delete(name);
    if (name !== '') this.#bytes -= statement.parseFrame.length;
  }

  /** Removes a statement whose Parse failed, unless another has taken its name meanwhile. */
  removeExactly(statement: PreparedStatement): void {
    if (this.#statements.get(statement.name) === statement) this.remove(statement.name);
  }

  clear(): void {
    this.#statements.clear();
    this.#bytes = 0;
  }
}
