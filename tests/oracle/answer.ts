/** What a server answered, in a form in which two servers' answers can be compared. */

import type { PgReportFields } from '../../base/errors.js';
import {
  readCommandComplete,
  readCopyResponse,
  readDataRow,
  readErrorResponse,
  readNoticeResponse,
  readParameterDescription,
  readParameterStatus,
  readReadyForQuery,
  readRowDescription,
  type FieldDescription,
} from '../../wire/backend.js';
import { backendType } from '../../wire/frame.js';
import { readCopyData } from '../../wire/frontend.js';

/** One thing that the server said. Rows and copied lines that follow one another are one part. */
type Part =
  | { readonly kind: 'said'; readonly text: string }
  | { readonly kind: 'rows'; readonly rows: string[] }
  | {
      readonly kind: 'error';
      readonly sqlstate: string;
      readonly message: string;
      readonly position: number | undefined;
      readonly detail: string | undefined;
      readonly hint: string | undefined;
      /** The object that it is about, and the context in which it came up. */
      readonly about: string;
    };

export interface Answer {
  readonly parts: readonly Part[];
  /** Parameters that were reported, with their last values. */
  readonly reported: ReadonlyMap<string, string>;
  readonly status: string;
}

/** Types of users' own have different oids on different servers. */
const FIRST_USER_OID = 16_384;

const names: ReadonlyMap<number, string> = new Map(
  Object.entries(backendType).map(([name, code]): [number, string] => [code, name]),
);

export function readAnswer(frames: readonly Buffer[]): Answer {
  const parts: Part[] = [];
  const reported = new Map<string, string>();
  let fields: readonly FieldDescription[] = [];
  let status = '';
  const addRow = (row: string): void => {
    const last = parts.at(-1);
    if (last?.kind === 'rows') last.rows.push(row);
    else parts.push({ kind: 'rows', rows: [row] });
  };
  for (const frame of frames) {
    switch (frame[0]) {
      case backendType.rowDescription: {
        fields = readRowDescription(frame);
        const text = fields.map((field) => {
          return `${field.name}:${typeText(field.typeOid)}:${field.typeModifier}:${field.format}:${field.columnNumber}`;
        });
        parts.push({ kind: 'said', text: `columns ${text.join(' ')}` });
        break;
      }
      case backendType.dataRow:
        addRow(rowText(readDataRow(frame), fields));
        break;
      case backendType.copyData: {
        const data = readCopyData(frame);
        // The header of the binary format comes with the first row, and any may be that.
        const isFirst = data.toString('latin1', 0, 6) === 'PGCOPY';
        if (isFirst) addRow(data.toString('latin1', 0, BINARY_HEADER_BYTES));
        addRow(data.toString('utf8', isFirst ? BINARY_HEADER_BYTES : 0));
        break;
      }
      case backendType.commandComplete:
        parts.push({ kind: 'said', text: `tag ${readCommandComplete(frame)}` });
        break;
      case backendType.errorResponse: {
        const error = readErrorResponse(frame);
        const { position, detail, hint } = error.fields;
        // Of several rows that violate a rule, any may be the first.
        const rows = detail?.startsWith('Failing row contains') === true;
        parts.push({
          kind: 'error',
          sqlstate: error.sqlstate,
          message: error.message,
          position,
          detail: rows ? 'Failing row' : detail,
          hint,
          about: aboutText(error.fields),
        });
        break;
      }
      case backendType.noticeResponse: {
        const notice = readNoticeResponse(frame);
        // What pgring tells of placements, no single server says.
        if (/pgring|shard|"[^"]*" is (a |on the )?(reference|home)/.test(notice.message)) break;
        parts.push({ kind: 'said', text: `${notice.severity} ${notice.sqlstate} ${notice.message}` });
        break;
      }
      case backendType.copyInResponse:
      case backendType.copyOutResponse: {
        const { format, columnFormats } = readCopyResponse(frame);
        parts.push({ kind: 'said', text: `${names.get(frame[0])} ${format} ${columnFormats.join(',')}` });
        break;
      }
      case backendType.parameterDescription:
        parts.push({ kind: 'said', text: `parameters ${readParameterDescription(frame).map(typeText).join(' ')}` });
        break;
      case backendType.parameterStatus: {
        const { name, value } = readParameterStatus(frame);
        reported.set(name, value);
        break;
      }
      case backendType.readyForQuery:
        status = readReadyForQuery(frame);
        break;
      default:
        parts.push({ kind: 'said', text: names.get(frame[0] ?? 0) ?? `message ${frame[0]}` });
    }
  }
  return { parts, reported, status };
}

/** Signature, flags and extension length of COPY's binary format. */
const BINARY_HEADER_BYTES = 19;

function aboutText({ schema, table, column, dataType, constraint, where }: PgReportFields): string {
  // A session's temporary schema has a number of its server's choice.
  const own = schema?.replace(/^pg_temp_\d+$/, 'pg_temp');
  return [own, table, column, dataType, constraint, where].map((field) => field ?? '').join('|');
}

