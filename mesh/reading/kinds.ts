// Findings about kinds that are not read: other objects that people keep beside the mesh's are no
// mistake.

/** `gateway.networking.k8s.io/v1`, or `v1` in the core group. */
export function formatApiVersion(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Objects of the mesh that have no effect here yet: worth a warning. */
const meshKinds: ReadonlySet<string> = new Set([
  'UDPRoute',
  'ListenerSet',
  'Sidecar',
  'EnvoyFilter',
  'WorkloadGroup',
  'ProxyConfig',
  'PeerAuthentication',
  'Telemetry',
  'WasmPlugin',
  'TrafficExtension',
]);

/** Groups of the mesh's own APIs. */
const meshGroups = /(?:^|\.)(?:istio\.io|gateway\.networking\.k8s\.io|gateway\.networking\.x-k8s\.io)$/;

/** True for a kind of the mesh's APIs, whether it is read or not. */
export function isMeshKind(group: string, kind: string): boolean {
  return isMeshGroup(group) || meshKinds.has(kind);
}

/** True for a group of the mesh's APIs. */
export function isMeshGroup(group: string): boolean {
  return meshGroups.test(group);
}

/**
 * Groups of Kubernetes itself; its other kinds (Deployment, ConfigMap …) stand beside the mesh's
 * objects and are skipped.
 */
export function isKubernetesGroup(group: string): boolean {
  return group === '' || !group.includes('.') || group.endsWith('.k8s.io');
}
