/** How much work moves bytes about: a count that is the same on a slow machine, where a time is not. */

type Copy = (this: Uint8Array, ...parameters: unknown[]) => number;

/** Runs it, and returns how many bytes Buffer.copy() has copied meanwhile. */
export function countCopiedBytes(work: () => void): number {
  const prototype = Buffer.prototype as unknown as { copy: Copy };
  const { copy } = prototype;
  let bytes = 0;
  prototype.copy = function (...parameters) {
    const copied = copy.apply(this, parameters);
    bytes += copied;
    return copied;
  };
  try {
    work();
  } finally {
    prototype.copy = copy;
  }
  return bytes;
}
