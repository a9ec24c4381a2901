/** DDL and maintenance: on all shards, with what becomes of placements. */

import type { AlterTableStmt, CreateTableAsStmt, Node } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import { checkChange } from '../checks/check-implied.js';
import type { PlanContext } from '../tree/context.js';
import { checkAlterTable, checkIndex, namedRelation, numberedColumns } from './alter-table.js';
import { checkCast, checkRule, checkTrigger } from './stored-code.js';
import { checkTemporaryTable, planCreateTable } from './create-table.js';
import { planDo } from '../routine/plan-do.js';
import { planCreateTableAs } from './plan-create-as.js';
import { planMaterializedView, planRefresh } from './materialized-view.js';
import { rolePassword } from './role-password.js';
import type { Plan, PlacementChange } from '../plan/plan.js';
import { isTemporaryRule, planTemporary, temporaryDdl } from '../session/plan-temporary.js';
import { namesTemporaries, planTemporaryRoutine } from '../session/temporary-routines.js';
import type { StatementText } from '../tree/text.js';
import { stringValue } from '../tree/tree.js';

interface DdlOptions {
  readonly transactional?: boolean;
  readonly changes?: readonly PlacementChange[];
  readonly changesCatalog?: boolean;
  readonly releases?: readonly string[];
  readonly notices?: Extract<Plan, { kind: 'ddl' }>['notices'];
}

function everywhere({
  transactional = true,
  changes = [],
  changesCatalog = true,
  releases = [],
  notices = [],
}: DdlOptions = {}): Extract<Plan, { readonly kind: 'ddl' }> {
  const plan = { kind: 'ddl', sql: 'client', where: 'everywhere', transactional, changes, notices } as const;
  return { ...plan, changesCatalog, ...(releases.length === 0 ? {} : { releases }) };
}

const prune: readonly PlacementChange[] = [{ kind: 'prune' }];

/** Statements whose parts pgring does not read, by the name of their node. */
const refused: Readonly<Record<string, readonly [construct: string, hint: string]>> = {
  CreateEventTrigStmt: ['CREATE EVENT TRIGGER', 'Its function would run on every shard.'],
  AlterEventTrigStmt: ['ALTER EVENT TRIGGER', 'Its function would run on every shard.'],
  CreatePublicationStmt: ['CREATE PUBLICATION', 'Create it on each server by hand.'],
  AlterPublicationStmt: ['ALTER PUBLICATION', 'Change it on each server by hand.'],
  CreateSubscriptionStmt: ['CREATE SUBSCRIPTION', 'Create it on a server by hand.'],
  AlterSubscriptionStmt: ['ALTER SUBSCRIPTION', 'Change it on a server by hand.'],
  DropSubscriptionStmt: ['DROP SUBSCRIPTION', 'Drop it on the server by hand.'],
  AlterSystemStmt: ['ALTER SYSTEM', 'Change the setting on every server by hand.'],
  CreateTableSpaceStmt: ['CREATE TABLESPACE', 'Create it on every server by hand.'],
  DropTableSpaceStmt: ['DROP TABLESPACE', 'Drop it on every server by hand.'],
  CreateForeignTableStmt: ['CREATE FOREIGN TABLE', 'Create it on the home server by hand.'],
  ImportForeignSchemaStmt: ['IMPORT FOREIGN SCHEMA', 'Import it on the home server by hand.'],
  CreateConversionStmt: ['CREATE CONVERSION', 'Create it on every server by hand.'],
};

