/** Values of every type that can be merged, as text that PostgreSQL reads. */

import * as fc from 'fast-check';
import type { OrderType } from '../../../planner/plan/plan.js';

interface TypeUnderTest {
  /** As it is written in a cast. */
  readonly name: string;
  /** The function that makes the binary format. */
  readonly send: string;
  readonly values: fc.Arbitrary<string>;
}

function integer(bits: number): fc.Arbitrary<string> {
  const limit = 2n ** BigInt(bits - 1);
  return fc.oneof(
    fc.bigInt({ min: -limit, max: limit - 1n }).map(String),
    fc.constantFrom(-limit, limit - 1n, 0n, 1n, -1n, 255n, 256n).map(String),
    fc.bigInt({ min: -5n, max: 5n }).map(String),
  );
}

function float(value: fc.Arbitrary<number>): fc.Arbitrary<string> {
  return fc.oneof(
    value.map((it) => (Object.is(it, -0) ? '-0' : String(it))),
    fc.constantFrom('NaN', 'Infinity', '-Infinity', '-0', '0', '1', '-1'),
  );
}

/** Digits with many equal prefixes, with and without a fraction, up to exponents far beyond a double's. */
const numeric = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('', '-'),
      fc.constantFrom('0', '1', '12345678901234567890', '9999', '10000', '123456789012345678901234567890'),
      fc.constantFrom(
        '',
        '.0',
        '.00',
        '.5',
        '.00001',
        '.12345678901234567890',
        '.123456789012345678901',
        '.0000000000000000000000001',
      ),
    )
    .map((parts) => parts.join('')),
  fc
    .tuple(fc.constantFrom('', '-'), fc.bigInt({ min: 0n, max: 10n ** 40n }), fc.integer({ min: -60, max: 60 }))
    .map(([sign, digits, exponent]) => `${sign}${digits}e${exponent}`),
  fc.constantFrom('NaN', 'Infinity', '-Infinity', '1e131071', '-1e131071', '1e-16383', '-1e-16383', '1e400', '1e401'),
);

const characters = fc.string({
  unit: fc.constantFrom('a', 'b', 'A', ' ', 'é', '😀', '\u0001', '~', '\uffff'),
  maxLength: 20,
});
const longText = fc
  .tuple(fc.constantFrom('', 'abcdef', 'abcdefabcdef', 'abcdefabcdefabcdef', 'abcdefghij'.repeat(5)), characters)
  .map((parts) => parts.join(''));
const two = (value: number): string => String(value).padStart(2, '0');
const timeOfDay = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }), fc.integer({ min: 0, max: 59_999_999 }))
  .map(([hour, minute, rest]) => `${two(hour)}:${two(minute)}:${(rest / 1e6).toFixed(6).padStart(9, '0')}`);
const time = fc.oneof(timeOfDay, fc.constantFrom('00:00', '24:00', '12:00:00.000001'));
const day = fc
  .tuple(
    fc.integer({ min: 1, max: 9999 }),
    fc.integer({ min: 1, max: 12 }),
    fc.integer({ min: 1, max: 28 }),
    fc.boolean(),
  )
  .map(
    ([year, month, date, before]) =>
      `${String(year).padStart(4, '0')}-${two(month)}-${two(date)}${before && year <= 4700 ? ' BC' : ''}`,
  );
