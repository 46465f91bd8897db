// Writes on objects what a cluster's CNI would write, on one machine: which workloads the node
// proxy captures, and the listen address of each waypoint, since all of them share the machine.

import {
  type AnyMeshObject,
  dataplaneModeLabel,
  isIpAddress,
  listenAddressAnnotation,
  redirectionAnnotation,
} from '../../mesh/index.ts';

/**
 * The same objects in the same order; captured workloads and addressed Gateways are annotated
 * copies.
 */
export function markCaptured(objects: readonly AnyMeshObject[]): readonly AnyMeshObject[] {
  const modes = new Map<string, string | undefined>();
  for (const { kind, metadata } of objects) {
    if (kind === 'Namespace') modes.set(metadata.name, metadata.labels[dataplaneModeLabel]);
  }
  return objects.map((object) => {
    switch (object.kind) {
      case 'WorkloadEntry': {
        const labels = { ...object.metadata.labels, ...object.spec.labels };
        const mode = labels[dataplaneModeLabel] ?? modes.get(object.metadata.namespace);
        // A workload that is known by a name alone is elsewhere.
        const isHere = isIpAddress(object.spec.address ?? '');
        return mode === 'ambient' && isHere ? annotate(object, redirectionAnnotation, 'enabled') : object;
      }
      case 'Pod': {
        const mode = object.metadata.labels[dataplaneModeLabel] ?? modes.get(object.metadata.namespace);
        return mode === 'ambient' ? annotate(object, redirectionAnnotation, 'enabled') : object;
      }
      case 'Gateway': {
        const address = object.spec.addresses?.[0]?.value;
        return address === undefined ? object : annotate(object, listenAddressAnnotation, address);
      }
      default:
        return object;
    }
  });
}

/**
 * Copies by their original object: an unchanged object keeps its copy, so that a comparison ends at
 * once.
 */
const copies = new WeakMap<AnyMeshObject, { readonly value: string; readonly copy: AnyMeshObject }>();

function annotate(object: AnyMeshObject, annotation: string, value: string): AnyMeshObject {
  const known = copies.get(object);
  if (known?.value === value) return known.copy;
  const annotations = { ...object.metadata.annotations, [annotation]: value };
  const copy: AnyMeshObject = { ...object, metadata: { ...object.metadata, annotations } };
  copies.set(object, { value, copy });
  return copy;
}
