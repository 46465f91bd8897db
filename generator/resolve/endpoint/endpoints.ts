// The workloads behind a service port, the addresses that they listen on, and whether they are
// reached through a tunnel.

import {
  formatAddress,
  formatLabelKey,
  isUnixAddress,
  type MeshObject,
  redirectionAnnotation,
  tunnelLabel,
} from '../../../mesh/index.ts';
import type { ResolveContext } from '../context.ts';
import { resolveSliceEndpoints } from './endpoint-slices.ts';
import { resolveLocality } from './locality.ts';
import type { ResolvedPort, ResolvedService } from '../service/service.ts';
import type { ResolvedEndpoint } from './endpoint.ts';
import { hasLabels } from './endpoint.ts';
import { fromPod } from './pod.ts';

type WorkloadEntry = MeshObject<'WorkloadEntry'>;

/**
 * The endpoints of a service port, optionally only those with all of `subsetLabels`; sorted by
 * address and port.
 */
export function resolveEndpoints(
  { mesh }: Pick<ResolveContext, 'mesh'>,
  service: ResolvedService,
  port: ResolvedPort,
  subsetLabels: Readonly<Record<string, string>> = {},
): readonly ResolvedEndpoint[] {
  const endpoints: ResolvedEndpoint[] = [];
  for (const entry of selectWorkloads(mesh, service)) {
    if (!hasLabels(workloadLabels(entry), subsetLabels)) continue;
    const endpoint = fromWorkload(entry, service, port);
    if (endpoint !== undefined) endpoints.push(endpoint);
  }
  if (service.object.kind === 'ServiceEntry') {
    endpoints.push(
      ...fromServiceEntry(service.object, port, subsetLabels),
      ...fromSelectedPods(mesh, service, port, subsetLabels),
    );
  } else {
    endpoints.push(
      ...resolveSliceEndpoints(mesh, service, port).filter(({ labels }) => hasLabels(labels, subsetLabels)),
    );
  }
  return endpoints
    .map(withFormattedAddress)
    .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port));
}

/** One address has one spelling, so that equal addresses are recognized. */
function withFormattedAddress(endpoint: ResolvedEndpoint): ResolvedEndpoint {
  const address = formatAddress(endpoint.address);
  return address === endpoint.address ? endpoint : { ...endpoint, address };
}

/**
 * The workloads that a service selects; none without a selector. One label asks the index, so that
 * only its workloads are read.
 */
export function selectWorkloads(
  mesh: ResolveContext['mesh'],
  { namespace, selector = {} }: Pick<ResolvedService, 'namespace' | 'selector'>,
): readonly WorkloadEntry[] {
  const [first] = Object.entries(selector).sort(([a], [b]) => (a < b ? -1 : 1));
  if (first === undefined) return [];
  return mesh
    .find('WorkloadEntry/label', formatLabelKey(namespace, ...first))
    .filter((entry) => hasLabels(workloadLabels(entry), selector));
}

/** The Ready pods that a ServiceEntry selects: no slices are made for them. */
function fromSelectedPods(
  mesh: ResolveContext['mesh'],
  { namespace, selector = {} }: ResolvedService,
  port: ResolvedPort,
  subsetLabels: Readonly<Record<string, string>>,
): readonly ResolvedEndpoint[] {
  const [first] = Object.entries(selector).sort(([a], [b]) => (a < b ? -1 : 1));
  if (first === undefined) return [];
  return mesh
    .find('Pod/label', formatLabelKey(namespace, ...first))
    .filter(({ metadata, spec }) => spec.ready === true && hasLabels(metadata.labels, { ...selector, ...subsetLabels }))
    .flatMap((pod) => {
      const number = workloadPort(pod.spec.ports ?? {}, port);
      const [address] = pod.spec.podIPs ?? [];
      const { name } = pod.metadata;
      if (number === undefined || address === undefined) return [];
      return [fromPod(mesh, { address, port: number, pod, nodeName: undefined, namespace, name })];
    });
}

/** The labels that select a workload: those of its specification over those of its metadata. */
export function workloadLabels(entry: WorkloadEntry): Readonly<Record<string, string>> {
  return { ...entry.metadata.labels, ...entry.spec.labels };
}

/** Whether a workload's traffic is captured, so that it accepts HBONE on its own address. */
export function isCaptured(entry: WorkloadEntry): boolean {
  return (
    entry.metadata.annotations[redirectionAnnotation] === 'enabled' || workloadLabels(entry)[tunnelLabel] === 'http'
  );
}

function fromWorkload(
  entry: WorkloadEntry,
  service: ResolvedService,
  port: ResolvedPort,
): ResolvedEndpoint | undefined {
  const number = workloadPort(entry.spec.ports ?? {}, port);
  const { address = '' } = entry.spec;
  if (address === '' || isUnixAddress(address) || number === undefined) return undefined;
  const labels = workloadLabels(entry);
  const locality = resolveLocality(entry.spec.locality, labels);
  return {
    address,
    port: number,
    transport: isCaptured(entry) ? 'hbone' : 'plain',
    weight: entry.spec.weight ?? 1,
    ...(locality === undefined ? {} : { locality }),
    labels,
    workload: { namespace: service.namespace, name: entry.metadata.name },
  };
}

/**
 * A named target port is the workload's own; otherwise the workload may override by the name of the
 * service's port.
 */
function workloadPort(ports: Readonly<Record<string, number>>, port: ResolvedPort): number | undefined {
  if (typeof port.targetPort === 'string') return ports[port.targetPort];
  return ports[port.name] ?? port.targetPort;
}

function fromServiceEntry(
  entry: MeshObject<'ServiceEntry'>,
  port: ResolvedPort,
  subsetLabels: Readonly<Record<string, string>>,
): readonly ResolvedEndpoint[] {
  return (entry.spec.endpoints ?? []).flatMap((endpoint) => {
    const number = workloadPort(endpoint.ports ?? {}, port);
    const { address = '', labels = {} } = endpoint;
    if (address === '' || isUnixAddress(address) || number === undefined || !hasLabels(labels, subsetLabels)) return [];
    const locality = resolveLocality(endpoint.locality, labels);
    return [
      {
        address,
        port: number,
        transport: labels[tunnelLabel] === 'http' ? ('hbone' as const) : ('plain' as const),
        weight: endpoint.weight ?? 1,
        ...(locality === undefined ? {} : { locality }),
        labels,
        workload: { namespace: entry.metadata.namespace, name: entry.metadata.name },
      },
    ];
  });
}
