/**
 * Reading libpg_query's tree: PostgreSQL's raw parse tree as JSON, each node an object with one key that names its
 * type. Fields that hold their type's default are absent, so a location of 0 is not there.
 */

import type { A_Const, ColumnRef, FuncCall, Node, RangeVar, SelectStmt, TypeName } from 'libpg-query';

/** Whether an object is a node with its type's name as key (fields of a known type hold their body alone). */
function isTagged(value: object): value is Node {
  const keys = Object.keys(value);
  const first = keys.length === 1 ? keys[0] : undefined;
  if (first === undefined) return false;
  const code = first.charCodeAt(0);
  return code >= 65 && code <= 90;
}

/**
 * Visits every node below a value, outermost first. The visitor returns false to stay out of a node.
 * Bodies without a tag (a join's SelectStmt arms, an INSERT's RangeVar) are entered but not visited.
 */
export function walkNodes(value: unknown, visit: (node: Node) => boolean): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) walkNodes(item, visit);
    return;
  }
  if (isTagged(value) && !visit(value)) return;
  for (const child of Object.values(value)) walkNodes(child, visit);
}

/** Whether any node below the value satisfies the test. */
export function someNode(value: unknown, test: (node: Node) => boolean): boolean {
  let found = false;
  walkNodes(value, (node) => {
    found ||= test(node);
    return !found;
  });
  return found;
}

/** The text of a String node. */
export function stringValue(node: Node | undefined): string | undefined {
  return node !== undefined && 'String' in node ? (node.String.sval ?? '') : undefined;
}

/** A list of String nodes (a qualified name) as strings. */
export function nameParts(nodes: readonly Node[] | undefined): string[] {
  const parts: string[] = [];
  for (const node of nodes ?? []) {
    const text = stringValue(node);
    if (text !== undefined) parts.push(text);
  }
  return parts;
}

/** The operator's name when it is PostgreSQL's own by every reading: unqualified or in pg_catalog. */
export function operatorName(nodes: readonly Node[] | undefined): string | undefined {
  const parts = nameParts(nodes);
  if (parts.length === 1) return parts[0];
  return parts.length === 2 && parts[0] === 'pg_catalog' ? parts[1] : undefined;
}

export interface QualifiedName {
  readonly schema: string | undefined;
  readonly name: string;
}

/** A name of one or two parts; longer ones begin with a database. */
export function splitName(parts: readonly string[]): QualifiedName {
  const name = parts.at(-1) ?? '';
  return { schema: parts.at(-2), name };
}

export function functionName(call: FuncCall): QualifiedName {
  return splitName(nameParts(call.funcname));
}

export function rangeVarName(range: RangeVar): QualifiedName {
  const name = range.relname ?? '';
  return { schema: range.schemaname, name };
}

export function typeNameParts(type: TypeName | undefined): QualifiedName {
  return splitName(nameParts(type?.names));
}

/** A ColumnRef's parts; a star is the last part '*'. */
export function columnRefParts(reference: ColumnRef): string[] {
  return (reference.fields ?? []).map((field) => ('A_Star' in field ? '*' : (stringValue(field) ?? '')));
}

export function isStar(reference: ColumnRef): boolean {
  const last = reference.fields?.at(-1);
  return last !== undefined && 'A_Star' in last;
}

/** A literal's integer; undefined for everything else (0 has an empty body). */
export function integerConstant(constant: A_Const): number | undefined {
  return constant.ival === undefined ? undefined : (constant.ival.ival ?? 0);
}

/** The items of a List node, or the node itself. */
export function listItems(node: Node | undefined): readonly Node[] {
  if (node === undefined) return [];
  return 'List' in node ? (node.List.items ?? []) : [node];
}

/** The SelectStmt of a wrapped node. */
export function selectOf(node: Node | undefined): SelectStmt | undefined {
  return node !== undefined && 'SelectStmt' in node ? node.SelectStmt : undefined;
}

/** Splits a condition at its top-level ANDs. */
export function conjuncts(condition: Node | undefined, into: Node[] = []): Node[] {
  if (condition === undefined) return into;
  if ('BoolExpr' in condition && condition.BoolExpr.boolop === 'AND_EXPR') {
    for (const part of condition.BoolExpr.args ?? []) conjuncts(part, into);
  } else {
    into.push(condition);
  }
  return into;
}

/** Where an expression begins, in bytes; undefined where its node does not say. */
export function leftmostLocation(value: unknown): number | undefined {
  let least: number | undefined;
  const consider = (body: unknown): void => {
    if (typeof body !== 'object' || body === null) return;
    if (Array.isArray(body)) {
      for (const item of body) consider(item);
      return;
    }
    for (const [key, child] of Object.entries(body)) {
      if (key === 'location') {
        if (typeof child === 'number' && child >= 0 && (least === undefined || child < least)) least = child;
      } else {
        consider(child);
      }
    }
  };
  consider(value);
  return least;
}

const places: ReadonlySet<string> = new Set([
  'location',
  'list_start',
  'list_end',
  'rexpr_list_start',
  'rexpr_list_end',
]);

/** A tree as text that is the same for equal trees, wherever they stand; `column` tells what stands for a reference. */
export function treeText(node: Node, column: (reference: ColumnRef) => unknown = (reference) => reference): string {
  return JSON.stringify(node, (key: string, value: unknown) => {
    if (places.has(key)) return undefined;
    // The value of that key in a tree of PostgreSQL's grammar.
    return key === 'ColumnRef' ? column(value as ColumnRef) : value;
  });
}
