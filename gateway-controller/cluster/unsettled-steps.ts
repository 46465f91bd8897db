// Steps whose consequences are not all computed yet. A status or Event says that the newest version
// of its object was judged, so it waits until everything that follows from that version is known.

import { formatRef } from '../../mesh/index.ts';
import type { ObjectRef } from '../../mesh/index.ts';
import type { ClusterStep } from './cluster-context.ts';

interface UnsettledStep {
  readonly number: number;
  readonly step: ClusterStep;
}

/** Steps in the order in which they came. */
export class UnsettledSteps {
  readonly #steps: UnsettledStep[] = [];
  /** The objects that they changed, with the number of the last change. */
  readonly #changed = new Map<string, number>();

  /** `number` as of the distribution; never less than that of the step before. */
  add(number: number, step: ClusterStep): void {
    this.#steps.push({ number, step });
    for (const ref of step.changed) this.#changed.set(formatRef(ref), number);
  }

  /** Returns the steps up to the one of that number, and forgets them. */
  release(settled: number): readonly ClusterStep[] {
    const kept = this.#steps.findIndex(({ number }) => number > settled);
    const released = this.#steps.splice(0, kept === -1 ? this.#steps.length : kept);
    for (const { number, step } of released) {
      for (const key of step.changed.map(formatRef)) if (this.#changed.get(key) === number) this.#changed.delete(key);
    }
    return released.map(({ step }) => step);
  }

  /** Whether everything that follows from the newest version of an object is known. */
  isSettled(ref: ObjectRef): boolean {
    return !this.#changed.has(formatRef(ref));
  }
}
