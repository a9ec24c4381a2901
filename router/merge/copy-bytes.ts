/** Copies of few bytes, many times. */

/** From this size on the copy that the runtime has is quicker than a loop. */
const quickCopyBytes = 40;

/** Copies source[start, end) to `at` in the target, where there is room for it. */
export function copyBytes(source: Buffer, start: number, end: number, target: Buffer, at: number): void {
  if (end - start >= quickCopyBytes) {
    source.copy(target, at, start, end);
    return;
  }
  for (let index = start, place = at; index < end; index++, place++) target[place] = source[index] as number;
}
