/** From a client's text to plans: the plan cache first, the parser on a miss. */

import { PgError, refuse, sqlstate } from '../base/errors.js';
import { requireUtf8 } from '../wire/utf8.js';
import type { Logger } from '../base/log.js';
import type { Config, CrossCheck, PlacementRules } from '../catalog/config.js';
import { ruleFor } from '../catalog/config-rules.js';
import type { CatalogSnapshot } from '../catalog/schema.js';
import { applyExpansion } from '../planner/tree/expansion.js';
import { parseStatements, type ParsedStatement } from '../planner/parse/parser.js';
import { crossCheck } from '../planner/parse/second-opinion.js';
import { normalize, type Slot } from '../planner/parse/tokenizer.js';
import { PlanCache } from '../planner/plan-cache.js';
import { planReusable, type PlannedStatement as ReusablePlan } from '../planner/plan-statement.js';
import type { Plan } from '../planner/plan/plan.js';

/** What a plan depends on beside the text. */
export interface PlanningSession {
  readonly catalog: CatalogSnapshot;
  readonly searchPath: readonly string[];
  readonly isDump: boolean;
  /** contextKey() of these. */
  readonly contextKey: string;
}

export interface PlannedStatement {
  readonly plan: Plan;
  /** The text of this statement alone. */
  readonly sql: Buffer;
  readonly slots: readonly Slot[];
  /** The text that the slots are of, where it is another: views were expanded in it. */
  readonly expanded?: Buffer | undefined;
  /** Where it begins in the client's text, in characters. */
  readonly offset: number;
  /** All of the client's text, where that is more than the statement. */
  readonly source?: Buffer | undefined;
}

/** Session commands come again and again and need no catalog: they are kept by their exact text. */
const COMMAND_BYTES = 100;
const COMMAND_ENTRIES = 1_000;

/** The plan of a session command, and where the command stands in its text: in bytes, `offset` in characters. */
interface Command {
  readonly plan: Plan;
  readonly start: number;
  readonly end: number;
  readonly offset: number;
}

export class StatementPlanner {
  readonly #cache: PlanCache;
  readonly #commands = new Map<string, Command>();
  readonly #rules: PlacementRules;

  readonly #crossCheck: CrossCheck;
  readonly #log: Logger;

  constructor(config: Pick<Config, 'placement' | 'limits' | 'crossCheck'>, log: Logger) {
    this.#rules = config.placement;
    this.#crossCheck = config.crossCheck;
    this.#log = log;
    this.#cache = new PlanCache({
      maxEntries: config.limits.planCacheEntries,
      maxBytes: config.limits.planCacheBytes,
    });
  }

  /** The statements of a client's text; none for an empty one. Errors: 42601 with a position in the whole text. */
  plan(sql: Buffer, session: PlanningSession, parameterTypes: readonly number[]): readonly PlannedStatement[] {
    requireUtf8(sql);
    const normalized = normalize(sql);
    if (normalized !== undefined) {
      const key = PlanCache.key(session.contextKey, parameterTypes, normalized.key);
      const cached = this.#cache.get(key);
      if (cached !== undefined) {
        const { plan, expansion } = cached;
        if (expansion === undefined) return [{ plan, sql, slots: normalized.slots, offset: 0 }];
        return [{ plan, sql, ...applyExpansion(expansion, sql, normalized.slots), offset: 0 }];
      }
      const text = sql.toString('utf8');
      const [statement, ...others] = parseStatements(text);
      if (statement !== undefined && others.length === 0) {
        const { plan, reusable, slots, expanded, expansion } = this.#planOne(
          statement,
          sql,
          normalized.slots,
          session,
          parameterTypes,
        );
        if (this.#crossCheck !== 'off') this.#askSecondParser(text);
        if (reusable) this.#cache.put(key, { plan, expansion });
        return [{ plan, sql, slots, expanded, offset: 0 }];
      }
    }
    return this.#planUncached(sql, session, parameterTypes);
  }

  #planUncached(sql: Buffer, session: PlanningSession, parameterTypes: readonly number[]): readonly PlannedStatement[] {
    const command = sql.length <= COMMAND_BYTES ? sql.toString('latin1') : undefined;
    const known = command === undefined ? undefined : this.#commands.get(command);
    if (known !== undefined) {
      const { plan, start, end, offset } = known;
      return [{ plan, sql: sql.subarray(start, end), slots: [], offset, source: sql }];
    }
    const statements = parseStatements(sql.toString('utf8'));
    const planned = statements.map((statement): PlannedStatement => {
      const { start, end } = statement;
      const text = sql.subarray(start, end);
      const offset = sql.toString('utf8', 0, start).length;
      // The tree of one that begins the text has its places in the text: it may be long, and is not parsed again.
      const [alone] = start === 0 ? [statement] : parseStatements(text.toString('utf8'));
      if (alone === undefined) return { plan: { kind: 'empty' }, sql: text, slots: [], offset };
      const { plan, slots, expanded } = this.#planOne(alone, text, normalize(text)?.slots, session, parameterTypes);
      return { plan, sql: text, slots, expanded, offset, source: sql };
    });
    const [text] = statements;
    const [only] = planned;
    if (command !== undefined && planned.length === 1 && text !== undefined && only?.plan.kind === 'local') {
      if (this.#commands.size >= COMMAND_ENTRIES) this.#commands.clear();
      this.#commands.set(command, { plan: only.plan, start: text.start, end: text.end, offset: only.offset });
    }
    return planned;
  }

  /** An independent parser's view of what routing depends on; see `cross_check` in the configuration. */
  #askSecondParser(sql: string): void {
    const { verdict, detail } = crossCheck(sql);
    if (verdict !== 'differ') return;
    this.#log.error({ sql, detail }, 'two parsers disagree about a statement');
    if (this.#crossCheck === 'refuse') {
      throw refuse(
        'a statement about which two parsers disagree',
        'Write it in another way, and please report it. cross_check: log in the configuration lets it run.',
      );
    }
  }

  #planOne(
    statement: ParsedStatement,
    sql: Buffer,
    slots: readonly Slot[] | undefined,
    session: PlanningSession,
    parameterTypes: readonly number[],
  ): ReusablePlan {
    try {
      return planReusable({
        statement,
        sql,
        slots,
        context: {
          catalog: session.catalog,
          searchPath: session.searchPath,
          isDump: session.isDump,
          parameterTypes,
          rules: { ruleFor: (schema, name, columns) => ruleFor(this.#rules, schema, name, columns) },
        },
      });
    } catch (error) {
      // The planner walks trees by recursion; one too deep for its stack is too deep for PostgreSQL's settings as well.
      if (error instanceof RangeError) throw new PgError(sqlstate.statementTooComplex, 'stack depth limit exceeded');
      throw error;
    }
  }
}
