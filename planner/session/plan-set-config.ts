/**
 * SELECT set_config('name', 'value', is_local): SET as a function, which pg_dump and PostgREST send. pg_dump also sends it
 * over rows of pg_settings, to set what an older server does not know: SELECT set_config(name, 'x', false) FROM pg_settings …
 * asyncpg asks for the old value in the same SELECT: current_setting('jit'), set_config('jit', 'off', false).
 */

import type { FuncCall, Node, SelectStmt } from 'libpg-query';

import type { Binder } from '../bind/bind.js';
import { literalArgument, loneCall } from '../bind/lone-call.js';
import type { Plan } from '../plan/plan.js';
import { functionName, rangeVarName, someNode } from '../tree/tree.js';
import { checkOwnSetting } from './plan-local.js';

export function planSetConfig(select: SelectStmt, binder: Binder): Plan | undefined {
  const lone = loneCall(besideSettings(select));
  const call = lone?.call ?? callOverSettings(select);
  if (call === undefined) return undefined;
  const { schema, name } = functionName(call);
  if (name !== 'set_config' || (schema !== undefined && schema !== 'pg_catalog')) return undefined;
  const unbound = lone === undefined ? undefined : unboundArguments(call);
  if (lone !== undefined && unbound !== undefined) {
    return {
      kind: 'local',
      command: {
        kind: 'set',
        tag: 'SELECT',
        scope: 'session',
        name: undefined,
        effect: 'set',
        unbound: { arguments: unbound, column: lone.column },
      },
    };
  }
  const [setting, value, isLocal] = (call.args ?? []).map(literalArgument);
  if (value === undefined || isLocal === undefined || (setting === undefined) !== (lone === undefined))
    return undefined;
  binder.text.dependsOnLiterals = true;
  if (setting !== undefined) checkOwnSetting(setting.toLowerCase(), [value]);
  const scope = isLocal === 'true' || isLocal === 't' || isLocal === 'on' ? 'transaction' : 'session';
  return { kind: 'local', command: { kind: 'set', tag: 'SELECT', scope, name: setting?.toLowerCase(), effect: 'set' } };
}

/** Without the calls of current_setting() beside one of set_config(), if that is all there is: they do no harm on any server. */
function besideSettings(select: SelectStmt): SelectStmt {
  const { targetList = [] } = select;
  const others = targetList.filter((target) => !isCurrentSetting(target));
  return others.length === 1 && targetList.length > 1 && isPlainLiteralCall(others[0])
    ? { ...select, targetList: others }
    : select;
}

function isCurrentSetting(target: Node): boolean {
  const call = callOf(target);
  if (call === undefined) return false;
  const { schema, name } = functionName(call);
  const isLiteral = (call.args ?? []).every((argument) => literalArgument(argument) !== undefined);
  return name === 'current_setting' && (schema === undefined || schema === 'pg_catalog') && isLiteral;
}

/** One with parameters would have to be answered as a whole again when they have values. */
function isPlainLiteralCall(target: Node | undefined): boolean {
  const call = target === undefined ? undefined : callOf(target);
  return call?.args?.every((argument) => literalArgument(argument) !== undefined) === true;
}

function callOf(target: Node): FuncCall | undefined {
  const expression = 'ResTarget' in target ? target.ResTarget.val : undefined;
  return expression !== undefined && 'FuncCall' in expression ? expression.FuncCall : undefined;
}

/** Arguments of which some are parameters, and the others literals. */
function unboundArguments(call: FuncCall): readonly (string | number)[] | undefined {
  const found = (call.args ?? []).map((node) => parameterNumber(node) ?? literalArgument(node));
  const isWhole = found.length === 3 && found.every((argument) => argument !== undefined);
  return isWhole && found.some((argument) => typeof argument === 'number') ? found : undefined;
}

function parameterNumber(node: Node): number | undefined {
  if ('TypeCast' in node && node.TypeCast.arg !== undefined) return parameterNumber(node.TypeCast.arg);
  return 'ParamRef' in node ? node.ParamRef.number : undefined;
}

/** The call of a query over pg_settings alone, which says the same on every server: it can be repeated on each. */
function callOverSettings(select: SelectStmt): FuncCall | undefined {
  const { targetList, fromClause, whereClause, ...others } = select;
  const [target, ...moreTargets] = targetList ?? [];
  const [from, ...moreFrom] = fromClause ?? [];
  if (target === undefined || !('ResTarget' in target) || moreTargets.length > 0) return undefined;
  if (from === undefined || !('RangeVar' in from) || moreFrom.length > 0 || !isSettings(from)) return undefined;
  if (someNode([whereClause, others], (node) => 'FuncCall' in node || 'SubLink' in node || 'SortBy' in node))
    return undefined;
  if (others.withClause !== undefined || others.limitCount !== undefined) return undefined;
  const expression = target.ResTarget.val;
  if (expression === undefined || !('FuncCall' in expression)) return undefined;
  const [setting] = expression.FuncCall.args ?? [];
  const isColumn = setting !== undefined && 'ColumnRef' in setting && columnIs(setting, 'name');
  return isColumn ? expression.FuncCall : undefined;
}

function isSettings(from: Extract<Node, { RangeVar: unknown }>): boolean {
  const { schema, name } = rangeVarName(from.RangeVar);
  return name === 'pg_settings' && (schema === undefined || schema === 'pg_catalog');
}

function columnIs(column: Extract<Node, { ColumnRef: unknown }>, name: string): boolean {
  const [last] = (column.ColumnRef.fields ?? []).slice(-1);
  return last !== undefined && 'String' in last && last.String.sval === name;
}
