// A Pod as an endpoint.

import { type MeshObject, type MeshSnapshot, redirectionAnnotation, tunnelLabel } from '../../../mesh/index.ts';
import type { ResolvedEndpoint } from './endpoint.ts';
import { resolveLocality } from './locality.ts';

type Pod = MeshObject<'Pod'>;

/** An endpoint on a pod, as far as the pod is known. */
export function fromPod(
  mesh: MeshSnapshot,
  place: {
    readonly address: string;
    readonly port: number;
    readonly pod: Pod | undefined;
    readonly nodeName: string | undefined;
    readonly namespace: string;
    readonly name: string;
  },
): ResolvedEndpoint {
  const { address, port, pod, namespace, name } = place;
  const labels = pod?.metadata.labels ?? {};
  const nodeName = place.nodeName ?? pod?.spec.nodeName;
  const node = nodeName === undefined ? undefined : mesh.get('Node', '', nodeName);
  const locality = resolveLocality(undefined, labels) ?? resolveLocality(undefined, node?.metadata.labels ?? {});
  return {
    address,
    port,
    transport: pod !== undefined && isPodCaptured(pod) ? 'hbone' : 'plain',
    weight: 1,
    ...(locality === undefined ? {} : { locality }),
    labels: nodeName === undefined ? labels : { 'kubernetes.io/hostname': nodeName, ...labels },
    workload: { namespace, name: pod?.spec.workloadName ?? name },
  };
}

/**
 * Whether the node's proxy accepts HBONE for a pod, or the pod does so itself. A pod with the
 * addresses of its node is never captured.
 */
export function isPodCaptured({ metadata, spec }: Pod): boolean {
  return (
    spec.hostNetwork !== true &&
    (metadata.annotations[redirectionAnnotation] === 'enabled' || metadata.labels[tunnelLabel] === 'http')
  );
}
