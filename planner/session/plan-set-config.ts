/** SELECT set_config('name', 'value', is_local): SET as a function, which pg_dump and PostgREST send. */

import type { SelectStmt } from 'libpg-query';

import type { Binder } from '../bind/bind.js';
import { literalArgument, loneCall } from '../bind/lone-call.js';
import type { Plan } from '../plan/plan.js';
import { functionName } from '../tree/tree.js';
import { checkOwnSetting } from './plan-local.js';

export function planSetConfig(select: SelectStmt, binder: Binder): Plan | undefined {
  const lone = loneCall(select);
  if (lone === undefined) return undefined;
  const { schema, name } = functionName(lone.call);
  if (name !== 'set_config' || (schema !== undefined && schema !== 'pg_catalog')) return undefined;
  const [setting, value, isLocal] = (lone.call.args ?? []).map(literalArgument);
  if (setting === undefined || value === undefined || isLocal === undefined) return undefined;
  binder.text.dependsOnLiterals = true;
  checkOwnSetting(setting.toLowerCase(), [value]);
  const scope = isLocal === 'true' || isLocal === 't' || isLocal === 'on' ? 'transaction' : 'session';
  return { kind: 'local', command: { kind: 'set', tag: 'SELECT', scope, name: setting.toLowerCase() } };
}
