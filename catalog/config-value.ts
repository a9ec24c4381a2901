/** Values of a configuration, as reports of problems show them. */

export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Readonly<Record<PropertyKey, unknown>>)[key];
  }
  return current;
}

/** The value as the file has it, shortened; of a secret only its type. */
export function describeValue(value: unknown, path: readonly PropertyKey[]): string {
  const isSecret = path.some((key) => key === 'password' || key === 'url');
  if (value === undefined) return 'nothing';
  if (value === null) return 'nothing (null)';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return `a mapping with the keys ${Object.keys(value).join(', ')}`;
  if (isSecret && path.at(-1) !== 'env' && path.at(-1) !== 'file') return `a ${typeof value} (not shown)`;
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
