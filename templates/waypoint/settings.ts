// The settings that all waypoints of one control plane have in common: image, trust, resources,
// logs. It is one typed value with defaults. A Gateway differs by annotations and overlays.

import { waypointImage } from '../version.ts';

/** Log level of Envoy. */
export type ProxyLogLevel = 'trace' | 'debug' | 'info' | 'warning' | 'error' | 'critical' | 'off';

/**
 * The certificate service of waypoints: Cairn's own, or istiod's if the mesh's other proxies get
 * theirs from it.
 */
export type CertificateAuthority =
  | { readonly kind: 'cairn' }
  | {
      readonly kind: 'istiod';
      /** `host:port`, for example `istiod.istio-system.svc:15012`. */
      readonly address: string;
    };

/** CPU and memory as Kubernetes quantities. */
export interface Resources {
  readonly requests: Readonly<Record<string, string>>;
  readonly limits: Readonly<Record<string, string>>;
}

/** Settings of everything that is deployed for Gateways. */
export interface WaypointTemplateSettings {
  /** The waypoint image: the agent as entry point, with Envoy. */
  readonly image: string;
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  /** Names of Secrets in the Gateway's namespace. */
  readonly imagePullSecrets: readonly string[];
  /** `host:port` of the control plane's xDS server. */
  readonly discoveryAddress: string;
  /** The `spiffe://…` identity that the control plane shows. */
  readonly discoveryIdentity: string;
  readonly ca: CertificateAuthority;
  readonly trustDomain: string;
  /** DNS suffix of the cluster. */
  readonly clusterDomain: string;
  readonly clusterId: string;
  /** Empty: the cluster is one network. */
  readonly network: string;
  /** Empty: the default revision. */
  readonly revision: string;
  readonly resources: Resources;
  readonly proxyLogLevel: ProxyLogLevel;
  /** Envoy's `component:level` pairs, separated by commas. */
  readonly proxyComponentLogLevel: string;
  readonly agentLogLevel: 'debug' | 'info' | 'warn' | 'error';
  /**
   * Connections get at least this long after SIGTERM, so that all clients know by then that the pod
   * is leaving.
   */
  readonly minimumDrainSeconds: number;
  /** Open connections get at most this long. */
  readonly terminationDrainSeconds: number;
  /** A new pod must be ready for this long before an old one goes. */
  readonly minReadySeconds: number;
  /** Set on every pod; fields of a PodSpec that say where it may run. */
  readonly scheduling: {
    readonly affinity?: unknown;
    readonly nodeSelector?: Readonly<Record<string, string>>;
    readonly tolerations?: readonly unknown[];
    readonly topologySpreadConstraints?: readonly unknown[];
  };
}

/** A control plane as `cairn install` makes it without options. */
export const defaultWaypointTemplateSettings: WaypointTemplateSettings = {
  image: waypointImage,
  imagePullPolicy: 'IfNotPresent',
  imagePullSecrets: [],
  discoveryAddress: 'cairn.cairn-system.svc:15012',
  discoveryIdentity: 'spiffe://cluster.local/ns/cairn-system/sa/cairn',
  ca: { kind: 'cairn' },
  trustDomain: 'cluster.local',
  clusterDomain: 'cluster.local',
  clusterId: 'Kubernetes',
  network: '',
  revision: '',
  resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '2', memory: '1Gi' } },
  proxyLogLevel: 'warning',
  proxyComponentLogLevel: 'misc:error',
  agentLogLevel: 'info',
  minimumDrainSeconds: 5,
  terminationDrainSeconds: 30,
  minReadySeconds: 5,
  scheduling: {},
};
