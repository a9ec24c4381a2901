/** Names of tables and columns as people write them in configuration: by SQL's rules for identifiers. */

const part = String.raw`(?:"(?:[^"]|"")+"|[^\s".]+)`;
const namePattern = new RegExp(String.raw`^(?:(${part})\.)?(${part})$`);
const partPattern = new RegExp(`^${part}$`);

/** `Orders` is orders, `"Orders"` stays as it is. Undefined when the text is no identifier. */
export function parseIdentifier(text: string): string | undefined {
  return partPattern.test(text) ? unquote(text) : undefined;
}

/** `orders`, `sales.orders` or `"Sales"."a.b"`; without a schema the name stands for tables of all schemas. */
export function parseTableName(
  text: string,
): { readonly schema: string | undefined; readonly name: string } | undefined {
  const match = namePattern.exec(text);
  const name = match?.[2];
  if (name === undefined) return undefined;
  const schema = match?.[1];
  return { schema: schema === undefined ? undefined : unquote(schema), name: unquote(name) };
}

/** Folds as PostgreSQL's downcase_identifier does in a multibyte encoding: ASCII letters only. */
function unquote(text: string): string {
  if (text.startsWith('"')) return text.slice(1, -1).replaceAll('""', '"');
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** The parts of a name as SQL writes it: `"A"."b"`. Unquoted parts are folded. */
export function quotedParts(text: string): string[] {
  const parts = text.match(/"(?:[^"]|"")*"|[^."]+/g) ?? [];
  return parts.map((part) => unquote(part.trim()));
}
