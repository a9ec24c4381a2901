/**
 * Reads what SQL statements touch: the relations that they read and write, the functions that they call, by name or
 * behind operators, and the code that relations run. Where it cannot tell, it takes in more, never less.
 */

import type { FuncCall, Node, RangeVar } from 'libpg-query';

import { temporarySchema } from '../../catalog/temporary.js';
import type { Relation } from '../../catalog/schema.js';
import { usesSequence } from './column-defaults.js';
import { parseStatements } from '../parse/parser.js';
import { resolveRelation, type NamingContext } from '../tree/scope.js';
import { traceOf } from '../postgres/trace-functions.js';
import { functionName, nameParts, rangeVarName, stringValue, type QualifiedName } from '../tree/tree.js';
import { builtinDependence, readsNamedTables, nodeDependence } from './builtins.js';
import { ConductBuilder } from './conduct.js';
import { routinesNamed, type Callee } from './routines.js';

type Tagged = Readonly<Record<string, unknown>>;

const noNames: ReadonlySet<string> = new Set();

/** Statements that do nothing beyond what the nodes in them do. */
const plainStatements: ReadonlySet<string> = new Set(['SelectStmt', 'ReturnStmt', 'PLAssignStmt', 'VariableShowStmt']);

const serverStatements: ReadonlySet<string> = new Set([
  'TransactionStmt',
  'NotifyStmt',
  'ListenStmt',
  'UnlistenStmt',
  'LockStmt',
  'ClosePortalStmt',
  'FetchStmt',
]);

/**
 * What is read: a client's `statement`, whose own defaults, triggers and policies are judged for themselves; the body of
 * a `trigger`, of which the same holds but for defaults; or other `code`, with all that follows from it.
 */
type ReadAs = 'statement' | 'trigger' | 'code';

export class SqlReader extends ConductBuilder {
  /** Called by name. */
  readonly calls: Callee[] = [];
  /** Called by operators, views, policies, constraints, defaults and triggers. */
  readonly implied: Callee[] = [];
  /** Relations that rows are put into, changed in or removed from, with those that foreign keys reach from there. */
  readonly changed = new Set<Relation>();
  /** Relations with policies that are read or written. */
  readonly guarded = new Set<Relation>();
  readonly #as: ReadAs;
  readonly #context: NamingContext;
  readonly #views = new Set<Relation>();

  constructor(context: NamingContext, as: ReadAs) {
    super();
    this.#context = context;
    this.#as = as;
  }

  /** A statement's text, in the names of the search path; `common`: names that hide tables. */
  readText(sql: string, common: ReadonlySet<string> = noNames): void {
    for (const { node } of parseStatements(sql)) this.read(node, common);
  }

  /** The actions of a rule, as pg_get_ruledef() prints it. */
  readRule(definition: string): void {
    for (const { node } of parseStatements(definition)) {
      if ('RuleStmt' in node) this.read([node.RuleStmt.whereClause, node.RuleStmt.actions]);
    }
  }

  /** An expression as PostgreSQL prints it with an empty search path. */
  #readPrinted(expression: string): void {
    const reader = new SqlReader({ catalog: this.#context.catalog, searchPath: [] }, this.#as);
    reader.readText(expression);
    this.add(reader);
    for (const relation of reader.guarded) this.guarded.add(relation);
    // What is called runs with the path of the session all the same.
    const { searchPath } = this.#context;
    for (const { routine } of [...reader.calls, ...reader.implied]) this.implied.push({ routine, searchPath });
  }

  read(value: unknown, common: ReadonlySet<string> = noNames): void {
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      for (const item of value) this.read(item, common);
      return;
    }
    const body = value as Tagged;
    const names = this.#readWith(body['withClause'], common);
    const keys = Object.keys(body);
    const tag = keys.length === 1 ? keys[0] : undefined;
    if (tag !== undefined && /^[A-Z]/.test(tag)) {
      this.#readNode(tag, value as Node, names);
      return;
    }
    for (const key of keys) if (key !== 'withClause') this.read(body[key], names);
  }

