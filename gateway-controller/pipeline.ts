// From a state of the source to what proxies are served: addresses, the store, the generator, the cache. One synchronous step; while
// it runs, the source gathers what changes meanwhile, so that a lone edit goes out at once and a storm is one step.

import { performance } from 'node:perf_hooks';
import { Generator, listWaypoints } from '../generator/index.ts';
import type { GatewayKey, ResourceChanges } from '../generator/index.ts';
import { comparePlaces, MeshStore, placeFindings, refOf } from '../mesh/index.ts';
import type { Finding, MeshChange, MeshSnapshot, PlacedFinding } from '../mesh/index.ts';
import type { SnapshotCache } from '../xds/index.ts';
import { allocateAddresses, nodeProxyAddress } from './addresses.ts';
import type { AddressBlock, Allocations } from './addresses.ts';
import { markCaptured } from './capture.ts';
import type { DirectoryState } from './directory-source.ts';
import { NodeConfiguration } from './node-configuration.ts';
import { nodeKey } from './xds-authorization.ts';

/** What a pipeline is made of. */
export interface PipelineOptions {
  readonly block: AddressBlock;
  readonly cache: SnapshotCache;
  /** What was given out in an earlier life. */
  readonly allocations: Allocations;
}

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

/** Holds the configuration in force and what follows from it. */
export class Pipeline {
  readonly #block: AddressBlock;
  readonly #cache: SnapshotCache;
  readonly #mesh = new MeshStore();
  readonly #generator: Generator;
  readonly #node: NodeConfiguration;
  #allocations: Allocations;
  #addressFindings: readonly Finding[] = [];
  #findings: () => readonly PlacedFinding[] = () => [];

  constructor({ block, cache, allocations }: PipelineOptions) {
    this.#block = block;
    this.#cache = cache;
    this.#allocations = allocations;
    this.#generator = new Generator(this.#mesh);
    this.#node = new NodeConfiguration(this.#mesh, nodeProxyAddress(block));
  }

  /** Brings everything up to date with a state of the source. */
  apply(state: DirectoryState): PipelineStep {
    const clock = new StageClock();
    const changes = this.#address(state);
    clock.end('allocate');
    const touched = this.#mesh.apply(changes);
    clock.end('store');
    const update = this.#generator.update(touched);
    const proxies = new Map<string, ResourceChanges>([...update.proxies, [nodeKey, this.#node.update(touched)]]);
    clock.end('generate');
    for (const key of update.removedProxies) this.#cache.remove(key);
    // A waypoint without resources must be told that there are none, rather than nothing.
    for (const key of this.waypoints().map(({ namespace, name }) => `waypoint/${namespace}/${name}`)) {
      if (!proxies.has(key) && !this.#cache.has(key)) proxies.set(key, { upserts: [], removals: [] });
    }
    for (const [key, change] of proxies) this.#cache.apply(key, change);
    clock.end('publish');
    this.#findings = memoize(() =>
      [
        ...state.findings(),
        ...placeFindings(
          [...this.#addressFindings, ...this.#generator.findings(), ...this.#nodeFindings()],
          state.locate,
        ),
      ].sort(comparePlaces),
    );
    const changedResources = [...proxies.values()].flatMap(({ upserts, removals }) => [...upserts, ...removals]).length;
    const upserts = [...proxies.values()].flatMap((change) => change.upserts);
    return {
      changedObjects: state.changes.length,
      changedResources,
      bytes: upserts.reduce((sum, { bytes }) => sum + bytes.length, 0),
      times: clock.times(),
    };
  }

  /**
   * The changes with addresses filled in. Where none can have come, gone or moved, they are the changes themselves; else everything is
   * looked at, and the store finds that most of it is the same.
   */
  #address({ changes, objects }: DirectoryState): readonly MeshChange[] {
    if (changes.every((change) => this.#isWithoutAddress(change))) {
      const namespaces = this.#mesh.list('Namespace');
      return changes.map((change) => {
        if (change.type === 'delete') return change;
        const [object = change.object] = markCaptured([change.object, ...namespaces]);
        return { type: 'put', object };
      });
    }
    const addressed = allocateAddresses(objects(), { block: this.#block, previous: this.#allocations });
    this.#allocations = addressed.allocations;
    this.#addressFindings = addressed.findings;
    return [
      ...changes.filter(({ type }) => type === 'delete'),
      ...markCaptured(addressed.objects).map((object): MeshChange => ({ type: 'put', object })),
    ];
  }

  /** Whether a change gives and takes no address of the block, and is not what others get theirs by. */
  #isWithoutAddress(change: MeshChange): boolean {
    const { kind, namespace, name } = change.type === 'put' ? refOf(change.object) : change.ref;
    if (kind !== 'WorkloadEntry') return !addressedKinds.has(kind);
    const before = this.#mesh.get('WorkloadEntry', namespace, name)?.spec.address;
    const after = change.type === 'put' && change.object.kind === 'WorkloadEntry' ? change.object.spec.address : before;
    const own = `127.${this.#block.octet}.`;
    return [before, after].every((address) => address !== undefined && address !== '' && !address.startsWith(own));
  }

  /** The configuration in force, with addresses filled in. */
  get mesh(): MeshSnapshot {
    return this.#mesh;
  }

  /** What to keep for the next life. */
  get allocations(): Allocations {
    return this.#allocations;
  }

  /** The waypoints that there should be, sorted. */
  waypoints(): readonly GatewayKey[] {
    return listWaypoints(this.#mesh);
  }

  /** Everything that there is to say, with its place, sorted. */
  findings(): readonly PlacedFinding[] {
    return this.#findings();
  }

  /** What the generator said too is not said twice. */
  #nodeFindings(): ReturnType<NodeConfiguration['findings']> {
    const known = new Set(this.#generator.findings().map((finding) => JSON.stringify(finding)));
    return this.#node.findings().filter((finding) => !known.has(JSON.stringify(finding)));
  }
}

/** Kinds that have addresses, and those that say how. Workloads are looked at one by one. */
const addressedKinds: ReadonlySet<string> = new Set([
  'Gateway',
  'GatewayClass',
  'Namespace',
  'Service',
  'ServiceEntry',
]);

/** Measures stage after stage. */
class StageClock {
  readonly #times = { allocate: 0, store: 0, generate: 0, publish: 0 };
  #last = performance.now();

  end(stage: keyof StageTimes): void {
    const now = performance.now();
    this.#times[stage] = now - this.#last;
    this.#last = now;
  }

  times(): StageTimes {
    return this.#times;
  }
}

function memoize<T>(compute: () => T): () => T {
  let known: { readonly value: T } | undefined;
  return () => (known ??= { value: compute() }).value;
}
