import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseConfig } from '../../catalog/config.js';
import { exitOf } from '../support/program.js';
import { repositoryRoot } from '../support/repo.js';
import { readDocument } from './committed.js';

const healthcheck = z.object({ test: z.array(z.string()).min(2), retries: z.number() });
const service = z.object({
  image: z.string().optional(),
  build: z.object({ context: z.string(), dockerfile: z.string() }).optional(),
  environment: z.record(z.string(), z.string()).optional(),
  command: z.array(z.string()).optional(),
  ports: z.array(z.string()).optional(),
  volumes: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.literal('service_healthy') })).default({}),
  healthcheck: healthcheck.optional(),
});
const composeSchema = z.object({
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.null()),
});

const compose = composeSchema.parse(parse(readDocument('docker/compose.yaml'), { merge: true }));
const environment = { PGRING_PASSWORD: 'secret' };
const config = parseConfig(readDocument('docker/pgring.yaml'), 'docker/pgring.yaml', environment);
const shards = Object.entries(compose.services).filter(([, { image }]) => image?.startsWith('postgres:') === true);

/** The value of `-c name=value` in a server's command. */
function serverSetting(command: readonly string[] | undefined, name: string): number {
  return Number(command?.find((part) => part.startsWith(`${name}=`))?.split('=')[1]);
}

describe('docker/compose.yaml', () => {
  it('has a server for each shard of docker/pgring.yaml', () => {
    expect(config.shards.map(({ host }) => host)).toEqual(shards.map(([name]) => name));
    expect(config.shards).toHaveLength(3);
  });

  it.each(shards)('%s can take part in transactions over several shards, with connections for all', (_name, server) => {
    const connections = serverSetting(server.command, 'max_connections');
    expect(serverSetting(server.command, 'max_prepared_transactions')).toBeGreaterThanOrEqual(connections);
    expect(config.limits.serverConnectionsPerShard).toBeLessThan(connections);
    expect(server.environment?.['POSTGRES_INITDB_ARGS']).toContain('--builtin-locale=C.UTF-8');
  });

  it('keeps what must outlive a container in volumes that it declares', () => {
    const used = [...shards.map(([, server]) => server), compose.services['redis']].flatMap(
      (each) => each?.volumes ?? [],
    );
    expect(used.map((volume) => volume.split(':')[0])).toEqual(Object.keys(compose.volumes));
  });

  it('starts pgring when all others are healthy, with every variable that its configuration reads', () => {
    const pgring = compose.services['pgring'];
    const others = Object.entries(compose.services).filter(([name]) => name !== 'pgring');
    expect(Object.keys(pgring?.depends_on ?? {})).toEqual(others.map(([name]) => name));
    for (const [, other] of others) expect(other.healthcheck).toBeDefined();
    expect(Object.keys(pgring?.environment ?? {})).toEqual(Object.keys(environment));
    expect(config.store).toMatchObject({ kind: 'redis', url: expect.stringContaining('//redis:') as string });
  });

  it('lets nobody but this machine reach pgring, and publishes nothing else', () => {
    const published = Object.entries(compose.services).flatMap(([name, { ports }]) =>
      ports === undefined ? [] : [[name, ports]],
    );
    expect(published).toEqual([['pgring', ['127.0.0.1:6432:6432']]]);
  });

  it('names files that are there', () => {
    const { build, volumes = [] } = compose.services['pgring'] ?? {};
    const file = join('docker', build?.context ?? '', build?.dockerfile ?? '');
    expect(
      [file, join('docker', volumes[0]?.split(':')[0] ?? '')]
        .map((path) => join(repositoryRoot, path))
        .filter(existsSync),
    ).toHaveLength(2);
  });
});

describe('docker/Dockerfile', () => {
  const lines = readDocument('docker/Dockerfile').split('\n');
  const final = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));

  it('copies what is there, and every folder that ships', () => {
    const copied = lines
      .filter((line) => /^COPY (?!--from)/.test(line))
      .flatMap((line) => line.split(/\s+/).slice(1, -1));
    expect(copied.filter((path) => !existsSync(join(repositoryRoot, path)))).toEqual([]);
    const manifest = z.object({ include: z.array(z.string()) }).parse(JSON.parse(readDocument('tsconfig.json')));
    expect(copied).toEqual(
      expect.arrayContaining(manifest.include.filter((folder) => !['tests', 'bench', 'docker'].includes(folder))),
    );
  });

  it('runs as a normal user what was built, without development packages', () => {
    expect(lines.filter((line) => line.startsWith('FROM ')).every((line) => line.includes('node:20-slim'))).toBe(true);
    expect(lines).toContainEqual(expect.stringMatching(/^RUN npm prune --omit=dev/));
    expect(final).toContain('USER node');
    expect(final.some((line) => line.startsWith('RUN'))).toBe(false);
    expect(final).toContainEqual(expect.stringMatching(/^HEALTHCHECK .*"dist\/docker\/healthcheck\.js"/));
    expect(final).toContain('ENTRYPOINT ["node", "dist/cli/main.js"]');
  });
});

describe('docker/healthcheck.ts', () => {
  const script = join(repositoryRoot, 'dist/docker/healthcheck.js');

  async function check(server: Server | undefined): Promise<number | null> {
    let port = 1;
    if (server !== undefined) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      port = typeof address === 'object' && address !== null ? address.port : 0;
    }
    const child = spawn(process.execPath, [script, String(port)], { stdio: 'ignore' });
    await exitOf(child);
    server?.close();
    return child.exitCode;
  }

  it('is content with the answer of PostgreSQL and of pgring to an SSLRequest', async () => {
    const server = createServer((socket) => {
      socket.once('data', (request) => socket.end(request.equals(Buffer.from('0000000804d2162f', 'hex')) ? 'N' : 'no'));
    });
    expect(await check(server)).toBe(0);
  });

  it('fails for another answer, for none, and where nobody listens', async () => {
    expect(await check(createServer((socket) => socket.end('HTTP/1.1 400')))).toBe(1);
    expect(await check(createServer((socket) => socket.end()))).toBe(1);
    expect(await check(undefined)).toBe(1);
  });
});
