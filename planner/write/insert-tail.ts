/** ON CONFLICT and RETURNING of an INSERT whose rows go to several shards. */

import { refuse } from '../../base/errors.js';
import { checkCalls } from '../checks/checks.js';
import { callsOf } from '../code/functions.js';
import type { Binder } from '../bind/bind.js';
import { someNode } from '../tree/tree.js';

/** Refuses what the shards would not do as one server does. */
export function checkTail(nodes: readonly unknown[], isReference: boolean, { context, text }: Binder): void {
  checkCalls(nodes, 'one shard', context, text);
  const subquery = someNode(
    nodes,
    (node) => 'SubLink' in node && someNode([node.SubLink.subselect], (part) => 'RangeVar' in part),
  );
  if (subquery) {
    throw refuse(
      'a subquery in the VALUES, ON CONFLICT or RETURNING of an INSERT',
      'Run the subquery first and send its value as a parameter.',
    );
  }
  const varying = callsOf(nodes, context).find(({ effect }) => effect !== 'plain' && effect !== 'once');
  if (isReference && varying !== undefined) {
    throw refuse(
      'a volatile function in ON CONFLICT or RETURNING of an INSERT into a reference table',
      'Each shard would make another value: send the value as a parameter.',
      { position: text.position(varying.call.location ?? 0) },
    );
  }
}
