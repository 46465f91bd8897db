// Discovery of a service's endpoints: `resolution` of a ServiceEntry. A combination that a
// resolution cannot serve is reported, and the cluster is made so that Envoy accepts it.

import {
  isIpAddress,
  isUnixAddress,
  isWildcardHost,
  type MeshObject,
  type MeshSnapshot,
  refOf,
  connectStrategyAnnotation,
} from '../../../mesh/index.ts';
import type { Discovery } from '../../model/cluster.ts';
import { requestedWaypoint } from '../waypoint/binding.ts';
import type { ResolveContext } from '../context.ts';
import { resolveEndpoints } from '../endpoint/endpoints.ts';
import { refusalOf, reportRefused, virtualRefusalOf } from '../endpoint/reachable.ts';
import type { ResolvedPort, ResolvedService } from '../service/service.ts';
import { reportSocket } from '../endpoint/workload-address.ts';
import type { ResolvedEndpoint } from '../endpoint/endpoint.ts';

/** How a cluster finds its endpoints, and those that are known beforehand. */
export interface ResolvedDiscovery {
  readonly discovery: Discovery;
  readonly endpoints: readonly ResolvedEndpoint[];
}

/**
 * The discovery of a service port, or of the subset with these labels. Endpoints that no waypoint
 * may be led to are left out.
 */
export function resolveDiscovery(
  { mesh }: Pick<ResolveContext, 'mesh'>,
  service: ResolvedService,
  port: ResolvedPort,
  subsetLabels?: Readonly<Record<string, string>>,
): ResolvedDiscovery {
  const { discovery, endpoints } = discover(mesh, service, port, subsetLabels);
  const reachable = endpoints.filter(({ address }) => refusalOf(mesh, address) === undefined);
  // Envoy refuses a cluster of names without any.
  return {
    discovery: discovery.kind === 'dns' && reachable.length === 0 ? { kind: 'listed' } : discovery,
    endpoints: reachable,
  };
}

function discover(
  mesh: MeshSnapshot,
  service: ResolvedService,
  port: ResolvedPort,
  subsetLabels: Readonly<Record<string, string>> | undefined,
): ResolvedDiscovery {
  const endpoints = resolveEndpoints({ mesh }, service, port, subsetLabels);
  const listed = { discovery: { kind: 'listed' }, endpoints: endpoints.filter(hasIpAddress) } as const;
  if (service.object.kind === 'Service') return resolveExternalName(service.object, port, subsetLabels) ?? listed;
  switch (service.object.spec.resolution ?? 'NONE') {
    case 'STATIC':
      return listed;
    case 'NONE':
      return resolveDialled(mesh, service);
    case 'DYNAMIC_DNS':
      return isByHost(service, port) ? { discovery: { kind: 'by-host' }, endpoints: [] } : { ...listed, endpoints: [] };
    case 'DNS':
    case 'DNS_ROUND_ROBIN':
      return resolveDns(service.object, service, port, endpoints, subsetLabels);
  }
}

/**
 * Connections go to the address that the client dialled, unless the service has one that no
 * waypoint may be led to.
 */
export function resolveDialled(mesh: MeshSnapshot, { addresses }: ResolvedService): ResolvedDiscovery {
  const isFree = addresses.every((address) => refusalOf(mesh, address) === undefined);
  return { discovery: { kind: isFree ? 'original' : 'listed' }, endpoints: [] };
}

/**
 * A Service that is another name for an external host; undefined for every other. It has no
 * distinct subsets.
 */
function resolveExternalName(
  { metadata, spec }: MeshObject<'Service'>,
  port: ResolvedPort,
  subsetLabels: Readonly<Record<string, string>> = {},
): ResolvedDiscovery | undefined {
  const { type, externalName = '' } = spec;
  if (type !== 'ExternalName' || externalName === '') return undefined;
  if (Object.keys(subsetLabels).length > 0 || typeof port.targetPort !== 'number') {
    return { discovery: { kind: 'listed' }, endpoints: [] };
  }
  const endpoint: ResolvedEndpoint = {
    address: externalName,
    port: port.targetPort,
    transport: 'plain',
    weight: 1,
    labels: {},
    workload: { namespace: metadata.namespace, name: metadata.name },
  };
  const discovery = isIpAddress(externalName)
    ? ({ kind: 'listed' } as const)
    : ({ kind: 'dns', connect: 'each' } as const);
  return { discovery, endpoints: [endpoint] };
}

/**
 * Whether each request names its destination itself, in its Host, under the wildcard that the
 * service is.
 */
export function isByHost({ object, host }: ResolvedService, { protocol }: ResolvedPort): boolean {
  return (
    object.kind === 'ServiceEntry' &&
    object.spec.resolution === 'DYNAMIC_DNS' &&
    /^\*\.[^*]+$/.test(host) &&
    protocol !== 'tcp' &&
    protocol !== 'udp'
  );
}

function hasIpAddress({ address }: ResolvedEndpoint): boolean {
  return isIpAddress(address);
}

/**
 * Names are resolved; if all endpoints are addresses there is nothing to resolve, and tunnels work
 * too.
 */
