// The queue of dirty computations: which is the next one, and since which change each is dirty. Its
// cost follows what is added and taken, not what waits.
//
// First come those that somebody waits for. Then come those that were not computed since the queue
// was last empty: the kinds alternate, and within a kind the newest and the oldest alternate. So a
// lone change waits neither for a storm of other kinds, nor for the storm before it, nor for later
// changes. Last come those that were computed since, in the order in which they became dirty again,
// so that none waits for another one twice.

/** A dirty computation. */
interface Due {
  /** The number of the change since which it is dirty. */
  readonly since: number;
  /** The kind of the objects that made it dirty first; '' for a request of another computation. */
  readonly flow: string;
}

/** Dirty computations by name. */
export class UnitQueue {
  readonly #due = new Map<string, Due>();
  /** How many are dirty since each change. */
  readonly #counts = new Map<number, number>();
  /** Those that somebody waits for. */
  readonly #urgent = new Set<string>();
  /** Those of each kind that were not computed since the queue was last empty; in turns. */
  readonly #flows = new Map<string, Flow>();
  /** Those that were computed since the queue was last empty, and of these the dirty ones. */
  readonly #recent = new Set<string>();
  readonly #again = new Set<string>();

  /** Adds one, if it is not dirty. */
  add(unit: string, due: Due): void {
    if (this.#due.has(unit)) return;
    this.#due.set(unit, due);
    this.#counts.set(due.since, (this.#counts.get(due.since) ?? 0) + 1);
    if (this.#recent.has(unit)) {
      this.#again.add(unit);
      return;
    }
    const flow = this.#flows.get(due.flow);
    if (flow === undefined) this.#flows.set(due.flow, new Flow(unit));
    else flow.add(unit);
  }

  /** Puts a dirty one before the others. */
  urge(unit: string): void {
    if (this.#due.has(unit)) this.#urgent.add(unit);
  }

  /** The number of the change since which one is dirty; undefined when it is not. */
  since(unit: string): number | undefined {
    return this.#due.get(unit)?.since;
  }

  /** The number of the oldest change since which something is dirty; Infinity when nothing is. */
  get oldest(): number {
    return Math.min(...this.#counts.keys());
  }

  get isEmpty(): boolean {
    return this.#due.size === 0;
  }

  /** Whether somebody waits for something. */
  get isUrgent(): boolean {
    return this.#urgent.size > 0;
  }

  /** Takes the next one out of its turn. It stays dirty until it is dropped. */
  next(): string | undefined {
    const [urgent] = this.#urgent;
    if (urgent !== undefined) return urgent;
    for (const [kind, flow] of this.#flows) {
      // The other kinds come before its next one.
      this.#flows.delete(kind);
      const unit = flow.take((each) => this.#due.has(each) && !this.#recent.has(each));
      if (unit === undefined) continue;
      this.#flows.set(kind, flow);
      return unit;
    }
    const [again] = this.#again;
    return again;
  }

  /** Drops one that is dirty no more; `isComputed` is false when nobody asks for it any longer. */
  drop(unit: string, isComputed: boolean): void {
    const due = this.#due.get(unit);
    if (due !== undefined) {
      this.#due.delete(unit);
      const left = (this.#counts.get(due.since) ?? 1) - 1;
      if (left > 0) this.#counts.set(due.since, left);
      else this.#counts.delete(due.since);
    }
    this.#urgent.delete(unit);
    this.#again.delete(unit);
    if (isComputed) this.#recent.add(unit);
    else this.#recent.delete(unit);
    if (this.#due.size > 0) return;
    this.#recent.clear();
    this.#flows.clear();
  }
}

/** Names in the order of their arrival, taken from both ends in turns: the newest one first. */
class Flow {
  readonly #units: string[];
  #first = 0;
  #isNewestNext = true;

  constructor(unit: string) {
    this.#units = [unit];
  }

  add(unit: string): void {
    this.#units.push(unit);
  }

  /** The next one that is still `wanted`. */
  take(wanted: (unit: string) => boolean): string | undefined {
    while (this.#first < this.#units.length) {
      const unit = this.#isNewestNext ? this.#units.pop() : this.#units[this.#first++];
      if (unit === undefined || !wanted(unit)) continue;
      this.#isNewestNext = !this.#isNewestNext;
      return unit;
    }
    return undefined;
  }
}
