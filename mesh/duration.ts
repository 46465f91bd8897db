// Durations as Istio's objects write them (Go's syntax: `1h30m`, `1.5s`, `100ms`) and as Envoy's
// JSON takes them (`5400s`).

const unitMilliseconds: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  ns: 0.000_001,
};
const part = /(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|ns)/gy;

/** Go's longest duration, some 292 years; protobuf's is longer. */
const longestMilliseconds = 9_223_372_036_854;

/**
 * The number of milliseconds of a Go duration that is not negative; undefined when the text is
 * none. `0` needs no unit.
 */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  let total = 0;
  let end = 0;
  for (const match of text.matchAll(part)) {
    total += Number(match[1]) * (unitMilliseconds[match[2] ?? ''] ?? Number.NaN);
    end = match.index + match[0].length;
  }
  return end === text.length && end > 0 && total <= longestMilliseconds ? total : undefined;
}

/** A duration in the JSON form of protobuf: `1.5s`, with at most nine decimals. */
export function formatProtoDuration(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(9).replace(/\.?0+$/, '')}s`;
}
