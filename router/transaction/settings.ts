/**
 * What a session has SET. A connection that is opened later, or was not used meanwhile, catches up before it is used;
 * each connection remembers the version up to which it has caught up.
 */

export interface SettingChange {
  /** Lower case; undefined for what concerns more than one setting (RESET ALL, SET SESSION AUTHORIZATION …). */
  readonly name: string | undefined;
  readonly sql: string;
}

export class SessionSettings {
  #version = 0;
  readonly #changes = new Map<string, { readonly version: number; readonly sql: string }>();

  /** 0 until something was set. */
  get version(): number {
    return this.#version;
  }

  /** Remembers a change that a server has accepted. */
  record(change: SettingChange): void {
    this.#version += 1;
    const key = change.name ?? `#${this.#version}`;
    this.#changes.delete(key);
    this.#changes.set(key, { version: this.#version, sql: change.sql });
  }

  /** Forgets everything, as DISCARD ALL and RESET ALL do; the statement itself is what late connections run. */
  recordReset(sql: string): void {
    this.#changes.clear();
    this.record({ name: undefined, sql });
  }

  /**
   * Equal for sessions that have SET the same things in the same order; undefined where a statement's effect may differ
   * from one time to the next, as that of set_config() does.
   */
  get state(): string | undefined {
    const statements = this.since(0);
    return statements.every((sql) => /^\s*(set|reset)\s/i.test(sql))
      ? `settings ${JSON.stringify(statements)}`
      : undefined;
  }

  /** The statements that a connection at `applied` lacks, in order. */
  since(applied: number): readonly string[] {
    const statements: string[] = [];
    for (const change of this.#changes.values()) if (change.version > applied) statements.push(change.sql);
    return statements;
  }
}
