/** Columns whose rows leave their server. */

/** The type of a shipped column: enough to send its values as the elements of an array. */
export interface ShippedType {
  readonly typeOid: number;
  /** The type below any domain. */
  readonly baseTypeOid: number;
  /** As format_type() prints it, with its modifier. */
  readonly typeName: string;
  /** The collation, qualified and quoted, where it is not that of the type. */
  readonly collation: string | undefined;
}
