// The contents of an Envoy, as its admin interface shows them: the sections of
// `/config_dump?include_eds`, and the hosts of `/clusters`.

import { at, items, text } from './json.ts';
import { formatHostPort } from '../../mesh/index.ts';

/** Both documents, parsed; `clusters` is undefined when there is only a dump. */
export interface ProxyDump {
  readonly config: unknown;
  readonly clusters?: unknown;
}

/** The section of a config dump by the last word of its type, such as `SecretsConfigDump`. */
export function findSection(dump: ProxyDump, type: string): unknown {
  return findSections(dump, type)[0];
}

/**
 * Filters that came by name have two sections of one type: those of connections, and those of
 * requests.
 */
function findSections({ config }: ProxyDump, type: string): readonly unknown[] {
  return items(at(config, 'configs')).filter((section) => text(at(section, '@type')).endsWith(`.${type}`));
}

/**
 * The resources of all sections of a type in their lists, static ones first: `path` leads from an
 * entry to the resource.
 */
export function listResources(
  dump: ProxyDump,
  type: string,
  lists: readonly string[],
  ...paths: readonly (readonly string[])[]
): readonly unknown[] {
  const sections = findSections(dump, type);
  return lists
    .flatMap((list) => sections.flatMap((section) => items(at(section, list))))
    .flatMap((entry) => paths.flatMap((path) => at(entry, ...path) ?? []));
}

/**
 * The parts of a cluster's name, `direction|port|subset|host`; a name of another form is all host.
 */
export interface ClusterName {
  readonly direction: string;
  readonly port: string;
  readonly subset: string;
  readonly host: string;
}

/** Splits a name of Istio's form. */
export function parseClusterName(name: string): ClusterName {
  const parts = name.split('|');
  if (parts.length !== 4) return { direction: '', port: '', subset: '', host: name };
  const [direction = '', port = '', subset = '', host = ''] = parts;
  return { direction, port, subset, host };
}

/**
 * `address:port`, `unix://path`, or `envoy://listener/endpoint`, as istioctl writes an Envoy
 * address.
 */
export function formatAddress(address: unknown): string {
  const socket = at(address, 'socket_address');
  if (socket !== undefined) {
    return formatHostPort(text(at(socket, 'address')), text(at(socket, 'port_value')));
  }
  const internal = at(address, 'envoy_internal_address');
  if (internal !== undefined) {
    const endpoint = text(at(internal, 'endpoint_id'));
    return `envoy://${text(at(internal, 'server_listener_name'))}/${endpoint}`;
  }
  return `unix://${text(at(address, 'pipe', 'path'))}`;
}

/**
 * `name.namespace` of the object that a resource was made from, '' when it names none: from Istio's
 * metadata, which is a path of the Kubernetes API, or from ours. The kind distinguishes routes of
 * the Gateway API from those of VirtualServices.
 */
export function readOrigin(resource: unknown): string {
  const metadata = at(resource, 'metadata', 'filter_metadata');
  const path = /\/namespaces\/([^/]+)\/[^/]+\/([^/]+)$/.exec(text(at(metadata, 'istio', 'config')));
  if (path !== null) return `${path[2]}.${path[1]}`;
  const [kind = '', namespace, name] = text(at(metadata, 'cairn', 'origin')).split(/[ /]/);
  if (namespace === undefined || name === undefined) return '';
  return kind === 'VirtualService' ? `${name}.${namespace}` : `${kind}/${name}.${namespace}`;
}
