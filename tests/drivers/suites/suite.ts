/** What a driver's own test suite is to the runner. */

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** How one test ended. A test that its suite leaves out is `skipped`. */
export type TestResult =
  { readonly kind: 'passed' } | { readonly kind: 'skipped' } | { readonly kind: 'failed'; readonly message: string };

/** By the test's name, which is the same on both sides. */
export type TestResults = ReadonlyMap<string, TestResult>;

/** Where and with what a suite runs. */
export interface Place extends Address {
  readonly database: string;
  /** All checkouts. */
  readonly sources: string;
  /** The suite's checkout, with its packages installed. */
  readonly folder: string;
  /** For results that the suite can write only into a file. */
  readonly resultFile: string;
}

export interface Command {
  /** Put before the names of its tests, where a suite has several commands. */
  readonly title?: string;
  readonly program: string;
  readonly parameters: readonly string[];
  /** Below the suite's folder; that folder itself if left out. */
  readonly folder?: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** What a command left behind. */
export interface CommandOutcome {
  /** Of both streams, as it came. */
  readonly output: string;
  /** Null where it was ended by a signal, for the time that it took. */
  readonly exitCode: number | null;
  /** The result file's text, empty where there is none. */
  readonly file: string;
}

export interface Suite {
  readonly name: string;
  /** On GitHub; the checkout lies in a folder of its last name. */
  readonly repository: string;
  /** What a person does in the checkout before the first run. */
  readonly install: string;
  /** What of the suite is not run, and why. */
  readonly leftOut?: string;
  /** Statements that the suite expects to have been carried out in its database. */
  readonly setup: readonly string[];
  /** For each command. */
  readonly timeLimitSeconds: number;
  /** What is run, one after the other. */
  commands(place: Place): readonly Command[];
  read(outcome: CommandOutcome): TestResults;
}

/** The variables of libpq, which most drivers read. */
export function libpqEnvironment({ host, port, database }: Place): Readonly<Record<string, string>> {
  return { PGHOST: host, PGPORT: String(port), PGUSER: 'postgres', PGPASSWORD: 'postgres', PGDATABASE: database };
}

export function connectionString({ host, port, database }: Place): string {
  return `host=${host} port=${port} user=postgres password=postgres dbname=${database} sslmode=disable`;
}
