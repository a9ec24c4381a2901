/**
 * The house's order (DESIGN.md, "The house"), held by a test: each folder imports only from itself and from the
 * folders left of it, no files import each other in a circle, and each file can be read in one sitting.
 */

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { repositoryRoot } from '../support/repo.js';

const FOLDERS = ['base', 'wire', 'catalog', 'planner', 'router', 'proxy', 'cli'];
/** The rooms inside a wing, in order; '' stands for the wing's own files. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  planner: 'postgres plan parse tree code bind route checks session scatter combine select write routine ddl copy'
    .split(' ')
    .concat(''),
  router: ['ring', 'backend', 'transaction', 'deadlock', 'merge', 'copy', 'execute'],
};
/** Folders that may import everything. */
const FREE = ['tests', 'bench'];
const MAX_LINES = 400;

interface SourceFile {
  /** From the repository's root, such as `router/ring/hash.ts`. */
  readonly path: string;
  readonly text: string;
  /** The files of the repository that it imports. */
  readonly imports: readonly string[];
}

/** The file that a relative import names; imports name the compiled .js. */
function resolveImport(from: string, specifier: string): string {
  return relative(repositoryRoot, join(repositoryRoot, dirname(from), specifier.replace(/\.js$/, '.ts')));
}

/** Imports, re-exports, and dynamic imports of relative modules. */
function importsOf(path: string, text: string): readonly string[] {
  const statement = /^\s*(?:import|export)\b[^;'"`]*?from\s*['"](\.[^'"]+)['"]|\bimport\s*\(?\s*['"](\.[^'"]+)['"]/gm;
  return [...text.matchAll(statement)].map((match) => resolveImport(path, match[1] ?? match[2] ?? ''));
}

function readSources(): readonly SourceFile[] {
  return [...FOLDERS, ...FREE]
    .filter((folder) => existsSync(join(repositoryRoot, folder)))
    .flatMap((folder) =>
      readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => join(folder, name)),
    )
    .map((path) => {
      const text = readFileSync(join(repositoryRoot, path), 'utf8');
      return { path, text, imports: importsOf(path, text) };
    });
}

/** What is wrong with an import, or undefined. */
function breach(from: string, to: string): string | undefined {
  const [fromFolder = '', fromInner = ''] = from.split('/');
  const [toFolder = '', toInner = ''] = to.split('/');
  if (FREE.includes(fromFolder)) return undefined;
  const says = `${from} imports ${to}`;
  if (!FOLDERS.includes(toFolder)) return `${says}, which is on no rung`;
  if (FOLDERS.indexOf(toFolder) > FOLDERS.indexOf(fromFolder)) return `${says}, against the order`;
  const rooms = ROOMS[fromFolder];
  if (rooms === undefined || fromFolder !== toFolder) return undefined;
  const rung = (inner: string): number => rooms.indexOf(inner.endsWith('.ts') ? '' : inner);
  const [fromRung, toRung] = [rung(fromInner), rung(toInner)];
  if (fromRung < 0 || toRung < 0) return `${says}: ${fromFolder}/ has only the folders ${rooms.join(', ')}`;
  return toRung > fromRung ? `${says}, against the order inside ${fromFolder}/` : undefined;
}