/** DDL that every shard runs as it is. */
const plain: ReadonlySet<string> = new Set([
  'AlterCollationStmt',
  'AlterDatabaseSetStmt',
  'AlterDefaultPrivilegesStmt',
  'AlterDomainStmt',
  'AlterExtensionContentsStmt',
  'AlterExtensionStmt',
  'AlterFdwStmt',
  'AlterFunctionStmt',
  'AlterForeignServerStmt',
  'AlterObjectDependsStmt',
  'AlterOpFamilyStmt',
  'AlterOperatorStmt',
  'AlterPolicyStmt',
  'AlterRoleSetStmt',
  'AlterSeqStmt',
  'AlterStatsStmt',
  'AlterTSConfigurationStmt',
  'AlterTSDictionaryStmt',
  'AlterTypeStmt',
  'AlterUserMappingStmt',
  'CompositeTypeStmt',
  'CreateAmStmt',
  'CreateCastStmt',
  'CreateDomainStmt',
  'CreateEnumStmt',
  'CreateExtensionStmt',
  'CreateFdwStmt',
  'CreateFunctionStmt',
  'CreateForeignServerStmt',
  'CreateOpClassStmt',
  'CreateOpFamilyStmt',
  'CreatePLangStmt',
  'CreatePolicyStmt',
  'CreateRangeStmt',
  'CreateSchemaStmt',
  'CreateSeqStmt',
  'CreateStatsStmt',
  'CreateTransformStmt',
  'CreateUserMappingStmt',
  'DefineStmt',
  'DropOwnedStmt',
  'DropRoleStmt',
  'DropUserMappingStmt',
  'GrantRoleStmt',
  'ReassignOwnedStmt',
  'RuleStmt',
]);

/** The same for what pgring knows nothing of, so that its catalog stays as it is: a dump is full of these. */
const unnoticed: ReadonlySet<string> = new Set(['AlterOwnerStmt', 'CommentStmt', 'GrantStmt', 'SecLabelStmt']);

/** ALTER TABLE … OWNER TO, which is also written for views and sequences. */
function changesOwnerOnly({ cmds = [] }: AlterTableStmt): boolean {
  return cmds.every((node) => 'AlterTableCmd' in node && node.AlterTableCmd.subtype === 'AT_ChangeOwner');
}

/** What CREATE DATABASE copies, unless it says otherwise. */
const DEFAULT_TEMPLATE = 'template1';

/** Databases that the statement changes or copies only while nobody is connected to them. */
function releasedDatabases(node: Node): readonly string[] {
  if ('DropdbStmt' in node) return [node.DropdbStmt.dbname ?? ''];
  if ('AlterDatabaseStmt' in node) return [node.AlterDatabaseStmt.dbname ?? ''];
  if ('RenameStmt' in node && node.RenameStmt.renameType === 'OBJECT_DATABASE') return [node.RenameStmt.subname ?? ''];
  if (!('CreatedbStmt' in node)) return [];
  const template = (node.CreatedbStmt.options ?? []).flatMap((option) => {
    if (!('DefElem' in option) || option.DefElem.defname !== 'template') return [];
    return [stringValue(option.DefElem.arg) ?? DEFAULT_TEMPLATE];
  });
  return template.length === 0 ? [DEFAULT_TEMPLATE] : template;
}

/** What a session takes over of its role and its database when it begins, and who may begin one. */
function agesConnections(node: Node): boolean {
  if ('RenameStmt' in node) return node.RenameStmt.renameType === 'OBJECT_ROLE';
  return ['AlterRoleStmt', 'AlterRoleSetStmt', 'AlterDatabaseSetStmt', 'DropRoleStmt'].some((tag) => tag in node);
}

export function planDdl(node: Node, context: PlanContext, text: StatementText): Plan {
  const plan = planCommand(node, context, text);
  return plan.kind === 'ddl' && agesConnections(node) ? { ...plan, agesConnections: true } : plan;
}

