/**
 * xmin and xmax name transactions of the server that has the row, and every shard has transactions of its own. So where a
 * statement compares them with its own transaction, `xmin = pg_current_xact_id()::xid`, the shard with the row is asked
 * for both sides. A number that leaves the comparison is the home shard's, as everywhere else; beside xmin it is refused.
 */

import type { FuncCall, Node } from 'libpg-query';

import { callsOf } from '../code/functions.js';
import { transactionFunctions } from '../postgres/function-names.js';
import type { PlanContext, PlanInput } from '../tree/context.js';
import { withoutConstantRows } from '../tree/constant-rows.js';
import { columnRefParts, functionName, someNode, walkNodes } from '../tree/tree.js';

const transactionColumns: ReadonlySet<string> = new Set(['xmin', 'xmax']);

const visibility = /^(txid|pg)_visible_in_snapshot$/;

function isTransactionColumn(node: Node): boolean {
  return 'ColumnRef' in node && transactionColumns.has(columnRefParts(node.ColumnRef).at(-1) ?? '');
}

function isTransactionCall(node: Node): boolean {
  return 'FuncCall' in node && transactionFunctions.test(functionName(node.FuncCall).name);
}

/** Marks the context of a statement that has both xmin or xmax and its own transaction. */
export function withRowTransactions(input: PlanInput): PlanInput {
  const { node } = input.statement;
  const read = 'InsertStmt' in node ? withoutConstantRows(node.InsertStmt) : node;
  let columns = false;
  let calls = false;
  walkNodes([read], (part) => {
    columns ||= isTransactionColumn(part);
    calls ||= isTransactionCall(part);
    return !(columns && calls);
  });
  return columns && calls ? { ...input, context: { ...input.context, namesRowTransactions: true } } : input;
}

interface Compared {
  readonly columns: ReadonlySet<Node>;
  readonly calls: ReadonlySet<FuncCall>;
}

/** The columns and calls that stand in one comparison. */
export function comparedTransactions(root: unknown, context: PlanContext): Compared {
  const columns = new Set<Node>();
  const calls = new Set<FuncCall>();
  if (context.namesRowTransactions !== true) return { columns, calls };
  walkNodes(root, (node) => {
    const compares = 'A_Expr' in node || ('FuncCall' in node && visibility.test(functionName(node.FuncCall).name));
    if (!compares || !someNode([node], isTransactionColumn) || !someNode([node], isTransactionCall)) return true;
    walkNodes([node], (part) => {
      if (isTransactionColumn(part)) columns.add(part);
      return true;
    });
    for (const { call, effect } of callsOf([node], context)) if (effect === 'transaction') calls.add(call);
    return false;
  });
  return { columns, calls };
}
