/** What is no value: our answer against that of the server's input functions. */

import { hashToBigInt, newHash } from '../../../router/ring/hash-bytes.js';
import { keyTypeOf, type KeyType } from '../../../router/ring/key-types.js';
import { typeOid } from '../../../catalog/type-oid.js';
import { hashText } from '../../../router/ring/key-value.js';
import { startServer, type TestServer } from './server.js';
import { generator, randomText, type Generator } from './values.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer(18);
});
afterAll(async () => {
  await server.stop();
});

interface Verdict {
  /** SQLSTATE of the input function's error. */
  readonly state: string | null;
  readonly hash: string | null;
}

async function judge(type: KeyType, texts: readonly string[]): Promise<Verdict[]> {
  const { rows: found } = await server.client.query<{ typname: string }>('SELECT typname FROM pg_type WHERE oid = $1', [
    type.oid,
  ]);
  const typname = found[0]?.typname ?? '';
  const { rows } = await server.client.query<Verdict>(
    `SELECT (pg_input_error_info(t, '${typname}')).sql_error_code AS state,
            CASE WHEN pg_input_is_valid(t, '${typname}') THEN hash_record_extended(ROW(t::${typname}), 0)::text END AS hash
     FROM unnest($1::text[]) WITH ORDINALITY u(t, n) ORDER BY n`,
    [texts],
  );
  return rows;
}

async function expectAgreement(type: KeyType, texts: readonly string[]): Promise<Record<string, number>> {
  const verdicts = await judge(type, texts);
  const seen: Record<string, number> = { hashed: 0, undecided: 0, malformed: 0, outOfRange: 0 };
  const wrong: string[] = [];
  texts.forEach((text, index) => {
    const hash = newHash();
    const outcome = hashText(type, text, hash);
    seen[outcome] = (seen[outcome] ?? 0) + 1;
    const { state = null, hash: expected = null } = verdicts[index] ?? {};
    const agrees =
      outcome === 'undecided' ||
      (outcome === 'hashed' && expected === hashToBigInt(hash).toString()) ||
      (outcome === 'malformed' && state === '22P02') ||
      (outcome === 'outOfRange' && state === '22003');
    if (!agrees) wrong.push(`${JSON.stringify(text)}: ${outcome} ${hashToBigInt(hash)}, server ${state ?? expected}`);
    if (outcome !== 'hashed' && (hash.high !== 0 || hash.low !== 0)) wrong.push(`${text}: the seed has changed`);
  });
  expect(wrong.slice(0, 10)).toEqual([]);
  return seen;
}

function requireType(oid: number): KeyType {
  const type = keyTypeOf(oid);
  if (type === undefined) throw new Error(`${oid} is no key type`);
  return type;
}

const pieces = [
  ...Array.from('0123456789abfxXoOB_-+. \t'),
  '0x',
  '0b',
  '0o',
  '_',
  '12',
  'e5',
  '\u00e9',
  '9223372036854775807',
];

const numberTexts = (random: Generator): string =>
  Array.from({ length: 1 + random.below(7) }, () => random.pick(pieces)).join('');

/** The ends of each integer type's range, and one beyond, in each notation. */
function edges(): string[] {
  const bounds = [15n, 16n, 31n, 32n, 63n, 64n].flatMap((power) =>
    [-2n, -1n, 0n, 1n, 9n, 10n].map((add) => 2n ** power + add),
  );
  return bounds.flatMap((bound) =>
    ['', '-', '+', ' -'].flatMap((sign) => [
      sign + bound,
      `${sign}0x${bound.toString(16)}`,
      `${sign}0o${bound.toString(8)}`,
      `${sign}0b${bound.toString(2)}`,
      `${sign}${bound}x`,
      `${sign}${bound}0x`,
      `${sign}${bound} `,
      `${sign}000${bound}`,
      `${sign}${bound}_0`,
    ]),
  );
}

describe('the text of an integer', () => {
  it.each([typeOid.int2, typeOid.int4, typeOid.int8, typeOid.oid])(
    'of type oid %i is read, refused or found out of range as the server does, also at the ends of the range',
    async (oid) => {
      const random = generator(oid);
      const texts = [
        ...edges(),
        '',
        ' ',
        '-',
        '0x',
        '0x_',
        '0x_f',
        '_1',
        '1_',
        '1__0',
        '1_0',
        '0_0',
        '00x1',
        '-0',
        '1 2',
      ];
      while (texts.length < 15_000) texts.push(numberTexts(random));
      const seen = await expectAgreement(requireType(oid), texts);
      expect(seen['hashed']).toBeGreaterThan(1000);
      if (oid !== typeOid.oid) {
        expect(seen['undecided']).toBe(0);
        expect(seen['malformed']).toBeGreaterThan(1000);
        expect(seen['outOfRange']).toBeGreaterThan(100);
      }
    },
  );
});