const date = fc.oneof(day, fc.constantFrom('infinity', '-infinity', '2000-01-01', '4713-01-01 BC', '5874897-12-31'));
const timestamp = fc.oneof(
  fc
    .tuple(day, timeOfDay)
    .map(([days, times]) => (days.endsWith('BC') ? `${days.slice(0, -3)} ${times} BC` : `${days} ${times}`)),
  fc.constantFrom('infinity', '-infinity', '2000-01-01', '294276-12-31 23:59:59.999999', '1999-12-31 23:59:59.999999'),
);
const interval = fc.oneof(
  fc
    .tuple(
      fc.integer({ min: -40, max: 40 }),
      fc.integer({ min: -100, max: 100 }),
      fc.integer({ min: -90_000, max: 90_000 }),
    )
    .map(([months, days, seconds]) => `${months} months ${days} days ${seconds} seconds`),
  fc
    .tuple(
      fc.integer({ min: -2_147_483_647, max: 2_147_483_647 }),
      fc.integer({ min: -2_147_483_647, max: 2_147_483_647 }),
      fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
    )
    .map(([months, days, microseconds]) => `${months} months ${days} days ${microseconds} microseconds`),
  fc.constantFrom(
    '1 month',
    '30 days',
    '720 hours',
    '29 days 24 hours',
    '-1 month 30 days',
    '1 day -24 hours',
    '0',
    '2562047788 hours',
    '-2562047788 hours',
    '106751991 days',
    '-2562047788 hours -8 days',
  ),
);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export const typesUnderTest: Readonly<Record<OrderType, TypeUnderTest>> = {
  int2: { name: 'int2', send: 'int2send', values: integer(16) },
  int4: { name: 'int4', send: 'int4send', values: integer(32) },
  int8: { name: 'int8', send: 'int8send', values: integer(64) },
  oid: { name: 'oid', send: 'oidsend', values: fc.integer({ min: 0, max: 4_294_967_295 }).map(String) },
  float4: { name: 'float4', send: 'float4send', values: float(fc.float()) },
  float8: { name: 'float8', send: 'float8send', values: float(fc.double()) },
  numeric: { name: 'numeric', send: 'numeric_send', values: numeric },
  bool: { name: 'bool', send: 'boolsend', values: fc.constantFrom('t', 'f') },
  date: { name: 'date', send: 'date_send', values: date },
  time: { name: 'time', send: 'time_send', values: time },
  timestamp: { name: 'timestamp', send: 'timestamp_send', values: timestamp },
  timestamptz: { name: 'timestamptz', send: 'timestamptz_send', values: timestamp },
  timetz: {
    name: 'timetz',
    send: 'timetz_send',
    values: fc
      .tuple(
        fc.oneof(timeOfDay, fc.constantFrom('12:00:00', '13:00:00')),
        fc.constantFrom('+00', '+01', '-01', '+12:30', '-15:59:59', '+15:59:59'),
      )
      .map((parts) => parts.join('')),
  },
  interval: { name: 'interval', send: 'interval_send', values: interval },
  text: { name: 'text COLLATE "C"', send: 'textsend', values: longText },
  bpchar: {
    name: 'bpchar COLLATE "C"',
    send: 'bpcharsend',
    values: fc.tuple(longText, fc.constantFrom('', ' ', '   ')).map((parts) => parts.join('')),
  },
  name: { name: 'name', send: 'namesend', values: longText },
  char: {
    name: '"char"',
    send: 'charsend',
    values: fc.oneof(fc.string({ unit: 'grapheme-ascii', maxLength: 1 }), fc.constantFrom('\\200', '\\377', '\\001')),
  },
  bytea: {
    name: 'bytea',
    send: 'byteasend',
    values: fc
      .tuple(
        fc.constantFrom('', '616263646566', '616263646566616263646566', '61'.repeat(50)),
        fc.oneof(fc.uint8Array({ maxLength: 9 }), fc.uint8Array({ maxLength: 4, max: 1 })),
      )
      .map(([prefix, bytes]) => `\\x${prefix}${hex(bytes)}`),
  },
  uuid: {
    name: 'uuid',
    send: 'uuid_send',
    values: fc
      .tuple(
        fc.constantFrom('', '0011223344556677', '00112233445566778899aabb'),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
      )
      .map(([prefix, bytes]) => `${prefix}${hex(bytes)}`.slice(0, 32)),
  },
};

export const orderTypes = Object.keys(typesUnderTest) as OrderType[];
