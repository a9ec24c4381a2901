import { ruleFor } from '../../catalog/config-rules.js';
import { parseConfig } from '../../catalog/config.js';
import type { Placement } from '../../catalog/schema.js';

const { placement } = parseConfig(
  `
shards: [{name: s1}]
placement:
  shard_keys: [tenant_id, user_id]
  tables:
    countries: {placement: reference}
    old.countries: {placement: home}
    orders: {shard_key: [tenant_id, id]}
`,
  'pgring.yaml',
  {},
);

describe('ruleFor', () => {
  it.each<readonly [string, string, readonly string[], Placement | undefined]>([
    ['public', 'countries', ['tenant_id'], { kind: 'reference' }],
    ['old', 'countries', [], { kind: 'home' }],
    ['sales', 'orders', ['id'], { kind: 'sharded', key: ['tenant_id', 'id'] }],
    ['public', 'items', ['user_id', 'tenant_id'], { kind: 'sharded', key: ['tenant_id'] }],
    ['public', 'items', ['id', 'user_id'], { kind: 'sharded', key: ['user_id'] }],
    ['public', 'items', ['id'], undefined],
    ['public', 'Countries', ['id'], undefined],
  ])('%s.%s (%j)', (schema, name, columns, expected) => {
    expect(ruleFor(placement, schema, name, columns)).toEqual(expected);
  });
});
