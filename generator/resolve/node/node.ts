// The node proxy's view of the mesh: every workload with its identity and the ports it accepts, and
// every service port with the waypoint or the endpoints of its connections.

import {
  compareObjects,
  formatAddress,
  formatIdentity,
  formatRef,
  hbonePort,
  isIpAddress,
  type MeshObject,
  type MeshSettings,
  parseIdentity,
  refOf,
  serviceAccountOf,
} from '../../../mesh/index.ts';
import type { Endpoint } from '../../model/cluster.ts';
import type {
  NodeDestination,
  NodeEndpoint,
  NodeModel,
  NodeService,
  NodeWaypoint,
  NodeWorkload,
} from '../../model/node.ts';
import { AddressBook } from '../service/address-book.ts';
import { formatPort, resolveNodeAddresses } from './node-addresses.ts';
import { resolveBinding } from '../waypoint/binding.ts';
import type { ResolveContext } from '../context.ts';
import { resolveDiscovery } from '../backend/discovery.ts';
import { refusalOf } from '../endpoint/reachable.ts';
import { findKubernetesService, type ResolvedPort, type ResolvedService, resolveServices } from '../service/service.ts';
import type { GatewayKey } from '../waypoint/gateway.ts';
import { reportLostHost } from '../waypoint/served.ts';

/** Facts about a node that the mesh's objects do not have. */
export interface NodeOptions {
  /** The node proxy's own address. */
  readonly address: string;
}

/** A service port with its endpoints, as far as they are known before the others. */
interface ServicePort {
  readonly service: ResolvedService;
  readonly port: ResolvedPort;
  readonly endpoints: readonly Endpoint[];
}

/**
 * The model of one node's proxy. Every workload is taken as one of this node: without a cluster
 * there is one machine.
 */
export function resolveNode(context: ResolveContext, options: NodeOptions): NodeModel {
  const { mesh } = context;
  const services = resolveNodeServices(context);
  const ports = resolveServicePorts(context, services);
  const book = new AddressBook(services);
  const proxies = new Set([options.address, ...gatewayAddresses(context)].map(formatAddress));
  const workloads = resolveWorkloads(context, ports, (entry, address) =>
    proxies.has(address) ? 'a proxy of the mesh' : serviceBefore(book.holder(address), entry),
  );
  const taken = new Set([...proxies, ...workloads.map(({ address }) => address)]);
  const waypointOf = memoize((gateway: GatewayKey) => resolveWaypoint(context, gateway));
  const bindingOf = new Map(
    [...new Set(services.map(({ object }) => object))].map((object) => [object, resolveBinding(context, object)]),
  );
  const made = new Map(
    ports.flatMap(({ service, port, endpoints }): (readonly [string, NodeService])[] => {
      const gateway = bindingOf.get(service.object);
      const destination =
        gateway === undefined
          ? ({ kind: 'direct', endpoints: resolveNodeEndpoints(context, service, endpoints, workloads) } as const)
          : toWaypoint(waypointOf(gateway));
      if (destination === undefined) return [];
      const { namespace, host } = service;
      return [[formatPort(service, port.number), { namespace, host, port: port.number, destination }]];
    }),
  );
  const addresses = resolveNodeAddresses(context, { book, taken, made, workloads });
  const reached = new Set(addresses.flatMap(({ service, exceptions }) => [service, ...exceptions.values()]));
  return {
    trustDomain: mesh.settings.trustDomain,
    address: options.address,
    workloads,
    services: [...made.values()].filter((service) => reached.has(service)),
    addresses,
  };
}

/**
 * The service that has precedence over a workload for an address: the older of both, and a
 * Kubernetes Service if that is not known.
 */
function serviceBefore(holder: ResolvedService | undefined, entry: MeshObject<'WorkloadEntry'>): string | undefined {
  if (holder === undefined) return undefined;
  const theirs = holder.object.metadata.creationTimestamp ?? '';
  const ours = entry.metadata.creationTimestamp ?? '';
  const isFirst = theirs === ours || theirs === '' || ours === '' ? holder.object.kind === 'Service' : theirs < ours;
  return isFirst ? formatRef(holder.ref) : undefined;
}

