/** The measurements as a table of docs/tpch.md. */

import { formatBytes, formatCount, formatMs, markdownTable } from '../support/table.js';
import type { Measurement } from './measure.js';

export function measurementTable(measurements: readonly Measurement[]): string {
  const rows = measurements.map(({ query, rung, rows: count, wrong, traffic, pgringMs, postgresMs }) => [
    `Q${query}`,
    wrong === undefined ? 'equal' : 'WRONG',
    rung,
    formatCount(count),
    formatCount(traffic.rowsFromServers),
    formatBytes(traffic.bytesFromServers),
    formatBytes(traffic.bytesToServers),
    Number.isNaN(pgringMs) ? '-' : formatMs(pgringMs),
    formatMs(postgresMs),
    Number.isNaN(pgringMs) ? '-' : (pgringMs / postgresMs).toFixed(1),
  ]);
  return markdownTable(
    [
      { title: 'query', align: 'left' },
      { title: 'answer', align: 'left' },
      { title: 'plan', align: 'left' },
      { title: 'rows', align: 'right' },
      { title: 'rows from servers', align: 'right' },
      { title: 'from servers', align: 'right' },
      { title: 'to servers', align: 'right' },
      { title: 'pgring ms', align: 'right' },
      { title: 'one PostgreSQL ms', align: 'right' },
      { title: 'ratio', align: 'right' },
    ],
    rows,
  );
}
