/**
 * Columns whose values travel as array parameters: as they are where that is exact, else as text, which is cast. Their
 * rows are those of a query over the parameters.
 */

import { quoteIdentifier } from '../../catalog/schema.js';
import { STAGE_ALIAS } from '../../planner/write/plan-stages.js';
import { isArrayElement } from './array-parameters.js';

const TEXT_OID = 25;

interface NamedType {
  /** Quoted. */
  readonly name: string;
  readonly typeOid: number;
  readonly typeName: string;
  readonly collation?: string | undefined;
}

/** A column, and how its values travel. */
interface CarriedColumn extends NamedType {
  readonly binary: boolean;
  /** The type of the array's elements. */
  readonly carried: { readonly typeOid: number };
}

export function carriedColumns(columns: readonly NamedType[]): readonly CarriedColumn[] {
  return columns.map((column) => {
    const binary = isArrayElement(column.typeOid);
    return { ...column, binary, carried: { typeOid: binary ? column.typeOid : TEXT_OID } };
  });
}

/** The rows of the arrays from `$first` on. */
export function queryOver(columns: readonly CarriedColumn[], first: number): string {
  const places = columns.map((_column, index) => quoteIdentifier(`c${index}`));
  const list = columns.map(({ name, typeName, collation }, index) => {
    const collated = collation === undefined ? '' : ` COLLATE ${collation}`;
    return `${places[index]}::${typeName}${collated} AS ${name}`;
  });
  const arrays = columns.map(
    ({ binary, typeName }, index) => `pg_catalog.unnest($${first + index}::${binary ? typeName : 'pg_catalog.text'}[])`,
  );
  return `SELECT ${list.join(', ')} FROM ROWS FROM (${arrays.join(', ')}) AS ${STAGE_ALIAS} (${places.join(', ')})`;
}
