// Edits by the Kubernetes API: a real API server in front of the control plane of a cluster, which
// is a process of its own.

import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiResource, type KubernetesObject, resources } from '../../kubernetes/index.ts';
import type { AnyMeshObject } from '../../mesh/index.ts';
import {
  applyWaypointPod,
  certify,
  systemNamespace,
  waypointNode,
  waypointToken,
} from '../../test/support/cluster-mesh.ts';
import type { DeltaAdsOptions } from '../../test/support/delta-ads-client.ts';
import { connectHbone, type HboneConnection } from '../../test/support/hbone-client.ts';
import { startApiServer, type TestApiServer } from '../../test/support/kube-apiserver.ts';
import { stopAll } from '../../test/support/processes.ts';
import type { CertificateTexts } from '../../test/support/test-certificates.ts';
import { type Child, startChild } from './child.ts';
import { meshGateway, meshNamespace } from './mesh.ts';

/** A mesh in an API server, and the control plane that follows it. */
export interface ApiMesh {
  readonly child: Child;
  /** Of the control plane: `host:port`. */
  readonly address: string;
  /** The name in its certificate. */
  readonly serverName: string;
  /** The waypoint's own certificate, and how it introduces itself. */
  readonly own: CertificateTexts;
  readonly node: NonNullable<DeltaAdsOptions['node']>;
  /** Writes and deletes at once; resolves when the API server has answered to all of it. */
  readonly write: (put: readonly AnyMeshObject[], removed?: readonly AnyMeshObject[]) => Promise<void>;
  /** An HBONE connection to the waypoint as a service account of the mesh. */
  readonly connectAs: (account: string, host: string) => Promise<HboneConnection>;
  readonly stop: () => Promise<void>;
}

const pod = `${meshGateway}-1`;
const serverName = `cairn.${systemNamespace}.svc`;

/** Writes a mesh to an API server of its own, and starts a control plane that follows it. */
export async function startApiMesh(mesh: readonly AnyMeshObject[], onDemandAbove: number): Promise<ApiMesh> {
  const api = await startApiServer();
  const write: ApiMesh['write'] = async (put, removed = []) => {
    await Promise.all([...put.map((object) => apply(api, object)), ...removed.map((object) => remove(api, object))]);
  };
  await api.createNamespace(systemNamespace);
  await api.createNamespace(meshNamespace);
  for (let from = 0; from < mesh.length; from += 50) await write(mesh.slice(from, from + 50));
  await applyWaypointPod(api.client, meshNamespace, meshGateway, pod);
  const child = await startChild();
  const { address } = await child.ask({ type: 'follow', kubeconfig: api.kubeconfig, onDemandAbove });
  const issue = async (account: string, boundPod?: string): Promise<CertificateTexts> => {
    const token = await waypointToken(api, meshNamespace, account, boundPod);
    const { certificate, key, root } = await certify(api, address, token);
    return { cert: certificate, key, ca: root };
  };
  const clients = new Map<string, Promise<CertificateTexts>>();
  const createClient = async (account: string): Promise<CertificateTexts> => {
    await api.client.create(resources.ServiceAccount, { metadata: { namespace: meshNamespace, name: account } });
    return issue(account);
  };
  await rest(child);
  return {
    child,
    address,
    serverName,
    own: await issue(meshGateway, pod),
    node: waypointNode(meshNamespace, meshGateway, pod),
    write,
    connectAs: async (account, host) => {
      const certificate = clients.get(account) ?? createClient(account);
      clients.set(account, certificate);
      return connectHbone({ waypoint: { host, port: 15_008 }, certificate: await certificate });
    },
    stop: async () => {
      await child.stop();
      await api.stop();
      await stopAll();
    },
  };
}

async function apply({ client }: TestApiServer, object: AnyMeshObject): Promise<void> {
  const { name, namespace, labels, annotations } = object.metadata;
  const metadata = { name, labels, annotations, ...(namespace === '' ? {} : { namespace }) };
  const written: KubernetesObject = { metadata, spec: object.spec };
  await client.apply(resourceOf(object), written, { fieldManager: 'bench', force: true });
}

async function remove({ client }: TestApiServer, object: AnyMeshObject): Promise<void> {
  await client.delete(resourceOf(object), object.metadata.namespace, object.metadata.name);
}

function resourceOf({ kind }: AnyMeshObject): ApiResource {
  const found = Object.values(resources).find((resource) => resource.kind === kind);
  if (found === undefined) throw new Error(`the Kubernetes API has no ${kind}`);
  return found;
}

/** Waits for the statuses of everything that is new to be written. */
async function rest(child: Child): Promise<void> {
  const cpu = async (): Promise<number> => (await child.ask({ type: 'edits', edits: [], oneByOne: false })).cpu;
  for (let before = await cpu(); ;) {
    await sleep(500);
    const now = await cpu();
    if (now - before < 25) return;
    before = now;
  }
}
