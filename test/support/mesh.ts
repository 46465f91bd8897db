// Configuration from texts, as the store that the generator reads.

import {
  combineManifests,
  type CombinedManifests,
  defaultMeshSettings,
  failClosed,
  type MachineAddresses,
  type MeshSettings,
  MeshStore,
  parseManifest,
} from '../../mesh/index.ts';

/** The machine of a test, whose workloads are at any loopback address. */
export const testMachine: MachineAddresses = { workloads: ['127.0.0.0/8', '::1'], proxies: [] };

/** Texts by file name. */
export type Texts = Readonly<Record<string, string>>;

/** The contents that were read, and a store with them. */
export interface ReadMesh extends CombinedManifests {
  readonly store: MeshStore;
}

/** Reads manifests as a first start does, and puts their objects into a store. */
export function readMesh(texts: Texts, settings: Partial<MeshSettings> = {}): ReadMesh {
  const combined = combineManifests(Object.entries(texts).map(([file, text]) => failClosed(parseManifest(file, text))));
  const store = new MeshStore({ ...defaultMeshSettings, ...settings });
  store.apply(combined.objects.map((object) => ({ type: 'put', object })));
  return { ...combined, store };
}

/**
 * A namespace whose services go through a waypoint, and that waypoint; as its address, `$ADDRESS`
 * stands for that of `startWaypoint`.
 */
export function waypointManifests(namespace: string, listenAddress?: string): string {
  const annotations =
    listenAddress === undefined ? '' : `, annotations: { cairn.dev/listen-address: ${listenAddress} }`;
  return `apiVersion: v1
kind: Namespace
metadata: { name: ${namespace}, labels: { istio.io/use-waypoint: waypoint } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: waypoint, namespace: ${namespace}${annotations} }
spec: { gatewayClassName: istio-waypoint, listeners: [{ name: mesh, port: 15008, protocol: HBONE }] }`;
}

/** HTTP services of namespace `shop`, whose requests the workload `echo` answers at port 8080. */
export function echoServiceManifests(names: readonly string[], network = '10.0.0'): string {
  const manifests = names.map(
    (name, index) => `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec:
  clusterIP: ${network}.${index + 1}
  selector: { app: echo }
  ports: [{ name: http, port: 80, targetPort: 8080 }]`,
  );
  return manifests.join('\n---\n');
}

/** A workload of namespace `shop`, which services select by its name. */
export function workloadManifest(name: string, address: string): string {
  return `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}, namespace: shop }
spec: { address: ${address}, labels: { app: ${name} } }`;
}
