/** CALL of a procedure: on the home shard, or on the shard of the key that it is declared for. */

import type { CallStmt } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import type { Binder } from '../bind/bind.js';
import { checkCalls } from '../checks/checks.js';
import { declaredRouting } from './declared-call.js';
import type { Plan } from '../plan/plan.js';

export function planCall({ funccall }: CallStmt, binder: Binder): Plan {
  const { context, text } = binder;
  if (funccall === undefined) throw refuse('this CALL', 'Name a procedure.');
  const pinned = declaredRouting(funccall, binder);
  if (pinned !== undefined) return { kind: 'pass', routing: pinned, access: 'write', sql: 'client', computed: [] };
  checkCalls([{ FuncCall: funccall }], 'home', context, text);
  return { kind: 'pass', routing: { kind: 'home' }, access: 'write', sql: 'client', computed: [] };
}
