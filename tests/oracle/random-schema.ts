/** Small random tables: sharded by keys of one type, a reference table and a home table. */

import type { Dice } from './dice.js';
import { columnTypes, keyTypes, type TypeName } from './random-values.js';

export interface RandomColumn {
  readonly name: string;
  readonly type: TypeName;
  readonly nullable: boolean;
}

export interface RandomTable {
  readonly name: string;
  readonly placement: 'sharded' | 'reference' | 'home';
  readonly columns: readonly RandomColumn[];
  /** The shard key of a sharded table; for the others, a column of the same type. */
  readonly key: RandomColumn;
  /** Columns of the primary key; empty for none. */
  readonly primary: readonly RandomColumn[];
  readonly createSql: string;
}

export function randomSchema(dice: Dice, round: number): readonly RandomTable[] {
  const keyType = dice.pick(keyTypes);
  const otherType = dice.once(3) ? dice.pick(keyTypes) : keyType;
  return [
    randomTable(dice, `a${round}`, 'sharded', keyType),
    randomTable(dice, `b${round}`, 'sharded', otherType),
    randomTable(dice, `r${round}`, 'reference', keyType),
    randomTable(dice, `h${round}`, 'home', keyType),
  ];
}

function randomTable(dice: Dice, name: string, placement: RandomTable['placement'], keyType: TypeName): RandomTable {
  const isPrimary = dice.below(4) > 0;
  const key: RandomColumn = { name: 'k', type: keyType, nullable: !isPrimary };
  const others = dice
    .some(4, () => dice.pick(columnTypes))
    .map((type, index): RandomColumn => ({
      name: `c${index + 1}`,
      type,
      nullable: index > 0 || !isPrimary,
    }));
  const [second] = others;
  const primary = !isPrimary ? [] : second !== undefined && dice.once(2) ? [key, second] : [key];
  const columns = dice.once(4) ? [...others, key] : [key, ...others];
  const items = columns.map((column) => `${column.name} ${column.type}${column.nullable ? '' : ' NOT NULL'}`);
  if (primary.length > 0) items.push(`PRIMARY KEY (${primary.map((column) => column.name).join(', ')})`);
  const option = placement === 'sharded' ? `pgring.shard_key = 'k'` : `pgring.placement = '${placement}'`;
  return {
    name,
    placement,
    columns,
    key,
    primary,
    createSql: `CREATE TABLE ${name} (${items.join(', ')}) WITH (${option})`,
  };
}
