// The pipeline from a state of the source to the configuration of proxies: addresses, the store,
// the generator, the cache. It is one synchronous step. The source gathers changes while it runs,
// so that a lone edit is applied at once and a storm in one step.

import type { GatewayKey } from '../../generator/index.ts';
import { comparePlaces, defaultMeshSettings, placeFindings, refOf } from '../../mesh/index.ts';
import type { Finding, MeshChange, MeshSnapshot, PlacedFinding } from '../../mesh/index.ts';
import type { SnapshotCache } from '../../xds/index.ts';
import { allocateAddresses, machineAddresses, nodeProxyAddress } from './addresses.ts';
import type { AddressBlock, Allocations } from './addresses.ts';
import { markCaptured } from './capture.ts';
import type { DirectoryState } from './directory-source.ts';
import { Distribution, StageClock } from '../serving/distribution.ts';
import type { PipelineStep } from '../serving/distribution.ts';
import { NodeConfiguration } from './node-configuration.ts';
import { nodeKey } from './proxy-authorization.ts';

/** The parts of a pipeline. */
export interface PipelineOptions {
  readonly block: AddressBlock;
  readonly cache: SnapshotCache;
  /** The allocations of an earlier process. */
  readonly allocations: Allocations;
}

/** Holds the configuration in force and its results. */
export class Pipeline {
  readonly #block: AddressBlock;
  readonly #distribution: Distribution;
  readonly #node: NodeConfiguration;
  #allocations: Allocations;
  #addressFindings: readonly Finding[] = [];
  #findings: () => readonly PlacedFinding[] = () => [];

  constructor({ block, cache, allocations }: PipelineOptions) {
    this.#block = block;
    this.#distribution = new Distribution({
      cache,
      settings: { ...defaultMeshSettings, machine: machineAddresses(block) },
    });
    this.#allocations = allocations;
    this.#node = new NodeConfiguration(this.mesh, nodeProxyAddress(block));
  }

  /** Brings everything up to date with a state of the source. */
  apply(state: DirectoryState): PipelineStep {
    const clock = new StageClock();
    const changes = this.#address(state);
    clock.end('allocate');
    const { step } = this.#distribution.apply(changes, clock, (touched) => [[nodeKey, this.#node.update(touched)]]);
    this.#findings = memoize(() =>
      [
        ...state.findings(),
        ...placeFindings(
          [...this.#addressFindings, ...this.#distribution.findings(), ...this.#nodeFindings()],
          state.locate,
        ),
      ].sort(comparePlaces),
    );
    return { ...step, changedObjects: state.changes.length };
  }

  /**
   * The changes with addresses filled in. If no address can have been added, removed or moved,
   * these are the changes themselves. Otherwise everything is looked at, and the store finds that
   * most of it is unchanged.
   */
  #address({ changes, objects }: DirectoryState): readonly MeshChange[] {
    if (changes.every((change) => this.#isWithoutAddress(change))) {
      const namespaces = this.mesh.list('Namespace');
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

  /**
   * Whether a change needs and frees no address of the block, and affects no allocation of others.
   */
  #isWithoutAddress(change: MeshChange): boolean {
    const { kind, namespace, name } = change.type === 'put' ? refOf(change.object) : change.ref;
    if (kind !== 'WorkloadEntry') return !addressedKinds.has(kind);
    const before = this.mesh.get('WorkloadEntry', namespace, name)?.spec.address;
    const after = change.type === 'put' && change.object.kind === 'WorkloadEntry' ? change.object.spec.address : before;
    const own = `127.${this.#block.octet}.`;
    return [before, after].every((address) => address !== undefined && address !== '' && !address.startsWith(own));
  }

  /** The configuration in force, with addresses filled in. */
  get mesh(): MeshSnapshot {
    return this.#distribution.mesh;
  }

  /** The state for the next process. */
  get allocations(): Allocations {
    return this.#allocations;
  }

  /** The waypoints that there should be, sorted. */
  waypoints(): readonly GatewayKey[] {
    return this.#distribution.waypoints();
  }

  /** All Findings with their place, sorted. */
  findings(): readonly PlacedFinding[] {
    return this.#findings();
  }

  /** Findings that the generator reports too are not repeated. */
  #nodeFindings(): ReturnType<NodeConfiguration['findings']> {
    const known = new Set(this.#distribution.findings().map((finding) => JSON.stringify(finding)));
    return this.#node.findings().filter((finding) => !known.has(JSON.stringify(finding)));
  }
}

/** Kinds that have addresses, and those that configure them. Workloads are looked at one by one. */
const addressedKinds: ReadonlySet<string> = new Set([
  'Gateway',
  'GatewayClass',
  'Namespace',
  'Service',
  'ServiceEntry',
]);

function memoize<T>(compute: () => T): () => T {
  let known: { readonly value: T } | undefined;
  return () => (known ??= { value: compute() }).value;
}
