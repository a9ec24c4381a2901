/** What these tests use of modules that come without types. */

declare module 'pg-cursor' {
  import type { Connection, Submittable } from 'pg';

  export default class Cursor<Row = unknown> implements Submittable {
    constructor(text: string, values: readonly unknown[]);
    submit(connection: Connection): void;
    read(maximumRows: number): Promise<Row[]>;
    close(): Promise<void>;
  }
}

declare module 'pg-copy-streams' {
  import type { Readable, Writable } from 'node:stream';
  import type { Submittable } from 'pg';

  export function from(text: string): Writable & Submittable;
  export function to(text: string): Readable & Submittable;
}
