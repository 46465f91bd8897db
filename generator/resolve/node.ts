// The node proxy's view of the mesh: every workload with its identity and the ports it accepts, every service port with the waypoint
// or the endpoints that connections to it go to.

import { hbonePort, type MeshObject, type MeshSettings, refOf, serviceAccountOf } from '../../mesh/index.ts';
import type { Endpoint } from '../model/cluster.ts';
import type {
  NodeDestination,
  NodeEndpoint,
  NodeModel,
  NodeService,
  NodeWaypoint,
  NodeWorkload,
} from '../model/node.ts';
import { type GatewayKey, resolveBinding } from './binding.ts';
import type { ResolveContext } from './context.ts';
import { resolveDiscovery } from './discovery.ts';
import { formatAddress, type ResolvedPort, type ResolvedService, resolveServices } from './service.ts';

/** What the mesh's objects do not say about a node. */
export interface NodeOptions {
  /** The node proxy's own address. */
  readonly address: string;
}

/** A service port with its endpoints, as far as they are known before anything else is. */
interface ServicePort {
  readonly service: ResolvedService;
  readonly port: ResolvedPort;
  readonly endpoints: readonly Endpoint[];
}

/** The model of one node's proxy. Every workload is taken as one of this node: without a cluster there is one machine. */
export function resolveNode(context: ResolveContext, options: NodeOptions): NodeModel {
  const { mesh } = context;
  const ports = resolveServicePorts(context);
  const workloads = resolveWorkloads(context, ports);
  const taken = new Set([options.address, ...workloads.map(({ address }) => address), ...gatewayAddresses(context)]);
  const waypointOf = memoize((gateway: GatewayKey) => resolveWaypoint(context, gateway));
  const bindingOf = new Map(
    [...new Set(ports.map(({ service }) => service.object))].map((object) => [object, resolveBinding(context, object)]),
  );
  const owners = new Map<string, string>();
  const services = ports.flatMap(({ service, port, endpoints }): NodeService[] => {
    const addresses = service.addresses.filter((address) => claim(context, service, port, address, taken, owners));
    if (addresses.length === 0) return [];
    const gateway = bindingOf.get(service.object);
    const destination =
      gateway === undefined
        ? ({ kind: 'direct', endpoints: resolveNodeEndpoints(context, service, endpoints, workloads) } as const)
        : toWaypoint(waypointOf(gateway));
    return destination === undefined ? [] : [{ host: service.host, port: port.number, addresses, destination }];
  });
  return { trustDomain: mesh.settings.trustDomain, address: options.address, workloads, services };
}

function toWaypoint(waypoint: NodeWaypoint | undefined): NodeDestination | undefined {
  return waypoint === undefined ? undefined : { kind: 'waypoint', waypoint };
}

function resolveServicePorts(context: ResolveContext): readonly ServicePort[] {
  const { mesh } = context;
  return [...mesh.list('Service'), ...mesh.list('ServiceEntry')]
    .flatMap((object) => resolveServices(object, mesh.settings.clusterDomain))
    .flatMap((service) =>
      service.ports
        .filter(({ protocol }) => protocol !== 'udp')
        .map((port) => ({
          service,
          port,
          endpoints: resolveDiscovery(context, service, port).endpoints.filter(({ address }) => isIpAddress(address)),
        })),
    )
    .sort((a, b) => compareText(a.service.host, b.service.host) || a.port.number - b.port.number);
}

/** An address belongs to one workload: a client is told by it, so a second owner would be given the first one's identity. */
function resolveWorkloads(context: ResolveContext, ports: readonly ServicePort[]): readonly NodeWorkload[] {
  const accepted = new Map<string, Set<number>>();
  for (const { address, port } of ports.flatMap(({ endpoints }) => endpoints)) {
    accepted.set(address, (accepted.get(address) ?? new Set()).add(port));
  }
  const owners = new Map<string, NodeWorkload>();
  for (const entry of context.mesh.list('WorkloadEntry')) {
    const { namespace, name } = entry.metadata;
    const written = entry.spec.address;
    if (written === undefined || !isIpAddress(written)) {
      reportWorkload(
        context,
        entry,
        'AddressInvalid',
        written === undefined
          ? 'the workload has no address, so it can neither be a client nor be reached'
          : `"${written}" is not an IP address, so this workload can neither be a client nor be reached`,
        'give spec.address an IPv4 or IPv6 address',
      );
      continue;
    }
    const address = formatAddress(written);
    const owner = owners.get(address);
    if (owner !== undefined) {
      reportWorkload(
        context,
        entry,
        'AddressConflict',
        `address ${address} belongs to WorkloadEntry ${owner.namespace}/${owner.name}, so connections from it carry that one's identity`,
        'give every workload an address of its own',
      );
      continue;
    }
    const identity = formatIdentity(context.mesh.settings, namespace, entry.spec.serviceAccount);
    if (!identityPattern.test(identity)) {
      context.report({
        code: 'InvalidValue',
        severity: 'error',
        ref: refOf(entry),
        path: ['spec', 'serviceAccount'],
        message: `"${identity}" is not an identity, so this workload gets no certificate and takes no part in the mesh`,
        hint: 'a service account is named in lower case letters, digits, "-" and "."',
      });
      continue;
    }
    const numbers = new Set([...(accepted.get(address) ?? []), ...Object.values(entry.spec.ports ?? {})]);
    // A tunnel to the tunnel's own port would let a client reach the proxy from inside.
    numbers.delete(hbonePort);
    owners.set(address, {
      namespace,
      name,
      identity,
      address,
      ports: [...numbers].sort((a, b) => a - b),
    });
  }
  return [...owners.values()].sort((a, b) => compareText(a.namespace, b.namespace) || compareText(a.name, b.name));
}

