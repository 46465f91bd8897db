// The current configuration of a cluster, for `cairn analyze`, read and assembled as a controller
// does it.

import { formatRef, MeshStore } from '../../../mesh/index.ts';
import type { Finding, MeshSettings, MeshSnapshot } from '../../../mesh/index.ts';
import { ApiError, resources, watchedResources } from '../../../kubernetes/index.ts';
import type { ApiClient, ApiResource, KubernetesObject } from '../../../kubernetes/index.ts';
import { ClusterEntries } from './cluster-entries.ts';
import { meshConfigMap } from '../../../mesh/index.ts';
import { readClusterObject, trimObject } from './kubernetes-objects.ts';
import type { ReadClusterObject } from './kubernetes-objects.ts';
import { listReferences } from './referenced-config-maps.ts';

/** A configuration that was read from a cluster. */
export interface ClusterMesh {
  readonly mesh: MeshSnapshot;
  /** The Findings of reading the objects. */
  readonly findings: readonly Finding[];
  readonly objectCount: number;
}

/**
 * Reads every kind once; a kind that the cluster does not have is empty. Throws the error of the
 * API, also if it forbids a kind: half a mesh would be judged wrongly.
 */
export async function readClusterMesh(client: ApiClient, settings: MeshSettings): Promise<ClusterMesh> {
  const lists = await Promise.all([
    ...watchedResources.map((resource) => list(client, resource)),
    readMeshConfig(client, settings),
  ]);
  const listed = lists.flat();
  const said = listed.map((object) => readClusterObject(object, { inForce: [], settings }));
  const named = await readReferences(client, said);
  const objects = [...listed, ...named];
  const read = [...said, ...named.map((object) => readClusterObject(object, { inForce: [], settings }))];
  const mesh = new MeshStore(settings);
  const changes = read.flatMap((one) => one.objects).map((object) => ({ type: 'put' as const, object }));
  mesh.apply(new ClusterEntries().address(changes));
  return { mesh, findings: read.flatMap(({ findings }) => findings), objectCount: objects.length };
}

async function list(client: ApiClient, resource: ApiResource): Promise<readonly KubernetesObject[]> {
  try {
    return (await client.readList(resource, { transform: trimObject })).objects;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return [];
    throw error;
  }
}

async function readReferences(
  client: ApiClient,
  read: readonly ReadClusterObject[],
): Promise<readonly KubernetesObject[]> {
  const refs = read.flatMap(({ objects }) => objects.flatMap(listReferences));
  const each = [...new Map(refs.map((ref) => [formatRef(ref), ref])).values()];
  const found = await Promise.all(each.map(({ namespace, name }) => client.get(resources.ConfigMap, namespace, name)));
  return found.flatMap((object) => (object === undefined ? [] : [trimObject({ ...object, kind: 'ConfigMap' })]));
}

async function readMeshConfig(
  client: ApiClient,
  { rootNamespace }: MeshSettings,
): Promise<readonly KubernetesObject[]> {
  const found = await client.get(resources.ConfigMap, rootNamespace, meshConfigMap);
  return found === undefined ? [] : [{ ...found, kind: 'ConfigMap' }];
}
