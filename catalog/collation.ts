/** Which collations sort text as memcmp sorts its bytes, so that pgring can merge sorted streams by itself. */

import type { TextOrder } from './schema.js';

/** pg_collation's built-in entries (catalog/pg_collation.dat). */
const defaultCollation = 100;

/**
 * By pg_collation.collprovider (`c` libc, `b` builtin, `i` ICU; here also `n` for what is not deterministic) and the
 * locale's name. The builtin provider compares
 * bytes in every locale that it has (C, C.UTF-8, PG_UNICODE_FAST). C.UTF-8 of libc sorts by code point, which in UTF-8
 * is the order of the bytes.
 */
function collationOrder(provider: string, locale: string | null): TextOrder {
  if (provider === 'b') return 'bytewise';
  if (provider === 'n') return 'nondeterministic';
  if (provider !== 'c' || locale === null) return 'locale';
  return /^(?:C|POSIX|C\.utf-?8)$/i.test(locale) ? 'bytewise' : 'locale';
}

interface CollationRow {
  readonly oid: number;
  readonly provider: string;
  readonly locale: string | null;
}

/** The order of each collation oid in a database; `fallback` is the database's own collation. */
export function makeTextOrders(
  collations: readonly CollationRow[],
  fallback: Omit<CollationRow, 'oid'>,
): (collation: number) => TextOrder {
  const orders = new Map(collations.map((each) => [each.oid, collationOrder(each.provider, each.locale)]));
  orders.set(defaultCollation, collationOrder(fallback.provider, fallback.locale));
  return (collation) => (collation === 0 ? 'none' : (orders.get(collation) ?? 'locale'));
}
