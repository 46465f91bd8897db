// The wildcards of policies, for the evaluators that the differential of authorization compares
// Envoy with.

/** `*`, `prefix*`, `*suffix`, or the whole. `*` asks for something to be there. */
export function wildcardMatches(pattern: string, value: string): boolean {
  if (pattern === '*') return value !== '';
  if (pattern.startsWith('*')) return value.endsWith(pattern.slice(1));
  if (pattern.endsWith('*')) return value.startsWith(pattern.slice(0, -1));
  return pattern === value;
}
