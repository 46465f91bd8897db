// The admin views, from the configuration in force and the proxies' answers. Pure.

import { typeUrls } from '../../envoy-api/index.ts';
import { formatIdentity, formatServiceHost, hbonePort, serviceAccountOf } from '../../mesh/index.ts';
import type { MeshSnapshot, PlacedFinding } from '../../mesh/index.ts';
import type { ProxyStatus, SnapshotCache } from '../../xds/index.ts';
import type { ProxyView } from './proxies.ts';
import { proxyPorts } from './proxies.ts';
import type { AgentState } from './agent-supervisor.ts';
import type { FindingView } from '../serving/finding-view.ts';
import { viewFinding } from '../serving/finding-view.ts';

/** `DISCONNECTED`: no stream of the proxy; else the stream's state. */
export type SyncView = ProxyStatus['state'] | 'DISCONNECTED';

/** One proxy. */
export interface WaypointView {
  /** Namespace and name of the Gateway; absent for the node proxy. */
  readonly namespace?: string;
  readonly name?: string;
  /** The address of HBONE: `address:port`. */
  readonly hbone: string;
  /** Envoy's admin interface: `unix:/path`. */
  readonly admin: string;
  readonly stats: string;
  readonly health: string;
  readonly state: AgentState;
  readonly pid?: number;
  readonly restarts: number;
  readonly logFile: string;
  readonly sync: {
    readonly state: SyncView;
    /** Envoy's message about its refusal, by type URL. */
    readonly refused: Readonly<Record<string, string>>;
    readonly pushes: number;
    readonly nacks: number;
  };
  /** Hosts that it serves, sorted. */
  readonly services: readonly string[];
  readonly findings: readonly FindingView[];
}

/** One service, as its clients reach it. */
export interface ServiceView {
  readonly host: string;
  readonly namespace: string;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
  /** `namespace/name`; absent when no waypoint serves it. */
  readonly waypoint?: string;
}

/** One workload. */
export interface WorkloadView {
  readonly namespace: string;
  readonly name: string;
  readonly address: string;
  readonly identity: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * A proxy with its state; its Findings are those of its Gateway, of what it serves, and of rules in
 * the same namespaces.
 */
export function viewProxy(
  proxy: ProxyView,
  input: {
    readonly cache: SnapshotCache;
    readonly statuses: readonly ProxyStatus[];
    readonly findings: readonly PlacedFinding[];
  },
): WaypointView {
  const { gateway, address, key, state, pid, restarts, adminSocket, logFile } = proxy;
  const status = input.statuses.findLast((candidate) => candidate.key === key);
  const types = Object.entries(status?.types ?? {});
  const services = servedHosts(input.cache, key);
  const namespaces = new Set([gateway?.namespace, ...services.map((host) => host.split('.')[1])]);
  const findings = gateway === undefined ? [] : input.findings.filter(({ ref }) => namespaces.has(ref.namespace));
  return {
    ...gateway,
    hbone: `${address}:${hbonePort}`,
    admin: `unix:${adminSocket}`,
    stats: `${address}:${proxyPorts.stats}`,
    health: `${address}:${proxyPorts.health}`,
    state,
    ...(pid === undefined ? {} : { pid }),
    restarts,
    logFile,
    sync: {
      state: status?.state ?? 'DISCONNECTED',
      refused: Object.fromEntries(
        types.flatMap(([typeUrl, { lastNack }]) => (lastNack === undefined ? [] : [[typeUrl, lastNack.message]])),
      ),
      pushes: types.reduce((sum, [, { pushes }]) => sum + pushes, 0),
      nacks: types.reduce((sum, [, { nacks }]) => sum + nacks, 0),
    },
    services,
    findings: findings.map(viewFinding),
  };
}

/**
 * The hosts of the clusters that a waypoint has, named
 * `inbound-vip|<port>|<protocol>[/<subset>]|<host>`.
 */
function servedHosts(cache: SnapshotCache, key: string): readonly string[] {
  const hosts = new Set<string>();
  for (const name of cache.names(key, typeUrls.cluster)) {
    const [kind, , , host] = name.split('|');
    if (kind === 'inbound-vip' && host !== undefined) hosts.add(host);
  }
  return [...hosts].sort();
}

/** All services, sorted by host; `served` are the hosts of each waypoint. */
export function viewServices(
  mesh: MeshSnapshot,
  waypoints: readonly Pick<WaypointView, 'namespace' | 'name' | 'services'>[],
): readonly ServiceView[] {
  const waypointOf = new Map(
    waypoints.flatMap(({ namespace, name, services }) =>
      services.map((host) => [host, `${namespace}/${name}`] as const),
    ),
  );
  const services = [
    ...mesh.list('Service').map(({ metadata, spec }) => ({
      host: formatServiceHost(metadata.name, metadata.namespace, mesh.settings.clusterDomain),
      metadata,
      addresses: [spec.clusterIP ?? ''].filter((address) => address !== '' && address !== 'None'),
      ports: (spec.ports ?? []).map(({ port }) => port),
    })),
    ...mesh.list('ServiceEntry').flatMap(({ metadata, spec }) =>
      spec.hosts.map((host) => ({
        host,
        metadata,
        addresses: (spec.addresses ?? []).length > 0 ? (spec.addresses ?? []) : (spec.hostAddresses?.[host] ?? []),
        ports: (spec.ports ?? []).map(({ number }) => number),
      })),
    ),
  ];
  return services
    .map(({ host, metadata: { namespace, name }, addresses, ports }) => {
      const waypoint = waypointOf.get(host);
      return { host, namespace, name, addresses, ports, ...(waypoint === undefined ? {} : { waypoint }) };
    })
    .sort((a, b) => (a.host < b.host ? -1 : 1));
}

/** All workloads, in the order of the snapshot. */
export function viewWorkloads(mesh: MeshSnapshot): readonly WorkloadView[] {
  return mesh.list('WorkloadEntry').map(({ metadata: { namespace, name, labels }, spec }) => ({
    namespace,
    name,
    address: spec.address ?? '',
    identity: formatIdentity({
      trustDomain: mesh.settings.trustDomain,
      namespace,
      serviceAccount: serviceAccountOf(spec.serviceAccount),
    }),
    labels: { ...labels, ...spec.labels },
  }));
}
