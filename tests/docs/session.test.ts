import { Client } from 'pg';
import { makeConfig } from '../../catalog/config.js';
import { openTopologyStore } from '../../catalog/store/open.js';
import { openLog } from '../../base/log.js';
import { startProxy } from '../../proxy/server.js';
import { temporaryFolder } from '../support/folder.js';
import { runPsql } from '../support/psql.js';
import { describeWithTools } from '../support/requirement.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere } from '../support/shared-servers.js';
import { readDocument } from './committed.js';

const database = 'docs_session';
const prompt = /^postgres=[*!]?# /;

/** The statements at the prompts of a pasted session, and all lines that psql answered with. */
function readSession(readme: string): { readonly statements: readonly string[]; readonly answers: readonly string[] } {
  const lines = [...readme.matchAll(/^```text\n(postgres=# [\s\S]*?)\n```$/gm)].flatMap(
    (match) => match[1]?.split('\n') ?? [],
  );
  return {
    statements: lines.filter((line) => prompt.test(line)).map((line) => line.replace(prompt, '')),
    answers: lines.filter((line) => !prompt.test(line)),
  };
}

/** Answers in an order that does not depend on which of psql's two outputs they came by, without blanks at the ends. */
function comparable(lines: readonly string[]): readonly string[] {
  return lines
    .map((line) => line.replace(/^psql:<stdin>:\d+: /, '').trimEnd())
    .filter((line) => line !== '')
    .sort();
}

/** What `psql -Atc` was pasted with, for each of the three servers. */
function readServerRows(readme: string): readonly string[] {
  return readme
    .split(/^\$ psql .*SELECT \* FROM students ORDER BY id'$/m)
    .slice(1)
    .map((part) => part.split('\n```')[0]?.trim() ?? '');
}

describeWithTools(['psql'], 'the session in README.md', () => {
  const readme = readDocument('README.md');
  afterAll(async () => {
    await dropDatabaseEverywhere(database);
  });

  it('happens as it is pasted, and the rows lie where it says', async () => {
    const { statements, answers } = readSession(readme);
    expect(statements.length).toBeGreaterThan(10);
    const servers = (await createDatabaseEverywhere(database)).shards.slice(0, 3);
    using folder = await temporaryFolder();
    const config = makeConfig({
      listen: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
      shards: servers.map(({ host, port }, index) => ({ name: `shard${index + 1}`, host, port })),
      store: { kind: 'file', path: `${folder.path}/topology.json` },
    });
    const store = openTopologyStore(config);
    const proxy = await startProxy({ config, store, log: openLog('error') });
    try {
      const port = Number(/\d+$/.exec(proxy.addresses[0] ?? '')?.[0]);
      const { stdout, stderr } = await runPsql(statements.join('\n'), { port, database });
      const seen = [...stdout.split('\n'), ...stderr.split('\n')].filter(
        // psql of another version than the server says so first.
        (line) => !/^(?:psql \(|WARNING: psql major|\s+Some psql features)/.test(line),
      );
      expect(comparable(seen)).toEqual(comparable(answers));
    } finally {
      await proxy.close(500);
      await store.close();
    }
    const rows = await Promise.all(
      servers.map(async ({ host, port }) => {
        const client = new Client({ host, port, user: 'postgres', database });
        await client.connect();
        const result = await client.query<unknown[]>({ text: 'SELECT * FROM students ORDER BY id', rowMode: 'array' });
        await client.end();
        return result.rows.map((row) => row.join('|')).join('\n');
      }),
    );
    expect(rows).toEqual(readServerRows(readme));
  });
});
