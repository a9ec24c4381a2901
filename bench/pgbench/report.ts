/** The runs as tables for docs/benchmarks.md. */

import { formatCount, markdownTable, median } from '../support/table.js';
import type { Run } from './run-pgbench.js';
import type { Protocol, Workload } from './workloads.js';

/** One combination, with the runs of each contender in the order of the rounds. */
export interface Cell {
  readonly workload: Workload;
  readonly protocol: Protocol;
  readonly clients: number;
  readonly runs: ReadonlyMap<string, readonly Run[]>;
}

type Figure = keyof Run;

/** Throughput and latency of all, processor time of what stands between. */
export function cellTable(cells: readonly Cell[], names: readonly string[], proxies: readonly string[]): string {
  const rows = cells.map((cell) => [
    cell.workload.name,
    cell.protocol,
    String(cell.clients),
    ...names.map((name) => formatFigure(figure(cell, name, 'transactionsPerSecond'), formatCount)),
    ...proxies.map((name) => formatFigure(figure(cell, name, 'processorMicroseconds'), (value) => value.toFixed(1))),
    ...names.map((name) => {
      const times = [figure(cell, name, 'medianMs'), figure(cell, name, 'percentile99Ms')] as const;
      return times.map((time) => formatFigure(time, (value) => value.toFixed(2))).join(' / ');
    }),
  ]);
  return markdownTable(
    [
      { title: 'workload', align: 'left' },
      { title: 'protocol', align: 'left' },
      { title: 'clients', align: 'right' },
      ...names.map((name) => ({ title: `${name} TPS`, align: 'right' as const })),
      ...proxies.map((name) => ({ title: `${name} CPU µs`, align: 'right' as const })),
      ...names.map((name) => ({ title: `${name} p50 / p99 ms`, align: 'right' as const })),
    ],
    rows,
  );
}

/** The cells of each workload and protocol, by the names of both. */
export function groupCells(cells: readonly Cell[]): ReadonlyMap<string, readonly Cell[]> {
  const groups = new Map<string, Cell[]>();
  for (const cell of cells) {
    const name = `${cell.workload.name}, ${cell.protocol}`;
    groups.set(name, [...(groups.get(name) ?? []), cell]);
  }
  return groups;
}

/** How one contender stands to another: by workload and protocol, the geometric mean over the numbers of clients. */
export function ratioTable(cells: readonly Cell[], of: string, to: string): string {
  const rows: string[][] = [];
  for (const group of groupCells(cells).values()) {
    const [first] = group;
    if (first === undefined || ratios(group, of, to, 'transactionsPerSecond').length === 0) continue;
    rows.push([
      first.workload.name,
      first.workload.reach,
      first.protocol,
      geometricMean(ratios(group, of, to, 'processorMicroseconds')).toFixed(2),
      geometricMean(ratios(group, of, to, 'transactionsPerSecond')).toFixed(2),
      geometricMean(ratios(group, of, to, 'percentile99Ms')).toFixed(2),
    ]);
  }
  return markdownTable(
    [
      { title: `${of} against ${to}`, align: 'left' },
      { title: 'touches', align: 'left' },
      { title: 'protocol', align: 'left' },
      { title: 'CPU a transaction', align: 'right' },
      { title: 'TPS', align: 'right' },
      { title: 'p99', align: 'right' },
    ],
    rows,
  );
}

/** The geometric mean, over cells, of one contender's processor time a transaction against another's. */
export function processorRatio(cells: readonly Cell[], of: string, to: string): number {
  return geometricMean(ratios(cells, of, to, 'processorMicroseconds'));
}

/** A cell's ratio is the median of its rounds': runs side by side share what else the machine does. */
function ratios(cells: readonly Cell[], of: string, to: string, name: Figure): readonly number[] {
  return cells.flatMap(({ runs }) => {
    const others = runs.get(to) ?? [];
    const each = (runs.get(of) ?? []).map((run, round) => run[name] / (others[round]?.[name] ?? Number.NaN));
    const ratio = median(each);
    return Number.isFinite(ratio) ? [ratio] : [];
  });
}

function figure({ runs }: Cell, contender: string, name: Figure): number | undefined {
  const each = runs.get(contender);
  return each === undefined ? undefined : median(each.map((run) => run[name]));
}

function formatFigure(value: number | undefined, format: (value: number) => string): string {
  return value === undefined ? '-' : format(value);
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