/** Every service, oldest first, each host of a namespace once. */
function resolveNodeServices(context: ResolveContext): readonly ResolvedService[] {
  const { mesh } = context;
  const found = new Map<string, ResolvedService>();
  const objects = [...mesh.list('Service'), ...mesh.list('ServiceEntry')].sort(compareObjects);
  for (const service of objects.flatMap((object) => resolveServices(object, mesh.settings.clusterDomain))) {
    const key = `${service.namespace}/${service.host}`;
    const owner = service.object.kind === 'Service' ? undefined : findKubernetesService(mesh, service.host);
    const first = owner ?? found.get(key);
    if (first === undefined) found.set(key, service);
    else if (formatRef(first.ref) !== formatRef(service.ref)) reportLostHost(context, service, first);
  }
  return [...found.values()];
}

function toWaypoint(waypoint: NodeWaypoint | undefined): NodeDestination | undefined {
  return waypoint === undefined ? undefined : { kind: 'waypoint', waypoint };
}

function resolveServicePorts(context: ResolveContext, services: readonly ResolvedService[]): readonly ServicePort[] {
  return services
    .flatMap((service) =>
      service.ports
        .filter(({ protocol }) => protocol !== 'udp')
        .map((port) => ({
          service,
          port,
          endpoints: resolveDiscovery(context, service, port).endpoints.filter(({ address }) => isIpAddress(address)),
        })),
    )
    .sort(
      (a, b) =>
        compareText(a.service.host, b.service.host) ||
        compareText(a.service.namespace, b.service.namespace) ||
        a.port.number - b.port.number,
    );
}

/**
 * An address belongs to one workload: it identifies a client, so a second owner would get the first
 * one's identity.
 */
function resolveWorkloads(
  context: ResolveContext,
  ports: readonly ServicePort[],
  holderOf: (entry: MeshObject<'WorkloadEntry'>, address: string) => string | undefined,
): readonly NodeWorkload[] {
  const accepted = new Map<string, Set<number>>();
  for (const { address, port } of ports.flatMap(({ endpoints }) => endpoints)) {
    accepted.set(address, (accepted.get(address) ?? new Set()).add(port));
  }
  const owners = new Map<string, NodeWorkload>();
  for (const entry of context.mesh.list('WorkloadEntry')) {
    const { namespace, name } = entry.metadata;
    const { address: written = '', serviceAccount } = entry.spec;
    if (!isIpAddress(written)) {
      const isElsewhere = written !== '' && serviceAccount === undefined;
      // A workload can be reached by its name, as an endpoint of a ServiceEntry, but no connection
      // is known to come from it.
      if (!isElsewhere) {
        const message =
          written === ''
            ? 'the workload has no address, so it can neither be a client nor be reached'
            : `"${written}" is not an IP address, so no connection carries the identity of this workload`;
        reportWorkload(context, entry, 'AddressInvalid', message, 'give spec.address an IPv4 or IPv6 address');
      }
      continue;
    }
    const address = formatAddress(written);
    // Reported for every WorkloadEntry.
    if (refusalOf(context.mesh, address) !== undefined) continue;
    const holder = holderOf(entry, address);
    if (holder !== undefined) {
      const message = `address ${address} belongs to ${holder}, so this workload can neither be a client nor be reached`;
      reportWorkload(context, entry, 'AddressConflict', message, 'give every workload an address of its own');
      continue;
    }
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
    const identity = identityOf(context.mesh.settings, namespace, serviceAccount);
    // A certificate that nobody can issue would hold up every listener that waits for it.
    if (parseIdentity(identity) === undefined) {
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
  return { gateway: { namespace, name }, identity: identityOf(context.mesh.settings, namespace, name), address };
}

function addressOf(gateway: MeshObject<'Gateway'>): string | undefined {
  const [first] = gateway.spec.addresses ?? [];
  const isIp = (first?.type ?? 'IPAddress') === 'IPAddress' && isIpAddress(first?.value ?? '');
  return isIp ? formatAddress(first?.value ?? '') : undefined;
}

function gatewayAddresses({ mesh }: ResolveContext): readonly string[] {
  return mesh.list('Gateway').flatMap((gateway) => addressOf(gateway) ?? []);
}

function identityOf({ trustDomain }: MeshSettings, namespace: string, serviceAccount: string | undefined): string {
  return formatIdentity({ trustDomain, namespace, serviceAccount: serviceAccountOf(serviceAccount) });
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
