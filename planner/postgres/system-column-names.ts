/** The names of the columns that every row of a table has and none declares (PostgreSQL manual, "System Columns"). */
export const systemColumns: ReadonlySet<string> = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid']);
