// What a control plane in a cluster is told: who it is, which class of Gateways is its own, and how waypoints reach it.

import { defaultMeshSettings } from '../../mesh/index.ts';
import type { MeshSettings } from '../../mesh/index.ts';

/** Settings of a controller in a cluster, with every default applied. */
export interface ClusterSettings {
  /** Where the control plane lives. */
  readonly namespace: string;
  /** Of this replica among the others: the name of its pod. */
  readonly identity: string;
  readonly gatewayClass: string;
  readonly controllerName: string;
  /** '' is the default revision. */
  readonly revision: string;
  readonly clusterDomain: string;
  readonly trustDomain: string;
  readonly clusterId: string;
  readonly network: string;
  /** Whose policies and DestinationRules are the whole mesh's, unless the MeshConfig names another. */
  readonly rootNamespace: string;
  /** Of waypoint pods. */
  readonly image: string;
  readonly imagePullPolicy?: string;
  /** Where waypoints reach the control plane: `host:port`. */
  readonly discoveryAddress: string;
  /** Whose certificates the mesh trusts, and where waypoints get theirs. */
  readonly ca: {
    readonly kind: 'cairn' | 'istiod';
    readonly address: string;
    /** The name in the certificate of the service; the host of its address unless told. */
    readonly serverName?: string;
    /** With which the control plane asks istiod for its own certificate. */
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
  /** The address that waypoints listen on: `0.0.0.0`, or `::` where pods have no IPv4 address. */
  readonly waypointAddress: string;
  /** The address that xDS, health and webhook listen on. */
  readonly listenAddress: string;
}

/** The service account of the control plane, which its identity names. */
export const controlPlaneServiceAccount: string = 'cairn';

/** The DNS names that the control plane's Service is reached by. */
export function serviceNames({ namespace, clusterDomain }: ClusterSettings): readonly string[] {
  const name = `${controlPlaneServiceAccount}.${namespace}`;
  return [name, `${name}.svc`, `${name}.svc.${clusterDomain}`];
}

/** What the mesh takes from them; a MeshConfig goes over it. */
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
