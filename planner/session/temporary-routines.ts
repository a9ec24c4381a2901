/**
 * Functions that need the type of a temporary table, as an argument, as their result or in a body that is no text. They are
 * made on the home shard, where that type is, and go with it.
 */

import type { CreateFunctionStmt, Node, ObjectWithArgs, TypeName } from 'libpg-query';

import { routinesNamed } from '../code/routines.js';
import { refuse } from '../../base/errors.js';
import { temporarySchema } from '../../catalog/temporary.js';
import type { Plan } from '../plan/plan.js';
import type { PlanContext } from '../tree/context.js';
import type { StatementText } from '../tree/text.js';
import { nameParts, splitName, walkNodes } from '../tree/tree.js';
import { isTemporary, relationNames, temporaryDdl } from './plan-temporary.js';

/** The plan of a statement that makes, changes or drops such a function; undefined for another. */
export function planTemporaryRoutine(node: Node, context: PlanContext, text: StatementText): Plan | undefined {
  const isOwn =
    'CreateFunctionStmt' in node
      ? needsTemporary(node.CreateFunctionStmt, context, text)
      : !('CreateStmt' in node) && namesTemporaryRoutines(node, context, text);
  return isOwn ? { ...temporaryDdl(), isShared: true } : undefined;
}

/** Whether the session has anything that the body of a function might name, and the other shards have not. */
export function namesTemporaries({ catalog }: PlanContext): boolean {
  for (const relation of catalog.relations()) if (relation.isTemporary) return true;
  return false;
}

function needsTemporary(
  { funcname, parameters, returnType, sql_body }: CreateFunctionStmt,
  context: PlanContext,
  text: StatementText,
): boolean {
  if (nameParts(funcname)[0] === temporarySchema) return false;
  const types: TypeName[] = returnType === undefined ? [] : [returnType];
  for (const node of parameters ?? []) {
    if ('FunctionParameter' in node && node.FunctionParameter.argType !== undefined) {
      types.push(node.FunctionParameter.argType);
    }
  }
  const copied = types.find(
    ({ names, pct_type }) => pct_type === true && isTemporary(splitName(nameParts(names).slice(0, -1)), context),
  );
  if (copied !== undefined) {
    throw refuse(
      `the type ${nameParts(copied.names).join('.')}%TYPE of a column of a temporary table`,
      'The function does not depend on the table, so it is made on all shards: name the type itself.',
      { position: text.position(copied.location ?? 0) },
    );
  }
  return (
    types.some(({ names }) => isTemporary(splitName(nameParts(names)), context)) ||
    relationNames(sql_body).some((name) => isTemporary(name, context))
  );
}

/** Whether the functions that a statement on functions names are of that kind. */
function namesTemporaryRoutines(node: Node, context: PlanContext, text: StatementText): boolean {
  if (!context.catalog.code.hasRoutines) return false;
  const named: ObjectWithArgs[] = [];
  walkNodes(node, (part) => {
    if ('ObjectWithArgs' in part) named.push(part.ObjectWithArgs);
    return true;
  });
  const found = named.flatMap(({ objname, objargs, args_unspecified }) => {
    const count = args_unspecified === true ? undefined : (objargs?.length ?? 0);
    return routinesNamed(splitName(nameParts(objname)), count, context);
  });
  const own = found.filter((routine) => routine.isTemporary);
  if (own.length > 0 && own.length < found.length) {
    throw refuse('one statement on temporary and permanent functions', 'Use one statement for each kind.', {
      position: text.position(text.start),
    });
  }
  return own.length > 0;
}
