// ServiceEntries of a cluster with the addresses of their hosts: those in their status, so that all
// replicas agree, and new ones for the rest.

import { formatRef, refOf } from '../../../mesh/index.ts';
import type { AnyMeshObject, MeshChange, MeshObject } from '../../../mesh/index.ts';
import { allocateEntryAddresses, parseEntryOffset } from './entry-addresses.ts';
import type { EntryAllocations } from './entry-addresses.ts';

type ServiceEntry = MeshObject<'ServiceEntry'>;

/** Remembers the entries and their addresses. */
export class ClusterEntries {
  /** As they were read. */
  readonly #entries = new Map<string, ServiceEntry>();
  #allocations: EntryAllocations = {};

  /** The changes with addresses filled in: a change of one entry can change another. */
  address(changes: readonly MeshChange[]): readonly MeshChange[] {
    const others: MeshChange[] = [];
    let isChanged = false;
    for (const change of changes) {
      if (change.type === 'put' && isEntry(change.object)) {
        this.#entries.set(formatRef(refOf(change.object)), change.object);
        isChanged = true;
      } else {
        others.push(change);
        if (change.type === 'delete') isChanged = this.#entries.delete(formatRef(change.ref)) || isChanged;
      }
    }
    return isChanged ? [...others, ...this.#allocate()] : others;
  }

  #allocate(): readonly MeshChange[] {
    const given = [...this.#entries.values()];
    const known = given.flatMap(({ metadata, spec }) =>
      Object.entries(spec.hostAddresses ?? {}).flatMap(([host, addresses]): (readonly [string, number])[] => {
        const offset = Math.max(0, ...addresses.map(parseEntryOffset));
        return offset === 0 ? [] : [[`${metadata.namespace}/${metadata.name}/${host}`, offset]];
      }),
    );
    const { entries, allocations } = allocateEntryAddresses(given, {
      ...this.#allocations,
      ...Object.fromEntries(known),
    });
    this.#allocations = allocations;
    return entries.map((entry, index) => {
      const said = given[index]?.spec.hostAddresses ?? {};
      const hostAddresses = { ...entry.spec.hostAddresses, ...said };
      const isPlain = Object.keys(hostAddresses).length === 0;
      return { type: 'put', object: isPlain ? entry : { ...entry, spec: { ...entry.spec, hostAddresses } } };
    });
  }
}

function isEntry(object: AnyMeshObject): object is ServiceEntry {
  return object.kind === 'ServiceEntry';
}
