// Reads JSON whose shape is Envoy's to choose: a value that is missing, or of another type, is
// empty.

/** The value behind a chain of fields; undefined when one of them is missing. */
export function at(value: unknown, ...fields: readonly string[]): unknown {
  return fields.reduce((found: unknown, field) => {
    if (typeof found !== 'object' || found === null) return undefined;
    return (found as Readonly<Record<string, unknown>>)[field];
  }, value);
}

/** The items of a list; [] when it is none. */
export function items(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The fields of an object; [] when it is none. */
export function fields(value: unknown): readonly (readonly [string, unknown])[] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}

/** Text, or a number as text; '' for anything else. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}
