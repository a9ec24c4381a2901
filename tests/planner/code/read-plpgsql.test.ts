import type { Routine } from '../../../catalog/code.js';
import { readAnonymous, readPlpgsql, splitAssignment } from '../../../planner/code/read-plpgsql.js';
import { loadParser } from '../../../planner/parse/parser.js';

const routine: Routine = {
  oid: 1,
  schema: 'public',
  name: 'f',
  kind: 'function',
  language: 'plpgsql',
  volatility: 'volatile',
  returnsSet: false,
  returnType: 'integer',
  arguments: [],
  defaults: 0,
  source: undefined,
  sqlBody: undefined,
  searchPath: undefined,
  isTemporary: false,
  returnsRow: false,
  isGuarded: false,
  extension: undefined,
  uses: [],
  declaration: undefined,
};

/** Whether the body's fragments hold a call of `probe` in that place. */
function finds(source: string, more: Partial<Routine> = {}): boolean {
  const body = readPlpgsql({ ...routine, source, ...more });
  if (body === undefined) throw new Error(`not parsed: ${source}`);
  return body.fragments.some(({ sql }) => sql.includes('probe('));
}

beforeAll(loadParser);

describe('no expression of a PL/pgSQL body is missed', () => {
  const places: readonly (readonly [place: string, source: string, more?: Partial<Routine>])[] = [
    ['a default', 'DECLARE x int := probe(); BEGIN RETURN x; END'],
    ['a constant', 'DECLARE x CONSTANT int NOT NULL := probe(); BEGIN RETURN x; END'],
    ['a default of an inner block', 'BEGIN DECLARE x int := probe(); BEGIN RETURN x; END; END'],
    ['an assignment', 'DECLARE x int; BEGIN x := probe(); RETURN x; END'],
    ['an assignment by =', 'DECLARE x int; BEGIN x = probe(); RETURN x; END'],
    ['a subscript that is assigned to', 'DECLARE x int[]; BEGIN x[probe()] := 1; RETURN 1; END'],
    ['a field that is assigned to', 'DECLARE x record; BEGIN x.a := probe(); RETURN 1; END'],
    ['IF', 'BEGIN IF probe() THEN NULL; END IF; RETURN 1; END'],
    ['ELSIF', 'BEGIN IF true THEN NULL; ELSIF probe() THEN NULL; END IF; RETURN 1; END'],
    ['ELSE', 'BEGIN IF true THEN NULL; ELSE PERFORM probe(); END IF; RETURN 1; END'],
    ['CASE', 'BEGIN CASE probe() WHEN 1 THEN NULL; ELSE NULL; END CASE; RETURN 1; END'],
    ['WHEN', 'BEGIN CASE 1 WHEN 2, probe() THEN NULL; ELSE NULL; END CASE; RETURN 1; END'],
    ['the statements of WHEN', 'BEGIN CASE 1 WHEN 2 THEN PERFORM probe(); ELSE NULL; END CASE; RETURN 1; END'],
    ['the ELSE of CASE', 'BEGIN CASE 1 WHEN 2 THEN NULL; ELSE PERFORM probe(); END CASE; RETURN 1; END'],
    ['LOOP', 'BEGIN LOOP PERFORM probe(); EXIT; END LOOP; RETURN 1; END'],
    ['WHILE', 'BEGIN WHILE probe() LOOP NULL; END LOOP; RETURN 1; END'],
    ['EXIT', 'BEGIN LOOP EXIT WHEN probe(); END LOOP; RETURN 1; END'],
    ['CONTINUE', 'BEGIN LOOP CONTINUE WHEN probe(); END LOOP; RETURN 1; END'],
    ['FOR from', 'BEGIN FOR i IN probe()..2 LOOP NULL; END LOOP; RETURN 1; END'],
    ['FOR to', 'BEGIN FOR i IN 1..probe() LOOP NULL; END LOOP; RETURN 1; END'],
    ['FOR by', 'BEGIN FOR i IN REVERSE 1..2 BY probe() LOOP NULL; END LOOP; RETURN 1; END'],
    ['FOR over a query', 'DECLARE r record; BEGIN FOR r IN SELECT probe() LOOP NULL; END LOOP; RETURN 1; END'],
    ['in a loop', 'DECLARE r record; BEGIN FOR r IN SELECT 1 LOOP PERFORM probe(); END LOOP; RETURN 1; END'],
    ['FOREACH', 'DECLARE x int; BEGIN FOREACH x IN ARRAY probe() LOOP NULL; END LOOP; RETURN 1; END'],
    ['in FOREACH', 'DECLARE x int; BEGIN FOREACH x IN ARRAY y LOOP PERFORM probe(); END LOOP; RETURN 1; END'],
    ['RETURN', 'BEGIN RETURN probe(); END'],
    ['RETURN NEXT', 'BEGIN RETURN NEXT probe(); END', { returnsSet: true }],
    ['RETURN QUERY', 'BEGIN RETURN QUERY SELECT probe(); END', { returnsSet: true }],
    ['RETURN QUERY EXECUTE USING', "BEGIN RETURN QUERY EXECUTE 'SELECT $1' USING probe(); END", { returnsSet: true }],
    ['RAISE', "BEGIN RAISE NOTICE 'x %', probe(); RETURN 1; END"],
    ['RAISE USING', "BEGIN RAISE EXCEPTION 'x' USING HINT = probe(); RETURN 1; END"],
    ['ASSERT', 'BEGIN ASSERT probe(); RETURN 1; END'],
    ['the message of ASSERT', 'BEGIN ASSERT true, probe(); RETURN 1; END'],
    ['PERFORM', 'BEGIN PERFORM probe(); RETURN 1; END'],
    ['SELECT INTO', 'DECLARE x int; BEGIN SELECT probe() INTO x; RETURN 1; END'],
    ['INSERT', 'BEGIN INSERT INTO t VALUES (probe()); RETURN 1; END'],
    ['RETURNING INTO', 'DECLARE x int; BEGIN DELETE FROM t RETURNING probe() INTO x; RETURN 1; END'],
    ['CALL', 'BEGIN CALL p(probe()); RETURN 1; END'],
    ['EXECUTE USING', "BEGIN EXECUTE 'SELECT $1' USING probe(); RETURN 1; END"],
    ['EXECUTE of a literal', "BEGIN EXECUTE 'SELECT probe()'; RETURN 1; END"],
    [
      'FOR EXECUTE of a literal',
      "DECLARE r record; BEGIN FOR r IN EXECUTE 'SELECT probe()' LOOP NULL; END LOOP; RETURN 1; END",
    ],
    [
      'FOR EXECUTE USING',
      "DECLARE r record; BEGIN FOR r IN EXECUTE 'SELECT $1' USING probe() LOOP NULL; END LOOP; RETURN 1; END",
    ],
    ['a cursor', 'DECLARE c CURSOR FOR SELECT probe(); BEGIN OPEN c; RETURN 1; END'],
    ['the argument of a cursor', 'DECLARE c CURSOR (a int) FOR SELECT a; BEGIN OPEN c(probe()); RETURN 1; END'],
    [
      'FOR over a cursor',
      'DECLARE c CURSOR (a int) FOR SELECT a; BEGIN FOR r IN c(probe()) LOOP NULL; END LOOP; RETURN 1; END',
    ],
    ['OPEN FOR', 'DECLARE c refcursor; BEGIN OPEN c FOR SELECT probe(); RETURN 1; END'],
    [
      'OPEN FOR EXECUTE USING',
      "DECLARE c refcursor; BEGIN OPEN c FOR EXECUTE 'SELECT $1' USING probe(); RETURN 1; END",
    ],
    ['FETCH', 'DECLARE c refcursor; x int; BEGIN FETCH RELATIVE probe() FROM c INTO x; RETURN 1; END'],
    ['an exception handler', 'BEGIN RETURN 1; EXCEPTION WHEN division_by_zero THEN PERFORM probe(); RETURN 2; END'],
  ];
  it.each(places.map(([place, source, more]) => ({ place, source, more })))('$place', ({ source, more }) => {
    expect(finds(source, more)).toBe(true);
  });
});

