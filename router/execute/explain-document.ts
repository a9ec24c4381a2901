/** EXPLAIN's answer in the formats of PostgreSQL: what it prints as JSON, laid out also as XML and YAML (commands/explain.c). */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

export type Properties = { readonly [name: string]: Json };

export function isProperties(value: Json | undefined): value is Properties {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function formatDocument(format: 'json' | 'xml' | 'yaml', document: Properties): string {
  switch (format) {
    case 'json':
      return JSON.stringify([document], undefined, 2);
    case 'xml':
      return `<explain xmlns="http://www.postgresql.org/2009/explain">\n  <Query>\n${xmlProperties(document, 4)}  </Query>\n</explain>`;
    case 'yaml':
      return `- ${yamlProperties(document, 2).trimStart()}`.trimEnd();
  }
}

/** The tag of an item in a list of that name: Plans hold Plan, Output holds Item. */
function itemTag(list: string): string {
  return ['Plans', 'Triggers', 'Workers', 'Shipments', 'Shards'].includes(list) ? list.slice(0, -1) : 'Item';
}

function xmlTag(name: string): string {
  const tag = name.replaceAll(/[^A-Za-z0-9\-_.]/g, '-');
  return /^[A-Za-z_]/.test(tag) ? tag : `_${tag}`;
}

function xmlText(text: string): string {
  const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#x0d;' };
  return text.replaceAll(/[&<>\r]/g, (character) => escapes[character] ?? character);
}

function xmlProperties(properties: Properties, indent: number): string {
  return Object.entries(properties)
    .map(([name, value]) => xmlElement(name, value, indent))
    .join('');
}

function xmlElement(name: string, value: Json, indent: number): string {
  const space = ' '.repeat(indent);
  const tag = xmlTag(name);
  if (Array.isArray(value)) {
    const items = (value as readonly Json[]).map((item) => xmlElement(itemTag(name), item, indent + 2)).join('');
    return `${space}<${tag}>\n${items}${space}</${tag}>\n`;
  }
  if (isProperties(value)) return `${space}<${tag}>\n${xmlProperties(value, indent + 2)}${space}</${tag}>\n`;
  return `${space}<${tag}>${xmlText(typeof value === 'string' ? value : JSON.stringify(value))}</${tag}>\n`;
}

function yamlProperties(properties: Properties, indent: number): string {
  const space = ' '.repeat(indent);
  return Object.entries(properties)
    .map(([name, value]) => `${space}${yamlName(name)}: ${yamlValue(value, indent + 2)}`)
    .join('');
}

function yamlValue(value: Json, indent: number): string {
  if (Array.isArray(value)) {
    const list = value as readonly Json[];
    if (list.length === 0) return '[]\n';
    const space = ' '.repeat(indent);
    return `\n${list.map((item) => `${space}- ${yamlValue(item, indent + 2).trimStart()}`).join('')}`;
  }
  if (isProperties(value)) return Object.keys(value).length === 0 ? '{}\n' : `\n${yamlProperties(value, indent)}`;
  return `${JSON.stringify(value)}\n`;
}

/** A name of letters, digits and spaces stands as it is; any other is quoted. */
function yamlName(name: string): string {
  return /^[A-Za-z][A-Za-z0-9 /()_-]*$/.test(name) ? name : JSON.stringify(name);
}
