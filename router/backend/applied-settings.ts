/** The settings that a connection has beyond those of its start-up, as the statements that made them. */

export interface AppliedSettings {
  /** Equal for those that were made by the same statements and have touched the same names. */
  readonly key: string;
  readonly statements: readonly string[];
  /**
   * Names with a prefix (`app.tenant`) that were ever set: PostgreSQL never forgets them, they read as '' afterwards and
   * not as NULL. Sorted.
   */
  readonly ownNames: readonly string[];
}

export const noSettings: AppliedSettings = { key: '', statements: [], ownNames: [] };

export function makeAppliedSettings(statements: readonly string[], ownNames: readonly string[]): AppliedSettings {
  if (statements.length === 0 && ownNames.length === 0) return noSettings;
  const sorted = [...new Set(ownNames)].sort();
  return { key: JSON.stringify([statements, sorted]), statements, ownNames: sorted };
}

/** The role that a session starts with, and every setting as at its start-up. RESET ALL leaves roles as they are. */
const reset: readonly string[] = ['SET SESSION AUTHORIZATION DEFAULT', 'RESET ALL'];

/** Whether a connection that has these can get those: names that were set stay. */
export function canBecome(from: AppliedSettings, to: AppliedSettings): boolean {
  return from.ownNames.length === 0 || from.ownNames.every((name) => to.ownNames.includes(name));
}

/** What is to run on a connection that has these to give it those; nothing when they are the same. */
export function transition(from: AppliedSettings, to: AppliedSettings): readonly string[] {
  if (from.key === to.key) return [];
  const isPrefix = from.statements.every((statement, index) => to.statements[index] === statement);
  const names = to.ownNames.filter((name) => !from.ownNames.includes(name));
  return [
    ...(isPrefix ? [] : reset),
    ...names.map((name) => `SELECT pg_catalog.set_config('${name.replaceAll("'", "''")}', '', false)`),
    ...(isPrefix ? to.statements.slice(from.statements.length) : to.statements),
  ];
}
