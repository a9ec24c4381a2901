/**
 * VALUES of thousands of rows are mostly constants, of which nothing has to be checked: what looks at a statement's whole
 * tree may look at one without them.
 */

import type { InsertStmt, Node } from 'libpg-query';

import { selectOf } from './tree.js';

/** Fewer rows are not worth it. */
const MINIMUM_ROWS = 16;

function isConstant(node: Node): boolean {
  return 'A_Const' in node || 'ParamRef' in node;
}

function isPlain(row: Node): boolean {
  return 'List' in row && (row.List.items ?? []).every(isConstant);
}

/** The INSERT with its first row, and those that hold anything but constants and parameters. */
export function withoutConstantRows(insert: InsertStmt): InsertStmt {
  const select = selectOf(insert.selectStmt);
  const rows = select?.valuesLists;
  if (select === undefined || rows === undefined || rows.length < MINIMUM_ROWS) return insert;
  const kept = rows.filter((row, index) => index === 0 || !isPlain(row));
  if (kept.length === rows.length) return insert;
  return { ...insert, selectStmt: { SelectStmt: { ...select, valuesLists: kept } } };
}