function resolveDns(
  { metadata, spec }: MeshObject<'ServiceEntry'>,
  { host }: ResolvedService,
  port: ResolvedPort,
  endpoints: readonly ResolvedEndpoint[],
  subsetLabels: Readonly<Record<string, string>> | undefined,
): ResolvedDiscovery {
  const isListed = (spec.endpoints ?? []).length > 0 || spec.workloadSelector !== undefined;
  const isWhole = subsetLabels === undefined || Object.keys(subsetLabels).length === 0;
  const named: readonly ResolvedEndpoint[] =
    isListed || !isWhole || isWildcardHost(host) || typeof port.targetPort !== 'number'
      ? endpoints
      : [
          {
            address: host,
            port: port.targetPort,
            transport: 'plain',
            weight: 1,
            labels: {},
            workload: { namespace: metadata.namespace, name: metadata.name },
          },
        ];
  if (named.every(hasIpAddress)) return { discovery: { kind: 'listed' }, endpoints: named };
  // A tunnel needs an address, and Envoy refuses a cluster of names with one in it.
  const plain = named.filter(({ transport }) => transport === 'plain');
  const races = metadata.annotations[connectStrategyAnnotation] === 'RACE_FIRST_TCP_CONNECT';
  const [first] = plain;
  return first !== undefined && (races || spec.resolution === 'DNS_ROUND_ROBIN')
    ? { discovery: { kind: 'dns', connect: races ? 'race' : 'one' }, endpoints: [first] }
    : { discovery: { kind: 'dns', connect: 'each' }, endpoints: plain };
}

/** Reports the parts of a ServiceEntry that cannot have the effect that its resolution promises. */
export function reportResolution(context: ResolveContext, entry: MeshObject<'ServiceEntry'>): void {
  const { resolution, hosts, addresses = [], endpoints = [], workloadSelector, ports = [] } = entry.spec;
  const report = (path: readonly (string | number)[], message: string, hint: string): void =>
    context.report({ code: 'InvalidValue', severity: 'error', ref: refOf(entry), path, message, hint });
  const isListed = endpoints.length > 0 || workloadSelector !== undefined;
  endpoints.forEach(({ address = '' }, index) => {
    if (isUnixAddress(address)) reportSocket(context, entry, ['spec', 'endpoints', index, 'address']);
  });
  switch (resolution ?? 'NONE') {
    case 'NONE':
      // Without a waypoint connections go where the client dials, which is the purpose of NONE.
      if (addresses.length === 0 && requestedWaypoint(context.mesh, entry) !== undefined) {
        const written = resolution === undefined ? 'without a resolution, which means NONE,' : 'with resolution NONE';
        report(
          resolution === undefined ? ['spec'] : ['spec', 'resolution'],
          `connections ${written} go to the address that the client dialled, and no addresses are given, so none reaches a waypoint`,
          'give spec.addresses the addresses or ranges, or choose the resolution STATIC or DNS',
        );
      }
      return;
    case 'DNS':
    case 'DNS_ROUND_ROBIN':
      hosts.forEach((host, index) => {
        if (!isWildcardHost(host) || isListed) return;
        const message = `"${host}" cannot be asked for by DNS, so requests to it are answered with 503`;
        report(['spec', 'hosts', index], message, 'list endpoints, or write resolution DYNAMIC_DNS');
      });
      return;
    case 'DYNAMIC_DNS':
      hosts.forEach((host, index) => {
        if (/^\*\.[^*]+$/.test(host)) return;
        const message = `resolution DYNAMIC_DNS needs a host such as *.example.com, so requests to "${host}" are answered with 503`;
        report(['spec', 'hosts', index], message, 'write resolution DNS');
      });
      ports.forEach(({ name, protocol = 'TCP' }, index) => {
        if (/^(?:http|http2|grpc|grpc-web)$/i.test(protocol)) return;
        const message = `only an HTTP request says which host it wants, so connections to port "${name}" are closed`;
        report(['spec', 'ports', index, 'protocol'], message, 'write HTTP, HTTP2 or GRPC');
      });
      return;
    case 'STATIC':
      return;
  }
}

/** Reports the addresses of a service, or a workload, that no waypoint may be led to. */
export function reportRefusedAddresses(
  context: ResolveContext,
  object: MeshObject<'Service'> | MeshObject<'ServiceEntry'> | MeshObject<'WorkloadEntry'>,
): void {
  const { mesh } = context;
  const check = (place: string | undefined, ...path: readonly (string | number)[]): void => {
    const refusal = place === undefined ? undefined : refusalOf(mesh, place);
    if (place !== undefined && refusal !== undefined)
      reportRefused(context, refOf(object), ['spec', ...path], place, refusal);
  };
  const checkVirtual = (address: string, ...path: readonly (string | number)[]): void => {
    const refusal = virtualRefusalOf(mesh.settings, address);
    if (refusal !== undefined) reportRefused(context, refOf(object), ['spec', ...path], address, refusal);
  };
  if (object.kind === 'WorkloadEntry') return check(object.spec.address, 'address');
  if (object.kind === 'ServiceEntry') {
    const { endpoints, hosts, addresses = [], resolution = 'NONE', workloadSelector } = object.spec;
    const checkAddress = resolution === 'NONE' ? check : checkVirtual;
    addresses.forEach((address, index) => checkAddress(address, 'addresses', index));
    endpoints?.forEach(({ address }, index) => check(address, 'endpoints', index, 'address'));
    const isAskedFor = (resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN') && workloadSelector === undefined;
    if (isAskedFor && (endpoints ?? []).length === 0) hosts.forEach((host, index) => check(host, 'hosts', index));
    return;
  }
  const { metadata, spec } = object;
  if (spec.type === 'ExternalName') check(spec.externalName, 'externalName');
  checkVirtual(spec.clusterIP ?? '', 'clusterIP');
  const slices = mesh.find('EndpointSlice/service', `${metadata.namespace}/${metadata.name}`);
  for (const place of new Set(
    slices.flatMap((slice) => slice.spec.endpoints ?? []).flatMap(({ addresses }) => addresses),
  )) {
    check(place);
  }
}
