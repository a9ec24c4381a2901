/** Seeded random values, cheap enough for a hundred thousand of each type. */

export interface Generator {
  /** 0 <= n < limit */
  below(limit: number): number;
  int32(): number;
  bytes(length: number): Buffer;
  pick<T>(choices: readonly T[]): T;
}

/** Jest looks globals up slowly. */
const { floor, imul } = Math;

/** mulberry32: the same values for the same seed. */
export function generator(seed: number): Generator {
  let state = seed | 0;
  const uint32 = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = imul(state ^ (state >>> 15), state | 1);
    t ^= t + imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  const below = (limit: number): number => floor((uint32() / 2 ** 32) * limit);
  return {
    below,
    int32: () => uint32() | 0,
    bytes(length) {
      const bytes = Buffer.allocUnsafe(length);
      for (let index = 0; index < length; index++) bytes[index] = uint32();
      return bytes;
    },
    pick: (choices) => choices[below(choices.length)] as (typeof choices)[number],
  };
}

const digits = (random: Generator, count: number): string =>
  Array.from({ length: count }, () => random.below(10)).join('');

const two = (value: number): string => String(value).padStart(2, '0');

const alphabet = ['a', 'B', ' ', '7', 'é', 'ß', '中', '𝄞', '"', '\\', ',', '\t', '{', "'", '_', 'z', 'Z', '-'];

function characters(random: Generator, limit: number): string {
  return Array.from({ length: random.below(limit) }, () => random.pick(alphabet)).join('');
}

function integer(random: Generator, bits: number): string {
  const magnitude = BigInt(`0x0${random.bytes(8).toString('hex')}`) >> BigInt(64 - bits + 1 + random.below(bits - 1));
  return random.below(2) === 0 ? String(magnitude) : String(-magnitude - BigInt(random.below(2)));
}

function date(random: Generator): string {
  const year =
    random.below(20) === 0
      ? 10_000 + random.below(250_000)
      : random.below(4) === 0
        ? 1 + random.below(9999)
        : 1900 + random.below(200);
  return `${String(year).padStart(4, '0')}-${two(1 + random.below(12))}-${two(1 + random.below(28))}`;
}

/** Before or after Christ, or endless. */
function era(random: Generator, text: string): string {
  const choice = random.below(40);
  if (choice === 0) return random.pick(['infinity', '-infinity']);
  return choice < 4 && /^0\d{3}|^[1-3]\d{3}-/.test(text) ? `${text} BC` : text;
}

function clock(random: Generator): string {
  const fraction = random.below(3) === 0 ? '' : `.${digits(random, 1 + random.below(6))}`;
  return `${two(random.below(24))}:${two(random.below(60))}:${two(random.below(60))}${fraction}`;
}

function zone(random: Generator): string {
  const minutes = random.below(2) === 0 ? '' : `:${two(random.below(60))}`;
  return `${random.pick(['+', '-'])}${two(random.below(15))}${minutes}`;
}

function decimal(random: Generator): string {
  const sign = random.pick(['', '-', '+']);
  const whole = digits(random, 1 + random.below(12)) + '0'.repeat(random.below(6));
  const fraction = random.below(2) === 0 ? '' : `.${'0'.repeat(random.below(9))}${digits(random, random.below(12))}`;
  const exponent = random.below(4) === 0 ? `e${random.below(60) - 30}` : '';
  return sign + whole + fraction + exponent;
}

function address(random: Generator): string {
  if (random.below(2) === 0) {
    const mask = random.below(2) === 0 ? '' : `/${random.below(33)}`;
    return [...random.bytes(4)].join('.') + mask;
  }
  const groups = Array.from({ length: 8 }, () => random.below(65_536).toString(16));
  const from = random.below(8);
  const text =
    random.below(2) === 0
      ? groups.join(':')
      : `${groups.slice(0, from).join(':')}::${groups.slice(from + 1 + random.below(7 - from)).join(':')}`;
  return text + (random.below(2) === 0 ? '' : `/${random.below(129)}`);
}

const hexGroups = (bytes: Buffer): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');

const special = (random: Generator, often: number, choices: readonly string[], other: () => string): string =>
  random.below(often) === 0 ? random.pick(choices) : other();

/** A valid text of the type, of the kind that applications send. */
export const randomText: Record<string, (random: Generator) => string> = {
  smallint: (random) => integer(random, 16),
  integer: (random) => integer(random, 32),
  bigint: (random) => integer(random, 64),
  oid: (random) => String(random.int32() >>> random.below(32)),
  text: (random) => characters(random, 40),
  'character varying': (random) => characters(random, 40),
  name: (random) => characters(random, 17),
  character: (random) => `${characters(random, 40)}${' '.repeat(random.below(3))}`,
  uuid: (random) =>
    random
      .bytes(16)
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
  boolean: (random) => random.pick(['t', 'f', 'true', 'off', '1', '0', 'YES', ' no ']),
  bytea: (random) => `\\x${random.bytes(random.below(40)).toString('hex')}`,
  date: (random) => era(random, date(random)),
  'time without time zone': clock,
  'time with time zone': (random) => clock(random) + zone(random),
  'timestamp without time zone': (random) => era(random, `${date(random)} ${clock(random)}`),
  'timestamp with time zone': (random) =>
    era(random, `${date(random)}${random.pick([' ', 'T'])}${clock(random)}${zone(random)}`),
  interval: (random) =>
    `${random.int32() >> random.below(24)} months ${random.int32() >> random.below(24)} days ` +
    `${random.int32()}.${digits(random, 6)} seconds`,
  real: (random) =>
    special(random, 50, ['0', '-0', 'NaN', 'nan', '1e10'], () => {
      const value = random.bytes(4).readFloatLE();
      return random.below(2) === 0 ? String(value) : String(random.int32() / 1000);
    }),
  'double precision': (random) =>
    special(random, 50, ['0', '-0', 'NaN', '0.0e5', '1e300'], () => {
      const value = random.bytes(8).readDoubleLE();
      return random.below(2) === 0 ? String(value) : String(random.int32() / 1000);
    }),
  numeric: (random) =>
    special(random, 50, ['0', '-0.000', 'NaN', 'Infinity', '10000', '.5', '1.'], () => decimal(random)),
  inet: address,
  cidr: (random) => random.pick([`10.${random.below(256)}.0.0/16`, `${[...random.bytes(4)].join('.')}/32`, '::/0']),
  macaddr: (random) => hexGroups(random.bytes(6)),
  macaddr8: (random) => hexGroups(random.bytes(8)),
};
