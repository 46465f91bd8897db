// The node proxy's configuration: translated again only when one of its inputs changed.

import { encodeResource } from '../../envoy-api/index.ts';
import type { EncodedResource } from '../../envoy-api/index.ts';
import { translateNode } from '../../generator/index.ts';
import type { ResourceChanges } from '../../generator/index.ts';
import { trackReads } from '../../mesh/index.ts';
import type { Finding, MeshSnapshot, QueryKey } from '../../mesh/index.ts';

const nothing: ResourceChanges = { upserts: [], removals: [], offers: [], withdrawals: [] };

/** The configuration of one node proxy. */
export class NodeConfiguration {
  readonly #mesh: MeshSnapshot;
  readonly #address: string;
  #reads: ReadonlySet<QueryKey> | undefined;
  #resources: ReadonlyMap<string, EncodedResource> = new Map();
  #findings: readonly Finding[] = [];

  /** `address` is the node proxy's own. */
  constructor(mesh: MeshSnapshot, address: string) {
    this.#mesh = mesh;
    this.#address = address;
  }

  /**
   * The changes that follow from a change of these queries; empty when there are none. The first
   * call gives everything.
   */
  update(touched: ReadonlySet<QueryKey>): ResourceChanges {
    const reads = this.#reads;
    if (reads !== undefined && ![...touched].some((key) => reads.has(key))) return nothing;
    const tracked = trackReads(this.#mesh);
    const { resources, findings } = translateNode(tracked.snapshot, { address: this.#address });
    this.#reads = tracked.reads;
    this.#findings = findings;
    const before = this.#resources;
    const after = new Map(
      resources.map((resource) => [`${resource.typeUrl} ${resource.name}`, encodeResource(resource)]),
    );
    this.#resources = after;
    return {
      upserts: [...after]
        .filter(([key, { version }]) => before.get(key)?.version !== version)
        .map(([, resource]) => resource),
      removals: [...before].filter(([key]) => !after.has(key)).map(([, resource]) => resource),
      offers: [],
      withdrawals: [],
    };
  }

  /** The Findings of the last translation. */
  findings(): readonly Finding[] {
    return this.#findings;
  }
}
