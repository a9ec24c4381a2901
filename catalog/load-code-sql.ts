/** The query that reads the code in a database: the user's functions, and what relations run. PostgreSQL 13 to 18. */

import { firstNormalObjectId, list, printed } from './load-sql.js';

export type RoutineRow = readonly [
  oid: number,
  schema: string,
  name: string,
  kind: string,
  language: string,
  volatility: string,
  returnsSet: boolean,
  returnType: string,
  defaults: number,
  source: string | null,
  sqlBody: string | null,
  settings: readonly string[] | null,
  extension: string | null,
  arguments:
    | readonly (readonly [
        name: string | null,
        mode: string,
        type: number,
        typeKind: string,
        typeName: string,
        shown: string,
      ])[]
    | null,
  isTemporary: boolean,
  returnsRow: boolean,
  isGuarded: boolean,
];

export type TriggerRow = readonly [
  oid: number,
  relation: number,
  name: string,
  routine: number,
  /** pg_trigger.tgtype */
  type: number,
  enabled: string,
  transitionTables: readonly string[],
];

export interface CodeRows {
  readonly routines: readonly RoutineRow[];
  readonly triggers: readonly TriggerRow[];
  readonly policies: readonly (readonly [relation: number, name: string, using: string | null, check: string | null])[];
  readonly rules: readonly (readonly [relation: number, definition: string])[];
  readonly cascades: readonly (readonly [referenced: number, referencing: number])[];
  readonly operators: readonly (readonly [name: string, routine: number])[];
  /** Who uses a function of the user's: by catalog and oid of the user, and the relation that it belongs to. */
  readonly uses: readonly (readonly [catalog: string, user: number, relation: number | null, routine: number])[];
}

