/** What COPY says of its data. */

/** The format of a COPY, as far as pgring must know it to find rows and columns. */
export interface CopyFormat {
  readonly kind: 'text' | 'csv' | 'binary';
  readonly delimiter: string;
  readonly nullText: string;
  readonly header: 'no' | 'yes' | 'match';
  readonly quote: string;
  readonly escape: string;
}
