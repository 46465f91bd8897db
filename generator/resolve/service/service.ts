// One view on the two kinds of service, Kubernetes Service and ServiceEntry: a host, its addresses
// and its ports.

import {
  formatAddress,
  type MeshObject,
  type MeshSnapshot,
  type ObjectRef,
  refOf,
  type ServiceEntrySpec,
} from '../../../mesh/index.ts';
import { type PortProtocol, resolvePortProtocol } from './protocol.ts';
import { isExportedTo } from '../waypoint/visibility.ts';

/** A port of a service; `targetPort` is a number, or the name that workloads give it. */
export interface ResolvedPort {
  readonly number: number;
  readonly name: string;
  readonly protocol: PortProtocol;
  readonly targetPort: number | string;
}

/** A service by one of its host names. */
export interface ResolvedService {
  readonly ref: ObjectRef;
  readonly object: MeshObject<'Service'> | MeshObject<'ServiceEntry'>;
  readonly namespace: string;
  readonly name: string;
  readonly host: string;
  /**
   * Virtual addresses, sorted; none for headless services and names without an allocated address.
   */
  readonly addresses: readonly string[];
  readonly ports: readonly ResolvedPort[];
  /** Labels of the workloads behind it; absent if endpoints are listed instead. */
  readonly selector?: Readonly<Record<string, string>>;
}

/** The host name of a Kubernetes Service. */
export function serviceHost(namespace: string, name: string, clusterDomain: string): string {
  return `${name}.${namespace}.svc.${clusterDomain}`;
}

/** The services that an object declares: one for a Service, one for each host of a ServiceEntry. */
export function resolveServices(
  object: MeshObject<'Service'> | MeshObject<'ServiceEntry'>,
  clusterDomain: string,
): readonly ResolvedService[] {
  return object.kind === 'Service' ? [fromService(object, clusterDomain)] : fromServiceEntry(object);
}

/**
 * The service that a fully qualified host names, or undefined: a Kubernetes Service has precedence
 * over a ServiceEntry of the same host, and of several ServiceEntries the first by precedence.
 * `viewer`: only objects exported to this namespace count, and its own have precedence.
 */
export function findService(mesh: MeshSnapshot, host: string, viewer?: string): ResolvedService | undefined {
  const service = findKubernetesService(mesh, host);
  if (service !== undefined) return service;
  const visible = findServiceEntries(mesh, host).filter(
    ({ namespace, object }) => viewer === undefined || isExportedTo(exportToOf(object), namespace, viewer),
  );
  return sortByPrecedence(visible, viewer)[0];
}

/** The Kubernetes Service that a fully qualified host is the name of. */
export function findKubernetesService(mesh: MeshSnapshot, host: string): ResolvedService | undefined {
  const { clusterDomain } = mesh.settings;
  const suffix = `.svc.${clusterDomain}`;
  if (!host.endsWith(suffix)) return undefined;
  const [name, namespace, ...rest] = host.slice(0, -suffix.length).split('.');
  if (name === undefined || namespace === undefined || rest.length > 0) return undefined;
  const service = mesh.get('Service', namespace, name);
  return service === undefined ? undefined : fromService(service, clusterDomain);
}

/** The services that ServiceEntries declare for a host, oldest first. */
export function findServiceEntries(mesh: MeshSnapshot, host: string): readonly ResolvedService[] {
  return mesh
    .find('ServiceEntry/host', host)
    .flatMap((entry) => fromServiceEntry(entry).find((service) => service.host === host) ?? []);
}

/**
 * Services by their precedence for what several of them claim: a Kubernetes Service before a
 * ServiceEntry; then `viewer`'s own, then those exported to it. Among equals the order of the input
 * stays, which is by age.
 */
export function sortByPrecedence(services: readonly ResolvedService[], viewer?: string): readonly ResolvedService[] {
  if (services.length < 2) return services;
  const rank = ({ object, namespace }: ResolvedService): number =>
    (object.kind === 'Service' ? 0 : 4) +
    (namespace === viewer ? 0 : viewer === undefined || isExportedTo(exportToOf(object), namespace, viewer) ? 1 : 2);
  return [...services].sort((a, b) => rank(a) - rank(b));
}

/** `exportTo` of a ServiceEntry; a Service is exported everywhere. */
export function exportToOf(object: ResolvedService['object']): readonly string[] | undefined {
  return object.kind === 'ServiceEntry' ? object.spec.exportTo : undefined;
}

function fromService(object: MeshObject<'Service'>, clusterDomain: string): ResolvedService {
  const { namespace, name } = object.metadata;
  const { spec } = object;
  const given = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]);
  return {
    ref: refOf(object),
    object,
    namespace,
    name,
    host: serviceHost(namespace, name, clusterDomain),
    addresses: formatAddresses(given.filter((address) => address !== '' && address !== 'None')),
    ports: (spec.ports ?? []).map((port) => ({
      number: port.port,
      name: port.name ?? '',
      protocol: resolvePortProtocol(port),
      targetPort: port.targetPort ?? port.port,
    })),
    ...(spec.selector === undefined ? {} : { selector: spec.selector }),
  };
}

/** Each once, sorted. */
function formatAddresses(addresses: readonly string[]): readonly string[] {
  return [...new Set(addresses.map(formatAddress))].sort();
}

function addressesOf({ addresses = [], hostAddresses }: ServiceEntrySpec, host: string): readonly string[] {
  return addresses.length > 0 ? addresses : (hostAddresses?.[host] ?? []);
}

function fromServiceEntry(object: MeshObject<'ServiceEntry'>): readonly ResolvedService[] {
  const { namespace, name } = object.metadata;
  const { spec } = object;
  return spec.hosts.map((host) => ({
    ref: refOf(object),
    object,
    namespace,
    name,
    host: host.toLowerCase(),
    addresses: formatAddresses(addressesOf(spec, host)),
    ports: (spec.ports ?? []).map((port) => ({
      number: port.number,
      name: port.name,
      protocol: resolvePortProtocol({ name: port.protocol?.toLowerCase() ?? port.name, port: port.number }),
      targetPort: port.targetPort ?? port.number,
    })),
    ...(spec.workloadSelector?.labels === undefined ? {} : { selector: spec.workloadSelector.labels }),
  }));
}
