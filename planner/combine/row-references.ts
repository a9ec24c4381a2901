/** Names that a temporary copy does not have: columns qualified by a schema, and whole rows of a table's own type. */

import type { Node } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import { qualifiedName, quoteIdentifier } from '../../catalog/schema.js';
import { entriesOf } from '../bind/from-entries.js';
import type { Edit } from '../parse/splice.js';
import type { Query } from '../bind/query.js';
import type { StatementText } from '../tree/text.js';
import { columnRefParts, walkNodes } from '../tree/tree.js';

/** `schema.table.column` as `table.column`. */
export function schemaEdits(roots: readonly Node[], text: StatementText): readonly Edit[] {
  const edits: Edit[] = [];
  walkNodes(roots, (node) => {
    if (!('ColumnRef' in node)) return true;
    const parts = columnRefParts(node.ColumnRef);
    const [table = '', column = ''] = parts.slice(-2);
    const { location = 0 } = node.ColumnRef;
    if (parts.length < 3) return false;
    if (countNamed(roots, table) > 1) {
      throw refuse(
        'a column qualified by its schema beside another table of that name, over several shards',
        'Give the tables aliases.',
        {
          position: text.position(location),
        },
      );
    }
    const first = text.tokenIndexAt(location);
    const shown = column === '*' ? '*' : quoteIdentifier(column);
    edits.push({
      start: location,
      end: text.endOf(first + 2 * (parts.length - 1)),
      pieces: [`${quoteIdentifier(table)}.${shown}`],
    });
    return false;
  });
  return edits;
}

/** How often a name or alias of that spelling stands in a FROM. */
function countNamed(roots: readonly Node[], name: string): number {
  let count = 0;
  walkNodes(roots, (node) => {
    if ('RangeVar' in node && (node.RangeVar.alias?.aliasname ?? node.RangeVar.relname) === name) count += 1;
    if ('RangeSubselect' in node && node.RangeSubselect.alias?.aliasname === name) count += 1;
    if ('RangeFunction' in node && node.RangeFunction.alias?.aliasname === name) count += 1;
    if ('JoinExpr' in node && node.JoinExpr.alias?.aliasname === name) count += 1;
    return true;
  });
  return count;
}

/** A table's name as a result column: its copy's rows are made rows of its own type. */
export function wholeRowEdits(query: Query, text: StatementText): readonly Edit[] {
  if (query.kind === 'set operation') return query.arms.flatMap((arm) => wholeRowEdits(arm.query, text));
  return (query.select?.targetList ?? []).flatMap((target): Edit[] => {
    const value = 'ResTarget' in target ? target.ResTarget.val : undefined;
    if (value === undefined || !('ColumnRef' in value) || query.scope.resolve(value.ColumnRef) !== undefined) return [];
    const [alias, ...others] = columnRefParts(value.ColumnRef);
    const entry = entriesOf(query.from).find((each) => each.alias === alias);
    if (alias === undefined || others.length > 0 || entry?.relation === undefined) return [];
    const row = quoteIdentifier(alias);
    const columns = entry.columns.map(({ name }) => `${row}.${quoteIdentifier(name)}`).join(', ');
    const { location = 0 } = value.ColumnRef;
    const label = 'ResTarget' in target && target.ResTarget.name === undefined ? ` AS ${row}` : '';
    const end = text.endOf(text.tokenIndexAt(location));
    // Where an outer join found no row there is no row of NULLs either.
    const sql = `(CASE WHEN ${row} IS DISTINCT FROM NULL THEN ROW(${columns})::${qualifiedName(entry.relation)} END)${label}`;
    return [{ start: location, end, pieces: [sql] }];
  });
}
