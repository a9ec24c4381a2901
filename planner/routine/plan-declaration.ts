/**
 * SELECT create_distributed_function('f(int)', '$1'), the name that Citus users know: what a function touches, said by
 * somebody who knows. With an argument: rows of the shard key in it; without one: no sharded table.
 */

import type { SelectStmt } from 'libpg-query';

import { PgError, refuse } from '../../base/errors.js';
import type { Routine } from '../../catalog/code.js';
import { quoteIdentifier, type Relation } from '../../catalog/schema.js';
import type { Binder } from '../bind/bind.js';
import { conductOf } from '../code/read-routine.js';
import { placementOf, type Conduct } from '../code/conduct.js';
import type { PlanContext } from '../tree/context.js';
import { quotedParts } from '../../catalog/names.js';
import { isHashable, keyFamily } from '../postgres/key-family.js';
import { argumentsOf, literalArgument, loneCall } from '../bind/lone-call.js';
import type { Plan } from '../plan/plan.js';
import { keyColumns } from '../route/routing.js';
import { resolveRelation, undefinedRelation } from '../tree/scope.js';
import { functionName, splitName } from '../tree/tree.js';

const UNDEFINED_FUNCTION = '42883';

export function planDeclaration(select: SelectStmt, binder: Binder): Plan | undefined {
  const lone = loneCall(select);
  if (lone === undefined || functionName(lone.call).name !== 'create_distributed_function') return undefined;
  const { text, context } = binder;
  text.dependsOnLiterals = true;
  const position = { position: text.position(lone.call.location ?? 0) };
  const [functionNode, argumentNode, tableNode] = argumentsOf(lone.call, [
    'function_name',
    'distribution_arg_name',
    'colocate_with',
  ]);
  const written = literalArgument(functionNode);
  if (written === undefined) {
    throw refuse(
      'create_distributed_function() with a function that is not a literal',
      "Name it: SELECT create_distributed_function('f(int)', '$1').",
      position,
    );
  }
  const routine = findRoutine(written, context, position);
  const identity = identityOf(routine);
  const wanted = literalArgument(argumentNode);
  if (wanted === undefined) return { kind: 'declare function', identity, argument: 0, column: lone.column };
  const inputs = routine.arguments.filter(({ mode }) => mode !== 't' && (mode !== 'o' || routine.kind === 'procedure'));
  const byNumber = /^\$(\d+)$/.exec(wanted);
  const number = byNumber === null ? inputs.findIndex(({ name }) => name === wanted) + 1 : Number(byNumber[1]);
  const argument = inputs[number - 1];
  if (argument === undefined || !isHashable(argument.typeOid)) {
    throw refuse(
      `the argument "${wanted}" of ${routine.name}() as a shard key`,
      "Name an argument of a type that can be one, as 'name' or '$1'.",
      position,
    );
  }
  const conduct = conductOf({ routine, searchPath: context.searchPath }, context.catalog);
  const table = literalArgument(tableNode);
  const tables = [...touchedTables(conduct), ...colocated(table, context, position.position)];
  for (const relation of tables) checkAlike(relation, argument.typeOid, routine, position);
  checkRest(conduct, routine, position);
  return { kind: 'declare function', identity, argument: number, column: lone.column };
}

/** `f(int)`, or `f` where there is only one. */
function findRoutine(written: string, context: PlanContext, position: { position: number }): Routine {
  const open = written.indexOf('(');
  const { schema, name } = splitName(quotedParts(open < 0 ? written : written.slice(0, open).trim()));
  const schemas = schema === undefined ? context.searchPath : [schema];
  const found = schemas.flatMap((each) => context.catalog.code.routines(each, name));
  const types =
    open < 0
      ? undefined
      : written
          .slice(open + 1, written.lastIndexOf(')'))
          .split(',')
          .map((part) => part.trim());
  const count = types === undefined ? undefined : types.length === 1 && types[0] === '' ? 0 : types.length;
  const fitting = found.filter((routine) => count === undefined || inputTypes(routine).length === count);
  const exact = fitting.filter((routine) =>
    inputTypes(routine).every((type, index) => types === undefined || sameType(type, types[index] ?? '')),
  );
  const [only] = exact.length > 0 ? exact : fitting;
  if (only === undefined) {
    throw new PgError(UNDEFINED_FUNCTION, `function "${written}" does not exist`, position);
  }
  if ((exact.length > 0 ? exact : fitting).length > 1) {
    throw refuse(
      `create_distributed_function() for one of several functions ${name}()`,
      `Write the types of its arguments as PostgreSQL shows them: ${fitting.map(identityOf).join(', ')}.`,
      position,
    );
  }
  return only;
}

function inputTypes(routine: Routine): string[] {
  return routine.arguments
    .filter(({ mode }) => mode === 'i' || mode === 'b' || mode === 'v')
    .map(({ typeName }) => typeName);
}

const aliases: ReadonlyMap<string, string> = new Map([
  ['int', 'integer'],
  ['int4', 'integer'],
  ['int8', 'bigint'],
  ['int2', 'smallint'],
  ['varchar', 'character varying'],
  ['timestamptz', 'timestamp with time zone'],
  ['timestamp', 'timestamp without time zone'],
  ['bool', 'boolean'],
  ['float8', 'double precision'],
  ['float4', 'real'],
  ['decimal', 'numeric'],
]);

function sameType(shown: string, written: string): boolean {
  const plain = written.toLowerCase();
  return shown === (aliases.get(plain) ?? plain) || shown.endsWith(`.${plain}`);
}

/** What to_regprocedure() takes in any session. */
function identityOf(routine: Routine): string {
  return `${quoteIdentifier(routine.schema)}.${quoteIdentifier(routine.name)}(${inputTypes(routine).join(',')})`;
}

function touchedTables(conduct: Conduct): Relation[] {
  return [...conduct.reads, ...conduct.writes].filter((relation) => placementOf(relation) === 'sharded');
}

function colocated(table: string | undefined, context: PlanContext, position: number): Relation[] {
  if (table === undefined || table === 'default' || table === 'none') return [];
  const name = splitName(quotedParts(table));
  const relation = resolveRelation(name, context);
  if (relation === undefined || relation === 'catalog') throw undefinedRelation(name, position);
  return [relation];
}

function checkAlike(relation: Relation, type: number, routine: Routine, position: { position: number }): void {
  const keys = keyColumns(relation);
  const [key] = keys;
  const isAlike = keys.length === 1 && key !== undefined && keyFamily(key.baseTypeOid) === keyFamily(type);
  if (isAlike) return;
  throw refuse(
    `an argument of ${routine.name}() as the key of the table "${relation.name}", which is sharded otherwise,`,
    'The table must be sharded by one column of the same kind of type as the argument.',
    position,
  );
}

/** On the shard of a key there is nothing of the home shard's, and one copy of a reference table. */
function checkRest(conduct: Conduct, routine: Routine, position: { position: number }): void {
  const home = [...conduct.reads, ...conduct.writes].find((relation) => placementOf(relation) === 'home');
  const copy = [...conduct.writes].find((relation) => placementOf(relation) === 'reference');
  const other = home ?? copy;
  const what =
    other !== undefined
      ? `the table "${other.name}", which is ${home === undefined ? 'copied to every shard' : 'at home'}`
      : conduct.depends === 'server' && conduct.unread === undefined
        ? 'sequences, locks or notifications, which are kept at home'
        : undefined;
  if (what === undefined) return;
  throw refuse(
    `running ${routine.name}(), which uses ${what}, on the shard of a key`,
    'Take that out of the function, and do it from the client.',
    position,
  );
}
