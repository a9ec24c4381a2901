import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { repositoryRoot } from '../support/repo.js';
import { readDocument } from './committed.js';

const folders = 'base|wire|catalog|planner|router|proxy|cli|tests|bench|docker|docs';

/** Paths in the text such as `router/ring/locate.ts` or `planner/parse/`, in backticks or not. */
function pathsIn(text: string): readonly string[] {
  const path = new RegExp(String.raw`(?<![\w/.-])(?:${folders})/(?:[\w.-]+/?)*`, 'g');
  return [...new Set([...text.matchAll(path)].map(([found]) => found.replace(/[.]$/, '')))];
}

/** Targets of links to files: `[text](target)`, without those to other sites. */
function relativeLinks(text: string): readonly string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? '')
    .filter((target) => !/^(?:[a-z]+:|#)/.test(target));
}

/** The anchor that a heading gets. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}

function anchorsOf(document: string): readonly string[] {
  return [...document.matchAll(/^#+ (.+)$/gm)].map((match) => anchorOf(match[1] ?? ''));
}

/** Documents of the repository, whether committed already or not. */
const notOurs: ReadonlySet<string> = new Set(['node_modules', 'dist', '.git', '.pgring', '.ci']);

const documents = readdirSync(repositoryRoot, { withFileTypes: true })
  .filter((entry) => !notOurs.has(entry.name))
  .flatMap((entry) =>
    entry.isDirectory()
      ? readdirSync(join(repositoryRoot, entry.name), { recursive: true, encoding: 'utf8' }).map((path) =>
          join(entry.name, path),
        )
      : [entry.name],
  )
  .filter((path) => path.endsWith('.md'));

describe('documents', () => {
  it('are found', () => {
    expect(documents).toEqual(expect.arrayContaining(['README.md', 'docs/ARCHITECTURE.md', 'CHANGELOG.md']));
  });

  it.each(documents)('%s: every relative link leads to a file and a heading of it', (path) => {
    const broken = relativeLinks(readDocument(path)).filter((link) => {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? path : join(dirname(path), file);
      if (!existsSync(join(repositoryRoot, target))) return true;
      return anchor !== undefined && !anchorsOf(readDocument(target)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it.each(documents.filter((path) => path.startsWith('docs/') || path === 'README.md'))(
    '%s: every file and folder that it names is there',
    (path) => {
      const missing = pathsIn(readDocument(path)).filter((named) => !existsSync(join(repositoryRoot, named)));
      expect(missing).toEqual([]);
    },
  );
});

describe('the checks of documents', () => {
  it('see paths in prose and code, and not in addresses', () => {
    const text = 'See `router/ring/locate.ts`, docs/decisions/ and cli/main.ts. Not https://a.b/docs/x or my/docs/y.';
    expect(pathsIn(text)).toEqual(['router/ring/locate.ts', 'docs/decisions/', 'cli/main.ts']);
  });

  it('see links to files only', () => {
    expect(relativeLinks('[a](b.md) [c](https://d.e) [f](#g) [h](../i.md#j)')).toEqual(['b.md', '../i.md#j']);
  });

  it('know the anchor of a heading', () => {
    expect(anchorOf('What works, and what is `refused`')).toBe('what-works-and-what-is-refused');
  });
});
