/** From a file's text to a validated document, with every problem at its line and column. */

import { isCollection, isMap, isNode, isPair, LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { ConfigError, formatPath, type ConfigProblem } from './config-error.js';
import { configSchema, type ConfigDocument } from './config-schema.js';
import { describeValue, valueAt } from './config-value.js';

type Path = readonly PropertyKey[];

/** Makes a problem of the value at the path. */
export type ReportProblem = (path: Path, expected: string, hint?: string) => ConfigProblem;

/** Reads and validates; throws a ConfigError with all problems that it found. */
export function readConfigDocument(
  text: string,
  source: string,
): { readonly document: ConfigDocument; readonly report: ReportProblem } {
  const lines = new LineCounter();
  const yaml = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const syntaxProblems = yaml.errors.map((error): ConfigProblem => {
    const { line, col } = lines.linePos(error.pos[0]);
    return { path: '', line, column: col, expected: 'valid YAML', found: error.message, hint: undefined };
  });
  if (syntaxProblems.length > 0) throw new ConfigError(source, syntaxProblems);

  const locate = (path: Path, key?: string) => {
    const offset = offsetOf(yaml, path, key);
    if (offset === undefined) return { line: 1, column: 1 };
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const value: unknown = yaml.toJS({ maxAliasCount: 100 });
  const report: ReportProblem = (path, expected, hint) => ({
    path: formatPath(path),
    ...locate(path),
    expected,
    found: describeValue(valueAt(value, path), path),
    hint: hint ?? hintFor(valueAt(value, path), expected),
  });

  // An empty file is an empty mapping, so that the report says what is missing instead of "found null".
  const parsed = configSchema.safeParse(value ?? {});
  if (parsed.success) return { document: parsed.data, report };
  const problems = parsed.error.issues.flatMap((issue) => problemsOf(issue, [], report, locate));
  throw new ConfigError(source, withoutRepetition(problems));
}

type Issue = z.core.$ZodIssue;

function problemsOf(
  issue: Issue,
  prefix: Path,
  report: ReportProblem,
  locate: (path: Path, key?: string) => { line: number; column: number },
): readonly ConfigProblem[] {
  const path = [...prefix, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const known = /^a mapping with the keys (.*)$/.exec(issue.message)?.[1]?.split(', ') ?? [];
    return issue.keys.map((key) => ({
      path: formatPath([...path, key]),
      ...locate(path, key),
      expected: known.length > 0 ? `one of the keys ${known.join(', ')}` : issue.message,
      found: JSON.stringify(key),
      hint: nearestHint(key, known),
    }));
  }
  if (issue.code === 'invalid_key') return issue.issues.flatMap((inner) => report(path, inner.message));
  return [report(path, issue.message)];
}

/** Several rules of one value fail with the same sentence; it is told once. */
function withoutRepetition(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  const seen = new Set<string>();
  return problems.filter((problem) => {
    const key = `${problem.path}\n${problem.expected}`;
    return !seen.has(key) && seen.add(key);
  });
}

/** Where the value (or the key of that name in it) stands; of a missing value, where its nearest parent stands. */
function offsetOf(yaml: Document, path: Path, key: string | undefined): number | undefined {
  for (let length = path.length; length >= 0; length--) {
    const node: unknown = length === 0 ? yaml.contents : yaml.getIn(path.slice(0, length), true);
    if (!isNode(node)) continue;
    if (key !== undefined && isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && isNode(item.key) && item.key.toString() === key);
      if (pair !== undefined && isNode(pair.key)) return pair.key.range?.[0];
    }
    if (length === 0 && isCollection(node)) return node.range?.[0] ?? 0;
    return node.range?.[0];
  }
  return undefined;
}

function hintFor(value: unknown, expected: string): string | undefined {
  const wantsText = expected.startsWith('a string') || expected.startsWith('a name') || expected.startsWith('a role');
  if (wantsText && (typeof value === 'number' || typeof value === 'boolean')) {
    return `YAML reads this value as a ${typeof value}: put it in quotes.`;
  }
  return undefined;
}

function nearestHint(key: string, known: readonly string[]): string | undefined {
  const wanted = key.toLowerCase().replaceAll('-', '_');
  const near = known
    .map((name) => ({ name, distance: editDistance(wanted, name) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(name.length / 3)))
    .sort((left, right) => left.distance - right.distance)[0];
  return near === undefined ? undefined : `Perhaps you meant "${near.name}".`;
}

/** Levenshtein's distance. */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