describe('readPlpgsql', () => {
  const unreadOf = (source: string): string | undefined => readPlpgsql({ ...routine, source })?.unread;

  it('does not read statements that are made when they run', () => {
    expect(unreadOf("BEGIN EXECUTE 'DROP TABLE ' || x; RETURN 1; END")).toBe('EXECUTE');
    expect(unreadOf('DECLARE c refcursor; BEGIN OPEN c FOR EXECUTE x; RETURN 1; END')).toBe('EXECUTE');
    expect(unreadOf("BEGIN EXECUTE 'SELECT 1'; RETURN 1; END")).toBeUndefined();
  });

  it('takes types of the user for arguments, and every kind of function', () => {
    const argument = { name: 'a', mode: 'i', typeName: 'public.mood', typeOid: 50001, isComposite: false };
    const body = (source: string, more: Partial<Routine>) => readPlpgsql({ ...routine, source, ...more });
    const two = { arguments: [argument, { ...argument, name: 'b', mode: 'o' }] };
    expect(body('DECLARE y int; BEGIN SELECT 1, 2 INTO a, y; RETURN a; END', { arguments: [argument] })).toBeDefined();
    expect(body('BEGIN b := a; RETURN; END', two)).toBeDefined();
    expect(body('BEGIN b := a; RETURN NEXT; END', { ...two, returnsSet: true })).toBeDefined();
    expect(body('BEGIN NULL; END', { returnType: 'void' })).toBeDefined();
    expect(body('BEGIN COMMIT; END', { kind: 'procedure' })?.endsTransactions).toBe(true);
    expect(body('BEGIN RETURN NEW; END', { returnType: 'trigger' })).toBeDefined();
    expect(body("BEGIN RAISE WARNING '$body$'; RETURN 1; END", {})?.tells).toBe(true);
    expect(body('BEGIN RETURN 1 END', {})).toBeUndefined();
  });

  it('reads DO blocks', () => {
    expect(readAnonymous('BEGIN PERFORM f(1); END')?.fragments).toEqual([
      { sql: 'SELECT f(1)', kind: 'statement', ordered: false },
    ]);
  });
});

describe('splitAssignment', () => {
  it.each([
    ['x := 1', 'x', ' 1'],
    ['x = y = z', 'x', ' y = z'],
    ['new.a[f(b => 1)] := g(c := 2)', 'new.a[f(b => 1)]', ' g(c := 2)'],
  ])('%s', (text, target, value) => {
    expect(splitAssignment(text)).toEqual({ target, value });
  });
});
