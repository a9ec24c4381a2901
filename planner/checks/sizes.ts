/**
 * pg_relation_size() and its family: a sharded relation, its indexes and its TOAST table are as large as their parts on
 * all shards together. The home shard measures its own part where the statement runs; what the other shards measure
 * is handed to it by the home shard's oids, and added there. So any expression may say which relation is meant, as in
 * psql's \dt+. A reference table counts once, as on one server. Databases and tablespaces are all that is stored.
 */

import type { FuncCall } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import { callExtent, type ComputedList } from './computed.js';
import type { PlanContext } from '../tree/context.js';
import { effectOf } from '../code/functions.js';
import type { Edit } from '../parse/splice.js';
import { isSizeFunction, type SizeFunction } from '../postgres/size-functions.js';
import type { StatementText } from '../tree/text.js';
import { functionName, listItems, walkNodes } from '../tree/tree.js';

/** Edits for the calls of a statement that runs on the home shard. They leave the arguments' own text alone. */
export function sizeEdits(root: unknown, context: PlanContext, text: StatementText, computed: ComputedList): Edit[] {
  const edits: Edit[] = [];
  const isSize = (call: FuncCall): boolean => effectOf(call, context) === 'size';
  walkNodes(root, (node) => {
    if ('RangeFunction' in node) {
      for (const item of (node.RangeFunction.functions ?? []).flatMap(listItems)) {
        if ('FuncCall' in item && isSize(item.FuncCall)) {
          throw refuse(`${functionName(item.FuncCall).name}() in FROM`, 'Call it in the select list.', {
            position: text.position(item.FuncCall.location ?? 0),
          });
        }
      }
    }
    if ('FuncCall' in node && isSize(node.FuncCall)) edits.push(...callEdits(node.FuncCall, text, computed));
    return true;
  });
  return edits;
}

function callEdits(call: FuncCall, text: StatementText, computed: ComputedList): Edit[] {
  const { name } = functionName(call);
  const location = call.location ?? 0;
  const extent = callExtent(location, text);
  if (!isSizeFunction(name) || extent === undefined) return [];
  let open = text.tokenIndexAt(location);
  while (text.word(open) !== '(') open += 1;
  const close = text.closingIndex(open);
  const comma = text.findTopLevel(open + 1, (word) => word === ',');
  const { columns, value, cast } = sizeText(name, comma < close);
  const others = computed.addSizes(name);
  // The column is named as the call is.
  const head = `(SELECT ${value.home} + coalesce((`;
  const tail = ` ->> (${value.key}))::pg_catalog.int8, 0) AS ${name} FROM (SELECT (`;
  const edits: Edit[] = [
    { start: extent.start, end: text.endOf(open), pieces: [head, others, tail] },
    {
      start: text.startOf(close),
      end: text.endOf(close),
      pieces: [`)${comma < close ? TEXT : cast}) AS pgring (${columns}))`],
    },
  ];
  if (comma < close) edits.push({ start: text.startOf(comma), end: text.endOf(comma), pieces: [`)${cast}, (`] });
  return edits;
}

const TEXT = '::pg_catalog.text';

/** How the argument `a` (and the fork `b`) is measured at home, and under which key the other shards' sum is found. */
function sizeText(
  name: SizeFunction,
  hasFork: boolean,
): {
  readonly columns: string;
  readonly cast: string;
  readonly value: { readonly home: string; readonly key: string };
} {
  const qualified = `pg_catalog.${name}`;
  if (name === 'pg_database_size' || name === 'pg_tablespace_size') {
    // A name or an oid may be given: a number is an oid.
    const key = `CASE WHEN pg_catalog.pg_typeof(pgring.a) IN ('pg_catalog.oid', 'pg_catalog.int8', 'pg_catalog.int4', 'pg_catalog.int2')
      THEN 'oid ' ELSE 'name ' END || pgring.a::pg_catalog.text`;
    return { columns: 'a', cast: '', value: { home: `${qualified}(pgring.a)`, key } };
  }
  const oid = 'pgring.a::pg_catalog.oid::pg_catalog.text';
  return hasFork
    ? {
        columns: 'a, b',
        cast: '::pg_catalog.regclass',
        value: { home: `${qualified}(pgring.a, pgring.b)`, key: `${oid} || ' ' || pgring.b` },
      }
    : { columns: 'a', cast: '::pg_catalog.regclass', value: { home: `${qualified}(pgring.a)`, key: oid } };
}
