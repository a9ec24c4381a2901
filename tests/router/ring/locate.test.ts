import { sqlstate } from '../../../base/errors.js';
import type { Topology } from '../../../catalog/topology.js';
import type { KeySource, Routing, ValueSource } from '../../../planner/plan/plan.js';
import { assignArcs } from '../../../router/ring/assign.js';
import { typeOfNumber, type BoundValue, type BoundValues } from '../../../router/ring/bound-value.js';
import { newHash } from '../../../router/ring/hash-bytes.js';
import { keyTypeOf } from '../../../router/ring/key-types.js';
import { typeOid } from '../../../catalog/type-oid.js';
import { hashText } from '../../../router/ring/key-value.js';
import { locate, ownerOfKey } from '../../../router/ring/locate.js';
import { ShardMap } from '../../../router/ring/shard-map.js';

const shards = [4, 1, 3, 2].map((id) => ({ id, name: `s${id}`, host: '127.0.0.1', port: 5432, weight: 1 }));
const topology: Topology = { epoch: 1, home: 3, shards, arcs: assignArcs(shards) };
const map = new ShardMap(topology);

const text = (value: string, oid = 0): BoundValue => ({ kind: 'text', bytes: Buffer.from(value), typeOid: oid });
const binary = (bytes: Buffer, oid: number): BoundValue => ({ kind: 'binary', bytes, typeOid: oid });
const nothing: BoundValue = { kind: 'null' };

const parameter = (number: number): ValueSource => ({ kind: 'parameter', number });

function bind(values: readonly BoundValue[]): BoundValues {
  return {
    value(source) {
      const value = source.kind === 'parameter' ? values[source.number - 1] : nothing;
      if (value === undefined) throw new Error('no such parameter');
      return value;
    },
  };
}

const tuple = (...numbers: number[]): KeySource => ({ kind: 'tuple', values: numbers.map(parameter) });
const elements = (number: number): KeySource => ({ kind: 'elements', array: parameter(number) });

function byKey(keyTypes: number[], ...alternatives: KeySource[][]): Routing {
  return { kind: 'byKey', keyTypes, alternatives };
}

function find(routing: Routing, ...values: BoundValue[]): readonly number[] | 'undecided' {
  const result = locate(routing, bind(values), map, topology.home);
  return result.kind === 'shards' ? result.shards : 'undecided';
}

function ownerOf(...key: [keyof typeof typeOid, string][]): number {
  const hash = newHash();
  for (const [kind, value] of key) {
    const type = keyTypeOf(typeOid[kind]);
    if (type === undefined || hashText(type, value, hash) !== 'hashed') throw new Error(value);
  }
  return map.ownerOfHash(hash.high);
}

const { int4, int8 } = typeOid;
const one = byKey([int4], [tuple(1)]);

/** For each shard an integer that lives on it. */
const samples = map.shards.map((shard) => {
  let value = 0;
  while (ownerOf(['int4', String(value)]) !== shard) value++;
  return String(value);
});
const [first = '', second = '', third = ''] = samples;

