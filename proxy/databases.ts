/**
 * The databases that clients use: the catalog of each as the home shard has it, kept up to date, and the schema pgring
 * that each server's database needs before it takes part in a transaction.
 */

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { Logger } from '../base/log.js';
import type { Config } from '../catalog/config.js';
import { loadSnapshot, type RunQuery } from '../catalog/load.js';
import { readOidList, type OidMap } from '../catalog/oid-map.js';
import { installSql } from '../catalog/pgring-schema.js';
import type { CatalogSnapshot } from '../catalog/schema.js';
import type { Shard, ShardId, Topology } from '../catalog/topology.js';
import { asControlError, connectControl } from '../router/backend/control-client.js';
import { ControlConnections } from './control-connections.js';
import { DatabaseOids } from './database-oids.js';

/** However often statements name what does not exist, the catalog is read again no oftener than that. */
const REFRESH_INTERVAL_MS = 1_000;

/** Proxies tell each other of DDL on this channel of the home shard. */
const CHANNEL = 'pgring_catalog';

/** How long it takes until the home shard is tried again. */
const FOLLOW_AGAIN_MS = 500;

interface Database {
  snapshot: Promise<CatalogSnapshot>;
  /** Counts readings as they begin, so that an older one that ends later does not replace a newer one. */
  readings: number;
  newestReading: number;
  newest: CatalogSnapshot | undefined;
  listener: Client | undefined;
}

export class Databases {
  readonly #config: Config;
  readonly #topology: () => Topology;
  readonly #log: Logger;
  readonly #databases = new Map<string, Database>();
  readonly #installed = new Map<string, Promise<void>>();
  /** Of those, the ones that are done. */
  readonly #ready = new Set<string>();
  /** They outlive the catalog, which is forgotten when the home shard's connection is lost. */
  readonly #oids = new Map<string, DatabaseOids>();
  readonly #readings = new Map<string, Promise<void>>();
  readonly #refreshed = new Map<string, number>();
  readonly #connections = new ControlConnections(async (shard, name) => await this.connect(shard, name));
  /** Tells this proxy's notifications from those of others. */
  readonly #sender = randomUUID();
  #closed = false;
  /** Something was changed by DDL, through this proxy or another. */
  onChange: () => void = () => undefined;

  constructor(config: Config, topology: () => Topology, log: Logger) {
    this.#config = config;
    this.#topology = topology;
    this.#log = log;
  }

  get controlDatabase(): string {
    return this.#config.control.database;
  }

  /** Asks the home shard what concerns no database of a client's. */
  async askHome<T>(work: (client: Client) => Promise<T>): Promise<T> {
    return await this.#connections.use(this.#home(), this.controlDatabase, work);
  }

