import { makeOidMap } from '../../../catalog/oid-map.js';
import { describeAsHome, parseForShard, typesForShard } from '../../../router/backend/shard-oids.js';
import { readParameterDescription, readRowDescription, type FieldDescription } from '../../../wire/backend.js';
import { encodeParameterDescription, encodeRowDescription, noData } from '../../../wire/encode-backend.js';
import { encodeParse } from '../../../wire/encode-frontend.js';

const map = makeOidMap(
  { types: [['public', 'mood', 20_000, 20_001]], relations: [['public', 'things', 20_002]] },
  { types: [['public', 'mood', 4_000_000_000, 30_001]], relations: [['public', 'things', 30_002]] },
);
if (map === undefined) throw new Error('the oids differ');

function field(name: string, tableOid: number, typeOid: number): FieldDescription {
  return { name, tableOid, columnNumber: 2, typeOid, typeSize: 4, typeModifier: 7, format: 1 };
}

describe('describeAsHome', () => {
  it('replaces the oids of fields and nothing else', () => {
    const frame = encodeRowDescription([
      field('', 30_002, 4_000_000_000),
      field('größe', 0, 25),
      field('ms', 1259, 30_001),
    ]);
    describeAsHome(frame, map);
    expect(readRowDescription(frame)).toEqual([
      field('', 20_002, 20_000),
      field('größe', 0, 25),
      field('ms', 1259, 20_001),
    ]);
  });

  it('replaces the types of parameters', () => {
    const frame = encodeParameterDescription([4_000_000_000, 23, 30_001]);
    describeAsHome(frame, map);
    expect(readParameterDescription(frame)).toEqual([20_000, 23, 20_001]);
  });

  it('leaves other messages alone', () => {
    const frame = Buffer.from(noData);
    describeAsHome(frame, map);
    expect(frame).toEqual(noData);
  });

  it('refuses a description that ends early', () => {
    const whole = encodeRowDescription([field('name', 30_002, 30_001), field('other', 0, 25)]);
    for (let end = 5; end < whole.length; end += 1) {
      expect(() => {
        describeAsHome(Buffer.from(whole.subarray(0, end)), map);
      }).toThrow('a description that ends early');
    }
  });
});

describe('parseForShard', () => {
  it('gives the very same message when there is nothing to translate', () => {
    const frame = encodeParse('s', 'SELECT $1', [25]);
    expect(parseForShard(frame, undefined)).toBe(frame);
    expect(parseForShard(frame, map)).toBe(frame);
    const types = [20_000];
    expect(typesForShard(types, undefined)).toBe(types);
  });

  it('translates declared types', () => {
    expect(parseForShard(encodeParse('s', 'SELECT $1, $2', [20_001, 0]), map)).toEqual(
      encodeParse('s', 'SELECT $1, $2', [30_001, 0]),
    );
  });
});