/** The first circle of imports that is found, as the files on it. */
function findCircle(graph: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): readonly string[] | undefined => {
    const at = trail.indexOf(file);
    if (at >= 0) return [...trail.slice(at), file];
    if (done.has(file)) return undefined;
    for (const next of graph.get(file) ?? []) {
      const circle = visit(next, [...trail, file]);
      if (circle !== undefined) return circle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const circle = visit(file, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

/**
 * Text and comments apart, so that a rule about code is not broken by a string: strings and templates become empty,
 * and each comment is collected.
 */
function separate(text: string): { readonly code: string; readonly comments: string } {
  let comments = '';
  const token = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g;
  const code = text.replaceAll(token, (found) => {
    if (!found.startsWith('/*') && !found.startsWith('//')) return "''";
    comments += `${found}\n`;
    return ' ';
  });
  return { code, comments };
}

/** The rules for the text of one file: each is a name and a test that is true for a breach. */
const textRules: readonly (readonly [string, (file: { code: string; comments: string; text: string }) => boolean])[] = [
  [`has more than ${MAX_LINES} lines`, ({ text }) => text.trimEnd().split('\n').length > MAX_LINES],
  ['has no comment at its top that says what it holds', ({ text }) => !/^(?:#![^\n]*\n)?\/\*\*/.test(text)],
  ['has work left to do in a comment', ({ comments }) => /\b(?:TODO|FIXME|XXX|HACK)\b(?!\d)/.test(comments)],
  [
    'switches a check off in a comment',
    ({ comments }) => /@ts-|(?:eslint|oxlint|prettier)-(?:disable|ignore)/.test(comments),
  ],
  ['uses the type any', ({ code }) => /(?:\bas|:|<|,|\|)\s*any\b(?!\s*[:(=])/.test(code)],
  ['asserts that a value is not null', ({ code }) => /[\w)\]]!(?=[.;,)\][]|\s*$)/m.test(code)],
];

function breachesOf(path: string, text: string): readonly string[] {
  const parts = { ...separate(text), text };
  return textRules.filter(([, isBroken]) => isBroken(parts)).map(([rule]) => `${path} ${rule}`);
}

describe('the order of the house', () => {
  const sources = readSources();

  it('finds the sources', () => {
    expect(sources.map(({ path }) => path)).toEqual(expect.arrayContaining(['base/errors.ts', 'cli/main.ts']));
  });

  it('has no import against it', () => {
    expect(sources.flatMap(({ path, imports }) => imports.flatMap((to) => breach(path, to) ?? []))).toEqual([]);
  });

  it('has no circle', () => {
    expect(findCircle(new Map(sources.map(({ path, imports }) => [path, imports])))).toBeUndefined();
  });

  it('is kept in every file', () => {
    const shipped = sources.filter(({ path }) => !path.endsWith('.test.ts'));
    expect(shipped.flatMap(({ path, text }) => breachesOf(path, text))).toEqual([]);
  });

  it('is kept in every test, which need no comment at its top', () => {
    const tests = sources.filter(({ path }) => path.endsWith('.test.ts') && !path.startsWith('tests/tidy/'));
    expect(tests.flatMap(({ path, text }) => breachesOf(path, `/** A test. */\n${text}`))).toEqual([]);
  });
});

describe('the test of the order', () => {
  it('sees imports of every form', () => {
    const text = `import a from './a.js';\nimport {\n  b,\n} from "../b.js";\nexport * from './c.js';\nimport './d.js';
      const e = await import('./e.js');\nimport fs from 'node:fs';`;
    expect(importsOf('wire/x/f.ts', text)).toEqual([
      'wire/x/a.ts',
      'wire/b.ts',
      'wire/x/c.ts',
      'wire/x/d.ts',
      'wire/x/e.ts',
    ]);
  });

  it.each([
    ['wire/a.ts', 'catalog/b.ts', true],
    ['catalog/a.ts', 'wire/b.ts', false],
    ['router/ring/a.ts', 'router/merge/b.ts', true],
    ['router/merge/a.ts', 'router/ring/b.ts', false],
    ['planner/tree/a.ts', 'planner/bind/b.ts', true],
    ['planner/bind/a.ts', 'planner/tree/b.ts', false],
    ['planner/a.ts', 'planner/copy/b.ts', false],
    ['planner/copy/a.ts', 'planner/b.ts', true],
    ['router/a.ts', 'router/ring/b.ts', true],
    ['cli/a.ts', 'tests/support/b.ts', true],
    ['tests/a.ts', 'cli/b.ts', false],
  ])('judges %s importing %s', (from, to, isBreach) => {
    expect(breach(from, to) !== undefined).toBe(isBreach);
  });

  it('finds a circle', () => {
    const graph = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['b']],
    ]);
    expect(findCircle(graph)).toEqual(['b', 'c', 'b']);
  });

  it.each([
    ['const a = b as any;', 'type any'],
    ['function f(a: any) {}', 'type any'],
    ['const m = new Map<string, any>();', 'type any'],
    ['const a = b!.c;', 'not null'],
    ['f(a!);', 'not null'],
    ['// TODO: more', 'work left'],
    ['// @ts-expect-error', 'check off'],
    ['/* oxlint-disable */', 'check off'],
  ])('refuses %j', (code, rule) => {
    expect(breachesOf('a.ts', `/** A file. */\n${code}`)).toEqual([expect.stringContaining(rule)]);
  });

  it.each([
    "const a = { kind: 'any' };",
    "const hint = 'TODO as any';",
    'if (!a && b !== c) d();',
    'const any = 1;',
    'type R = { any: number };',
    '// any shard will do',
  ])('accepts %j', (code) => {
    expect(breachesOf('a.ts', `/** A file. */\n${code}`)).toEqual([]);
  });

  it('refuses a file that is too long', () => {
    const text = `/** A file. */\n${'x\n'.repeat(MAX_LINES - 1)}`;
    expect(breachesOf('a.ts', text)).toEqual([]);
    expect(breachesOf('a.ts', `${text}x\n`)).toEqual([expect.stringContaining('lines')]);
  });

  it('wants a comment at the top', () => {
    expect(breachesOf('a.ts', 'const a = 1;')).toEqual([expect.stringContaining('comment at its top')]);
  });
});
