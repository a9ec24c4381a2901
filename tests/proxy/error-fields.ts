/** The fields of ErrorResponse and NoticeResponse, read by their letters. */

/** Where in the server's sources it was raised differs between pgring and PostgreSQL. */
const ignored = new Set(['F', 'L', 'R']);

/** Which parameter of Bind it was: said when one server reads them, not when pgring does. */
const parameterContext = /^unnamed portal parameter /;

/** Shards count the lines that they were given, so pgring leaves their numbers out. */
const copyLine = /(?<=^COPY \w+), line \d+/;

/** `S=ERROR V=ERROR C=42601 …`, without file, line and routine. */
export function readErrorFields(frame: Buffer): string {
  const fields: string[] = [];
  for (let position = 5; frame[position] !== 0 && position < frame.length;) {
    const end = frame.indexOf(0, position);
    const letter = String.fromCharCode(frame[position] ?? 0);
    const text = frame.toString('utf8', position + 1, end);
    if (!ignored.has(letter) && !parameterContext.test(text)) fields.push(`${letter}=${text.replace(copyLine, '')}`);
    position = end + 1;
  }
  return fields.sort().join(' ');
}
