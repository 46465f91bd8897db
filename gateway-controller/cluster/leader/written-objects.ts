// The API's answers to our own writes, until the watch has caught up, so that no decision is based
// on a version that is known to be old.

import type { KubernetesObject } from '../../../kubernetes/index.ts';

/** The newest state of objects, as seen or as written. */
export class WrittenObjects {
  readonly #answers = new Map<string, KubernetesObject>();

  /** Keeps the answer to a write. */
  remember(key: string, answer: KubernetesObject): void {
    this.#answers.set(key, answer);
  }

  /** The object as the watch shows it, or as our last write left it if the watch is behind. */
  newest(key: string, seen: KubernetesObject | undefined): KubernetesObject | undefined {
    const written = this.#answers.get(key);
    if (written === undefined) return seen;
    if (seen !== undefined && isBehind(seen, written)) return written;
    this.#answers.delete(key);
    return seen;
  }

  clear(): void {
    this.#answers.clear();
  }
}

/** Resource versions of one object are numbers that grow. */
function isBehind(seen: KubernetesObject, written: KubernetesObject): boolean {
  if (seen.metadata.uid !== written.metadata.uid) return false;
  const [before, after] = [seen.metadata.resourceVersion ?? '', written.metadata.resourceVersion ?? ''];
  return /^\d+$/.test(before) && /^\d+$/.test(after) && BigInt(before) < BigInt(after);
}
