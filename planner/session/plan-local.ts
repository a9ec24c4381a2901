/** Rung 1: commands that the session carries out itself. */

import type { Node, TransactionStmt, VariableSetStmt } from 'libpg-query';

import { PgError, refuse, sqlstate } from '../../base/errors.js';
import { crossShardReadsName, readCrossShardReads } from '../../catalog/cross-shard-reads.js';
import type { LocalCommand } from '../plan/command-plan.js';
import type { Access, Plan } from '../plan/plan.js';
import { temporaryDdl } from './plan-temporary.js';

function atHome(access: Access): Plan {
  return { kind: 'pass', routing: { kind: 'home' }, access, sql: 'client', computed: [] };
}

function local(command: LocalCommand): Plan {
  return { kind: 'local', command };
}

/** The plan of a command of the session or the transaction; undefined for other statements. */
export function planLocal(node: Node): Plan | undefined {
  if ('TransactionStmt' in node) return planTransaction(node.TransactionStmt);
  if ('VariableSetStmt' in node) return local(setCommand(node.VariableSetStmt));
  if ('VariableShowStmt' in node) {
    return node.VariableShowStmt.name?.toLowerCase() === 'pgring.pins' ? local({ kind: 'show pins' }) : atHome('read');
  }
  if ('ConstraintsSetStmt' in node)
    return local({ kind: 'set', tag: 'SET CONSTRAINTS', scope: 'transaction', name: undefined, effect: 'set' });
  if ('DiscardStmt' in node) {
    const tags: Readonly<Record<string, string>> = {
      DISCARD_ALL: 'DISCARD ALL',
      DISCARD_PLANS: 'DISCARD PLANS',
      DISCARD_SEQUENCES: 'DISCARD SEQUENCES',
    };
    const target = node.DiscardStmt.target ?? 'DISCARD_ALL';
    if (target === 'DISCARD_TEMP') return temporaryDdl();
    const tag = tags[target] ?? 'DISCARD ALL';
    return target === 'DISCARD_ALL'
      ? local({ kind: 'set', tag, scope: 'discard', name: undefined, effect: 'all' })
      : local({ kind: 'set', tag, scope: 'session', name: undefined, effect: 'none' });
  }
  if ('DeallocateStmt' in node) {
    const { name, isall } = node.DeallocateStmt;
    return local({ kind: 'deallocate', name: isall === true ? undefined : name });
  }
  if ('ListenStmt' in node || 'UnlistenStmt' in node || 'NotifyStmt' in node) return atHome('write');
  return refusedSession(node);
}

function planTransaction(statement: TransactionStmt): Plan {
  const chain = statement.chain === true;
  const name = statement.savepoint_name ?? '';
  const kind: string = statement.kind ?? '';
  switch (kind) {
    case 'TRANS_STMT_BEGIN':
      return local({ kind: 'begin', tag: 'BEGIN' });
    case 'TRANS_STMT_START':
      return local({ kind: 'begin', tag: 'START TRANSACTION' });
    case 'TRANS_STMT_COMMIT':
      return local({ kind: 'commit', chain });
    case 'TRANS_STMT_ROLLBACK':
      return local({ kind: 'rollback', chain });
    case 'TRANS_STMT_SAVEPOINT':
      return local({ kind: 'savepoint', name });
    case 'TRANS_STMT_RELEASE':
      return local({ kind: 'release', name });
    case 'TRANS_STMT_ROLLBACK_TO':
      return local({ kind: 'rollback to', name });
    case 'TRANS_STMT_PREPARE':
      return local({
        kind: 'prepare transaction',
        refusal: refuse(
          'two-phase commit by the client (PREPARE TRANSACTION)',
          'Use COMMIT: pgring commits atomically over all shards.',
          { detail: 'The transaction was rolled back.' },
        ),
      });
    case 'TRANS_STMT_COMMIT_PREPARED':
      return local(endPrepared('COMMIT PREPARED', statement));
    case 'TRANS_STMT_ROLLBACK_PREPARED':
      return local(endPrepared('ROLLBACK PREPARED', statement));
    default:
      throw refuse(`the transaction command ${kind}`, 'Use BEGIN, COMMIT, ROLLBACK and savepoints.');
  }
}

function endPrepared(command: string, { gid }: TransactionStmt): LocalCommand {
  const message = `prepared transaction with identifier "${gid ?? ''}" does not exist`;
  const hint = 'pgring refuses PREPARE TRANSACTION, and what was prepared on a server itself must be ended there.';
  return { kind: 'end prepared', command, refusal: new PgError(sqlstate.undefinedObject, message, { hint }) };
}

function setCommand(statement: VariableSetStmt): LocalCommand {
  const isReset = statement.kind === 'VAR_RESET' || statement.kind === 'VAR_RESET_ALL';
  const effect = isReset || statement.kind === 'VAR_SET_DEFAULT' ? 'reset' : 'set';
  const name = statement.name?.toLowerCase();
  checkOwnSetting(name, (statement.args ?? []).map(constantText));
  if (name === 'session characteristics') return { kind: 'set', tag: 'SET', scope: 'session', name, effect };
  const isTransaction = statement.is_local === true || name === 'transaction' || name === 'transaction snapshot';
  if (name === 'transaction snapshot') {
    throw refuse('SET TRANSACTION SNAPSHOT', 'A snapshot belongs to one server: leave it out.');
  }
  return {
    kind: 'set',
    tag: isReset ? 'RESET' : 'SET',
    scope: isTransaction ? 'transaction' : 'session',
    name,
    effect,
  };
}

function constantText(node: Node): string | undefined {
  return 'A_Const' in node ? node.A_Const.sval?.sval : undefined;
}

/** The servers would take any name and value after the prefix. */
export function checkOwnSetting(name: string | undefined, values: readonly (string | undefined)[]): void {
  if (name?.startsWith('pgring.') !== true) return;
  if (name !== crossShardReadsName) {
    throw new PgError(sqlstate.undefinedObject, `unrecognized configuration parameter "${name}"`);
  }
  for (const value of values) readCrossShardReads(value ?? '');
}

function refusedSession(node: Node): Plan | undefined {
  if ('LoadStmt' in node) throw refuse('LOAD', 'Set shared_preload_libraries on every server.');
  return undefined;
}
