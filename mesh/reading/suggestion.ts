// "Did you mean": the known name that is most like an unknown one.

/**
 * The candidate nearest to `name`, when it is near enough to have been meant; the first of equals.
 */
export function suggestName(name: string, candidates: readonly string[]): string | undefined {
  const plain = simplify(name);
  const limit = plain.length < 4 ? 1 : 2;
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    const distance = editDistance(plain, simplify(candidate), limit);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `did you mean `x`?` for the nearest candidate, or undefined. */
export function suggestHint(name: string, candidates: readonly string[]): string | undefined {
  const suggestion = suggestName(name, candidates);
  return suggestion === undefined ? undefined : `did you mean \`${suggestion}\`?`;
}

function simplify(name: string): string {
  return name.slice(0, 64).replaceAll(/[-_]/g, '').toLowerCase();
}

/**
 * Insertions, deletions, replacements and swaps of neighbours; more than `limit` is `limit + 1`.
 */
function editDistance(left: string, right: string, limit: number): number {
  if (Math.abs(left.length - right.length) > limit) return limit + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const same = left[i - 1] === right[j - 1];
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[right.length] ?? limit + 1;
}