function typeText(oid: number): string {
  return oid < FIRST_USER_OID ? String(oid) : 'user';
}

function rowText(values: readonly (Buffer | null)[], fields: readonly FieldDescription[]): string {
  return values
    .map((value, index) => {
      if (value === null) return 'NULL';
      const field = fields[index];
      if (field?.format !== 1) return JSON.stringify(value.toString('utf8'));
      // Arrays and composite values of users' types have oids of one server in them.
      return field.typeOid < FIRST_USER_OID ? `x${value.toString('hex')}` : `${value.length} bytes`;
    })
    .join(' | ');
}

/** The refusal in the answer, if pgring says that it cannot do the statement: 0A000 with a hint. */
export function refusalIn(answer: Answer): string | undefined {
  for (const part of answer.parts) {
    if (part.kind === 'error' && part.sqlstate === '0A000' && / by pgring( yet)?$/.test(part.message)) {
      return part.hint === undefined ? undefined : part.message;
    }
  }
  return undefined;
}

export type Order = 'ordered' | 'any order';

/** What differs between the two answers, for a person to read; undefined when nothing does. */
export function difference(
  actual: Answer,
  expected: Answer,
  order: Order,
  positions: 'all' | 'known' = 'known',
): string | undefined {
  const left = present(positions === 'all' ? actual : withKnownPositions(actual, expected), order);
  const right = present(expected, order);
  if (left === right) return undefined;
  if (order === 'ordered' && differsInTies(left, right)) return undefined;
  const [ours, theirs] = withoutCommonEnds(left.split('\n'), right.split('\n'));
  return `pgring:\n${indent(ours)}\nPostgreSQL:\n${indent(theirs)}`;
}

/** Numbers that are equal and look different (6.5 and 6.50) may stand in either order. */
function differsInTies(left: string, right: string): boolean {
  const trimmed = (text: string): string => text.replaceAll(/(\.\d*?)0+"/g, '$1"').replaceAll('."', '"');
  const sorted = (text: string): string => text.split('\n').sort().join('\n');
  return trimmed(left) === trimmed(right) && sorted(left) === sorted(right);
}

/** What both begin or end with says little, but for one line before the difference. */
function withoutCommonEnds(left: readonly string[], right: readonly string[]): readonly [string, string] {
  const shorter = Math.min(left.length, right.length);
  let start = 0;
  while (start < shorter && left[start] === right[start]) start += 1;
  let end = 0;
  while (end < shorter - start && left.at(-1 - end) === right.at(-1 - end)) end += 1;
  const cut = (lines: readonly string[]): string =>
    [
      ...(start > 1 ? [`(${start - 1} lines alike)`] : []),
      ...lines.slice(Math.max(0, start - 1), lines.length - end),
      ...(end > 0 ? [`(${end} lines alike)`] : []),
    ].join('\n');
  return [cut(left), cut(right)];
}

/** Where pgring has written the SQL itself, it may not know the position in the client's; but it must not tell a wrong one. */
function withKnownPositions(actual: Answer, expected: Answer): Answer {
  const positions = expected.parts.flatMap((part) => (part.kind === 'error' ? [part.position] : []));
  const parts = actual.parts.map((part) =>
    part.kind === 'error' && part.position === undefined ? { ...part, position: positions.shift() } : part,
  );
  return { ...actual, parts };
}

function present(answer: Answer, order: Order): string {
  const lines = settled(answer.parts).flatMap((part) => {
    switch (part.kind) {
      case 'said':
        return [part.text];
      case 'rows':
        return order === 'ordered' ? part.rows : [...part.rows].sort();
      case 'error':
        return [
          `error ${part.sqlstate} ${part.message}`,
          `  position ${part.position}, detail ${part.detail}, hint ${part.hint}, about ${part.about}`,
        ];
    }
  });
  const reported = [...answer.reported].map(([name, value]) => `${name} = ${value}`).sort();
  return [...lines, ...reported, `status ${answer.status}`].join('\n');
}

/**
 * Without what was said of a statement that then failed: a server may have sent some of its rows, and pgring learns of
 * some errors at Bind or Execute that a server finds at Parse. A client acts on the error alone.
 */
function settled(parts: readonly Part[]): readonly Part[] {
  return parts.flatMap((part, index): readonly Part[] => {
    const later = parts.slice(index + 1);
    const end = later.find((next) => next.kind === 'error' || (next.kind === 'said' && next.text.startsWith('tag ')));
    const warned = part.kind === 'said' && /^(NOTICE|WARNING|INFO) /.test(part.text);
    return end?.kind === 'error' && part.kind !== 'error' && !isTag(part) && !warned ? [] : [part];
  });
}

function isTag(part: Part): boolean {
  return part.kind === 'said' && part.text.startsWith('tag ');
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '    ');
}
