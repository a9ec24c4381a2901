/**
 * What a session has SET, as the statements that make it so on a connection that has nothing but its start-up. Each
 * connection knows by which statements it came to its own settings (router/backend/applied-settings.ts).
 */

import { makeAppliedSettings, noSettings, type AppliedSettings } from '../backend/applied-settings.js';

export interface SettingChange {
  /** Lower case; undefined for what concerns more than one setting. */
  readonly name: string | undefined;
  readonly sql: string;
  /**
   * `reset`: back to the value of the start-up, of that name or of all. `all`: of roles as well, as DISCARD ALL does.
   * `none`: it changes no setting (DISCARD PLANS).
   */
  readonly effect: 'set' | 'reset' | 'all' | 'none';
}

/** Whose value depends on the one before, or which share their value with others: every statement counts. */
const cumulative = /^(datestyle|session characteristics|default_transaction_.*)$/;

/** RESET ALL leaves these (GUC_NO_RESET_ALL). */
const kept: ReadonlySet<string> = new Set(['role', 'session_authorization']);

/** Names that settings had before (map_old_guc_names, src/backend/utils/misc/guc.c). */
const oldNames: ReadonlyMap<string, string> = new Map([
  ['sort_mem', 'work_mem'],
  ['vacuum_mem', 'maintenance_work_mem'],
]);

export class SessionSettings {
  /** By name; by their text those that concern more than one setting, or add to it. */
  readonly #statements = new Map<string, string>();
  readonly #ownNames = new Set<string>();
  #applied: AppliedSettings = noSettings;

  /** What a connection of the session must have. */
  get applied(): AppliedSettings {
    return this.#applied;
  }

  /** Remembers a change that a server has accepted. */
  record({ name, sql, effect }: SettingChange): void {
    switch (effect) {
      case 'none':
        return;
      case 'all':
        this.#statements.clear();
        break;
      case 'reset':
        if (name === undefined) this.#forget((key) => !kept.has(key));
        else if (cumulative.test(name)) this.#add(sql);
        else this.#remove(name);
        break;
      case 'set':
        if (name === undefined || cumulative.test(name)) this.#add(sql);
        else {
          this.#remove(name);
          this.#statements.set(oldNames.get(name) ?? name, sql);
        }
    }
    this.#renew();
  }

  /** A name with a prefix is about to be set, if only for a transaction. */
  noteName(name: string | undefined): void {
    if (name?.includes('.') !== true || this.#ownNames.has(name)) return;
    this.#ownNames.add(name);
    this.#renew();
  }

  #remove(name: string): void {
    // Another user is nobody's role (SET SESSION AUTHORIZATION, "Notes").
    if (name === 'session_authorization') this.#statements.delete('role');
    this.#statements.delete(oldNames.get(name) ?? name);
  }

  /** Said again it overrides what it said before, so only the last time counts. */
  #add(sql: string): void {
    this.#statements.delete(`#${sql}`);
    this.#statements.set(`#${sql}`, sql);
  }

  #forget(wanted: (key: string) => boolean): void {
    for (const key of this.#statements.keys()) if (wanted(key)) this.#statements.delete(key);
  }

  #renew(): void {
    this.#applied = makeAppliedSettings([...this.#statements.values()], [...this.#ownNames]);
  }
}
