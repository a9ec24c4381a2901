/** A view's definition as a server prints it, as the grammar takes it. */

const literal = `'(?:[^']|'')*'`;
const mark = new RegExp(
  ` SET ("(?:[^"]|"")+"|\\w+) TO (?:(${literal})::([\\w ."]+?)|(\\S+)) DEFAULT (?:(${literal})::([\\w ."]+?)|(\\S+)) USING `,
  'g',
);

/**
 * pg_get_viewdef() prints the marks of a CYCLE clause as casts, 'Y'::text, but the clause takes constants alone (gram.y,
 * opt_cycle_clause: AexprConst): there the type stands in front.
 */
export function reparsable(definition: string): string {
  if (!definition.includes(' CYCLE ')) return definition;
  return definition.replace(
    mark,
    (
      _all,
      column: string,
      value: string | undefined,
      type: string | undefined,
      plain: string | undefined,
      otherValue: string | undefined,
      otherType: string | undefined,
      otherPlain: string | undefined,
    ) => {
      const constant = plain ?? `${type ?? ''} ${value ?? ''}`;
      const other = otherPlain ?? `${otherType ?? ''} ${otherValue ?? ''}`;
      return ` SET ${column} TO ${constant} DEFAULT ${other} USING `;
    },
  );
}