describe('the text of a uuid', () => {
  it('is read in every spelling that the server accepts and in no other', async () => {
    const random = generator(3);
    const texts = [
      'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11',
      '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}',
      'a0eebc999c0b4ef8bb6d6bb9bd380a11',
      'a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11',
      '{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}',
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11-',
      '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}',
      ' a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      'a0e-ebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      '',
      '{}',
    ];
    while (texts.length < 10_000) {
      const groups = random.bytes(16).toString('hex').match(/.{4}/g) ?? [];
      const text = groups.map((group) => group + random.pick(['', '', '-'])).join('');
      texts.push(random.pick([text, text.replace(/-$/, ''), `{${text.replace(/-$/, '')}}`, text.slice(1), `${text}0`]));
    }
    const seen = await expectAgreement(requireType(typeOid.uuid), texts);
    expect(seen['undecided']).toBe(0);
    expect(seen['hashed']).toBeGreaterThan(2000);
    expect(seen['malformed']).toBeGreaterThan(2000);
  });
});

describe('the text of a boolean', () => {
  it('is read for every unambiguous prefix', async () => {
    const words = ['true', 'false', 'yes', 'no', 'on', 'off', '1', '0', 'o', '10', 'ye s', 'truex', 'ja', ''];
    const prefixes = words.flatMap((word) => Array.from({ length: word.length + 1 }, (_, end) => word.slice(0, end)));
    const texts = prefixes.flatMap((word) => [word, word.toUpperCase(), ` ${word}\t`, `${word}.`, `\n${word}`]);
    const seen = await expectAgreement(requireType(typeOid.bool), texts);
    expect(seen['undecided']).toBe(0);
  });
});

describe('text of the other types', () => {
  const others = Object.values(typeOid)
    .map(keyTypeOf)
    .filter((type) => type !== undefined && !['integer', 'text', 'bpchar', 'uuid', 'boolean'].includes(type.family))
    .filter((type) => type !== undefined);

  it.each(others)('of type $name, damaged at random, is never read as another value', async (type) => {
    const random = generator(type.oid);
    const make = randomText[type.name];
    if (make === undefined) throw new Error(`no random values of type ${type.name}`);
    const damage = [
      ...Array.from('0123456789:-+./ TZeE_xX\\abf,'),
      '',
      '',
      '  ',
      '::',
      '00',
      '24',
      '60',
      'BC',
      'epoch',
      'now',
      'inf',
    ];
    const texts = Array.from({ length: 8_000 }, () => {
      const text = make(random);
      const at = random.below(text.length + 1);
      return text.slice(0, at) + random.pick(damage) + text.slice(at + random.below(3));
    });
    const seen = await expectAgreement(type, texts);
    expect(seen['hashed'] ?? 0).toBeGreaterThanOrEqual(type.kind === 'interval' ? 0 : 50);
  });

  it.each([
    ['date', '2024-02-30', 'undecided'],
    ['date', '01/02/2024', 'undecided'],
    ['date', '2024-02-29', 'hashed'],
    ['date', '0000-01-01', 'undecided'],
    ['date', '0044-03-15 BC', 'hashed'],
    ['date', '-infinity', 'hashed'],
    ['date', '12345-03-15', 'hashed'],
    ['date', '999999-01-01', 'undecided'],
    ['timestamp', '0044-03-15 12:00:00 BC', 'hashed'],
    ['timestamp', 'infinity', 'hashed'],
    ['timestamptz', '1815-06-18 11:35:00+00:53:28', 'hashed'],
    ['timestamptz', '0044-03-15 12:00:00+01 BC', 'hashed'],
    ['timestamptz', '2024-01-01 00:00:00', 'undecided'],
    ['timestamptz', '2024-01-01 00:00:00Z', 'undecided'],
    ['timestamptz', '2024-01-01 00:00:00 Europe/Berlin', 'undecided'],
    ['timestamptz', '2024-01-01 00:00:00+00', 'hashed'],
    ['timestamp', '2024-01-01 00:00:00+00', 'undecided'],
    ['timestamp', '2024-01-01 00:00:60', 'undecided'],
    ['timestamp', 'now', 'undecided'],
    ['name', 'x'.repeat(64), 'undecided'],
    ['cidr', '10.1.2.3/8', 'undecided'],
    ['inet', '10.1', 'undecided'],
    ['float8', '1e400', 'undecided'],
    ['float4', '1e39', 'undecided'],
    ['numeric', '1e99999', 'undecided'],
  ] as const)('of type %s %j is %s', (kind, text, outcome) => {
    expect(hashText(requireType(typeOid[kind]), text, newHash())).toBe(outcome);
  });
});
