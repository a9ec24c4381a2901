/** The tag of CommandComplete: the command, and how many rows it touched where it counts them. */

/** The rows that a tag counts; undefined for a command that counts none, such as BEGIN. */
export function readTagRows(tag: string): number | undefined {
  const digits = / (\d+)$/.exec(tag)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The command of a tag, without its numbers: INSERT of `INSERT 0 5`, CREATE TABLE of itself. */
export function readTagCommand(tag: string): string {
  return tag.replace(/(?: \d+)+$/, '');
}

/** Builds a tag. INSERT has the oid of its row before the count, which is 0 since tables have no oids. */
export function formatTag(command: string, rows?: number | bigint): string {
  if (rows === undefined) return command;
  return command === 'INSERT' ? `INSERT 0 ${rows}` : `${command} ${rows}`;
}
