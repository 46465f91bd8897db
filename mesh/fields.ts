// Plain data of which nothing is known yet, and ways to look into it.

export type Fields = Readonly<Record<string, unknown>>;

/** True for an object of fields. */
export function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The fields of a value; none where it has none. */
export function recordOf(value: unknown): Fields {
  return isRecord(value) ? value : {};
}

/** The items of a list that have fields. */
export function recordsOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

/** The fields of these names that have a value. */
export function pick(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(names.flatMap((name) => (isGiven(fields[name]) ? [[name, fields[name]] as const] : [])));
}

/** Neither absent nor null. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
