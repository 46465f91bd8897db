// Mesh-wide settings, the part of Istio's MeshConfig that is read. They are an input like any object.

/** Mesh-wide settings with their defaults applied. */
export interface MeshSettings {
  /** SPIFFE trust domain of every identity. */
  readonly trustDomain: string;
  /** DNS suffix of the cluster's services. */
  readonly clusterDomain: string;
  /** Namespace whose DestinationRules and GatewayClass policies apply to the whole mesh. */
  readonly rootNamespace: string;
  /** Refuse `;` in paths (400) on frontends whose policies or routes read the path. */
  readonly rejectPathParameters: boolean;
  /** What to do with `%2F` and `%5C` in paths. */
  readonly escapedSlashes: 'reject' | 'decode';
  /** The file, on a waypoint, of the roots that certificates of servers outside of the mesh are checked against. */
  readonly systemRoots: string;
}

/** The defaults, as Istio's where Istio has the setting. */
export const defaultMeshSettings: MeshSettings = {
  trustDomain: 'cluster.local',
  clusterDomain: 'cluster.local',
  rootNamespace: 'istio-system',
  rejectPathParameters: true,
  escapedSlashes: 'reject',
  systemRoots: '/etc/ssl/certs/ca-certificates.crt',
};
