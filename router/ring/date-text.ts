/**
 * Dates and times in the ISO forms that mean the same under every DateStyle, IntervalStyle, TimeZone and list of
 * abbreviations. Everything else PostgreSQL accepts is undefined here: a server has to read it.
 */

/** Microseconds of a day, and of a second. */
const daySeconds = 86_400;

interface TimeWithZone {
  readonly microseconds: number;
  /** Seconds west of Greenwich, as PostgreSQL keeps them. */
  readonly zone: number;
}

const datePattern = /^(\d{4,6})-(\d{2})-(\d{2})$/;
const timePattern = /^(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?$/;
const zonePattern = /^([+-])(\d{2})(?::(\d{2})(?::(\d{2}))?)?$/;
/** Years that all of date, timestamp and JavaScript's Date have. */
const firstYear = -4712;
const lastYear = 270_000;

/** DATEVAL_NOBEGIN and DATEVAL_NOEND (src/include/utils/date.h), DT_NOBEGIN and DT_NOEND (datatype/timestamp.h). */
const endlessDates: Readonly<Record<string, number>> = { '-infinity': -0x8000_0000, infinity: 0x7fff_ffff };
const endlessTimestamps: Readonly<Record<string, bigint>> = { '-infinity': -(2n ** 63n), infinity: 2n ** 63n - 1n };

const beforeChrist = ' BC';

function splitEra(text: string): { readonly of: string; readonly isBefore: boolean } {
  const isBefore = text.endsWith(beforeChrist);
  return { of: isBefore ? text.slice(0, -beforeChrist.length) : text, isBefore };
}

/** Days from 2000-01-01 to YYYY-MM-DD. */
function parseDay(text: string, isBefore: boolean): number | undefined {
  const match = datePattern.exec(text);
  if (match === null) return undefined;
  const [written, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const year = isBefore ? 1 - written : written;
  if (written === 0 || year < firstYear || year > lastYear) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  return date.getTime() / (daySeconds * 1000) - 10_957;
}

/** Days from 2000-01-01 to a date in the form YYYY-MM-DD, also BC, or infinity as the server keeps it. */
export function parseDate(text: string): number | undefined {
  const { of, isBefore } = splitEra(text);
  return endlessDates[text] ?? parseDay(of, isBefore);
}

/** Microseconds from midnight: HH:MM, HH:MM:SS or HH:MM:SS.ffffff, before 24:00 and without a leap second. */
export function parseTime(text: string): number | undefined {
  const match = timePattern.exec(text);
  if (match === null) return undefined;
  const [hours, minutes, seconds] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
  return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + Number((match[4] ?? '').padEnd(6, '0'));
}

/** Seconds west of Greenwich: +HH, +HH:MM, +HH:MM:SS or with a minus, less than 16 hours. */
function parseZone(text: string): number | undefined {
  const match = zonePattern.exec(text);
  if (match === null) return undefined;
  const [hours, minutes, seconds] = [Number(match[2]), Number(match[3] ?? 0), Number(match[4] ?? 0)];
  if (hours > 15 || minutes > 59 || seconds > 59) return undefined;
  const offset = (hours * 60 + minutes) * 60 + seconds;
  return match[1] === '+' ? -offset : offset;
}

function splitZone(text: string): [string, string] {
  const at = Math.max(text.lastIndexOf('+'), text.lastIndexOf('-'));
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at)];
}

export function parseTimeWithZone(text: string): TimeWithZone | undefined {
  const [time, offset] = splitZone(text);
  const microseconds = parseTime(time);
  const zone = parseZone(offset);
  return microseconds === undefined || zone === undefined ? undefined : { microseconds, zone };
}

/** Where the time begins: behind a blank or a T. */
function timeStart(text: string): number {
  return text.search(/[ T]\d/) + 1;
}

function parseLocal(text: string, isBefore: boolean): bigint | undefined {
  const start = timeStart(text);
  if (start === 0) return undefined;
  const days = parseDay(text.slice(0, start - 1), isBefore);
  const microseconds = parseTime(text.slice(start));
  if (days === undefined || microseconds === undefined) return undefined;
  return BigInt(days * daySeconds) * 1_000_000n + BigInt(microseconds);
}

/** Microseconds from 2000-01-01 00:00: a date, a blank or T, and a time, also BC; or infinity as the server keeps it. */
export function parseTimestamp(text: string): bigint | undefined {
  const { of, isBefore } = splitEra(text);
  return endlessTimestamps[text] ?? parseLocal(of, isBefore);
}

/** The same with an explicit numeric offset, as UTC. */
export function parseTimestampWithZone(text: string): bigint | undefined {
  const { of, isBefore } = splitEra(text);
  const start = timeStart(of);
  const [time, offset] = splitZone(of.slice(start));
  const local = parseLocal(of.slice(0, start) + time, isBefore);
  const zone = parseZone(offset);
  return (
    endlessTimestamps[text] ??
    (local === undefined || zone === undefined ? undefined : local + BigInt(zone) * 1_000_000n)
  );
}
