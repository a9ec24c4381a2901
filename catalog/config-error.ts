/** What is wrong with a configuration file, and where. */

import { PgError, sqlstate } from '../base/errors.js';

export interface ConfigProblem {
  /** The key's path in the file, such as `shards[1].port`; empty for the document itself. */
  readonly path: string;
  /** From 1; undefined where no file stands behind the value. */
  readonly line: number | undefined;
  readonly column: number | undefined;
  readonly expected: string;
  /** Never shows a secret's text. */
  readonly found: string;
  readonly hint: string | undefined;
}

/** A configuration that cannot be used, with all problems found at once. */
export class ConfigError extends PgError {
  readonly source: string;
  readonly problems: readonly ConfigProblem[];

  constructor(source: string, problems: readonly ConfigProblem[]) {
    const hints = [...new Set(problems.flatMap((problem) => problem.hint ?? []))];
    super(sqlstate.configFileError, problems.map((problem) => describeProblem(source, problem)).join('\n'), {
      severity: 'FATAL',
      ...(hints.length > 0 ? { hint: hints.join('\n') } : {}),
    });
    this.source = source;
    this.problems = problems;
  }
}

/** One line: `pgring.yaml:7:11: shards[1].port: expected …, found …`. */
function describeProblem(source: string, problem: ConfigProblem): string {
  const place = problem.line === undefined ? source : `${source}:${problem.line}:${problem.column ?? 1}`;
  const key = problem.path === '' ? '' : `${problem.path}: `;
  return `${place}: ${key}expected ${problem.expected}, found ${problem.found}`;
}

/** `['shards', 1, 'port']` as `shards[1].port`; keys that are no plain words are quoted. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else {
      const key = String(part);
      const shown = /^\w+$/.test(key) ? key : JSON.stringify(key);
      text += text === '' ? shown : `.${shown}`;
    }
  }
  return text;
}
