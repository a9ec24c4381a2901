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

const datePattern = /^(\d{4})-(\d{2})-(\d{2})$/;
const timePattern = /^(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?$/;
const zonePattern = /^([+-])(\d{2})(?::(\d{2}))?$/;

/** Days from 2000-01-01 to a date of the years 1 to 9999 in the form YYYY-MM-DD. */
export function parseDate(text: string): number | undefined {
  const match = datePattern.exec(text);
  if (match === null) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (year === 0) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  return date.getTime() / (daySeconds * 1000) - 10_957;
}

/** Microseconds from midnight: HH:MM, HH:MM:SS or HH:MM:SS.ffffff, before 24:00 and without a leap second. */
export function parseTime(text: string): number | undefined {
  const match = timePattern.exec(text);
  if (match === null) return undefined;
  const [hours, minutes, seconds] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
  return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + Number((match[4] ?? '').padEnd(6, '0'));
}

/** Seconds west of Greenwich: +HH, -HH, +HH:MM or -HH:MM, less than 16 hours. */
function parseZone(text: string): number | undefined {
  const match = zonePattern.exec(text);
  if (match === null) return undefined;
  const [hours, minutes] = [Number(match[2]), Number(match[3] ?? 0)];
  if (hours > 15 || minutes > 59) return undefined;
  const seconds = (hours * 60 + minutes) * 60;
  return match[1] === '+' ? -seconds : seconds;
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

/** Microseconds from 2000-01-01 00:00: a date, a blank or T, and a time. */
export function parseTimestamp(text: string): bigint | undefined {
  const separator = text[10];
  if (separator !== ' ' && separator !== 'T') return undefined;
  const days = parseDate(text.slice(0, 10));
  const microseconds = parseTime(text.slice(11));
  if (days === undefined || microseconds === undefined) return undefined;
  return BigInt(days * daySeconds) * 1_000_000n + BigInt(microseconds);
}

/** The same with an explicit numeric offset, as UTC. */
export function parseTimestampWithZone(text: string): bigint | undefined {
  const [time, offset] = splitZone(text.slice(11));
  const local = parseTimestamp(text.slice(0, 11) + time);
  const zone = parseZone(offset);
  return local === undefined || zone === undefined ? undefined : local + BigInt(zone) * 1_000_000n;
}
