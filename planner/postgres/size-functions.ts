/** The functions that measure what is stored (utils/adt/dbsize.c). */

const sizeFunctions = [
  'pg_relation_size',
  'pg_table_size',
  'pg_indexes_size',
  'pg_total_relation_size',
  'pg_database_size',
  'pg_tablespace_size',
] as const;

export type SizeFunction = (typeof sizeFunctions)[number];

export function isSizeFunction(name: string): name is SizeFunction {
  return sizeFunctions.some((each) => each === name);
}

const call = new RegExp(`\\b(${sizeFunctions.join('|')})\\(`);

/** Whether a view's definition asks for sizes: such a view is planned as its definition. */
export function namesSizes(definition: string | undefined): boolean {
  return definition !== undefined && call.test(definition);
}
