/** Probe: do all servers agree on what decides how rows compare and read? The first that answers is the measure. */

import type { Finding } from './finding.js';
import type { ProbedServer, ServerFacts } from './server-facts.js';
import { subjectOf } from './subject.js';

interface Trait {
  readonly name: string;
  readonly severity: Finding['severity'];
  read(facts: ServerFacts): string;
  readonly advice: string;
}

const traits: readonly Trait[] = [
  {
    name: 'PostgreSQL',
    severity: 'warning',
    read: (facts) => String(facts.majorVersion),
    advice: 'Upgrade the older one: a statement that one of them does not know fails on it.',
  },
  {
    name: 'encoding',
    severity: 'error',
    read: (facts) => facts.encoding,
    advice: 'Make the database again with the other encoding: text of one shard may not exist in the other.',
  },
  {
    name: 'collation',
    severity: 'error',
    read: (facts) => facts.collation,
    advice:
      'Make the database again with the same locale provider, locale and version: rows sorted by different rules ' +
      'cannot be merged into one order.',
  },
];

/** The findings about servers that differ from the first. */
export function probeLikeness(servers: readonly ProbedServer[]): readonly Finding[] {
  const answers = servers.flatMap(({ index, shard, answer }) =>
    answer.kind === 'facts' ? [{ index, shard, facts: answer.facts }] : [],
  );
  const [first, ...others] = answers;
  if (first === undefined) return [];
  return others.flatMap(({ index, shard, facts }) =>
    traits
      .filter((trait) => trait.read(facts) !== trait.read(first.facts))
      .map((trait): Finding => ({
        severity: trait.severity,
        path: `shards[${index}]`,
        subject: subjectOf(shard),
        expected: `${trait.name} ${trait.read(first.facts)}, as on ${subjectOf(first.shard)}`,
        found: `${trait.name} ${trait.read(facts)}`,
        advice: trait.advice,
      })),
  );
}
