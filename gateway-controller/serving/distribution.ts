// The way from changes of the configuration to the configuration of proxies: the store, the
// generator, the cache. Both compositions share it, whatever the source of their objects.

import { performance } from 'node:perf_hooks';
import { Generator, listWaypoints } from '../../generator/index.ts';
import type { GatewayKey, ResourceChanges } from '../../generator/index.ts';
import { MeshStore } from '../../mesh/index.ts';
import type { Finding, MeshChange, MeshSettings, MeshSnapshot, QueryKey } from '../../mesh/index.ts';
import { defaultOnDemandAbove } from './on-demand.ts';
import type { ResourceName, SnapshotCache } from '../../xds/index.ts';

/** Milliseconds that the stages of one step took. */
export interface StageTimes {
  readonly allocate: number;
  readonly store: number;
  readonly generate: number;
  readonly publish: number;
}

/** The key of a proxy, and the changes for it. */
type ProxyChanges = readonly [key: string, changes: ResourceChanges];

/** The result of one step. */
export interface PipelineStep {
  readonly changedObjects: number;
  /** Resources that proxies get or lose. */
  readonly changedResources: number;
  readonly bytes: number;
  readonly times: StageTimes;
}

/** The options of a distribution. */
export interface DistributionOptions {
  readonly cache: SnapshotCache;
  readonly settings?: MeshSettings;
  /** Waypoints of more services than this get those that their clients ask for. */
  readonly onDemandAbove?: number;
  /**
   * Called after each step that continues earlier work. Without it, everything that follows from a
   * change is done in one step.
   */
  readonly onStep?: (step: PipelineStep) => void;
}

/** The immediate result of changes. */
export interface AppliedChanges {
  /** The first step. */
  readonly step: PipelineStep;
  /** The questions to the mesh that may have other answers now. */
  readonly touched: ReadonlySet<QueryKey>;
  /** The number of these changes, for comparison with `settled`. */
  readonly number: number;
}

/**
 * How long a step computes dirty parts, in milliseconds. A lone change waits for a step and the
 * pause behind it.
 */
const stepMs = 4;
/** How long it computes what proxies wait for: they get much of it together. */
const urgentStepMs = 20;
/** The pause behind a step that served what proxies waited for: they take it, and ask for more. */
const restMs = 20;

/** Holds the configuration in force and the waypoints' configuration that follows from it. */
export class Distribution {
  readonly #cache: SnapshotCache;
  readonly #mesh: MeshStore;
  readonly #generator: Generator;
  readonly #onStep: ((step: PipelineStep) => void) | undefined;
  /** The first step goes on until every proxy can be served: nobody is served half of it. */
  #isFirst = true;
  /** Whether the last step left the queue to rest behind it. */
  #isResting = false;
  /** The timer of the step that continues with the queue. */
  #timer: NodeJS.Timeout | undefined;
  readonly #unwatch: () => void;

  constructor({ cache, settings, onDemandAbove = defaultOnDemandAbove, onStep }: DistributionOptions) {
    this.#cache = cache;
    this.#mesh = settings === undefined ? new MeshStore() : new MeshStore(settings);
    this.#generator = new Generator(this.#mesh, { eager: onDemandAbove });
    this.#onStep = onStep;
    this.#unwatch = cache.onWanted((key, names) => this.#want(key, names));
  }

  /**
   * Takes changes in and serves the results, or the first part of them; `alsoServed` are proxies
   * that are no waypoints. `clock` has measured the stages before.
   */
  apply(
    changes: readonly MeshChange[],
    clock: StageClock,
    alsoServed: (touched: ReadonlySet<QueryKey>) => Iterable<ProxyChanges> = () => [],
  ): AppliedChanges {
    const touched = this.#mesh.apply(changes);
    clock.end('store');
    const number = this.#generator.invalidate(touched);
    const others = [...alsoServed(touched)];
    // The rest of earlier changes and the results of these are computed together, in the next step.
    const step = this.#timer === undefined ? this.#advance(clock, others) : this.#publish(clock, others);
    return { step: { ...step, changedObjects: changes.length }, touched, number };
  }

  /** Nothing is computed afterwards. */
  stop(): void {
    this.#unwatch();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The number of the last changes of which, and of all before them, every result is computed. */
  get settled(): number {
    return this.#generator.settled;
  }

  /** The configuration in force. */
  get mesh(): MeshSnapshot {
    return this.#mesh;
  }

  /** The waypoints that there should be, sorted. */
  waypoints(): readonly GatewayKey[] {
    return listWaypoints(this.#mesh);
  }

  /** The generator's Findings, sorted. */
  findings(): readonly Finding[] {
    return this.#generator.findings();
  }

  /** The next step computes everything that proxies ask for together, and comes at once. */
  #want(key: string, names: readonly ResourceName[]): void {
    for (const name of names) this.#generator.want(key, name);
    if (this.#generator.isUrgent) this.#plan(0);
  }

  #plan(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#goOn(), ms);
  }

  #advance(clock: StageClock, others: Iterable<ProxyChanges> = []): PipelineStep {
    const start = performance.now();
    const update = this.#generator.advance(this.#onStep === undefined ? undefined : this.#limitStep(start));
    clock.end('generate');
    for (const key of update.removedProxies) this.#cache.remove(key);
    const step = this.#publish(clock, [...update.proxies, ...others]);
    // Streams and source get their turn: steps take two thirds of the time at most.
    if (!this.#generator.isUpToDate) this.#plan(this.#isResting ? restMs : (performance.now() - start) / 2);
    return step;
  }

  /**
   * Ends a step in time. The first one has the time that it needs. One that has computed what
   * proxies wait for ends too, but no two in a row, since others wait as well.
   */
  #limitStep(start: number): () => boolean {
    const isFirst = this.#isFirst;
    const mayRest = this.#generator.isUrgent && !this.#isResting;
    const end = start + (this.#generator.isUrgent ? urgentStepMs : stepMs);
    this.#isFirst = false;
    this.#isResting = false;
    return () => {
      if (isFirst && !this.#generator.isServing) return true;
      this.#isResting = mayRest && !this.#generator.isUrgent;
      return !this.#isResting && performance.now() < end;
    };
  }

  #publish(clock: StageClock, proxies: readonly ProxyChanges[]): PipelineStep {
    for (const [key, change] of proxies) this.#cache.apply(key, change);
    clock.end('publish');
    const upserts = proxies.flatMap(([, change]) => change.upserts);
    const removals = proxies.flatMap(([, change]) => change.removals);
    return {
      changedObjects: 0,
      changedResources: upserts.length + removals.length,
      bytes: upserts.reduce((sum, { bytes }) => sum + bytes.length, 0),
      times: clock.times(),
    };
  }

  #goOn(): void {
    this.#timer = undefined;
    this.#onStep?.(this.#advance(new StageClock()));
  }
}

/** Measures stage after stage. */
export class StageClock {
  readonly #times = { allocate: 0, store: 0, generate: 0, publish: 0 };
  #last: number = performance.now();

  end(stage: keyof StageTimes): void {
    const now = performance.now();
    this.#times[stage] += now - this.#last;
    this.#last = now;
  }

  times(): StageTimes {
    return this.#times;
  }
}
