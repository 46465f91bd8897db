// One view on the two kinds of service, Kubernetes Service and ServiceEntry: a host, its addresses and its ports.

import {
  isIpAddress,
  type MeshObject,
  type MeshSnapshot,
  type ObjectRef,
  refOf,
  type ServiceEntrySpec,
} from '../../mesh/index.ts';
import { type PortProtocol, resolvePortProtocol } from './protocol.ts';
import { isExportedTo } from './visibility.ts';

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
  /** Virtual addresses, sorted; none for headless services and names that were given no address. */
  readonly addresses: readonly string[];
  readonly ports: readonly ResolvedPort[];
  /** Labels of the workloads behind it; absent where endpoints are listed instead. */
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
 * The service that a fully qualified host names, or undefined. A Kubernetes Service goes before a ServiceEntry of the same host, and
 * of several the oldest holds. `viewer`: only what is exported to this namespace counts.
 */
export function findService(mesh: MeshSnapshot, host: string, viewer?: string): ResolvedService | undefined {
  const { clusterDomain } = mesh.settings;
  const suffix = `.svc.${clusterDomain}`;
  if (host.endsWith(suffix)) {
    const [name, namespace, ...rest] = host.slice(0, -suffix.length).split('.');
    if (name !== undefined && namespace !== undefined && rest.length === 0) {
      const service = mesh.get('Service', namespace, name);
      if (service !== undefined) return fromService(service, clusterDomain);
    }
  }
  const entry = mesh
    .find('ServiceEntry/host', host)
    .find(({ metadata, spec }) => viewer === undefined || isExportedTo(spec.exportTo, metadata.namespace, viewer));
  return entry === undefined ? undefined : fromServiceEntry(entry).find((service) => service.host === host);
}

/** An address, or range, as everyone else writes it: clients name IPv6 addresses in their shortest form. */
export function formatAddress(text: string): string {
  const [address = '', length] = text.split('/');
  if (!address.includes(':') || !isIpAddress(address)) return text;
  const shortest = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  return length === undefined ? shortest : `${shortest}/${length}`;
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
    addresses: given
      .filter((address) => address !== '' && address !== 'None')
      .map(formatAddress)
      .sort(),
    ports: (spec.ports ?? []).map((port) => ({
      number: port.port,
      name: port.name ?? '',
      protocol: resolvePortProtocol(port),
      targetPort: port.targetPort ?? port.port,
    })),
    ...(spec.selector === undefined ? {} : { selector: spec.selector }),
  };
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
    addresses: addressesOf(spec, host).map(formatAddress).sort(),
    ports: (spec.ports ?? []).map((port) => ({
      number: port.number,
      name: port.name,
      protocol: resolvePortProtocol({ name: port.protocol?.toLowerCase() ?? port.name, port: port.number }),
      targetPort: port.targetPort ?? port.number,
    })),
    ...(spec.workloadSelector?.labels === undefined ? {} : { selector: spec.workloadSelector.labels }),
  }));
}
