// The endpoints that a cluster lists for a Service: its EndpointSlices, with the facts of their
// Pods, and the places of their Nodes.

import type { MeshObject, MeshSnapshot, SliceEndpoint } from '../../../mesh/index.ts';
import type { ResolvedEndpoint } from './endpoint.ts';
import type { ResolvedPort, ResolvedService } from '../service/service.ts';
import { fromPod } from './pod.ts';

type Slice = MeshObject<'EndpointSlice'>;

/** The use of an endpoint. */
type Readiness = 'ready' | 'leaving' | 'unready';

/**
 * The endpoints of a port by the slices of its Service: each workload once, by the family of the
 * Service's first address. Ready ones; if there are none, those that are terminating and still
 * serving, so that the last ones of a roll-out are not refused before their time.
 */
export function resolveSliceEndpoints(
  mesh: MeshSnapshot,
  service: ResolvedService,
  port: ResolvedPort,
): readonly ResolvedEndpoint[] {
  if (service.object.kind !== 'Service') return [];
  const { publishNotReadyAddresses = false } = service.object.spec;
  const slices = mesh.find('EndpointSlice/service', `${service.namespace}/${service.name}`);
  const found = new Map<string, { readonly endpoint: ResolvedEndpoint; readonly readiness: Readiness }>();
  for (const slice of sortByFamily(slices, service.object)) {
    const number = slicePort(slice, port);
    if (number === undefined) continue;
    for (const listed of slice.spec.endpoints ?? []) {
      const endpoint = fromListed(mesh, slice, listed, number);
      if (endpoint === undefined) continue;
      const readiness = publishNotReadyAddresses ? 'ready' : readinessOf(listed);
      const key = `${endpoint.pod ?? endpoint.endpoint.address} ${number}`;
      // While slices are rewritten an address can stand in two of them.
      if (found.has(key) && (readiness !== 'ready' || found.get(key)?.readiness === 'ready')) continue;
      found.set(key, { endpoint: endpoint.endpoint, readiness });
    }
  }
  const usable = [...found.values()];
  const ready = usable.filter(({ readiness }) => readiness === 'ready');
  const used = ready.length > 0 ? ready : usable.filter(({ readiness }) => readiness === 'leaving');
  return used.map(({ endpoint }) => endpoint);
}

/** Absent conditions mean yes, except for `terminating`. */
function readinessOf({ conditions = {} }: SliceEndpoint): Readiness {
  const { ready = true, serving = ready, terminating = false } = conditions;
  if (ready && !terminating) return 'ready';
  return serving && terminating ? 'leaving' : 'unready';
}

/**
 * Slices of names cannot be connected to as they are; of two families the Service's first one has
 * precedence.
 */
function sortByFamily(slices: readonly Slice[], { spec }: MeshObject<'Service'>): readonly Slice[] {
  const first = spec.clusterIPs?.[0] ?? spec.clusterIP ?? '';
  const family = spec.ipFamilies?.[0] ?? (first.includes(':') ? 'IPv6' : 'IPv4');
  return [
    ...slices.filter(({ spec: { addressType } }) => addressType === family),
    ...slices.filter(({ spec: { addressType } }) => addressType !== family && addressType !== 'FQDN'),
  ];
}

/** A slice names its ports as the Service does, and has resolved named targets. */
function slicePort({ spec: { ports = [] } }: Slice, { name }: ResolvedPort): number | undefined {
  return ports.find((port) => (port.name ?? '') === name && (port.protocol ?? 'TCP') === 'TCP')?.port;
}

function fromListed(
  mesh: MeshSnapshot,
  slice: Slice,
  listed: SliceEndpoint,
  port: number,
): { readonly endpoint: ResolvedEndpoint; readonly pod?: string } | undefined {
  // The API's rule: of several addresses of one endpoint only the first is used.
  const [address] = listed.addresses;
  if (address === undefined) return undefined;
  const { kind = '', name = '', namespace = slice.metadata.namespace } = listed.targetRef ?? {};
  const pod = kind === 'Pod' && name !== '' ? mesh.get('Pod', namespace, name) : undefined;
  // Istio's controller writes slices of WorkloadEntries for other proxies; they are selected from
  // the entries themselves.
  if (kind === 'WorkloadEntry') return undefined;
  return {
    endpoint: fromPod(mesh, { address, port, pod, nodeName: listed.nodeName, namespace, name }),
    ...(name === '' ? {} : { pod: `${kind} ${namespace}/${name}` }),
  };
}
