/**
 * PostgreSQL's own grammar, as WebAssembly (libpg_query), hardened. An expression nested too deeply overflows the
 * stack inside the module, which leaves it damaged; so the instance is then thrown away for one that is ready. So is
 * an instance that has parsed much text, because its memory never shrinks.
 */

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { types } from 'node:util';
import type { Node, ParseResult } from '@pgsql/types';
import { assert, present } from '../../base/assert.js';
import { PgError } from '../../base/errors.js';
import { Scanner, BAD, END } from './scanner.js';
import { syntaxError } from './syntax-error.js';

/** One statement of the text: byte offsets into its UTF-8 form, of its first token and of the end of its last. */
export interface ParsedStatement {
  readonly node: Node;
  readonly start: number;
  readonly end: number;
}

/** The largest text that is parsed: an instance takes some tens of bytes of memory for each. */
export const MAX_PARSED_BYTES = 4 * 1024 * 1024;

/** After a text as long as this, the instance is replaced and its memory given back. */
const RETIRE_AFTER_BYTES = 256 * 1024;

/** Instances held ready. One takes the place of another within a call; the next is made before the next I/O event. */
const SPARES = 2;

/** A damaged instance that stays in use for want of a spare becomes useless after some 30 overflows. */
const MAX_OVERFLOWS = 10;

const SEMICOLON = 0x3b;
const STACK_DEPTH_LIMIT = '54001';
const PROGRAM_LIMIT_EXCEEDED = '54000';

/** The parts of the Emscripten module that are used. */
interface WasmParser {
  readonly HEAPU8: Uint8Array;
  readonly HEAPU32: Uint32Array;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
  _wasm_parse_query_raw(query: number): number;
  _wasm_free_parse_result(result: number): void;
  _wasm_parse_plpgsql(statement: number): number;
  _wasm_free_string(text: number): void;
}

/** What is used of the WebAssembly API, whose types come only with those of a browser. */
interface WebAssemblyApi {
  compile(code: Uint8Array): Promise<object>;
  readonly Instance: new (code: object, imports: object) => object;
}

declare const WebAssembly: WebAssemblyApi;

interface ModuleOptions {
  instantiateWasm(imports: object, done: (instance: object) => void): object;
}

type ModuleFactory = (options: ModuleOptions) => Promise<WasmParser>;

/** The struct PgQueryParseResult and the struct PgQueryError, in 32-bit words. */
const RESULT_TREE = 0;
const RESULT_ERROR = 2;
const ERROR_MESSAGE = 0;
const ERROR_CURSOR = 4;

const require = createRequire(import.meta.url);
const spares: WasmParser[] = [];
let current: WasmParser | undefined;
let overflows = 0;
let pending = 0;
let create: (() => Promise<WasmParser>) | undefined;

/** Instances share the compiled code, and making one needs no I/O: it is done before the event loop goes on. */
async function prepare(): Promise<() => Promise<WasmParser>> {
  const factory = require('libpg-query/wasm/libpg-query.js') as ModuleFactory;
  const code = await WebAssembly.compile(await readFile(require.resolve('libpg-query/wasm/libpg-query.wasm')));
  return async () =>
    await factory({
      instantiateWasm: (imports, done) => {
        done(new WebAssembly.Instance(code, imports));
        return {};
      },
    });
}

/** Makes the parser ready. Must have ended before the first parse; later calls do nothing. */
export async function loadParser(): Promise<void> {
  create ??= await prepare();
  current ??= await create();
  while (spares.length < SPARES) spares.push(await create());
}

function replenish(): void {
  if (create === undefined || spares.length + pending >= SPARES) return;
  pending++;
  void create().then(
    (instance) => {
      pending--;
      spares.push(instance);
      replenish();
    },
    () => {
      // Without memory for another, parsing goes on with those that are there.
      pending--;
    },
  );
}

/** Puts a spare in the place of the current instance. */
function retire(): boolean {
  const spare = spares.shift();
  replenish();
  if (spare === undefined) return false;
  current = spare;
  overflows = 0;
  return true;
}

function stackDepthError(): PgError {
  return new PgError(STACK_DEPTH_LIMIT, 'stack depth limit exceeded', {
    hint: 'The statement nests its expressions too deeply for the parser; use IN lists or several statements.',
  });
}

/**
 * Parses all statements of a text. Throws PgError as PostgreSQL would report it: the lexer's and the grammar's errors,
 * 54001 for an expression nested too deeply, 54000 for a text larger than MAX_PARSED_BYTES.
 */
