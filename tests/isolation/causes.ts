/** Why permutations differ that are not refused: found by hand, by specification and by what is seen first. */

const causes: Readonly<Record<string, Readonly<Record<string, string>>>> = {};

/** A refusal tells its own cause. */
export function causeOf(spec: string, what: string): string {
  const cause = causes[spec]?.[what];
  return cause === undefined ? what : `${what}: ${cause}`;
}
