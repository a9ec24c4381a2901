/** The code that a database holds: functions, and what relations run when they are read or written. */

/** What a call of a declared function touches, by `create_distributed_function`. */
export type Declaration =
  /** Only rows whose shard key is the argument of that number (from 1). */
  | { readonly kind: 'by argument'; readonly argument: number }
  /** No sharded table at all. */
  | { readonly kind: 'anywhere' };

interface RoutineArgument {
  /** Empty for one without a name. */
  readonly name: string;
  /** pg_proc.proargmodes: i in, o out, b both, v variadic, t a column of the result. */
  readonly mode: string;
  /** As format_type() prints it. */
  readonly typeName: string;
  /** The type below a domain. */
  readonly typeOid: number;
  /** A row type, or one that may be (record, anyelement). */
  readonly isComposite: boolean;
}

/** A function, procedure or aggregate of the user's. */
export interface Routine {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: 'function' | 'aggregate' | 'window' | 'procedure';
  readonly language: string;
  readonly volatility: 'immutable' | 'stable' | 'volatile';
  readonly returnsSet: boolean;
  /** As format_type() prints it. */
  readonly returnType: string;
  readonly arguments: readonly RoutineArgument[];
  /** How many of the last input arguments may be left out. */
  readonly defaults: number;
  /** The text of the body; undefined for one that is no text, and for an extension's. */
  readonly source: string | undefined;
  /** `RETURN …` or `BEGIN ATOMIC … END`, with every name qualified. */
  readonly sqlBody: string | undefined;
  /** Its own SET search_path, as a list that SQL would take; undefined when it has none. */
  readonly searchPath: string | undefined;
  /** The extension that it belongs to. */
  readonly extension: string | undefined;
  /** It returns rows of a table's type, or of any. */
  readonly returnsRow: boolean;
  /** It runs as its owner, with settings of its own, or not at all for a NULL argument. */
  readonly isGuarded: boolean;
  /** It is in a temporary schema or needs the type of a temporary table, so it exists on the home shard alone. */
  readonly isTemporary: boolean;
  /** Functions of the user's that it is known to use otherwise than by its text: of an aggregate, of default arguments. */
  readonly uses: readonly number[];
  readonly declaration: Declaration | undefined;
}

export interface Trigger {
  readonly name: string;
  readonly routine: number;
  readonly timing: 'before' | 'after' | 'instead of';
  readonly isForEachRow: boolean;
  readonly events: readonly ('insert' | 'update' | 'delete' | 'truncate')[];
  /** The names under which it sees the rows of the statement as tables. */
  readonly transitionTables: readonly string[];
  /** pg_trigger.tgenabled */
  readonly enabled: string;
  /** Functions of the user's in its WHEN. */
  readonly uses: readonly number[];
}

interface Policy {
  readonly name: string;
  /** USING and WITH CHECK, with every name qualified. */
  readonly expressions: readonly string[];
}

/** What runs when a relation is read or written. Functions by oid; only those of the user. */
export interface RelationCode {
  /** In a view's query or a rule. */
  readonly inRules: readonly number[];
  readonly inDefaults: readonly number[];
  /** In CHECK constraints, also those of domains, in generated columns and in indexes. */
  readonly inChecks: readonly number[];
  /** Enabled ones, also those of partitions. */
  readonly triggers: readonly Trigger[];
  readonly policies: readonly Policy[];
  /** Rules other than a view's own, as pg_get_ruledef() prints them. */
  readonly rules: readonly string[];
  /** Relations whose rows change when rows here do, by foreign keys ON DELETE CASCADE and the like. */
  readonly cascades: readonly number[];
}

export interface DatabaseCode {
  /** Whether there is any function of the user's. */
  readonly hasRoutines: boolean;
  /** All of the user's functions of that name in the schema. */
  routines(schema: string, name: string): readonly Routine[];
  routine(oid: number): Routine | undefined;
  /** All of the user's functions. */
  everyRoutine(): Iterable<Routine>;
  /** Functions of the user's behind casts, types and operator classes, which statements use without naming them. */
  readonly hidden: readonly number[];
  /** Functions of the user's behind operators of that name. */
  operatorRoutines(name: string): readonly number[];
  ofRelation(oid: number): RelationCode;
}

interface CodeContents {
  readonly routines: readonly Routine[];
  readonly hidden: readonly number[];
  readonly operators: ReadonlyMap<string, readonly number[]>;
  readonly relations: ReadonlyMap<number, RelationCode>;
}

const nothing: readonly never[] = Object.freeze([]);

const noCode: RelationCode = Object.freeze({
  inRules: nothing,
  inDefaults: nothing,
  inChecks: nothing,
  triggers: nothing,
  policies: nothing,
  rules: nothing,
  cascades: nothing,
});

export function makeDatabaseCode(contents: CodeContents): DatabaseCode {
  const byOid = new Map<number, Routine>();
  const bySchema = new Map<string, Map<string, Routine[]>>();
  for (const routine of contents.routines) {
    byOid.set(routine.oid, routine);
    let names = bySchema.get(routine.schema);
    if (names === undefined) bySchema.set(routine.schema, (names = new Map<string, Routine[]>()));
    const list = names.get(routine.name);
    if (list === undefined) names.set(routine.name, [routine]);
    else list.push(routine);
  }
  return Object.freeze({
    hasRoutines: contents.routines.length > 0,
    routines: (schema: string, name: string) => bySchema.get(schema)?.get(name) ?? nothing,
    routine: (oid: number) => byOid.get(oid),
    everyRoutine: () => byOid.values(),
    hidden: contents.hidden,
    operatorRoutines: (name: string) => contents.operators.get(name) ?? nothing,
    ofRelation: (oid: number) => contents.relations.get(oid) ?? noCode,
  });
}

export const noDatabaseCode: DatabaseCode = makeDatabaseCode({
  routines: [],
  hidden: [],
  operators: new Map(),
  relations: new Map(),
});