export function codeSql(serverVersion: number): string {
  const isUsers = `>= ${firstNormalObjectId}`;
  const sqlBody = serverVersion >= 140_000 ? printed('pg_catalog.pg_get_function_sqlbody(p.oid)') : 'NULL';
  const lists: { readonly [name in keyof CodeRows]: string } = {
    routines: list(
      `pg_catalog.json_build_array(p.oid::int8, n.nspname, p.proname, p.prokind, l.lanname, p.provolatile, p.proretset,
        ${printed('pg_catalog.format_type(p.prorettype, NULL)')}, p.pronargdefaults,
        CASE WHEN e.extname IS NULL AND l.lanname IN ('sql', 'plpgsql') THEN p.prosrc END,
        CASE WHEN e.extname IS NULL THEN ${sqlBody} END, pg_catalog.array_to_json(p.proconfig), e.extname,
        (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(p.proargnames[a.place], COALESCE(p.proargmodes[a.place], 'i'),
            CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE a.type END::int8, t.typtype, t.typname,
            ${printed('pg_catalog.format_type(a.type, NULL)')}) ORDER BY a.place)
           FROM pg_catalog.unnest(COALESCE(p.proallargtypes, p.proargtypes::pg_catalog.oid[])) WITH ORDINALITY AS a (type, place)
           JOIN pg_catalog.pg_type t ON t.oid = a.type),
        n.nspname LIKE 'pg\\_temp%' OR EXISTS (SELECT FROM pg_catalog.pg_depend u
          LEFT JOIN pg_catalog.pg_type t ON u.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = u.refobjid
          LEFT JOIN pg_catalog.pg_class c ON u.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = u.refobjid
          JOIN pg_catalog.pg_namespace own ON own.oid IN (t.typnamespace, c.relnamespace)
          WHERE u.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND u.objid = p.oid AND own.nspname LIKE 'pg\\_temp%'),
        (SELECT t.typtype = 'c' OR t.typname = 'record' FROM pg_catalog.pg_type t WHERE t.oid = p.prorettype),
        p.prosecdef OR p.proisstrict OR p.proconfig IS NOT NULL)`,
      `FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
       JOIN pg_catalog.pg_language l ON l.oid = p.prolang
       LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
         AND d.deptype = 'e' AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
       LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
       WHERE p.oid ${isUsers}`,
    ),
    triggers: list(
      `pg_catalog.json_build_array(t.oid::int8, t.tgrelid::int8, t.tgname, t.tgfoid::int8, t.tgtype, t.tgenabled,
        pg_catalog.array_remove(ARRAY[t.tgoldtable, t.tgnewtable], NULL))`,
      `FROM pg_catalog.pg_trigger t WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgrelid ${isUsers}`,
    ),
    policies: list(
      `pg_catalog.json_build_array(o.polrelid::int8, o.polname,
        ${printed('pg_catalog.pg_get_expr(o.polqual, o.polrelid)')},
        ${printed('pg_catalog.pg_get_expr(o.polwithcheck, o.polrelid)')})`,
      `FROM pg_catalog.pg_policy o WHERE o.polrelid ${isUsers}`,
    ),
    rules: list(
      `pg_catalog.json_build_array(w.ev_class::int8, ${printed('pg_catalog.pg_get_ruledef(w.oid)')})`,
      `FROM pg_catalog.pg_rewrite w
       WHERE w.rulename <> '_RETURN' AND w.ev_enabled <> 'D' AND w.ev_class ${isUsers}`,
    ),
    cascades: list(
      'pg_catalog.json_build_array(c.confrelid::int8, c.conrelid::int8)',
      `FROM pg_catalog.pg_constraint c
       WHERE c.contype = 'f' AND (c.confdeltype IN ('c', 'n', 'd') OR c.confupdtype IN ('c', 'n', 'd'))`,
    ),
    operators: list(
      'pg_catalog.json_build_array(o.oprname, o.oprcode::pg_catalog.oid::int8)',
      `FROM pg_catalog.pg_operator o WHERE o.oprcode::pg_catalog.oid ${isUsers}`,
    ),
    uses: list(
      'pg_catalog.json_build_array(u.catalog, u.object::int8, u.relation::int8, u.routine::int8)',
      `FROM (
        SELECT d.catalog, d.object, d.routine, CASE d.catalog
            WHEN 'pg_attrdef' THEN (SELECT a.adrelid FROM pg_catalog.pg_attrdef a WHERE a.oid = d.object)
            WHEN 'pg_rewrite' THEN (SELECT w.ev_class FROM pg_catalog.pg_rewrite w WHERE w.oid = d.object)
            WHEN 'pg_class' THEN (SELECT x.indrelid FROM pg_catalog.pg_index x WHERE x.indexrelid = d.object)
            WHEN 'pg_constraint' THEN (SELECT NULLIF(c.conrelid, 0) FROM pg_catalog.pg_constraint c WHERE c.oid = d.object)
          END AS relation
        FROM (
          SELECT DISTINCT c.relname AS catalog, d.objid AS object, COALESCE(o.oprcode::pg_catalog.oid, d.refobjid) AS routine
          FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.classid
          LEFT JOIN pg_catalog.pg_operator o
            ON d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND o.oid = d.refobjid
          WHERE d.refobjid ${isUsers} AND d.refclassid IN
            ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)
            AND c.relname IN ('pg_proc', 'pg_attrdef', 'pg_rewrite', 'pg_class', 'pg_constraint', 'pg_trigger',
              'pg_cast', 'pg_type', 'pg_range', 'pg_opclass', 'pg_amproc')
        ) AS d
        UNION ALL
        SELECT 'domain', a.attrelid, d.refobjid, a.attrelid
        FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_depend d
          ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objid = c.oid
          AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
        JOIN pg_catalog.pg_type t ON t.oid = c.contypid OR (t.typtype = 'd' AND t.typbasetype = c.contypid)
        JOIN pg_catalog.pg_attribute a ON a.atttypid = t.oid AND NOT a.attisdropped
        WHERE c.contypid <> 0 AND d.refobjid ${isUsers}
      ) AS u WHERE u.routine ${isUsers}`,
    ),
  };
  return `
WITH path AS MATERIALIZED (SELECT pg_catalog.set_config('search_path', '', true) AS value)
SELECT ${Object.entries(lists)
    .map(([name, sql]) => `${sql}::pg_catalog.text AS ${name}`)
    .join(',\n')}`;
}

/** Functions that are declared; a row whose function is no more is passed over. */
export const declarationSql = `
SELECT pg_catalog.to_regprocedure(identity)::pg_catalog.oid::pg_catalog.text AS routine, argument::pg_catalog.text AS argument
FROM pgring.function WHERE pg_catalog.to_regprocedure(identity) IS NOT NULL`;
