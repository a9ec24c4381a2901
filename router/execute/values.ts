/** The values of one statement: its literals, its parameters, and what the home shard computed for it. */

import { present } from '../../base/assert.js';
import { PgError, sqlstate } from '../../base/errors.js';
import { quoteLiteral } from '../../catalog/schema.js';
import { literalText } from '../../planner/parse/literal.js';
import type { ValueSource } from '../../planner/plan/plan.js';
import { typeOfNumber, type BoundValue, type BoundValues } from '../ring/bound-value.js';
import type { BoundStatement } from './context.js';

/** The result of a computed expression. */
export interface ComputedValue {
  readonly text: string | null;
  readonly typeName: string;
  readonly typeOid: number;
}

function keyOf(source: ValueSource): string {
  switch (source.kind) {
    case 'slot':
      return `slot ${source.slot} ${source.negative}`;
    case 'parameter':
      return `parameter ${source.number}`;
    case 'computed':
      return `computed ${source.index}`;
    case 'null':
      return 'null';
  }
}

export class StatementValues implements BoundValues {
  readonly #statement: BoundStatement;
  #computed: readonly ComputedValue[] = [];
  /** Values that a server has brought into a form whose hash is known here. */
  readonly #normalised = new Map<string, BoundValue>();

  constructor(statement: BoundStatement) {
    this.#statement = statement;
  }

  setComputed(values: readonly ComputedValue[]): void {
    this.#computed = values;
  }

  setNormalised(source: ValueSource, value: BoundValue): void {
    this.#normalised.set(keyOf(source), value);
  }

  isNormalised(source: ValueSource): boolean {
    return this.#normalised.has(keyOf(source));
  }

  value(source: ValueSource): BoundValue {
    const normalised = this.#normalised.size === 0 ? undefined : this.#normalised.get(keyOf(source));
    if (normalised !== undefined) return normalised;
    switch (source.kind) {
      case 'null':
        return { kind: 'null' };
      case 'slot': {
        const slot = present(this.#statement.slots[source.slot], 'a slot that the statement does not have');
        const text = literalText(this.#statement.expanded ?? this.#statement.sql, slot);
        const bytes = source.negative ? Buffer.concat([minus, text]) : text;
        const isNumber = slot.kind === 'integer' || slot.kind === 'float';
        return { kind: 'text', bytes, typeOid: isNumber ? typeOfNumber(bytes.toString('latin1')) : 0 };
      }
      case 'parameter': {
        const { values, formats, types } = this.#statement.parameters;
        const bytes = values[source.number - 1];
        // A simple query can name parameters, and has none.
        if (bytes === undefined) {
          throw new PgError(sqlstate.undefinedParameter, `there is no parameter $${source.number}`);
        }
        if (bytes === null) return { kind: 'null' };
        const format = formats.length === 1 ? formats[0] : (formats[source.number - 1] ?? 0);
        return { kind: format === 1 ? 'binary' : 'text', bytes, typeOid: types[source.number - 1] ?? 0 };
      }
      case 'computed': {
        const computed = this.computed(source.index);
        return computed.text === null
          ? { kind: 'null' }
          : { kind: 'text', bytes: Buffer.from(computed.text), typeOid: builtinOrUntyped(computed.typeOid) };
      }
    }
  }

  computed(index: number): ComputedValue {
    return present(this.#computed[index], 'a computed value that was not computed');
  }

  /** The literal as the client wrote it. */
  slotText(slot: number): string {
    const { start, end } = present(this.#statement.slots[slot], 'a slot that the statement does not have');
    return (this.#statement.expanded ?? this.#statement.sql).toString('utf8', start, end);
  }

  /** A computed value as a typed literal. */
  computedText(index: number): string {
    const { text, typeName } = this.computed(index);
    return `${text === null ? 'NULL' : quoteLiteral(text)}::${typeName}`;
  }
}

/** The first oid of objects that users create (FirstNormalObjectId, src/include/access/transam.h). */
const FIRST_USER_OID = 16_384;

/** A value of a domain is read as the key's own type. */
function builtinOrUntyped(typeOid: number): number {
  return typeOid < FIRST_USER_OID ? typeOid : 0;
}

const minus = Buffer.from('-');