describe('locate', () => {
  it('finds all, any, home and none', () => {
    expect(find({ kind: 'all' })).toEqual([1, 2, 3, 4]);
    expect(find({ kind: 'any' })).toEqual([3]);
    expect(find({ kind: 'home' })).toEqual([3]);
    expect(find({ kind: 'none' })).toEqual([]);
  });

  it('pins one shard by one key, in text and in binary, of any width', () => {
    const wire = Buffer.alloc(8);
    samples.forEach((value, index) => {
      wire.writeBigInt64BE(BigInt(value));
      const shard = map.shards[index];
      expect(find(one, text(value))).toEqual([shard]);
      expect(find(one, text(value, typeOid.int2))).toEqual([shard]);
      expect(find(one, text(`${value}.00`, typeOid.numeric))).toEqual([shard]);
      expect(find(one, binary(wire, int8))).toEqual([shard]);
    });
  });

  it('takes the union of alternatives, sorted and each once', () => {
    const routing = byKey([int4], [tuple(1), tuple(2), tuple(3)]);
    expect(find(routing, text(third), text(first), text(third))).toEqual([1, 3]);
  });

  it('intersects conditions', () => {
    const routing = byKey([int4], [tuple(1), tuple(2)], [tuple(2), tuple(3)]);
    expect(find(routing, text(first), text(second), text(third))).toEqual([2]);
    expect(find(byKey([int4], [tuple(1)], [tuple(2)]), text(first), text(second))).toEqual([]);
    expect(find(byKey([int4], []))).toEqual([]);
  });

  it('finds nothing for NULL, for what is out of the column’s range and for a fraction', () => {
    expect(find(one, nothing)).toEqual([]);
    expect(find(byKey([int4, int4], [tuple(1, 2)]), text('1'), nothing)).toEqual([]);
    expect(find(one, text('5000000000', typeOfNumber('5000000000')))).toEqual([]);
    expect(find(one, text('-99999999999999999999', typeOfNumber('-99999999999999999999')))).toEqual([]);
    expect(find(one, text('1.5', typeOfNumber('1.5')))).toEqual([]);
  });

  it('chains the columns of a key', () => {
    const routing = byKey([int4, typeOid.text], [tuple(1, 2)]);
    const seen = new Set<number>();
    for (let value = 0; value < 50; value++) {
      const expected = ownerOf(['int4', String(value)], ['text', 'é']);
      expect(find(routing, text(String(value)), text('é'))).toEqual([expected]);
      seen.add(expected);
    }
    expect(seen.size).toBe(4);
  });

  it('reads the elements of arrays in both formats', () => {
    const routing = byKey([int4], [elements(1)]);
    expect(find(routing, text(`{${first},NULL, "${third}"}`))).toEqual([1, 3]);
    expect(find(routing, text(`{${second}}`, 1016))).toEqual([2]);
    expect(find(routing, text('{}'))).toEqual([]);
    expect(find(routing, nothing)).toEqual([]);
    const wire = Buffer.from('0000000100000001000000170000000200000001ffffffff00000004', 'hex');
    const value = Buffer.alloc(4);
    value.writeInt32BE(Number(second));
    expect(find(routing, binary(Buffer.concat([wire, value]), 1007))).toEqual([2]);
    expect(find(routing, text('{{1},{2}}'))).toBe('undecided');
  });

  it('names each undecided value once', () => {
    const routing = byKey([typeOid.date], [tuple(1), tuple(2), tuple(3)], [tuple(2)]);
    const routed = locate(routing, bind([text('2024-01-01'), text('tomorrow'), text('1/2/24')]), map, 3);
    expect(routed.kind).toBe('undecided');
    if (routed.kind === 'undecided') {
      const numbers = routed.sources.map(({ source }) => source.kind === 'parameter' && source.number);
      expect([...new Set(numbers)]).toEqual([2, 3]);
    }
  });

  it.each([
    [one, text('x'), sqlstate.invalidTextRepresentation, 'invalid input syntax for type integer: "x"'],
    [one, text('5000000000'), sqlstate.numericValueOutOfRange, 'value "5000000000" is out of range for type integer'],
    [
      byKey([typeOid.uuid], [tuple(1)]),
      text('é'),
      sqlstate.invalidTextRepresentation,
      'invalid input syntax for type uuid: "é"',
    ],
    [
      byKey([typeOid.bool], [tuple(1)]),
      text('o'),
      sqlstate.invalidTextRepresentation,
      'invalid input syntax for type boolean: "o"',
    ],
    [
      byKey([int4], [elements(1)]),
      text('{1,z}'),
      sqlstate.invalidTextRepresentation,
      'invalid input syntax for type integer: "z"',
    ],
    [one, binary(Buffer.alloc(3), int4), sqlstate.invalidBinaryRepresentation, 'incorrect binary data format'],
    [one, text('x', typeOid.text), sqlstate.featureNotSupported, 'a key of type integer by a value of type text'],
    [one, text('{1}', 199), sqlstate.featureNotSupported, 'with oid 199'],
  ])('raises PostgreSQL’s error %#', (routing, value, state, message) => {
    let thrown: unknown;
    try {
      find(routing, value);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ sqlstate: state, message: expect.stringContaining(message) as string });
  });

  it('raises the error of a malformed value also beside a contradiction', () => {
    expect(() => find(byKey([int4], [tuple(1)], [tuple(2)]), nothing, text('x'))).toThrow('invalid input syntax');
  });
});

describe('ownerOfKey', () => {
  const owner = (keyTypes: number[], values: BoundValue[], modifiers?: number[]): unknown => {
    const sources = values.map((_, index) => parameter(index + 1));
    const result = ownerOfKey(keyTypes, sources, bind(values), map, modifiers);
    return result.kind === 'shards' ? result.shards : result.sources.map(({ source }) => sources.indexOf(source));
  };

  it('passes the seed through NULL, and gives all NULL the hash 0', () => {
    expect(owner([int4, int4], [nothing, nothing])).toEqual([map.ownerOfHash(0)]);
    for (const value of samples) {
      expect(owner([int4, int4], [nothing, text(value)])).toEqual([ownerOf(['int4', value])]);
      expect(owner([int4, int4], [text(value), nothing])).toEqual([ownerOf(['int4', value])]);
    }
  });

  it('asks for values that the column would change', () => {
    const values = [text('7'), text('1.005'), text('abc ')];
    const types = [int4, typeOid.numeric, typeOid.varchar];
    expect(owner(types, values)).toEqual([1, 2]);
    const numeric = (precision: number, scale: number): number => ((precision << 16) | scale) + 4;
    expect(owner(types, values, [-1, numeric(9, 2), 4 + 4])).toEqual([1]);
    expect(owner(types, values, [-1, numeric(9, 3), 3 + 4])).toEqual([2]);
    expect(owner(types, values, [-1, numeric(9, 3), 4 + 4])).toEqual([
      ownerOf(['int4', '7'], ['numeric', '1.005'], ['text', 'abc ']),
    ]);
  });
});

describe('typeOfNumber', () => {
  it.each([
    ['0', int4],
    ['-2147483648', int4],
    ['2147483648', int8],
    ['9223372036854775808', typeOid.numeric],
    ['1.0', typeOid.numeric],
    ['1e3', typeOid.numeric],
    ['0x1F', int4],
  ])('types %s as PostgreSQL does', (number, oid) => {
    expect(typeOfNumber(number)).toBe(oid);
  });
});
