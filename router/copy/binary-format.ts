/** COPY's binary format (PostgreSQL manual, COPY, "Binary Format"): what stands before and after the tuples. */

export const signature = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
/** The header without an extension: the signature, no flags, no length. */
export const plainHeader = Buffer.concat([signature, Buffer.alloc(8)]);
/** A tuple count of -1. */
export const trailer = Buffer.from([0xff, 0xff]);
