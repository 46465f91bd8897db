// From changes of the configuration to what proxies are served: the store, the generator, the cache. What both compositions share,
// wherever their objects come from.

import { performance } from 'node:perf_hooks';
import { Generator, listWaypoints } from '../generator/index.ts';
import type { GatewayKey, ResourceChanges } from '../generator/index.ts';
import { MeshStore } from '../mesh/index.ts';
import type { Finding, MeshChange, MeshSettings, MeshSnapshot, QueryKey } from '../mesh/index.ts';
import type { SnapshotCache } from '../xds/index.ts';

/** Milliseconds that the stages of one step took. */
export interface StageTimes {
  readonly allocate: number;
  readonly store: number;
  readonly generate: number;
  readonly publish: number;
}

/** What one step did. */
export interface PipelineStep {
  readonly changedObjects: number;
  /** Resources that proxies get or lose. */
  readonly changedResources: number;
  readonly bytes: number;
  readonly times: StageTimes;
}

/** Holds the configuration in force and what waypoints are served because of it. */
export class Distribution {
  readonly #cache: SnapshotCache;
  readonly #mesh: MeshStore;
  readonly #generator: Generator;

  constructor(cache: SnapshotCache, settings?: MeshSettings) {
    this.#cache = cache;
    this.#mesh = settings === undefined ? new MeshStore() : new MeshStore(settings);
    this.#generator = new Generator(this.#mesh);
  }

  /**
   * Takes changes in and serves what follows from them; `alsoServed` are proxies that are no waypoints. `clock` has measured what came
   * before.
   */
  apply(
    changes: readonly MeshChange[],
    clock: StageClock,
    alsoServed: (touched: ReadonlySet<QueryKey>) => Iterable<readonly [string, ResourceChanges]> = () => [],
  ): { readonly step: PipelineStep; readonly touched: ReadonlySet<QueryKey> } {
    const touched = this.#mesh.apply(changes);
    clock.end('store');
    const update = this.#generator.update(touched);
    const proxies = new Map<string, ResourceChanges>([...update.proxies, ...alsoServed(touched)]);
    clock.end('generate');
    for (const key of update.removedProxies) this.#cache.remove(key);
    // A waypoint without resources must be told that there are none, rather than nothing.
    for (const key of this.waypoints().map(({ namespace, name }) => `waypoint/${namespace}/${name}`)) {
      if (!proxies.has(key) && !this.#cache.has(key)) proxies.set(key, { upserts: [], removals: [] });
    }
    for (const [key, change] of proxies) this.#cache.apply(key, change);
    clock.end('publish');
    const upserts = [...proxies.values()].flatMap((change) => change.upserts);
    const removals = [...proxies.values()].flatMap((change) => change.removals);
    return {
      touched,
      step: {
        changedObjects: changes.length,
        changedResources: upserts.length + removals.length,
        bytes: upserts.reduce((sum, { bytes }) => sum + bytes.length, 0),
        times: clock.times(),
      },
    };
  }

  /** The configuration in force. */
  get mesh(): MeshSnapshot {
    return this.#mesh;
  }

  /** The waypoints that there should be, sorted. */
  waypoints(): readonly GatewayKey[] {
    return listWaypoints(this.#mesh);
  }

  /** What the generator has to say, sorted. */
  findings(): readonly Finding[] {
    return this.#generator.findings();
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
