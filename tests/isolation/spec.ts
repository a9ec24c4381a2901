/** Specifications of PostgreSQL's isolation tests (src/test/isolation/README): sessions, their steps, and permutations. */

export interface Step {
  readonly name: string;
  readonly session: string;
  readonly sql: string;
}

interface Session {
  readonly name: string;
  readonly setup: string | undefined;
  readonly teardown: string | undefined;
  readonly steps: readonly Step[];
}

/** What keeps a step from being reported as completed. */
export type Marker =
  | { readonly kind: 'once' }
  | { readonly kind: 'step'; readonly step: string }
  | { readonly kind: 'notices'; readonly step: string; readonly count: number };

export interface PlannedStep {
  readonly step: Step;
  readonly markers: readonly Marker[];
}

export interface Spec {
  readonly setups: readonly string[];
  readonly teardown: string | undefined;
  readonly sessions: readonly Session[];
  readonly permutations: readonly (readonly PlannedStep[])[];
}

type Token =
  | { readonly kind: 'sql'; readonly text: string }
  | { readonly kind: 'word'; readonly text: string; readonly quoted: boolean }
  | { readonly kind: 'mark'; readonly text: string };

function* tokenize(text: string): Generator<Token> {
  const pattern = /\s+|#[^\n]*|\{([^}]*)\}|"([^"]*)"|([A-Za-z_][\w-]*|\d+)|([(),*])/gy;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [, sql, quoted, word, mark] = match;
    if (sql !== undefined) yield { kind: 'sql', text: sql.trim() };
    else if (quoted !== undefined) yield { kind: 'word', text: quoted, quoted: true };
    else if (word !== undefined) yield { kind: 'word', text: word, quoted: false };
    else if (mark !== undefined) yield { kind: 'mark', text: mark };
    if (pattern.lastIndex === text.length) return;
  }
  throw new Error('not a specification of isolation tests');
}

class TokenReader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = [...tokenize(text)];
  }

  get ended(): boolean {
    return this.#at === this.#tokens.length;
  }

  /** Takes the next token if it is this keyword or mark. */
  take(text: string): boolean {
    const token = this.#tokens[this.#at];
    const taken = token?.text === text && (token.kind === 'mark' || (token.kind === 'word' && !token.quoted));
    if (taken) this.#at += 1;
    return taken;
  }

  read(kind: Token['kind']): string {
    const token = this.#tokens[this.#at];
    if (token?.kind !== kind) throw new Error(`expected ${kind} in a specification, found ${token?.text ?? 'its end'}`);
    this.#at += 1;
    return token.text;
  }

  /** A name follows that is no keyword. */
  get hasName(): boolean {
    const token = this.#tokens[this.#at];
    return token?.kind === 'word' && (token.quoted || !keywords.has(token.text));
  }
}

const keywords: ReadonlySet<string> = new Set(['setup', 'teardown', 'session', 'step', 'permutation']);

export function parseSpec(text: string): Spec {
  const reader = new TokenReader(text);
  const setups: string[] = [];
  while (reader.take('setup')) setups.push(reader.read('sql'));
  const teardown = reader.take('teardown') ? reader.read('sql') : undefined;
  const sessions: Session[] = [];
  while (reader.take('session')) {
    const name = reader.read('word');
    const setup = reader.take('setup') ? reader.read('sql') : undefined;
    const steps: Step[] = [];
    while (reader.take('step')) steps.push({ name: reader.read('word'), session: name, sql: reader.read('sql') });
    sessions.push({ name, setup, steps, teardown: reader.take('teardown') ? reader.read('sql') : undefined });
  }
  const byName = new Map(sessions.flatMap(({ steps }) => steps.map((step) => [step.name, step])));
  const permutations: PlannedStep[][] = [];
  while (reader.take('permutation')) {
    const planned: PlannedStep[] = [];
    while (reader.hasName) {
      const name = reader.read('word');
      const step = byName.get(name);
      if (step === undefined) throw new Error(`no step ${name}`);
      planned.push({ step, markers: readMarkers(reader) });
    }
    permutations.push(planned);
  }
  if (!reader.ended) throw new Error('a specification goes on after its permutations');
  const all = permutations.length > 0 ? permutations : [...interleavings(sessions.map(({ steps }) => steps))];
  return { setups, teardown, sessions, permutations: all };
}

function readMarkers(reader: TokenReader): readonly Marker[] {
  if (!reader.take('(')) return [];
  const markers: Marker[] = [];
  do {
    if (reader.take('*')) markers.push({ kind: 'once' });
    else {
      const step = reader.read('word');
      if (reader.take('notices')) markers.push({ kind: 'notices', step, count: Number(reader.read('word')) });
      else markers.push({ kind: 'step', step });
    }
  } while (reader.take(','));
  if (!reader.take(')')) throw new Error('a list of markers does not end');
  return markers;
}

/** All orders of the steps that keep each session's own order. */
function* interleavings(sessions: readonly (readonly Step[])[]): Generator<PlannedStep[]> {
  if (sessions.every((steps) => steps.length === 0)) {
    yield [];
    return;
  }
  for (const [index, [first, ...rest]] of sessions.entries()) {
    if (first === undefined) continue;
    const others = sessions.map((steps, other) => (other === index ? rest : steps));
    for (const tail of interleavings(others)) yield [{ step: first, markers: [] }, ...tail];
  }
}
