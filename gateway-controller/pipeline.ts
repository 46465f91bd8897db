// From a state of the source to what proxies are served: addresses, the store, the generator, the cache. One synchronous step; while
// it runs, the source gathers what changes meanwhile, so that a lone edit goes out at once and a storm is one step.

import type { GatewayKey } from '../generator/index.ts';
import { comparePlaces, diffObjects, placeFindings } from '../mesh/index.ts';
import type { AnyMeshObject, MeshSnapshot, PlacedFinding } from '../mesh/index.ts';
import type { SnapshotCache } from '../xds/index.ts';
import { allocateAddresses, nodeProxyAddress } from './addresses.ts';
import type { AddressBlock, Allocations } from './addresses.ts';
import { markCaptured } from './capture.ts';
import type { DirectoryState } from './directory-source.ts';
import { Distribution, StageClock } from './distribution.ts';
import type { PipelineStep } from './distribution.ts';
import { NodeConfiguration } from './node-configuration.ts';
import { nodeKey } from './xds-authorization.ts';

/** What a pipeline is made of. */
export interface PipelineOptions {
  readonly block: AddressBlock;
  readonly cache: SnapshotCache;
  /** What was given out in an earlier life. */
  readonly allocations: Allocations;
}

/** Holds the configuration in force and what follows from it. */
export class Pipeline {
  readonly #block: AddressBlock;
  readonly #distribution: Distribution;
  readonly #node: NodeConfiguration;
  #objects: readonly AnyMeshObject[] = [];
  #allocations: Allocations;
  #findings: () => readonly PlacedFinding[] = () => [];

  constructor({ block, cache, allocations }: PipelineOptions) {
    this.#block = block;
    this.#distribution = new Distribution(cache);
    this.#allocations = allocations;
    this.#node = new NodeConfiguration(this.mesh, nodeProxyAddress(block));
  }

  /** Brings everything up to date with a state of the source. */
  apply(state: DirectoryState): PipelineStep {
    const clock = new StageClock();
    const addressed = allocateAddresses(state.objects, { block: this.#block, previous: this.#allocations });
    this.#allocations = addressed.allocations;
    const objects = markCaptured(addressed.objects);
    clock.end('allocate');
    const changes = diffObjects(this.#objects, objects);
    this.#objects = objects;
    const { step } = this.#distribution.apply(changes, clock, (touched) => [[nodeKey, this.#node.update(touched)]]);
    this.#findings = memoize(() =>
      [
        ...state.findings,
        ...placeFindings(
          [...addressed.findings, ...this.#distribution.findings(), ...this.#nodeFindings()],
          state.locate,
        ),
      ].sort(comparePlaces),
    );
    return step;
  }

  /** The configuration in force, with addresses filled in. */
  get mesh(): MeshSnapshot {
    return this.#distribution.mesh;
  }

  /** What to keep for the next life. */
  get allocations(): Allocations {
    return this.#allocations;
  }

  /** The waypoints that there should be, sorted. */
  waypoints(): readonly GatewayKey[] {
    return this.#distribution.waypoints();
  }

  /** Everything that there is to say, with its place, sorted. */
  findings(): readonly PlacedFinding[] {
    return this.#findings();
  }

  /** What the generator said too is not said twice. */
  #nodeFindings(): ReturnType<NodeConfiguration['findings']> {
    const known = new Set(this.#distribution.findings().map((finding) => JSON.stringify(finding)));
    return this.#node.findings().filter((finding) => !known.has(JSON.stringify(finding)));
  }
}

function memoize<T>(compute: () => T): () => T {
  let known: { readonly value: T } | undefined;
  return () => (known ??= { value: compute() }).value;
}