function planCommand(node: Node, context: PlanContext, text: StatementText): Plan {
  const tag = Object.keys(node)[0] ?? '';
  if ('RuleStmt' in node && isTemporaryRule(node.RuleStmt, context)) return temporaryDdl();
  const found = refused[tag];
  if (found !== undefined) throw refuse(found[0], found[1], { position: text.position(text.start) });
  const notices = 'CreateTrigStmt' in node ? checkTrigger(node.CreateTrigStmt, context, text) : [];
  if ('CreateCastStmt' in node) checkCast(node.CreateCastStmt, context, text);
  if ('RuleStmt' in node) checkRule(node.RuleStmt, context, text);
  if ('CreateStmt' in node) checkTemporaryTable(node.CreateStmt, context, text);
  const routine = planTemporaryRoutine(node, context, text);
  if (routine !== undefined) return routine;
  const temporary = 'CreateTableAsStmt' in node ? undefined : planTemporary(node, context, text);
  if (temporary !== undefined) return temporary;
  if ('CreateStmt' in node) return planCreateTable(node.CreateStmt, context, text);
  if ('CreateTableAsStmt' in node) return planCreateAs(node.CreateTableAsStmt, context, text);
  if ('AlterTableStmt' in node) {
    checkAlterTable(node.AlterTableStmt, context, text);
    const isConcurrent = node.AlterTableStmt.cmds?.some(isConcurrentDetach) === true;
    const numbers = numberedColumns(node.AlterTableStmt, context);
    const changesCatalog = !changesOwnerOnly(node.AlterTableStmt);
    const plan = everywhere({ transactional: !isConcurrent, changesCatalog });
    return numbers === undefined ? plan : { ...plan, numbers };
  }
  if ('IndexStmt' in node) {
    checkIndex(node.IndexStmt, context, text);
    return everywhere({ transactional: node.IndexStmt.concurrent !== true });
  }
  // What was declared of a function is declared of its name.
  if ('RenameStmt' in node || 'AlterObjectSchemaStmt' in node) {
    return everywhere({ changes: prune, releases: releasedDatabases(node) });
  }
  if ('DropStmt' in node) return everywhere({ transactional: node.DropStmt.concurrent !== true, changes: prune });
  if ('AlterEnumStmt' in node) return everywhere();
  if ('CreateTrigStmt' in node) return everywhere({ notices });
  if ('DoStmt' in node) return planDo(node.DoStmt, context, text, planDdl);
  if ('CreateRoleStmt' in node || 'AlterRoleStmt' in node) {
    const password = rolePassword(node, text);
    return { ...everywhere(), ...(password === undefined ? {} : { password }) };
  }
  // A view over sharded tables is planned as what it stands for, where it is read.
  if ('ViewStmt' in node) return everywhere();
  if ('CreatedbStmt' in node || 'DropdbStmt' in node || 'AlterDatabaseStmt' in node)
    return everywhere({ transactional: false, releases: releasedDatabases(node) });
  if ('CreateFunctionStmt' in node && namesTemporaries(context)) return { ...everywhere(), unchecked: true };
  return planMaintenance(node, context, text) ?? refuseUnknown(tag, text);
}

function planCreateAs(create: CreateTableAsStmt, context: PlanContext, text: StatementText): Plan {
  if (create.objtype === 'OBJECT_TABLE') return planCreateTableAs(create, context, text);
  return planMaterializedView(create, context, text);
}

function refuseUnknown(tag: string, text: StatementText): Plan {
  if (unnoticed.has(tag)) return everywhere({ changesCatalog: false });
  if (plain.has(tag)) return everywhere();
  const words = tag
    .replace(/Stmt$/, '')
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .toUpperCase();
  throw refuse(`the statement ${words}`, 'Run it on the servers by hand.', { position: text.position(text.start) });
}

function isConcurrentDetach(node: Node): boolean {
  if (!('AlterTableCmd' in node) || node.AlterTableCmd.def === undefined || !('PartitionCmd' in node.AlterTableCmd.def))
    return false;
  return node.AlterTableCmd.def.PartitionCmd.concurrent === true;
}

const truncates: ReadonlySet<'truncate'> = new Set(['truncate']);

function planMaintenance(node: Node, context: PlanContext, text: StatementText): Plan | undefined {
  if ('TruncateStmt' in node) {
    for (const part of node.TruncateStmt.relations ?? []) {
      const relation = 'RangeVar' in part ? namedRelation(part.RangeVar, context) : undefined;
      if (relation !== undefined)
        checkChange(relation, truncates, 'several shards', context, () => ({ position: text.position(text.start) }));
    }
    return everywhere({ changesCatalog: false });
  }
  // Outside of a transaction block the first server says that it takes one.
  if ('LockStmt' in node) return everywhere({ transactional: false, changesCatalog: false });
  if ('VacuumStmt' in node) {
    const isVacuum = node.VacuumStmt.is_vacuumcmd === true;
    return everywhere({ transactional: !isVacuum, changesCatalog: false });
  }
  if ('CheckPointStmt' in node) return everywhere({ transactional: false, changesCatalog: false });
  // Of a partitioned table they run outside of transactions only; and what is done on some shards alone does no harm.
  if ('ClusterStmt' in node || 'ReindexStmt' in node)
    return everywhere({ transactional: false, changesCatalog: false });
  if ('RefreshMatViewStmt' in node) return planRefresh(node.RefreshMatViewStmt, context, text);
  return undefined;
}
