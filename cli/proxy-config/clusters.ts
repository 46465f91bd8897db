// `cairn proxy-config cluster`.

import type { Column } from '../table.ts';
import { listResources, parseClusterName, readOrigin } from './dump.ts';
import type { ClusterName, ProxyDump } from './dump.ts';
import { at, text } from './json.ts';

/** The filters of clusters; all that are given must hold. */
export interface ClusterFilter {
  readonly fqdn?: string;
  readonly direction?: string;
  readonly subset?: string;
  readonly port?: string;
}

/** The columns that istioctl shows. */
export const clusterColumns: readonly Column<unknown>[] = [
  { title: 'service fqdn', cell: (cluster) => nameOf(cluster).host },
  { title: 'port', cell: (cluster) => nameOf(cluster).port },
  { title: 'subset', cell: (cluster) => nameOf(cluster).subset },
  { title: 'direction', cell: (cluster) => nameOf(cluster).direction },
  { title: 'type', cell: (cluster) => text(at(cluster, 'type')) || 'STATIC' },
  { title: 'destination rule', cell: readOrigin },
];

/** The clusters that pass, by host, port and subset. */
export function listClusters(dump: ProxyDump, filter: ClusterFilter): readonly unknown[] {
  const { fqdn, direction, subset, port } = filter;
  return listResources(dump, 'ClustersConfigDump', ['static_clusters', 'dynamic_active_clusters'], ['cluster'])
    .filter((cluster) => {
      const name = nameOf(cluster);
      return (
        (fqdn === undefined || name.host === fqdn) &&
        (direction === undefined || name.direction === direction) &&
        (subset === undefined || name.subset === subset) &&
        (port === undefined || name.port === port)
      );
    })
    .sort((a, b) => compareNames(nameOf(a), nameOf(b)));
}

function nameOf(cluster: unknown): ClusterName {
  return parseClusterName(text(at(cluster, 'name')));
}

function compareNames(a: ClusterName, b: ClusterName): number {
  return (
    a.host.localeCompare(b.host, 'en') || Number(a.port) - Number(b.port) || a.subset.localeCompare(b.subset, 'en')
  );
}
