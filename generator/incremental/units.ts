// The queue of computations by name, with the reads and the Findings of each: which are dirty after
// a change, and in which order they are computed.

import {
  type Finding,
  kindOfQuery,
  type MeshSnapshot,
  type ObjectRef,
  parseGetKey,
  type QueryKey,
  ReaderIndex,
  trackReads,
} from '../../mesh/index.ts';
import { isAnalyzedKind } from '../analyze/objects.ts';
import { findingKey, sortFindings } from '../analyze/findings.ts';
import type { ResolveContext } from '../resolve/context.ts';
import { formatUnit } from './unit-name.ts';

/** A pending computation. */
interface Due {
  /** The number of the change since which it is dirty. */
  readonly since: number;
  /** The kind of the objects that made it dirty first; '' for a request of another computation. */
  readonly flow: string;
}

/** Remembers the inputs of each computation. */
export class Units {
  readonly #mesh: MeshSnapshot;
  /** Finished computations, with their Findings. */
  readonly #done = new Map<string, readonly Finding[]>();
  readonly #readers = new ReaderIndex();
  readonly #findings = new Map<string, { readonly finding: Finding; count: number }>();
  /** Dirty computations; newest last. */
  readonly #due = new Map<string, Due>();
  /** Dirty computations that somebody waits for. */
  readonly #urgent = new Set<string>();
  /** Units that were computed since the queue was last empty; the last one last. */
  readonly #recent = new Set<string>();
  #changes = 0;

  constructor(mesh: MeshSnapshot) {
    this.#mesh = mesh;
  }

  /** The number of changes so far. */
  get changes(): number {
    return this.#changes;
  }

  /** The number of the change up to which everything is computed. */
  get settled(): number {
    let settled = this.#changes;
    for (const { since } of this.#due.values()) settled = Math.min(settled, since - 1);
    return settled;
  }

  /** All Findings of the computations, each once, sorted. */
  get findings(): readonly Finding[] {
    return sortFindings(new Map([...this.#findings].map(([key, { finding }]) => [key, finding])));
  }

  /**
   * Takes a change: every reader of one of these questions becomes dirty, and so do the Findings
   * about the objects themselves.
   */
  invalidate(touched: ReadonlySet<QueryKey>): void {
    this.#changes += 1;
    const since = this.#changes;
    for (const ref of touchedObjects(touched)) {
      this.#demand(formatUnit({ kind: 'object', ref }), { since, flow: ref.kind });
    }
    for (const key of touched) {
      const flow = kindOfQuery(key);
      for (const unit of this.#readers.of(key)) this.#demand(unit, { since, flow });
    }
  }

  /**
   * Makes a computation dirty, as a consequence of the change of that number. `isUrgent`: it goes
   * before others, since a proxy waits for it.
   */
  demand(unit: string, since: number, isUrgent = false): void {
    this.#demand(unit, { since, flow: '' });
    if (isUrgent) this.#urgent.add(unit);
  }

  /** Whether nothing is dirty. */
  get isUpToDate(): boolean {
    return this.#due.size === 0;
  }

  isDone(unit: string): boolean {
    return this.#done.has(unit);
  }

  /** The number of the change since which a computation is dirty; undefined when it is not. */
  dueSince(unit: string): number | undefined {
    return this.#due.get(unit)?.since;
  }

  /**
   * The dirty computations in the order of their priority, no further than the caller asks: at any
   * time those that are urgent, then the others.
   */
  *due(): Iterable<string> {
    for (const unit of this.#inTurns()) {
      yield* this.#urgentOnes();
      yield unit;
    }
    yield* this.#urgentOnes();
  }

  *#urgentOnes(): Iterable<string> {
    for (let [unit] = this.#urgent; unit !== undefined; [unit] = this.#urgent) {
      this.#urgent.delete(unit);
      if (this.#due.has(unit)) yield unit;
    }
  }

  /**
   * First come those that were not computed since the queue was last empty: the kinds alternate,
   * and within a kind the newest and the oldest alternate. So a lone change waits neither for a
   * storm of other kinds, nor for the storm before it, nor for later changes. Then come those that
   * were computed since, the one that has waited longest first, so that none waits for another one
   * twice.
   */
  *#inTurns(): Iterable<string> {
    const flows = new Map<string, string[]>();
    for (const [unit, { flow }] of this.#due) {
      if (this.#recent.has(unit)) continue;
      const units = flows.get(flow);
      if (units === undefined) flows.set(flow, [unit]);
      else units.push(unit);
    }
    yield* takeTurns([...flows.values()].map(fromBothEnds));
    yield* [...this.#recent].filter((unit) => this.#due.has(unit));
  }

  /** Runs a computation, and replaces its recorded reads and Findings. */
  compute<T>(unit: string, compute: (context: ResolveContext) => T): T {
    const { snapshot, reads } = trackReads(this.#mesh);
    const findings: Finding[] = [];
    const result = compute({ mesh: snapshot, report: (finding) => void findings.push(finding) });
    this.#record(unit, reads, findings);
    if (this.#due.size > 0) this.#recent.add(unit);
    return result;
  }

  /** Forgets a computation, and the request for it. */
  forget(unit: string): void {
    this.#record(unit, new Set(), undefined);
  }

  #record(unit: string, reads: ReadonlySet<QueryKey>, found: readonly Finding[] | undefined): void {
    const before = this.#done.get(unit) ?? [];
    if (found === undefined) this.#done.delete(unit);
    else this.#done.set(unit, found);
    this.#readers.record(unit, reads);
    for (const finding of found ?? []) {
      const key = findingKey(finding);
      const known = this.#findings.get(key);
      if (known === undefined) this.#findings.set(key, { finding, count: 1 });
      else known.count += 1;
    }
    for (const finding of before) {
      const key = findingKey(finding);
      const entry = this.#findings.get(key);
      if (entry !== undefined && --entry.count === 0) this.#findings.delete(key);
    }
    this.#due.delete(unit);
    this.#urgent.delete(unit);
    this.#recent.delete(unit);
    if (this.#due.size === 0) this.#recent.clear();
  }

  #demand(unit: string, due: Due): void {
    if (!this.#due.has(unit)) this.#due.set(unit, due);
  }
}

/** The last one, the first one, the last but one, and so on. */
function* fromBothEnds(units: readonly string[]): Iterable<string> {
  for (let first = 0, last = units.length - 1; first <= last; first += 1, last -= 1) {
    yield* units.slice(last, last + 1);
    if (first < last) yield* units.slice(first, first + 1);
  }
}

/** The first of each list, then the second of each, and so on; no further than the caller asks. */
function* takeTurns(lists: readonly Iterable<string>[]): Iterable<string> {
  let going = lists.map((list) => list[Symbol.iterator]());
  while (going.length > 0) {
    const after: typeof going = [];
    for (const list of going) {
      const turn = list.next();
      if (turn.done === true) continue;
      after.push(list);
      yield turn.value;
    }
    going = after;
  }
}

/** The objects that a change put or deleted: each touches the query for itself. */
function touchedObjects(touched: ReadonlySet<QueryKey>): readonly ObjectRef[] {
  return [...touched].flatMap((key) => parseGetKey(key) ?? []).filter(({ kind }) => isAnalyzedKind(kind));
}
