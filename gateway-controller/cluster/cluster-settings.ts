// The settings of a control plane in a cluster: its identity, its class of Gateways, and its
// address for waypoints.

import { defaultMeshSettings } from '../../mesh/index.ts';
import type { MeshSettings } from '../../mesh/index.ts';

/** Settings of a controller in a cluster, with every default applied. */
export interface ClusterSettings {
  /** The namespace of the control plane. */
  readonly namespace: string;
  /** The name of this replica among the others: that of its pod. */
  readonly identity: string;
  readonly gatewayClass: string;
  readonly controllerName: string;
  /** '' is the default revision. */
  readonly revision: string;
  readonly clusterDomain: string;
  readonly trustDomain: string;
  readonly clusterId: string;
  readonly network: string;
  /**
   * The namespace whose policies and DestinationRules are the whole mesh's, unless the MeshConfig
   * names another.
   */
  readonly rootNamespace: string;
  /** Of waypoint pods. */
  readonly image: string;
  readonly imagePullPolicy?: string;
  /** The control plane's address for waypoints: `host:port`. */
  readonly discoveryAddress: string;
  /** The authority of the mesh, and the address from which waypoints get certificates. */
  readonly ca: {
    readonly kind: 'cairn' | 'istiod';
    readonly address: string;
    /** The name in the certificate of the service; by default the host of its address. */
    readonly serverName?: string;
    /** The token with which the control plane asks istiod for its own certificate. */
    readonly tokenFile?: string;
  };
  readonly lease: {
    readonly name: string;
    readonly durationMs: number;
    readonly renewMs: number;
    readonly retryMs: number;
  };
  readonly ports: {
    readonly xds: number;
    /** On the loopback address only. */
    readonly admin: number;
    readonly health: number;
    readonly webhook: number;
  };
  /** Whether keys of issuers are fetched from private, loopback and link-local addresses too. */
  readonly allowsPrivateJwks: boolean;
  /** Waypoints of more services than this get those that their clients ask for. */
  readonly onDemandAbove: number;
  /** The address that waypoints listen on: `0.0.0.0`, or `::` where pods have no IPv4 address. */
  readonly waypointAddress: string;
  /** The address that xDS, health and webhook listen on. */
  readonly listenAddress: string;
}

/** The service account of the control plane, which its identity names. */
export const controlPlaneServiceAccount: string = 'cairn';

/** The DNS names of the control plane's Service. */
export function serviceNames({ namespace, clusterDomain }: ClusterSettings): readonly string[] {
  const name = `${controlPlaneServiceAccount}.${namespace}`;
  return [name, `${name}.svc`, `${name}.svc.${clusterDomain}`];
}

/** The mesh settings that follow from them; a MeshConfig has precedence. */
export function meshSettingsOf(settings: ClusterSettings): MeshSettings {
  return {
    ...defaultMeshSettings,
    trustDomain: settings.trustDomain,
    clusterDomain: settings.clusterDomain,
    rootNamespace: settings.rootNamespace,
    waypointClass: settings.gatewayClass,
    waypointController: settings.controllerName,
    revision: settings.revision,
  };
}
