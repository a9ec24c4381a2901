/** Writes the tables of docs/configuration.md from the schema and the limits of the configuration. */

import { present } from '../../base/assert.js';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { limitNames, limitRanges, snakeCase } from '../../catalog/config-limits.js';
import { configSchema } from '../../catalog/config-schema.js';
import { repositoryRoot } from '../support/repo.js';
import { readDocument } from './committed.js';

interface JsonSchema {
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

/** Every key that the file may have: its path and, where it has one, its default as YAML writes it. */
export function configurationKeys(): ReadonlyMap<string, string | undefined> {
  const schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return new Map(keysOf(schema, '').filter(([path]) => !path.startsWith('limits.')));
}

function keysOf(schema: JsonSchema, prefix: string): readonly (readonly [string, string | undefined])[] {
  const variants = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap((variant) => keysOf(variant, prefix));
  const items = schema.items === undefined ? [] : keysOf(schema.items, `${prefix}[]`);
  const named =
    typeof schema.additionalProperties === 'object' ? keysOf(schema.additionalProperties, `${prefix}.*`) : [];
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    // {env: …} and {file: …} are ways to write a value, explained once.
    if (name === 'env' || (name === 'file' && /password|url/.test(prefix))) return [];
    return [
      [path, property.default === undefined ? undefined : JSON.stringify(property.default)] as const,
      ...keysOf(property, path),
    ];
  });
  return [...own, ...items, ...named, ...variants];
}

/** The table of limits: what each bounds is the comment in config-limits.ts. */
export function formatLimits(): string {
  const comments = readComments(readDocument('catalog/config-limits.ts'));
  const rows = limitNames.map((name) => {
    const { default: value, minimum, maximum } = limitRanges[name];
    const about = present(comments.get(name), `a comment above ${name} in catalog/config-limits.ts`);
    const unused = isUsed(name) ? '' : ' **No effect yet.**';
    return `| \`${snakeCase(name)}\` | ${value} | ${minimum} to ${maximum} | ${about}${unused} |`;
  });
  return ['| limit | default | range | what it bounds |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

/** The comment above each entry. */
function readComments(source: string): ReadonlyMap<string, string> {
  return new Map(
    [...source.matchAll(/\/\*\* ([^*]+) \*\/\n {2}(\w+): /g)].map((match) => [match[2] ?? '', match[1] ?? '']),
  );
}

/** Whether any file reads the limit. */
function isUsed(name: string): boolean {
  const read = new RegExp(`\\blimits\\.${name}\\b`);
  return ['catalog', 'router', 'proxy', 'cli']
    .flatMap((folder) =>
      readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
        join(folder, file),
      ),
    )
    .some((path) => path.endsWith('.ts') && read.test(readDocument(path)));
}
