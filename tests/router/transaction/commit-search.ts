/** Visits every world that the model of a commit can reach, each once, and says what is wrong in any. */

import { begin, breach, recoverUndisturbed, settled, successors } from './commit-model.js';
import { answerOf, type Server, type Setting, type World } from './commit-world.js';

interface SearchResult {
  readonly states: number;
  /** The first that was found, and the way there. */
  readonly breach: { readonly what: string; readonly way: readonly World[] } | undefined;
  /** What clients were told in any of them, and how transactions ended: the search is worth nothing without them all. */
  readonly answers: ReadonlySet<string>;
  readonly ends: ReadonlySet<string>;
}

/** Small numbers for equal values. */
class Numbering {
  readonly #byObject = new WeakMap<object, string>();
  readonly #byText = new Map<string, string>();

  of(value: object): string {
    const known = this.#byObject.get(value);
    if (known !== undefined) return known;
    const text = JSON.stringify(value, (_key, inner: unknown) => inner ?? null);
    const number = this.#byText.get(text) ?? String.fromCharCode(this.#byText.size);
    this.#byText.set(text, number);
    this.#byObject.set(value, number);
    return number;
  }
}

/** `maxStates`: to give up after; a search that did throws. */
export function search(setting: Setting, maxStates = 5_000_000): SearchResult {
  const numbers = new Numbering();
  const serversKey = (servers: readonly Server[]): string => servers.map((server) => numbers.of(server)).join('');
  // The recoverers beside the owner's own are alike.
  const keyOf = ({ servers, owner, recoverers: [own, ...others], cleaner, removed, crowd }: World): string => {
    const rest = others.map((other) => numbers.of(other)).sort();
    const first = own === undefined ? '' : numbers.of(own);
    return `${serversKey(servers)}${numbers.of(owner)}${first}${rest.join('')}${numbers.of(cleaner)}${removed ? 1 : 0}${crowd === undefined ? '' : numbers.of(crowd)}`;
  };
  interface Visit {
    readonly world: World;
    readonly from: Visit | undefined;
  }
  const wayTo = (visit: Visit | undefined): World[] => {
    return visit === undefined ? [] : [...wayTo(visit.from), visit.world];
  };
  const first = begin(setting);
  const seen = new Set([keyOf(first)]);
  const seenServers = new Set<string>();
  const answers = new Set<string>();
  const ends = new Set<string>();
  const open: Visit[] = [{ world: first, from: undefined }];
  for (let visit = open.pop(); visit !== undefined; visit = open.pop()) {
    const { world } = visit;
    const servers = serversKey(world.servers);
    let what = breach(world);
    if (!seenServers.has(servers)) {
      seenServers.add(servers);
      what ??= breachOfRecovery(world, setting, ends);
    }
    if (what !== undefined) return { states: seen.size, breach: { what, way: wayTo(visit) }, answers, ends };
    answers.add(answerOf(world.owner) ?? 'none');
    for (const next of successors(world, setting)) {
      const key = keyOf(next);
      if (seen.has(key)) continue;
      seen.add(key);
      open.push({ world: next, from: visit });
    }
    if (seen.size > maxStates) throw new Error(`more than ${maxStates} states`);
  }
  return { states: seen.size, breach: undefined, answers, ends };
}

/** From wherever everybody stops, one recoverer ends it, and the same way everywhere. */
function breachOfRecovery(world: World, setting: Setting, ends: Set<string>): string | undefined {
  for (const servers of settled(world.servers)) {
    const recovered = recoverUndisturbed(servers, setting.decisions);
    if (recovered.servers.some(({ transaction }) => transaction === 'prepared')) return 'left prepared for ever';
    const wrong = breach({ ...recovered, owner: world.owner });
    if (wrong !== undefined) return `${wrong}, after recovery`;
    for (const { transaction } of recovered.servers) ends.add(transaction);
  }
  return undefined;
}
