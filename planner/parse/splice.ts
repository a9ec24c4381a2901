/**
 * Rewrites SQL by replacing bytes at the tree's offsets, and leaves its literals open, so that a plan cached for one
 * statement can be filled with the literals of another one of the same key.
 */

import { assert, unreachable } from '../../base/assert.js';
import type { SqlPiece } from '../plan/plan.js';
import { NAME_PART, classOf } from './characters.js';
import type { Slot } from './tokenizer.js';

/** Replaces the bytes from `start` to `end` (exclusive); `start` equal to `end` inserts. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly pieces: readonly SqlPiece[];
}

/** What a template's open pieces are filled with. */
export interface PieceSource {
  /** The literal as the client wrote it. */
  slotText(slot: number): string;
  computedText(index: number): string;
  /** LIMIT + OFFSET, or ALL. */
  limitText(): string;
  /** The relation of a shipment: its own name or that of its temporary copy. */
  relationText(shipment: number): string;
  ownedText(): string;
}

function missing(): never {
  return unreachable(undefined as never, 'a piece that this SQL cannot hold');
}

/** For SQL that has no pieces of some kinds: `{ ...noPieces, slotText }`. */
export const noPieces: PieceSource = {
  slotText: missing,
  computedText: missing,
  limitText: missing,
  relationText: missing,
  ownedText: missing,
};

/**
 * The statement's text from `start` to `end`, with its slots cut out and the edits applied. Edits may stand in any order
 * but must not overlap; insertions at one place keep their order.
 */
export function template(
  sql: Buffer,
  edits: readonly Edit[],
  slots: readonly Slot[],
  start = 0,
  end = sql.length,
): SqlPiece[] {
  const pieces: SqlPiece[] = [];
  let position = start;
  let slot = slots.findIndex((candidate) => candidate.start >= start);
  const copyTo = (limit: number): void => {
    for (let next = slots[slot]; slot >= 0 && next !== undefined && next.start < limit; next = slots[++slot]) {
      assert(next.end <= limit, 'an edit cuts a literal');
      append(pieces, sql.toString('utf8', position, next.start));
      pieces.push({ kind: 'slot', slot });
      position = next.end;
    }
    append(pieces, sql.toString('utf8', position, limit));
    position = limit;
  };
  for (const edit of edits.toSorted((left, right) => left.start - right.start || left.end - right.end)) {
    assert(edit.start >= position && edit.end >= edit.start && edit.end <= end, 'edits overlap or leave the statement');
    copyTo(edit.start);
    for (const piece of edit.pieces) append(pieces, piece);
    position = edit.end;
    while (slot >= 0 && (slots[slot]?.start ?? end) < position) slot++;
  }
  copyTo(end);
  return pieces;
}

/** Adds a piece; text joins text. */
function append(pieces: SqlPiece[], piece: SqlPiece): void {
  const last = pieces.at(-1);
  if (piece === '') return;
  if (typeof piece === 'string' && typeof last === 'string') pieces[pieces.length - 1] = last + piece;
  else pieces.push(piece);
}

/** The SQL of a template. */
export function fill(pieces: readonly SqlPiece[], source: PieceSource): string {
  let sql = '';
  for (const piece of pieces) {
    if (typeof piece === 'string') sql += piece;
    else {
      const text = pieceText(piece, source);
      // `select'a'` is two tokens, `selectE'a'` would be another two.
      sql += isNamePart(sql, sql.length - 1) && isNamePart(text, 0) ? ` ${text}` : text;
    }
  }
  return sql;
}

function pieceText(piece: Exclude<SqlPiece, string>, source: PieceSource): string {
  switch (piece.kind) {
    case 'slot':
      return source.slotText(piece.slot);
    case 'computed':
      return source.computedText(piece.index);
    case 'limit':
      return source.limitText();
    case 'relation':
      return source.relationText(piece.shipment);
    case 'owned':
      return source.ownedText();
    default:
      return unreachable(piece, 'a piece of an unknown kind');
  }
}

function isNamePart(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code >= 128 || (classOf(code) & NAME_PART) !== 0;
}