  /** Names of WITH hide tables, in the statement and in the queries that follow. */
  #readWith(clause: unknown, common: ReadonlySet<string>): ReadonlySet<string> {
    if (typeof clause !== 'object' || clause === null) return common;
    const { ctes, recursive } = clause as { readonly ctes?: readonly Node[]; readonly recursive?: boolean };
    const found = (ctes ?? []).flatMap((node) => ('CommonTableExpr' in node ? [node.CommonTableExpr] : []));
    const all = new Set([...common, ...found.map(({ ctename }) => ctename ?? '')]);
    let before: ReadonlySet<string> = common;
    for (const { ctename, ctequery } of found) {
      this.read(ctequery, recursive === true ? all : before);
      before = new Set([...before, ctename ?? '']);
    }
    return all;
  }

  #readNode(tag: string, node: Node, common: ReadonlySet<string>): void {
    this.dependsOn(nodeDependence(node));
    const body: unknown = Object.values(node)[0];
    if ('RangeVar' in node) return this.#readRange(node.RangeVar, common);
    if ('FuncCall' in node) this.#readCall(node.FuncCall);
    else if ('CallStmt' in node) this.#readCall(node.CallStmt.funccall ?? {});
    else if ('A_Expr' in node) this.#readOperator(node.A_Expr.name);
    else if ('SubLink' in node) this.#readOperator(node.SubLink.operName);
    else if ('SortBy' in node) this.#readOperator(node.SortBy.useOp);
    else if ('ColumnRef' in node && (node.ColumnRef.fields?.length ?? 0) > 1) {
      this.#readField(stringValue(node.ColumnRef.fields?.at(-1)));
    } else if ('A_Indirection' in node) {
      for (const part of node.A_Indirection.indirection ?? []) this.#readField(stringValue(part));
    } else if ('LockingClause' in node) {
      // What it names are aliases.
      return this.dependsOn('server');
    } else if (tag.endsWith('Stmt') && !plainStatements.has(tag)) {
      return this.#readStatement(tag, node, common);
    }
    if ('SelectStmt' in node && node.SelectStmt.intoClause !== undefined) this.cannotRead('SELECT INTO');
    const names = this.#readWith((body as Tagged | null)?.['withClause'], common);
    if (typeof body !== 'object' || body === null) return;
    for (const [key, child] of Object.entries(body)) if (key !== 'withClause') this.read(child, names);
  }

  #readStatement(tag: string, node: Node, common: ReadonlySet<string>): void {
    const target =
      'InsertStmt' in node
        ? node.InsertStmt
        : 'UpdateStmt' in node
          ? node.UpdateStmt
          : 'DeleteStmt' in node
            ? node.DeleteStmt
            : 'MergeStmt' in node
              ? node.MergeStmt
              : undefined;
    if (target !== undefined) {
      const names = this.#readWith(target.withClause, common);
      const given = 'InsertStmt' in node ? nameParts(columnNames(node.InsertStmt.cols)) : undefined;
      this.#write(target.relation, given, 'MergeStmt' in node || 'InsertStmt' in node);
      for (const [key, child] of Object.entries(target)) {
        if (key !== 'withClause' && key !== 'relation') this.read(child, names);
      }
      return;
    }
    if ('TruncateStmt' in node) {
      for (const part of node.TruncateStmt.relations ?? []) {
        if ('RangeVar' in part) this.#write(part.RangeVar, undefined, false);
      }
      return;
    }
    if (serverStatements.has(tag)) {
      this.dependsOn('server');
      if (tag === 'ListenStmt' || tag === 'UnlistenStmt') this.leaves.add('LISTEN');
      return this.read(Object.values(node)[0], common);
    }
    if (this.#isTemporary(node)) {
      this.dependsOn('server');
      this.changesTemporary = true;
      if ('CreateTableAsStmt' in node) this.read(node.CreateTableAsStmt.query, common);
      return;
    }
    this.cannotRead(statementWords(tag));
  }

  /** What makes or drops temporary tables, which are at home. */
  #isTemporary(node: Node): boolean {
    if ('CreateStmt' in node) return node.CreateStmt.relation?.relpersistence === 't';
    if ('CreateTableAsStmt' in node) return node.CreateTableAsStmt.into?.rel?.relpersistence === 't';
    if ('DropStmt' in node && node.DropStmt.removeType === 'OBJECT_TABLE') {
      return (node.DropStmt.objects ?? []).every((object) => {
        const parts = 'List' in object ? nameParts(object.List.items) : [];
        const name = { schema: parts.at(-2), name: parts.at(-1) ?? '' };
        const found = resolveRelation(name, this.#context);
        return found === undefined || (found !== 'catalog' && found.schema === temporarySchema);
      });
    }
    return false;
  }

  #readRange(range: RangeVar, common: ReadonlySet<string>): void {
    if (range.schemaname === undefined && common.has(range.relname ?? '')) return;
    const found = this.#resolve(range);
    if (found !== undefined) this.#touch(found, false);
  }

  #resolve(range: RangeVar): Relation | undefined {
    const name = rangeVarName(range);
    const found = name.schema === 'pg_temp' ? undefined : resolveRelation(name, this.#context);
    if (found !== undefined && found !== 'catalog') return found;
    this.readsCatalog = true;
    return undefined;
  }

  #touch(relation: Relation, isWrite: boolean): void {
    const code = this.#context.catalog.code.ofRelation(relation.oid);
    if (relation.kind === 'view') {
      for (const oid of relation.reads) {
        const read = this.#context.catalog.relationByOid(oid);
        if (read === undefined || !isWrite) continue;
        this.#touch(read, true);
        if (!code.triggers.some(({ timing }) => timing === 'instead of')) this.#change(read);
      }
      if (this.#views.has(relation)) return;
      this.#views.add(relation);
      if (relation.definition !== undefined) this.#readPrinted(relation.definition);
      else this.readsCatalog = true;
    } else {
      (isWrite ? this.writes : this.reads).add(relation);
    }
    if (relation.hasRowSecurity) this.guarded.add(relation);
    if (relation.hasRowSecurity && this.#as === 'code') {
      for (const { expressions } of code.policies) {
        for (const expression of expressions) this.#readPrinted(`SELECT ${expression}`);
      }
    }
  }

  /** `given`: the columns that an INSERT names; `inserts`: columns may take their defaults. */
  #write(range: RangeVar | undefined, given: readonly string[] | undefined, inserts: boolean): void {
    const relation = range === undefined ? undefined : this.#resolve(range);
    if (relation === undefined) return;
    this.#touch(relation, true);
    if (inserts) this.#readDefaults(relation, given ?? []);
    this.#change(relation);
  }

  /** What runs when rows change, there and where foreign keys change more. */
  #change(relation: Relation): void {
    if (this.changed.has(relation)) return;
    this.changed.add(relation);
    const { catalog, searchPath } = this.#context;
    const code = catalog.code.ofRelation(relation.oid);
    if (relation.hasRules && this.#as !== 'statement') this.cannotRead(`the rules of "${relation.name}"`);
    for (const oid of code.inChecks) this.#imply(oid, searchPath);
    if (this.#as === 'code') {
      for (const trigger of code.triggers) {
        for (const oid of [trigger.routine, ...trigger.uses]) this.#imply(oid, searchPath);
      }
    }
    // A statement on a table reaches those that inherit from it.
    for (const other of relation.isInherited ? catalog.relations() : []) if (other.isInherited) this.#change(other);
    for (const oid of code.cascades) {
      const cascaded = catalog.relationByOid(oid);
      if (cascaded === undefined) continue;
      this.writes.add(cascaded);
      this.#change(cascaded);
    }
  }

  #readDefaults(relation: Relation, given: readonly string[]): void {
    if (this.#as === 'statement') {
      for (const oid of this.#context.catalog.code.ofRelation(relation.oid).inDefaults) {
        this.#imply(oid, this.#context.searchPath);
      }
      return;
    }
    for (const column of relation.columns) {
      if (given.includes(column.name)) continue;
      if (usesSequence(column)) {
        this.dependsOn('server');
        this.leaves.add('takes numbers');
      } else if (column.defaultExpression !== undefined) this.#readPrinted(`SELECT ${column.defaultExpression}`);
    }
  }

  #imply(oid: number, searchPath: readonly string[]): void {
    const routine = this.#context.catalog.code.routine(oid);
    if (routine !== undefined) this.implied.push({ routine, searchPath });
  }

  /** A call of which only the name is known, if it is one at all. */
  readAnyCall(name: QualifiedName): void {
    const isKnown =
      routinesNamed(name, undefined, this.#context).length > 0 ||
      this.#context.catalog.functions('pg_catalog', name.name) !== undefined;
    if (isKnown) this.#readCallOf(name, {}, undefined);
  }

  #readCall(call: FuncCall): void {
    this.#readCallOf(functionName(call), call, call.args?.length ?? 0);
  }

  #readCallOf(name: QualifiedName, call: FuncCall, count: number | undefined): void {
    const { catalog, searchPath } = this.#context;
    const found = routinesNamed(name, count, this.#context);
    for (const routine of found) this.calls.push({ routine, searchPath });
    if (name.schema !== undefined && name.schema !== 'pg_catalog') {
      if (found.length === 0) {
        this.dependsOn('server');
        this.leaves.add(traceOf(name.name) ?? 'unknown');
      }
      return;
    }
    const traits = catalog.functions('pg_catalog', name.name);
    if (traits === undefined && found.length > 0) return;
    const trace = traceOf(name.name);
    if (trace !== undefined) this.leaves.add(trace);
    if (name.name === 'set_config') this.cannotRead('set_config()');
    if (readsNamedTables(name.name, call)) this.cannotRead(`${name.name}(), which reads a table that it is told`);
    this.dependsOn(builtinDependence(name.name, call, traits));
  }

  #readOperator(name: readonly Node[] | undefined): void {
    const operator = nameParts(name).at(-1);
    if (operator === undefined) return;
    const { catalog, searchPath } = this.#context;
    for (const oid of catalog.code.operatorRoutines(operator)) this.#imply(oid, searchPath);
  }

  /** `row.name` calls the function of that name when there is no such column. */
  #readField(field: string | undefined): void {
    if (field === undefined) return;
    const name: QualifiedName = { schema: undefined, name: field };
    for (const routine of routinesNamed(name, 1, this.#context)) {
      if (routine.arguments[0]?.isComposite !== true) continue;
      this.implied.push({ routine, searchPath: this.#context.searchPath });
    }
  }
}

/** The names of an INSERT's columns as String nodes. */
function columnNames(cols: readonly Node[] | undefined): readonly Node[] {
  return (cols ?? []).flatMap((node) => ('ResTarget' in node ? [{ String: { sval: node.ResTarget.name ?? '' } }] : []));
}

function statementWords(tag: string): string {
  return tag
    .replace(/Stmt$/, '')
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .toUpperCase();
}
