/** Plain dumps compared: the same statements in the same order, and of each table the same rows in any order. */

/** The dump with the rows of each COPY sorted, and without what differs between any two dumps. */
export function normalizeDump(text: string): readonly string[] {
  const lines: string[] = [];
  let rows: string[] | undefined;
  for (const line of text.split('\n')) {
    if (rows !== undefined) {
      if (line === '\\.') {
        lines.push(...rows.sort(), line);
        rows = undefined;
      } else rows.push(line);
    } else if (!/^(?:-- Dumped (?:from|by) |\\(?:un)?restrict )/.test(line)) {
      lines.push(line);
      if (/^COPY .* FROM stdin;$/.test(line)) rows = [];
    }
  }
  return lines;
}

const MAX_DIFFERENCES = 20;

/** Lines of the one that the other has not, and the reverse; where the lines are the same, the first place where their order differs. */
export function dumpDifferences(expected: string, actual: string): readonly string[] {
  const left = normalizeDump(expected);
  const right = normalizeDump(actual);
  const missing = without(left, right).map((line) => `- ${line}`);
  const added = without(right, left).map((line) => `+ ${line}`);
  const different = [...missing, ...added].slice(0, MAX_DIFFERENCES);
  if (different.length > 0) return different;
  const at = left.findIndex((line, index) => line !== right[index]);
  return at < 0 ? [] : [`line ${at + 1}: - ${left[at] ?? ''}`, `line ${at + 1}: + ${right[at] ?? ''}`];
}

/** As bags: a line that stands twice is missing once where it stands once. */
function without(lines: readonly string[], others: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const line of others) counts.set(line, (counts.get(line) ?? 0) + 1);
  return lines.filter((line) => {
    const count = counts.get(line) ?? 0;
    if (count > 0) counts.set(line, count - 1);
    return count === 0;
  });
}