function reportWorkload(
  context: ResolveContext,
  entry: MeshObject<'WorkloadEntry'>,
  code: 'AddressInvalid' | 'AddressConflict',
  message: string,
  hint: string,
): void {
  context.report({ code, severity: 'error', ref: refOf(entry), path: ['spec', 'address'], message, hint });
}

/** Takes `address`:`port` for a service if it is free; what cannot be listened on would take the whole listener down. */
function claim(
  context: ResolveContext,
  service: ResolvedService,
  port: ResolvedPort,
  address: string,
  taken: ReadonlySet<string>,
  owners: Map<string, string>,
): boolean {
  if (!isIpAddress(address)) return false;
  const key = `${address} ${port.number}`;
  const owner = taken.has(address) ? 'a workload or a proxy' : owners.get(key);
  if (owner === undefined) {
    owners.set(key, service.host);
    return true;
  }
  context.report({
    code: 'AddressConflict',
    severity: 'error',
    ref: service.ref,
    path: service.object.kind === 'Service' ? ['spec', 'clusterIP'] : ['spec', 'addresses'],
    message: `${address} port ${port.number} belongs to ${owner}, so ${service.host} cannot be reached there`,
    hint: 'give every service an address of its own',
  });
  return false;
}

function resolveNodeEndpoints(
  context: ResolveContext,
  service: ResolvedService,
  endpoints: readonly Endpoint[],
  workloads: readonly NodeWorkload[],
): readonly NodeEndpoint[] {
  return endpoints.flatMap(({ address, port, weight, transport }): NodeEndpoint[] => {
    const place = { address, port, weight };
    if (transport === 'plain') return [place];
    const workload = workloads.find((candidate) => candidate.address === address);
    if (workload !== undefined) return [{ ...place, workload }];
    context.report({
      code: 'NotServed',
      severity: 'error',
      ref: service.ref,
      path: ['spec'],
      message: `endpoint ${address} is behind a tunnel, but no WorkloadEntry has this address, so its identity is unknown and it gets no connection`,
      hint: `write a WorkloadEntry with address ${address} and its serviceAccount`,
    });
    return [];
  });
}

function resolveWaypoint(context: ResolveContext, { namespace, name }: GatewayKey): NodeWaypoint | undefined {
  const gateway = context.mesh.get('Gateway', namespace, name);
  if (gateway === undefined) return undefined;
  const address = addressOf(gateway);
  if (address === undefined) {
    context.report({
      code: 'AddressInvalid',
      severity: 'error',
      ref: refOf(gateway),
      path: ['spec', 'addresses'],
      message: 'the waypoint has no IP address, so connections to its services are refused',
      hint: 'give spec.addresses one entry of type IPAddress',
    });
    return undefined;
  }
  return { gateway: { namespace, name }, identity: formatIdentity(context.mesh.settings, namespace, name), address };
}

function addressOf(gateway: MeshObject<'Gateway'>): string | undefined {
  const [first] = gateway.spec.addresses ?? [];
  const isIp = (first?.type ?? 'IPAddress') === 'IPAddress' && isIpAddress(first?.value ?? '');
  return isIp ? first?.value : undefined;
}

function gatewayAddresses({ mesh }: ResolveContext): readonly string[] {
  return mesh.list('Gateway').flatMap((gateway) => addressOf(gateway) ?? []);
}

function formatIdentity({ trustDomain }: MeshSettings, namespace: string, serviceAccount: string | undefined): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccountOf(serviceAccount)}`;
}

/** A certificate that nobody can issue would hold up every listener that waits for it. */
const identityPattern = /^spiffe:\/\/[a-z0-9._-]+\/ns\/[a-z0-9-]+\/sa\/[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/;

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;
const ipv6 = /^(?=.*:.*:)[\da-f:]{2,39}$/i;

function isIpAddress(text: string): boolean {
  return ipv4.test(text) || ipv6.test(text);
}

function memoize<T>(resolve: (gateway: GatewayKey) => T): (gateway: GatewayKey) => T {
  const known = new Map<string, T>();
  return (gateway) => {
    const key = `${gateway.namespace}/${gateway.name}`;
    const found = known.get(key);
    if (found !== undefined || known.has(key)) return found as T;
    const value = resolve(gateway);
    known.set(key, value);
    return value;
  };
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
