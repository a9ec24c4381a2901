/**
 * What is known of a caught value. Told by its properties, not by `instanceof`: errors of Node's own modules belong to
 * another realm where code runs in a `vm` context (Jest).
 */

/** The code of an error of the system, such as ENOENT. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

export function errorMessage(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('message' in error)) return String(error);
  return String(error.message);
}
