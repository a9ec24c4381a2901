/**
 * ErrorResponse and NoticeResponse, both ways. Their body is a list of fields, each a letter and a string
 * (PostgreSQL manual, "Error and Notice Message Fields"); letters that are not known are skipped, as it asks.
 */

import { PgError, sqlstate } from '../base/errors.js';
import type { PgNotice, PgReportFields, Severity } from '../base/errors.js';
import { BodyReader } from './body-reader.js';
import { backendType } from './frame.js';
import { MessageWriter } from './message-writer.js';

type TextField = Exclude<keyof PgReportFields, 'severity' | 'position' | 'internalPosition'>;

/** In the order in which PostgreSQL sends them (elog.c, send_message_to_frontend). */
const letters: readonly (readonly [string, TextField | 'position' | 'internalPosition'])[] = [
  ['D', 'detail'],
  ['H', 'hint'],
  ['P', 'position'],
  ['p', 'internalPosition'],
  ['q', 'internalQuery'],
  ['W', 'where'],
  ['s', 'schema'],
  ['t', 'table'],
  ['c', 'column'],
  ['d', 'dataType'],
  ['n', 'constraint'],
  ['F', 'file'],
  ['L', 'line'],
  ['R', 'routine'],
];

const severities: ReadonlySet<string> = new Set<Severity>([
  'ERROR',
  'FATAL',
  'PANIC',
  'WARNING',
  'NOTICE',
  'DEBUG',
  'INFO',
  'LOG',
]);

interface Report {
  readonly sqlstate: string;
  readonly message: string;
  readonly fields: PgReportFields & { readonly severity: Severity };
}

export function readErrorResponse(frame: Buffer): PgError {
  const report = readReport(frame, 'ERROR');
  return new PgError(report.sqlstate, report.message, report.fields);
}

export function readNoticeResponse(frame: Buffer): PgNotice {
  const report = readReport(frame, 'NOTICE');
  return { ...report.fields, sqlstate: report.sqlstate, message: report.message };
}

function readReport(frame: Buffer, otherwise: Severity): Report {
  const reader = new BodyReader(frame);
  const texts = new Map<string, string>();
  for (let letter = reader.readByte(); letter !== 0; letter = reader.readByte()) {
    texts.set(String.fromCharCode(letter), reader.readString());
  }
  reader.expectEnd();
  // V is the severity that is never translated; servers before 9.6 send only S.
  const severity = texts.get('V') ?? texts.get('S') ?? otherwise;
  const fields: Record<string, string | number> = {};
  for (const [letter, field] of letters) {
    const text = texts.get(letter);
    if (text === undefined) continue;
    if (field !== 'position' && field !== 'internalPosition') fields[field] = text;
    else if (/^\d{1,10}$/.test(text)) fields[field] = Number(text);
  }
  return {
    sqlstate: texts.get('C') ?? sqlstate.internalError,
    message: texts.get('M') ?? '',
    fields: { ...(fields as PgReportFields), severity: isSeverity(severity) ? severity : otherwise },
  };
}

function isSeverity(text: string): text is Severity {
  return severities.has(text);
}

export function encodeErrorResponse(error: PgError): Buffer {
  return encodeReport(backendType.errorResponse, error.severity, error.sqlstate, error.message, error.fields);
}

export function encodeNoticeResponse(notice: PgNotice): Buffer {
  return encodeReport(backendType.noticeResponse, notice.severity, notice.sqlstate, notice.message, notice);
}

function encodeReport(type: number, severity: Severity, code: string, message: string, fields: PgReportFields): Buffer {
  const writer = new MessageWriter(type);
  const write = (letter: string, text: string): void => {
    // A report must always get out, so a NUL (which would end the field) is shown and not refused.
    writer.writeByte(letter.charCodeAt(0)).writeString(text.replaceAll('\0', '\uFFFD'));
  };
  write('S', severity);
  write('V', severity);
  write('C', code);
  write('M', message);
  for (const [letter, field] of letters) {
    const value = fields[field];
    if (value !== undefined) write(letter, String(value));
  }
  return writer.writeByte(0).finish();
}
