/** A call of a function that is declared by create_distributed_function(): it goes whole to the shard of its key. */

import type { FuncCall, SelectStmt } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import type { Routine } from '../../catalog/code.js';
import { typeOid } from '../../catalog/type-oid.js';
import type { Binder } from '../bind/bind.js';
import { callsOf, userRoutines } from '../code/functions.js';
import { isIntegerType, keyFamily } from '../postgres/key-family.js';
import type { Plan, Routing } from '../plan/plan.js';
import { someNode } from '../tree/tree.js';
import { comparedValue } from '../tree/values.js';

/** The shard of the key that is among the arguments; undefined for a function that is declared for none. */
export function declaredRouting(call: FuncCall, binder: Binder): Routing | undefined {
  const routines = userRoutines(call, binder.context).map(({ routine }) => routine);
  const declared = routines.filter(({ declaration }) => declaration?.kind === 'by argument');
  const [routine] = declared;
  if (routine === undefined) return undefined;
  const position = { position: binder.text.position(call.location ?? 0) };
  if (routines.length > 1) {
    throw refuse(
      `the call of ${routine.name}(), of which there are several with as many arguments,`,
      'Give functions that are declared for a shard key names of their own.',
      position,
    );
  }
  return routingOf(routine, call, binder, position);
}

function routingOf(routine: Routine, call: FuncCall, binder: Binder, position: { position: number }): Routing {
  const number = routine.declaration?.kind === 'by argument' ? routine.declaration.argument : 0;
  const inputs = routine.arguments.filter(({ mode }) => mode !== 't' && (mode !== 'o' || routine.kind === 'procedure'));
  const argument = inputs[number - 1];
  const written = (call.args ?? []).map((node, index) =>
    'NamedArgExpr' in node
      ? { name: node.NamedArgExpr.name, value: node.NamedArgExpr.arg }
      : { name: inputs[index]?.name, value: node },
  );
  const value =
    argument?.name === undefined || argument.name === ''
      ? written[number - 1]?.value
      : written.find(({ name }) => name === argument.name)?.value;
  const type = argument?.typeOid ?? 0;
  const source = value === undefined ? undefined : comparedValue(value, { baseTypeOid: type }, binder.text);
  if (source === undefined) {
    throw refuse(
      `a call of ${routine.name}() whose argument ${number}, the shard key, is no literal or parameter`,
      'Write its value; NULL is none, and a default is not seen.',
      position,
    );
  }
  const keyType = isIntegerType(type) ? typeOid.int8 : keyFamily(type) === typeOid.text ? typeOid.text : type;
  return { kind: 'byKey', keyTypes: [keyType], alternatives: [[{ kind: 'tuple', values: [source] }]] };
}

/** SELECT f(key, …) or SELECT … FROM f(key, …), with nothing in it that would have to run elsewhere. */
export function planDeclaredCall(select: SelectStmt, binder: Binder): Plan | undefined {
  const calls = callsOf([select], binder.context);
  const declared = calls.filter(({ call }) =>
    userRoutines(call, binder.context).some(({ routine }) => routine.declaration?.kind === 'by argument'),
  );
  const [only] = declared;
  if (only === undefined) return undefined;
  const others = calls.filter(({ call }) => call !== only.call);
  const isAlone =
    declared.length === 1 &&
    others.every(({ effect }) => effect === 'plain' || effect === 'random' || effect === 'once') &&
    !someNode([select], (node) => 'RangeVar' in node || 'LockingClause' in node);
  if (!isAlone) {
    throw refuse(
      `a call of ${only.call.funcname?.map((part) => ('String' in part ? (part.String.sval ?? '') : '')).join('.') ?? ''}(), which is declared for one shard key, in a larger statement`,
      'Call it in a statement of its own: SELECT f(key, …) or SELECT … FROM f(key, …).',
      { position: binder.text.position(only.call.location ?? 0) },
    );
  }
  const routing = declaredRouting(only.call, binder);
  return routing === undefined ? undefined : { kind: 'pass', routing, access: 'write', sql: 'client', computed: [] };
}
