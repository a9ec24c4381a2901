import { format } from 'prettier';
import { parseConfig } from '../../catalog/config.js';
import { configurationKeys, formatLimits } from './configuration.js';
import { expectCommitted, readDocument, replacePart } from './committed.js';

const path = 'docs/configuration.md';

describe(path, () => {
  const document = readDocument(path);
  /** The tables' rows that begin with a key: the key, and the default as written. */
  const rows = new Map(
    [...document.matchAll(/^\| `([a-z_.[\]*]+)` +\| (?:`([^`]+)`|[^|]*) *\|/gm)].map((match) => [
      match[1] ?? '',
      match[2],
    ]),
  );

  it('has the limits as the code has them', async () => {
    const generated = replacePart(document, 'limits', formatLimits());
    expectCommitted(path, await format(generated, { parser: 'markdown', printWidth: 120 }));
  });

  it('has a row for each key, with its default', () => {
    const keys = [...configurationKeys()].filter(([, value]) => value !== '{}' && value !== '{"kind":"file"}');
    const written = keys.map(([key]) => [key, rows.has(key) ? (rows.get(key) ?? 'none') : 'missing']);
    expect(written).toEqual(keys.map(([key, value]) => [key, value ?? 'none']));
  });

  it('has no row for a key that does not exist', () => {
    const known = new Set(configurationKeys().keys());
    const limits = new Set([...formatLimits().matchAll(/^\| `(\w+)`/gm)].map((match) => match[1]));
    expect([...rows.keys()].filter((key) => !known.has(key) && !limits.has(key))).toEqual([]);
  });

  it('shows examples that can be used', () => {
    const examples = [...document.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');
    expect(examples.length).toBeGreaterThan(0);
    const environment = { PGRING_PASSWORD: 'a', APP_PASSWORD: 'b', REDIS_URL: 'redis://127.0.0.1:6379' };
    for (const example of examples) expect(parseConfig(example, 'pgring.yaml', environment).shards).not.toHaveLength(0);
  });
});

describe('README.md', () => {
  it('shows a configuration that can be used', () => {
    const [example] = [...readDocument('README.md').matchAll(/^```yaml\n([\s\S]*?)^```$/gm)];
    expect(parseConfig(example?.[1] ?? '', 'pgring.yaml', { PGRING_PASSWORD: 'a' }).shards).toHaveLength(3);
  });
});
