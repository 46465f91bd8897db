// `cairn proxy-config endpoint`: with the health that Envoy sees if `/clusters` is there, else as
// in the dump.

import type { Column } from '../table.ts';
import { formatAddress, listResources } from './dump.ts';
import type { ProxyDump } from './dump.ts';
import { at, fields, items, text } from './json.ts';
import { splitHostPort } from '../../mesh/index.ts';

/** One endpoint of one cluster. */
export interface EndpointRow {
  readonly name: string;
  readonly status: string;
  readonly locality: string;
  readonly cluster: string;
}

/** The filters of endpoints; all that are given must hold. */
export interface EndpointFilter {
  readonly address?: string;
  readonly port?: string;
  readonly cluster?: string;
  readonly status?: string;
}

/** The columns that istioctl shows. */
export const endpointColumns: readonly Column<EndpointRow>[] = [
  { title: 'name', cell: ({ name }) => name },
  { title: 'status', cell: ({ status }) => status },
  { title: 'locality', cell: ({ locality }) => locality },
  { title: 'cluster', cell: ({ cluster }) => cluster },
];

/** The endpoints that pass, by cluster and address. */
export function listEndpoints(dump: ProxyDump, filter: EndpointFilter): readonly EndpointRow[] {
  const { address, port, cluster, status } = filter;
  const rows = dump.clusters === undefined ? endpointsOfDump(dump) : endpointsOfClusters(dump.clusters);
  return rows
    .filter(
      (row) =>
        (address === undefined || hostAndPort(row.name).host === address) &&
        (port === undefined || hostAndPort(row.name).port === port) &&
        (cluster === undefined || row.cluster === cluster) &&
        (status === undefined || row.status === status.toUpperCase()),
    )
    .sort((a, b) => a.cluster.localeCompare(b.cluster, 'en') || a.name.localeCompare(b.name, 'en'));
}

function endpointsOfClusters(clusters: unknown): readonly EndpointRow[] {
  return items(at(clusters, 'cluster_statuses')).flatMap((cluster) =>
    items(at(cluster, 'host_statuses')).map((host) => ({
      name: formatAddress(at(host, 'address')),
      status: readHealth(at(host, 'health_status')),
      locality: formatLocality(at(host, 'locality')),
      cluster: text(at(cluster, 'name')),
    })),
  );
}

function endpointsOfDump(dump: ProxyDump): readonly EndpointRow[] {
  const lists = ['static_endpoint_configs', 'dynamic_endpoint_configs'];
  return listResources(dump, 'EndpointsConfigDump', lists, ['endpoint_config']).flatMap((assignment) =>
    items(at(assignment, 'endpoints')).flatMap((group) =>
      items(at(group, 'lb_endpoints')).map((endpoint) => ({
        name: formatAddress(at(endpoint, 'endpoint', 'address')),
        status: text(at(endpoint, 'health_status')) || 'HEALTHY',
        locality: formatLocality(at(group, 'locality')),
        cluster: text(at(assignment, 'cluster_name')),
      })),
    ),
  );
}

/** The worst health of a host counts; every `failed_…` flag is a failure. */
function readHealth(health: unknown): string {
  if (fields(health).some(([name, value]) => name.startsWith('failed_') && value === true)) return 'UNHEALTHY';
  return text(at(health, 'eds_health_status')) || 'HEALTHY';
}

function formatLocality(locality: unknown): string {
  return ['region', 'zone', 'sub_zone']
    .map((level) => text(at(locality, level)))
    .filter((level) => level !== '')
    .join('/');
}

/** The address in `1.2.3.4:80`, `[::1]:80` and `envoy://listener/1.2.3.4:80`. */
function hostAndPort(name: string): { readonly host: string; readonly port: string } {
  const address = name.slice(name.lastIndexOf('/') + 1);
  const { host, port } = splitHostPort(address) ?? { host: address, port: '' };
  return { host, port: String(port) };
}