export function parseStatements(sql: string): ParsedStatement[] {
  const bytes = Buffer.from(sql, 'utf8');
  if (bytes.length > MAX_PARSED_BYTES) {
    throw new PgError(PROGRAM_LIMIT_EXCEEDED, `statement of ${bytes.length} bytes is too long to be parsed`, {
      hint: `At most ${MAX_PARSED_BYTES} bytes are parsed: send values as parameters, or rows with COPY.`,
    });
  }
  const tree = parseTree(bytes);
  return (tree.stmts ?? []).map(({ stmt, stmt_location = 0, stmt_len = 0 }) => {
    const limit = stmt_len === 0 ? bytes.length : stmt_location + stmt_len;
    return { node: present(stmt, 'a statement without a tree'), ...extent(bytes, stmt_location, limit) };
  });
}

/**
 * The first token's start and the last token's end: what the grammar reports may hold comments and blanks. Semicolons
 * stand around a statement, and also within one: in a body from BEGIN ATOMIC to END, and in a rule's list of actions.
 */
function extent(bytes: Buffer, from: number, limit: number): { start: number; end: number } {
  const scanner = new Scanner(bytes, from, limit);
  let start = -1;
  let end = limit;
  for (;;) {
    const kind = scanner.next();
    if (kind === END || kind === BAD) return { start: start < 0 ? from : start, end };
    if (bytes[scanner.start] === SEMICOLON) continue;
    if (start < 0) start = scanner.start;
    end = scanner.end;
  }
}

function parseTree(bytes: Buffer): ParseResult {
  return guarded(bytes, call);
}

/**
 * The body of the function that a CREATE FUNCTION or DO statement makes, as libpg_query's PL/pgSQL parser gives it.
 * Undefined when it refuses the text: it knows no types but PostgreSQL's own, so it may be wrong about that.
 */
export function parsePlpgsql(statement: string): unknown {
  const bytes = Buffer.from(statement, 'utf8');
  return bytes.length > MAX_PARSED_BYTES ? undefined : guarded(bytes, callPlpgsql);
}

/** Runs the parser, and swaps in another instance when this one may be damaged. */
function guarded<Result>(bytes: Buffer, run: (instance: WasmParser, bytes: Buffer) => Result): Result {
  assert(current !== undefined, 'loadParser() has not ended');
  if (overflows >= MAX_OVERFLOWS && !retire()) throw stackDepthError();
  const instance = current;
  try {
    const tree = run(instance, bytes);
    if (bytes.length > RETIRE_AFTER_BYTES) retire();
    return tree;
  } catch (error) {
    if (!isOverflow(error)) throw error;
    overflows++;
    retire();
    throw stackDepthError();
  }
}

/** A stack overflow, or the trap that follows one. By name, because the module may live in a context of its own. */
function isOverflow(error: unknown): boolean {
  return types.isNativeError(error) && (error.name === 'RangeError' || error.name === 'RuntimeError');
}

function call(instance: WasmParser, bytes: Buffer): ParseResult {
  const query = instance._malloc(bytes.length + 1);
  if (query === 0) throw outOfMemory();
  instance.HEAPU8.set(bytes, query);
  instance.HEAPU8[query + bytes.length] = 0;
  const result = instance._wasm_parse_query_raw(query);
  try {
    if (result === 0) throw outOfMemory();
    const failure = word(instance, result, RESULT_ERROR);
    if (failure !== 0) {
      const message = text(instance, word(instance, failure, ERROR_MESSAGE));
      throw syntaxError(message, word(instance, failure, ERROR_CURSOR) | 0);
    }
    return JSON.parse(text(instance, word(instance, result, RESULT_TREE))) as ParseResult;
  } finally {
    instance._free(query);
    if (result !== 0) instance._wasm_free_parse_result(result);
  }
}

function callPlpgsql(instance: WasmParser, bytes: Buffer): unknown {
  const statement = instance._malloc(bytes.length + 1);
  if (statement === 0) throw outOfMemory();
  instance.HEAPU8.set(bytes, statement);
  instance.HEAPU8[statement + bytes.length] = 0;
  const result = instance._wasm_parse_plpgsql(statement);
  try {
    if (result === 0) throw outOfMemory();
    const answer = text(instance, result);
    // Anything but JSON is an error's message.
    return answer.startsWith('{') ? (JSON.parse(answer) as unknown) : undefined;
  } finally {
    instance._free(statement);
    if (result !== 0) instance._wasm_free_string(result);
  }
}

function outOfMemory(): PgError {
  return new PgError('53200', 'out of memory', { detail: 'The parser has no memory for the statement.' });
}

function word(instance: WasmParser, pointer: number, index: number): number {
  return instance.HEAPU32[(pointer >>> 2) + index] ?? 0;
}

/** The C string at the pointer. */
function text(instance: WasmParser, pointer: number): string {
  const memory = Buffer.from(instance.HEAPU8.buffer, instance.HEAPU8.byteOffset, instance.HEAPU8.byteLength);
  return memory.toString('utf8', pointer, memory.indexOf(0, pointer));
}
