// The configuration of files, once, for the offline commands: assembled exactly as a run on one
// machine does it.

import {
  combineManifests,
  defaultMeshSettings,
  failClosed,
  makesPods,
  MeshStore,
  placeFindings,
} from '../../mesh/index.ts';
import type { MeshSnapshot, Locate, ParsedManifest, PlacedFinding } from '../../mesh/index.ts';
import { allocateAddresses, machineAddresses } from './addresses.ts';
import { markCaptured } from './capture.ts';
import type { AddressBlock } from './addresses.ts';
import { expectEndpoints } from './expected-endpoints.ts';

/** A configuration that was read from files. */
export interface OfflineMesh {
  readonly mesh: MeshSnapshot;
  readonly locate: Locate;
  /** The Findings of reading and of the allocation of addresses. */
  readonly findings: readonly PlacedFinding[];
  readonly objectCount: number;
  readonly fileCount: number;
}

/**
 * Assembles files; an object without an address gets one of `block`, as a first run would give it.
 * `expectsPods`: the pods that files describe count as if they ran, which no run and no cluster
 * could be served by.
 */
export function assembleMesh(
  manifests: readonly ParsedManifest[],
  block: AddressBlock,
  { expectsPods = false }: { readonly expectsPods?: boolean } = {},
): OfflineMesh {
  const combined = combineManifests(manifests.map((manifest) => failClosed(manifest)));
  const addressed = allocateAddresses(combined.objects, { block, previous: {} });
  const mesh = new MeshStore({ ...defaultMeshSettings, machine: machineAddresses(block) });
  const marked = markCaptured(addressed.objects);
  mesh.apply((expectsPods ? expectEndpoints(marked) : marked).map((object) => ({ type: 'put', object })));
  const findings = expectsPods ? combined.findings.filter(({ ref }) => !makesPods(ref.kind)) : combined.findings;
  return {
    mesh,
    locate: combined.locate,
    findings: [...findings, ...placeFindings(addressed.findings, combined.locate)],
    objectCount: combined.objects.length,
    fileCount: manifests.length,
  };
}
