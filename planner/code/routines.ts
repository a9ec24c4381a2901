/** Which functions of the user's a call may mean. */

import type { Routine } from '../../catalog/code.js';
import type { NamingContext } from '../tree/scope.js';
import type { QualifiedName } from '../tree/tree.js';

/** A function that is called, with the search path at the call. */
export interface Callee {
  readonly routine: Routine;
  readonly searchPath: readonly string[];
}

/**
 * All that have the name and may take as many arguments: types decide between them, and are not known here. Without a
 * count, all that have the name.
 */
export function routinesNamed(
  name: QualifiedName,
  count: number | undefined,
  { catalog, searchPath }: NamingContext,
): Routine[] {
  const schemas = name.schema === undefined ? searchPath : [name.schema];
  return schemas.flatMap((schema) =>
    catalog.code.routines(schema, name.name).filter((routine) => count === undefined || takes(routine, count)),
  );
}

function takes(routine: Routine, count: number): boolean {
  // A procedure is called with something for each of its output arguments too.
  const isInput = (mode: string): boolean =>
    mode === 'i' || mode === 'b' || mode === 'v' || (mode === 'o' && routine.kind === 'procedure');
  const inputs = routine.arguments.filter(({ mode }) => isInput(mode));
  if (inputs.some(({ mode }) => mode === 'v')) return count >= inputs.length - 1 - routine.defaults;
  return count <= inputs.length && count >= inputs.length - routine.defaults;
}

/** `name(type, type)`, as a regprocedure is written. */
export function signatureOf(routine: Routine): string {
  const inputs = routine.arguments.filter(({ mode }) => mode === 'i' || mode === 'b' || mode === 'v');
  return `${routine.name}(${inputs.map(({ typeName }) => typeName).join(',')})`;
}
