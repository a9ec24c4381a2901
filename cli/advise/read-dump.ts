/**
 * Reads a plain dump: its schema is created in an empty PostgreSQL that lives as long as that takes, so what the dump
 * means is what PostgreSQL says it means. Its rows are counted, not loaded.
 */

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Client, DatabaseError } from 'pg';
import { openShards } from '../embedded/shards.js';
import { exitCode, Failure, messageOf } from '../failure.js';
import { readDump } from './dump-statements.js';
import { readDatabase } from './read-server.js';
import type { AdvisedSchema, AdvisedTable } from './schema.js';

/** pg_dump's formats that are not text begin with these words (src/bin/pg_dump/pg_backup_archiver.c). */
const archiveMark = /^(?:PGDMP|toc\.dat)/;

/** Statements that say nothing about tables, or that need roles and databases that are elsewhere. */
const skipped =
  /^\s*(?:SET\s+(?:SESSION\s+AUTHORIZATION|ROLE|transaction_timeout|default_table_access_method)|ALTER\s+(?:\S+\s+)+OWNER\s+TO|GRANT\s|REVOKE\s|ALTER\s+DEFAULT\s+PRIVILEGES|(?:CREATE|DROP|ALTER|COMMENT\s+ON)\s+(?:DATABASE|ROLE|USER)\s|SELECT\s+pg_catalog\.setval|BEGIN\b|COMMIT\b|START\s+TRANSACTION)/i;

/** `file`: a path, or `-` for the standard input. */
export async function readDumpFile(file: string): Promise<AdvisedSchema> {
  const input = file === '-' ? process.stdin : await openFile(file);
  const shards = await openShards({ folder: undefined, count: 1, fsync: false });
  try {
    const [server] = shards.servers;
    if (server === undefined) throw new Failure('no PostgreSQL could be started to read the dump');
    const client = new Client({ host: server.host, port: server.port, user: 'postgres', database: 'postgres' });
    await client.connect();
    try {
      return await readInto(client, input, file);
    } finally {
      await client.end();
    }
  } finally {
    await shards.close({ hurry: true });
  }
}

async function openFile(file: string): Promise<Readable> {
  const stream = createReadStream(file);
  await new Promise<void>((resolve, reject) => {
    stream.once('open', () => {
      resolve();
    });
    stream.once('error', (error) => {
      reject(
        new Failure(`the dump ${file} cannot be read`, {
          exitCode: exitCode.usage,
          detail: messageOf(error),
          hint: 'Give the path of what pg_dump wrote: pg_dump mydb > dump.sql; pgring advise --dump dump.sql',
        }),
      );
    });
  });
  return stream;
}

interface Count {
  rows: number;
  bytes: number;
}

async function readInto(client: Client, input: Readable, file: string): Promise<AdvisedSchema> {
  const remarks: string[] = [];
  const counts = new Map<string, Count>();
  /** What names mean, until the next statement may change it. */
  const named = new Map<string, string | undefined>();
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  let isFirst = true;
  let statements = 0;
  for await (const part of readDump(checked(lines, file))) {
    if (part.kind === 'rows') {
      const name = tableName(part.sql);
      if (!named.has(name)) named.set(name, await oidOf(client, name));
      const oid = named.get(name);
      if (oid === undefined) continue;
      const count = counts.get(oid);
      if (count === undefined) counts.set(oid, { rows: part.rows, bytes: part.bytes });
      else {
        count.rows += part.rows;
        count.bytes += part.bytes;
      }
      continue;
    }
    if (skipped.test(part.sql)) continue;
    named.clear();
    try {
      await client.query(part.sql);
      statements += 1;
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      if (isFirst && error.code === '42601') throw noDump(file, error.message);
      const [head = ''] = part.sql.split('\n');
      remarks.push(`${file}:${part.line}: ${head.slice(0, 80)}: ${error.message}`);
    }
    isFirst = false;
  }
  if (statements === 0) throw noDump(file, 'It holds no statement that creates anything.');
  await client.query('RESET ALL');
  const read = await readDatabase(client, file);
  return { ...read, statements: undefined, remarks, tables: read.tables.map((table) => counted(table, counts)) };
}

async function* checked(lines: AsyncIterable<string>, file: string): AsyncGenerator<string> {
  let isFirst = true;
  for await (const line of lines) {
    if (isFirst && archiveMark.test(line)) throw noDump(file, 'It is an archive (pg_dump --format=custom or tar).');
    isFirst = false;
    yield line;
  }
}

function noDump(file: string, detail: string): Failure {
  return new Failure(`${file} is no plain dump`, {
    exitCode: exitCode.usage,
    detail,
    hint: 'Make one: pg_dump mydb > dump.sql. Of an archive: pg_restore --file=- archive | pgring advise --dump -',
  });
}

/** The table that COPY or INSERT names, as it is written. */
function tableName(sql: string): string {
  return /^\s*(?:COPY|INSERT\s+INTO)\s+((?:"(?:[^"]|"")+"|[\w$\u0080-\uffff.])+)/i.exec(sql)?.[1] ?? '';
}

async function oidOf(client: Client, name: string): Promise<string | undefined> {
  const sql = 'SELECT pg_catalog.to_regclass($1)::oid::text AS oid';
  return (await client.query<{ oid: string | null }>(sql, [name])).rows[0]?.oid ?? undefined;
}

function counted(table: AdvisedTable, counts: ReadonlyMap<string, Count>): AdvisedTable {
  const found = [table, ...table.members].flatMap(({ oid }) => counts.get(String(oid)) ?? []);
  // Where the dump has rows of some tables, those without are empty.
  if (counts.size === 0) return { ...table, rows: undefined, bytes: undefined, writes: undefined };
  return {
    ...table,
    rows: found.reduce((total, { rows }) => total + rows, 0),
    bytes: found.reduce((total, { bytes }) => total + bytes, 0),
    writes: undefined,
  };
}
