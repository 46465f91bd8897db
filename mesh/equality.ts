// Equality of plain data, so that a put of an unchanged object is recognized as no change.

/**
 * True when two values of plain data (null, booleans, numbers, strings, arrays, objects) are the
 * same; key order does not count.
 */
export function isDeepEqual(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null)
    return Object.is(left, right);
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
    return left.every((item, index) => isDeepEqual(item, right[index]));
  }
  const entries = Object.entries(left);
  const other = new Map<string, unknown>(Object.entries(right));
  if (entries.length !== other.size) return false;
  return entries.every(([key, value]) => other.has(key) && isDeepEqual(value, other.get(key)));
}
