/** Session and transaction commands: what they do to the session, and to the shards the transaction is open on. */

import { unreachable } from '../../base/assert.js';
import { PgError, sqlstate } from '../../base/errors.js';
import type { LocalCommand } from '../../planner/plan/command-plan.js';
import { typeOid } from '../../catalog/type-oid.js';
import { encodeDataRow, encodeNoticeResponse, encodeRowDescription } from '../../wire/encode-backend.js';
import { encodeQuery } from '../../wire/encode-frontend.js';
import { runCommand } from '../backend/command.js';
import { Exchange } from '../backend/exchange.js';
import { send, type BoundStatement, type ExecutionContext } from './context.js';
import { deliverExchange, deliverTag } from './deliver.js';

const noTransaction = { sqlstate: '25P01', message: 'there is no transaction in progress' } as const;
const alreadyInTransaction = { sqlstate: '25001', message: 'there is already a transaction in progress' } as const;

/** RowDescription of SHOW pgring.pins. */
export const pinsDescription = encodeRowDescription([
  {
    name: 'pgring.pins',
    tableOid: 0,
    columnNumber: 0,
    typeOid: typeOid.text,
    typeSize: -1,
    typeModifier: -1,
    format: 0,
  },
]);

export async function executeLocal(
  context: ExecutionContext,
  statement: BoundStatement,
  command: LocalCommand,
): Promise<void> {
  const { transaction, output } = context;
  const sql = statement.sql.toString('utf8');
  switch (command.kind) {
    case 'begin':
      if (transaction.isExplicit) await warn(context, alreadyInTransaction);
      else transaction.begin('explicit', sql);
      await deliverTag(output, command.tag);
      return;
    case 'commit':
      await deliverTag(output, await endTransaction(context, 'commit', command.chain));
      return;
    case 'rollback':
      await deliverTag(output, await endTransaction(context, 'rollback', command.chain));
      return;
    case 'savepoint':
    case 'release':
    case 'rollback to':
      await executeSavepoint(context, statement, command);
      return;
    case 'prepare transaction':
      await refusePrepare(context, command.refusal);
      return;
    case 'end prepared':
      throw transaction.isExplicit
        ? new PgError(sqlstate.activeSqlTransaction, `${command.command} cannot run inside a transaction block`)
        : command.refusal;
    case 'set':
      await executeSet(context, statement, command);
      return;
    case 'show pins':
      if (statement.describe) await send(output, pinsDescription);
      await send(output, encodeDataRow([context.describePins()]));
      await deliverTag(output, 'SHOW');
      return;
    case 'deallocate':
      context.deallocate(command.name);
      await deliverTag(output, command.name === undefined ? 'DEALLOCATE ALL' : 'DEALLOCATE');
      return;
    default:
      unreachable(command, 'a session command');
  }
}

async function endTransaction(context: ExecutionContext, how: 'commit' | 'rollback', chain: boolean): Promise<string> {
  const { transaction } = context;
  if (!transaction.isExplicit && chain) {
    throw new PgError(
      sqlstate.noActiveSqlTransaction,
      `${how.toUpperCase()} AND CHAIN can only be used in transaction blocks`,
    );
  }
  if (!transaction.isExplicit) await warn(context, noTransaction);
  if (!transaction.isOpen) return how === 'commit' ? 'COMMIT' : 'ROLLBACK';
  const { beginSql } = transaction;
  let tag: string = 'ROLLBACK';
  try {
    if (how === 'commit') tag = await transaction.commit();
    else await transaction.rollback();
  } finally {
    await context.noteTransactionEnd();
  }
  if (chain) transaction.begin('explicit', beginSql);
  return tag;
}

/** As where a server cannot prepare it: the transaction ends by that. */
async function refusePrepare(context: ExecutionContext, refusal: PgError): Promise<void> {
  const { transaction } = context;
  const { isFailed, isExplicit } = transaction;
  const tag = await endTransaction(context, 'rollback', false);
  if (isExplicit && !isFailed) throw refusal;
  await deliverTag(context.output, tag);
}

async function executeSavepoint(
  context: ExecutionContext,
  statement: BoundStatement,
  command: Extract<LocalCommand, { readonly kind: 'savepoint' | 'release' | 'rollback to' }>,
): Promise<void> {
  const { transaction } = context;
  if (!transaction.isOpen) {
    // No transaction block: the server's own error, in its own words.
    await runCommand(await transaction.enter(context.topology.home, false), statement.sql.toString('utf8'));
    return;
  }
  switch (command.kind) {
    case 'savepoint':
      await transaction.savepoint(command.name);
      await deliverTag(context.output, 'SAVEPOINT');
      return;
    case 'release':
      await transaction.release(command.name);
      await deliverTag(context.output, 'RELEASE');
      return;
    case 'rollback to':
      await transaction.rollbackTo(command.name);
      await context.noteTransactionEnd();
      await deliverTag(context.output, 'ROLLBACK');
  }
}

/** SET and its kin: on the shards of the transaction, or on the home shard; other connections follow when used. */
async function executeSet(
  context: ExecutionContext,
  statement: BoundStatement,
  command: Extract<LocalCommand, { readonly kind: 'set' }>,
): Promise<void> {
  const { transaction, backends } = context;
  const sql = statement.sql.toString('utf8');
  backends.settings.noteName(command.name);
  const shards = transaction.shards.length === 0 ? [context.topology.home] : transaction.shards;
  const connections = await Promise.all(shards.map(async (shard) => await transaction.enter(shard, false, false)));
  const [first, ...others] = connections;
  if (first === undefined) return;
  // First the others: once the client has the answer of one, none may fail.
  await Promise.all(others.map(async (connection) => await runCommand(connection, sql)));
  const exchange = new Exchange(first);
  exchange.onNotice = (frame) => {
    context.onNotice(frame);
  };
  exchange.send([encodeQuery(sql)], 1);
  await deliverExchange(context, exchange, statement.describe);
  const change = { name: command.name, sql, effect: command.effect };
  if (transaction.isOpen) transaction.recordSetting(change, command.scope === 'transaction');
  else if (command.scope !== 'transaction') {
    backends.settings.record(change);
    if (command.scope === 'discard') await backends.discardOthers(first);
    backends.noteApplied(first);
    if (command.scope === 'discard') await context.noteDiscard(sql);
  }
  await context.noteSettingChange(command.name);
}

async function warn(context: ExecutionContext, warning: { sqlstate: string; message: string }): Promise<void> {
  await send(context.output, encodeNoticeResponse({ severity: 'WARNING', ...warning }));
}
