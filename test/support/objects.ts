// Objects of a mesh as a store holds them, for tests that change it under a running waypoint.

import type { AnyMeshObject } from '../../mesh/index.ts';

/** An object of a kind; `more` is further metadata, such as labels. */
export function makeObject(
  kind: AnyMeshObject['kind'],
  namespace: string,
  name: string,
  spec: unknown,
  more: Partial<AnyMeshObject['metadata']> = {},
): AnyMeshObject {
  const metadata = { name, namespace, labels: {}, annotations: {}, ...more };
  return { apiVersion: 'v1', kind, metadata, spec } as AnyMeshObject;
}

/** A namespace whose services go through a waypoint, and that waypoint. */
export function makeWaypoint(namespace: string, listenAddress: string): readonly AnyMeshObject[] {
  const listeners = [{ name: 'mesh', port: 15008, protocol: 'HBONE' }];
  return [
    makeObject('Namespace', '', namespace, {}, { labels: { 'istio.io/use-waypoint': 'waypoint' } }),
    makeObject(
      'Gateway',
      namespace,
      'waypoint',
      { gatewayClassName: 'istio-waypoint', listeners },
      { annotations: { 'cairn.dev/listen-address': listenAddress } },
    ),
  ];
}

/** A service with one workload. */
export function makeServed(
  namespace: string,
  name: string,
  clusterIP: string,
  port: object,
  address: string,
): readonly AnyMeshObject[] {
  return [
    makeObject('Service', namespace, name, { clusterIP, selector: { app: name }, ports: [port] }),
    makeObject('WorkloadEntry', namespace, name, { address, labels: { app: name } }),
  ];
}
