// Computations by name, with the reads and the Findings of each: which are dirty after a change.

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
import { UnitQueue } from './unit-queue.ts';

/** Remembers the inputs of each computation. */
export class Units {
  readonly #mesh: MeshSnapshot;
  /** Finished computations, with their Findings. */
  readonly #done = new Map<string, readonly Finding[]>();
  readonly #readers = new ReaderIndex();
  readonly #findings = new Map<string, { readonly finding: Finding; count: number }>();
  readonly #queue = new UnitQueue();
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
    return Math.min(this.#changes, this.#queue.oldest - 1);
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
      this.#queue.add(formatUnit({ kind: 'object', ref }), { since, flow: ref.kind });
    }
    for (const key of touched) {
      const flow = kindOfQuery(key);
      for (const unit of this.#readers.of(key)) this.#queue.add(unit, { since, flow });
    }
  }

  /**
   * Makes a computation dirty, as a consequence of the change of that number. `isUrgent`: it goes
   * before others, since a proxy waits for it.
   */
  demand(unit: string, since: number, isUrgent = false): void {
    this.#queue.add(unit, { since, flow: '' });
    if (isUrgent) this.#queue.urge(unit);
  }

  /** Whether nothing is dirty. */
  get isUpToDate(): boolean {
    return this.#queue.isEmpty;
  }

  isDone(unit: string): boolean {
    return this.#done.has(unit);
  }

  /** The number of the change since which a computation is dirty; undefined when it is not. */
  dueSince(unit: string): number | undefined {
    return this.#queue.since(unit);
  }

  /** Whether a proxy waits for something that is dirty. */
  get isUrgent(): boolean {
    return this.#queue.isUrgent;
  }

  /** The dirty computation whose turn it is; it has to be computed or forgotten. */
  next(): string | undefined {
    return this.#queue.next();
  }

  /** Runs a computation, and replaces its recorded reads and Findings. */
  compute<T>(unit: string, compute: (context: ResolveContext) => T): T {
    const { snapshot, reads } = trackReads(this.#mesh);
    const findings: Finding[] = [];
    const result = compute({ mesh: snapshot, report: (finding) => void findings.push(finding) });
    this.#record(unit, reads, findings);
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
    this.#queue.drop(unit, found !== undefined);
  }
}

/** The objects that a change put or deleted: each touches the query for itself. */
function touchedObjects(touched: ReadonlySet<QueryKey>): readonly ObjectRef[] {
  return [...touched].flatMap((key) => parseGetKey(key) ?? []).filter(({ kind }) => isAnalyzedKind(kind));
}
