/**
 * Settings that a server reports (DateStyle, TimeZone, search_path …) show whether a function has left some setting other
 * than it was: nothing is asked, for the reports come by themselves.
 */

import type { BackendConnection } from './connection.js';

interface Base {
  /** How many reports there had been. */
  reports: number;
  readonly parameters: ReadonlyMap<string, string>;
}

const bases = new WeakMap<BackendConnection, Base>();

/** What is reported now belongs to the settings that the connection is known to have. */
export function noteBase(connection: BackendConnection): void {
  bases.set(connection, { reports: connection.parameterReports, parameters: new Map(connection.parameters) });
}

/** For a connection that was never lent. */
export function noteFirstBase(connection: BackendConnection): void {
  if (!bases.has(connection)) noteBase(connection);
}

/** Whether all is reported as it was then; a transaction may have changed some, and its end has undone that. */
export function reportsHold(connection: BackendConnection): boolean {
  const base = bases.get(connection);
  if (base === undefined || base.reports === connection.parameterReports) return true;
  for (const [name, value] of connection.parameters) if (base.parameters.get(name) !== value) return false;
  base.reports = connection.parameterReports;
  return true;
}