  /** The newest catalog of a database. Errors: those of connecting to the home shard. */
  async catalog(name: string): Promise<CatalogSnapshot> {
    let database = this.#databases.get(name);
    if (database === undefined) {
      database = { snapshot: this.#load(name), readings: 0, newestReading: 0, newest: undefined, listener: undefined };
      this.#databases.set(name, database);
      const made = database;
      database.snapshot
        .then(
          async (snapshot) => {
            made.newest ??= snapshot;
            await this.#follow(name, made);
          },
          () => {
            this.#databases.delete(name);
          },
        )
        .catch((error: unknown) => {
          this.#log.error({ error, database: name }, 'changes of the catalog by other proxies are not heard of');
        });
    }
    return await database.snapshot;
  }

  /** The newest catalog that has been read; undefined before the first. */
  newest(name: string): CatalogSnapshot | undefined {
    return this.#databases.get(name)?.newest;
  }

  /** Reads the catalog again, after DDL, and tells the other proxies. */
  async reload(name: string, tellOthers: boolean): Promise<CatalogSnapshot> {
    const database = this.#databases.get(name);
    if (database === undefined) return await this.catalog(name);
    this.onChange();
    database.readings += 1;
    const reading = database.readings;
    const loading = this.#load(name);
    const snapshot = await loading;
    if (reading > database.newestReading) {
      database.newestReading = reading;
      database.snapshot = loading;
      database.newest = snapshot;
    }
    if (tellOthers) {
      await this.#withHome(name, async (client) => {
        await client.query(`NOTIFY ${CHANNEL}, '${this.#sender}'`);
      });
    }
    return snapshot;
  }

  /** How a shard's oids in a database differ from the home shard's; undefined when they do not. */
  oidMap(name: string, shard: ShardId): OidMap | undefined {
    return this.#oids.get(name)?.mapOf(shard);
  }

  /** Reads the catalog again, unless that was done a moment ago: for what a statement names and the catalog lacks. */
  async refresh(name: string): Promise<void> {
    const now = Date.now();
    if (now - (this.#refreshed.get(name) ?? 0) < REFRESH_INTERVAL_MS) return;
    this.#refreshed.set(name, now);
    await this.reload(name, false);
  }

  /** Makes sure that a server's database has the schema pgring, and that its oids are known. */
  async prepare(shard: Shard, name: string): Promise<void> {
    const key = keyOf(shard, name);
    if (this.isPrepared(shard, name)) return;
    let installing = this.#installed.get(key);
    if (installing === undefined) {
      installing = this.#install(shard, name);
      this.#installed.set(key, installing);
      this.#ready.delete(key);
      installing.catch(() => this.#installed.delete(key));
    }
    await installing;
    while (shard.id !== this.#topology().home && this.#oidsOf(name).needs(shard.id)) {
      let reading = this.#readings.get(key);
      if (reading === undefined) {
        reading = this.#readOids(shard, name).finally(() => this.#readings.delete(key));
        this.#readings.set(key, reading);
      }
      await reading;
    }
    if (this.#installed.get(key) === installing) this.#ready.add(key);
  }

  /** Whether `prepare` has nothing to do. */
  isPrepared(shard: Shard, name: string): boolean {
    const key = keyOf(shard, name);
    if (!this.#ready.has(key) || !this.#installed.has(key)) return false;
    return shard.id === this.#topology().home || !this.#oidsOf(name).needs(shard.id);
  }

  /** Forgets a database that is about to be dropped or renamed, and ends the connections to it. */
  async release(name: string): Promise<void> {
    const database = this.#databases.get(name);
    this.#databases.delete(name);
    this.#oids.delete(name);
    for (const key of this.#installed.keys()) if (key.endsWith(` ${name}`)) this.#installed.delete(key);
    await Promise.all([this.#connections.release(name), database?.listener?.end()]);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const listeners = [...this.#databases.values()].map((database) => database.listener);
    this.#databases.clear();
    await Promise.all([this.#connections.close(), ...listeners.map(async (listener) => await listener?.end())]);
  }

  /** A control connection to one shard. The caller ends it. */
  async connect(shard: Shard, database: string): Promise<Client> {
    const { user, password } = this.#config.control;
    try {
      return await connectControl(shard, (ssl) => {
        const client = new Client({
          host: shard.host,
          port: shard.port,
          user,
          password,
          database,
          ssl,
          application_name: 'pgring',
          connectionTimeoutMillis: this.#config.limits.connectTimeoutMs,
          query_timeout: this.#config.limits.controlTimeoutMs,
        });
        client.on('error', (error) => {
          this.#log.debug({ error, shard: shard.name }, 'a control connection was lost');
        });
        return client;
      });
    } catch (error) {
      throw asControlError(shard, error);
    }
  }

  async #load(name: string): Promise<CatalogSnapshot> {
    const oids = this.#oidsOf(name);
    oids.expire();
    const [snapshot] = await Promise.all([
      this.#withHome(name, async (client) => {
        const query = textQuery(client);
        const snapshot = await loadSnapshot(query, name);
        await oids.readHome(this.#topology().home, async () => await readOidList(query));
        return snapshot;
      }),
      ...this.#shardsInUse(name).map(async (shard) => {
        try {
          await this.#readOids(shard, name);
        } catch (error) {
          // It is still expired, so whoever connects to the shard next has it read first.
          this.#log.debug({ error, shard: shard.name, database: name }, 'the oids of a shard cannot be read now');
        }
      }),
    ]);
    return snapshot;
  }

  /** Shards other than the home shard whose database of that name was used before. */
  #shardsInUse(name: string): readonly Shard[] {
    const { shards, home } = this.#topology();
    return shards.filter((shard) => shard.id !== home && this.#installed.has(keyOf(shard, name)));
  }

  #oidsOf(name: string): DatabaseOids {
    let oids = this.#oids.get(name);
    if (oids === undefined) {
      oids = new DatabaseOids();
      this.#oids.set(name, oids);
    }
    return oids;
  }

  async #readOids(shard: Shard, name: string): Promise<void> {
    await this.#connections.use(shard, name, async (client) => {
      await this.#oidsOf(name).readShard(shard.id, async () => await readOidList(textQuery(client)));
    });
  }

  async #withHome<T>(name: string, work: (client: Client) => Promise<T>): Promise<T> {
    const home = this.#home();
    await this.prepare(home, name);
    return await this.#connections.use(home, name, work);
  }

  async #install(shard: Shard, name: string): Promise<void> {
    const client = await this.connect(shard, name);
    try {
      await client.query(installSql());
      // A server that takes another's place at the same shard has oids of its own.
      if (shard.id !== this.#topology().home) {
        await this.#oidsOf(name).readShard(shard.id, async () => await readOidList(textQuery(client)));
      }
    } catch (error) {
      throw asControlError(shard, error);
    } finally {
      await client.end();
    }
  }

  /**
   * Listens for changes by other proxies, and again after the home shard was away. Meanwhile the last catalog stays in
   * use: DDL needs the home shard, so while that is down nobody changes anything.
   */
  async #follow(name: string, database: Database): Promise<void> {
    const current = (): boolean => !this.#closed && this.#databases.get(name) === database;
    for (let first = true; current(); first = false) {
      try {
        const listening = await this.#listen(name, database);
        if (!first) await this.reload(name, false);
        await listening.ended;
      } catch (error) {
        this.#log.warn({ error, database: name }, 'changes of the catalog by other proxies are not heard of now');
        await sleep(FOLLOW_AGAIN_MS, undefined, { ref: false });
      }
    }
  }

  /** Resolves when it listens, to what resolves when that has ended. */
  async #listen(name: string, database: Database): Promise<{ readonly ended: Promise<void> }> {
    const client = await this.connect(this.#home(), name);
    const ended = new Promise<void>((resolve) => {
      client.once('end', resolve);
    });
    client.on('notification', ({ payload }) => {
      // What this proxy told the others it has read already.
      if (payload === this.#sender) return;
      this.reload(name, false).catch((error: unknown) => {
        this.#log.warn({ error, database: name }, 'the catalog could not be read again');
      });
    });
    await client.query(`LISTEN ${CHANNEL}`);
    if (this.#closed) await client.end();
    else database.listener = client;
    return { ended };
  }

  /** The topology has changed: what was known of a server holds at its old address only. */
  noteTopology(before: Topology, after: Topology): void {
    for (const shard of before.shards) {
      const now = after.shards.find((candidate) => candidate.id === shard.id);
      if (now?.host === shard.host && now.port === shard.port) continue;
      for (const key of this.#installed.keys()) if (key.startsWith(`${shard.id} `)) this.#installed.delete(key);
    }
    const [from, to] = [before, after].map(({ shards, home }) => shards.find((shard) => shard.id === home));
    if (from?.host === to?.host && from?.port === to?.port) return;
    for (const { listener } of this.#databases.values()) void listener?.end();
  }

  #home(): Shard {
    const topology = this.#topology();
    const home = topology.shards.find((shard) => shard.id === topology.home);
    if (home === undefined) throw new Error(`the home shard ${topology.home} is not in the topology`);
    return home;
  }
}

/** A database of one server; a shard that moves to another address is another server. */
function keyOf(shard: Shard, name: string): string {
  return `${shard.id} ${shard.host} ${shard.port} ${name}`;
}

function textQuery(client: Client): RunQuery {
  return async (sql) => (await client.query<Record<string, string | null>>({ text: sql, types: asText })).rows;
}

/** The catalog's readers want every value as the text that the server sent. */
const asText = { getTypeParser: () => (value: string | null) => value };
