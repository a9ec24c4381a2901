/** The options in WITH (…) of a new table that are pgring's: they are read here, and no shard hears of them. */

import type { Node } from 'libpg-query';

import { refuse, type PgError } from '../../base/errors.js';
import type { Edit } from '../parse/splice.js';
import type { StatementText } from '../tree/text.js';

/** An option `pgring.…` as it was written. */
interface OwnOption {
  readonly name: string;
  readonly value: Node | undefined;
  readonly location: number;
  /** The option's text, with its value. */
  text(text: StatementText): string;
}

export function ownOptions(options: readonly Node[] | undefined): readonly OwnOption[] {
  return (options ?? []).flatMap((node) => {
    if (!('DefElem' in node) || node.DefElem.defnamespace !== 'pgring') return [];
    const { defname = '', arg, location = 0 } = node.DefElem;
    const textOf = (text: StatementText): string => {
      const first = text.tokenIndexAt(location);
      return text.slice(location, text.endOf(optionEnd(text, first) - 1));
    };
    return [{ name: defname, value: arg, location, text: textOf }];
  });
}

/** The index of the comma or bracket behind an option that begins at an index. */
function optionEnd(text: StatementText, first: number): number {
  return text.findTopLevel(first, (word) => word === ',');
}

/** Takes pgring's options out of WITH, and WITH too when nothing is left. */
export function stripOptions(options: readonly Node[] | undefined, text: StatementText): Edit[] {
  const own = ownOptions(options);
  if (own.length === 0) return [];
  const first = options?.[0];
  const firstAt = first !== undefined && 'DefElem' in first ? (first.DefElem.location ?? 0) : 0;
  const open = text.tokenIndexAt(firstAt) - 1;
  const close = text.closingIndex(open);
  if (own.length === options?.length) {
    return [{ start: text.startOf(open - 1), end: text.endOf(close), pieces: [] }];
  }
  const kept: string[] = [];
  let index = open + 1;
  while (index < close) {
    const end = Math.min(optionEnd(text, index), close);
    if (text.word(index) !== 'pgring') kept.push(text.slice(text.startOf(index), text.endOf(end - 1)));
    index = end + 1;
  }
  return [{ start: text.startOf(open), end: text.endOf(close), pieces: [`(${kept.join(', ')})`] }];
}

/** A temporary table has no placement. */
export function refusePlacement({ location }: OwnOption, text: StatementText): PgError {
  return refuse('a placement for a temporary table', 'It lies on its own session alone: leave the option out.', {
    position: text.position(location),
  });
}
