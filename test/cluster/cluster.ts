// The cluster of KUBECONFIG for tests: loads images, applies objects, and sends requests to client
// pods.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Exec, KubeConfig } from '@kubernetes/client-node';
import type { V1Status } from '@kubernetes/client-node';
import { build } from 'vite';
import { parseAllDocuments } from 'yaml';
import { ApiClient, loadClusterAccess, resources } from '../../kubernetes/index.ts';
import type { ApiResource, KubernetesObject } from '../../kubernetes/index.ts';
import { findKubernetes } from '../../tools/fetch-kubernetes.mjs';
import { runCommand } from '../support/command-line.ts';
import type { ClientAnswer, ClientCall, ClientDownloads, LoadReport } from './client/protocol.ts';
import type { Downloaded } from '../support/downloads.ts';
import { waitFor } from '../support/wait.ts';

const root = join(import.meta.dirname, '../..');
const fieldManager = 'cairn-test';

/** The cluster that the tests run in. */
export interface TestCluster {
  readonly client: ApiClient;
  /** Applies objects of any kind, in order. */
  apply(...objects: readonly KubernetesObject[]): Promise<void>;
  /** A file of the examples, in another namespace than the one it names. */
  readExample(path: string, namespace: string): readonly KubernetesObject[];
  delete(object: KubernetesObject): Promise<void>;
  /** Runs a command in the only container of a pod; throws its output when it fails. */
  exec(namespace: string, pod: string, command: readonly string[]): Promise<void>;
  /** Runs `cairn`; throws its output when it fails. Resolves to what it printed. */
  cairn(...args: readonly string[]): Promise<string>;
  /** Waits until the newest template of a Deployment runs in all its replicas, and no other. */
  waitForRollout(namespace: string, name: string): Promise<void>;
  /** The pods with these labels, those that are ending left out. */
  pods(namespace: string, labels: Readonly<Record<string, string>>): Promise<readonly KubernetesObject[]>;
  stop(): void;
}

/** A client pod. */
export interface MeshClient {
  request(call: ClientCall): Promise<ClientAnswer>;
  download(downloads: ClientDownloads): Promise<readonly Downloaded[]>;
  /** Sends `rate` requests a second while `work` goes on; resolves to their results. */
  under(load: { readonly call: ClientCall; readonly rate: number }, work: () => Promise<void>): Promise<LoadReport>;
}

/**
 * Connects to the cluster of KUBECONFIG, with the definitions of Istio and the Gateway API in it.
 */
export async function connectCluster(): Promise<TestCluster> {
  const kubeconfig = process.env['KUBECONFIG'] ?? '';
  const { access } = await loadClusterAccess({ env: process.env });
  const client = new ApiClient(access, { userAgent: fieldManager });
  await installDefinitions(client);
  const apply = async (...objects: readonly KubernetesObject[]): Promise<void> => {
    for (const object of objects) await client.apply(resourceOf(object), object, { fieldManager, force: true });
  };
  return {
    client,
    apply,
    readExample: (path, namespace) =>
      parseAllDocuments(readFileSync(join(root, 'examples', path), 'utf8'))
        .map((document) => document.toJS() as KubernetesObject)
        .map((object) => inNamespace(object, namespace)),
    delete: async (object) => {
      await client.delete(resourceOf(object), object.metadata.namespace, object.metadata.name);
    },
    exec: (namespace, pod, command) => execute(kubeconfig, namespace, pod, command),
    cairn: async (...args) => {
      const { code, out, err } = await runCommand(args, { env: { KUBECONFIG: kubeconfig } });
      if (code !== 0) throw new Error(`cairn ${args.join(' ')} ended with ${code}:\n${out}${err}`);
      return out;
    },
    waitForRollout: (namespace, name) => waitForRollout(client, namespace, name),
    pods: async (namespace, labels) => {
      const labelSelector = Object.entries(labels)
        .map(([label, value]) => `${label}=${value}`)
        .join(',');
      const found = await client.list(resources.Pod, { namespace, labelSelector });
      return found.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    },
    stop: () => client.stop(),
  };
}

/**
 * Builds the images of this checkout and gives each archive to the command in CAIRN_IMAGE_LOAD;
 * without it they are taken to be there.
 */
export function loadImages(): void {
  const command = process.env['CAIRN_IMAGE_LOAD'];
  if (command === undefined || command === '') return;
  const folder = mkdtempSync(join(tmpdir(), 'cairn-images-'));
  const run = (line: string, args: readonly string[]): void => {
    const { status, stderr, error } = spawnSync('sh', ['-c', `${line} "$@"`, 'sh', ...args], {
      cwd: root,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${line} ${args.join(' ')} failed: ${error?.message ?? stderr}`);
  };
  try {
    run(process.execPath, ['tools/images.mjs', folder]);
    for (const image of ['controller', 'waypoint']) run(command, [join(folder, `${image}.tar`)]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A program of this checkout as one file that imports packages only. */
export async function bundleProgram(entry: string): Promise<string> {
  const output = await build({
    configFile: false,
    logLevel: 'warn',
    build: { ssr: join(root, entry), write: false, minify: false },
  });
  const [first] = 'output' in output ? output.output : [];
  if (first?.type !== 'chunk') throw new Error(`${entry} was not bundled`);
  return first.code;
}

/** The client in the pods of a Deployment. */
export async function connectClient(cluster: TestCluster, namespace: string, name: string): Promise<MeshClient> {
  await cluster.waitForRollout(namespace, name);
  const [pod] = await cluster.pods(namespace, { app: name });
  if (pod === undefined) throw new Error(`${namespace}/${name} has no pod`);
  const tell = async <T>(path: string, body: unknown): Promise<T> => {
    const forward = await cluster.client.forwardPort({ namespace, pod: pod.metadata.name, port: 8080 });
    try {
      const response = await fetch(`http://127.0.0.1:${forward.port}${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
      });
      const answer = await response.text();
      if (!response.ok) throw new Error(`${name} ${path}: ${answer}`);
      return JSON.parse(answer) as T;
    } finally {
      await forward.close();
    }
  };
  await waitFor(() => tell('/ready', {}).then(() => true), { timeout: 60_000, what: `the certificate of ${name}` });
  return {
    request: (call) => tell('/request', call),
    download: (downloads) => tell('/downloads', downloads),
    under: async (load, work) => {
      await tell('/load/start', load);
      try {
        // Before and after the work too, so that a failure is seen to be of the work.
        await sleep(1_000);
        await work();
        await sleep(2_000);
      } catch (error) {
        await tell('/load/stop', {});
        throw error;
      }
      return await tell<LoadReport>('/load/stop', {});
    },
  };
}

async function execute(kubeconfig: string, namespace: string, pod: string, command: readonly string[]): Promise<void> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const [out, errors] = [new PassThrough(), new PassThrough()];
  const written = Promise.all([text(out), text(errors)]);
  const status = await new Promise<V1Status>((resolve, reject) => {
    new Exec(config)
      .exec(namespace, pod, '', [...command], out, errors, null, false, resolve)
      // The library leaves the streams open when the connection fails.
      .catch(reject);
  });
  out.end();
  errors.end();
  if (status.status !== 'Success') throw new Error(`${pod}: ${(await written).join('')} ${status.message ?? ''}`);
}

async function installDefinitions(client: ApiClient): Promise<void> {
  const { definitions } = findKubernetes();
  if (definitions === undefined) throw new Error('the definitions are not there: "npm run test:cluster" brings them');
  const all = JSON.parse(readFileSync(definitions, 'utf8')) as readonly KubernetesObject[];
  // Other parts of the cluster do not matter.
  const found = await client.list(resources.CustomResourceDefinition);
  const names = new Set(found.map(({ metadata }) => metadata.name));
  for (const definition of all.filter(({ metadata }) => !names.has(metadata.name))) {
    await client.create(resources.CustomResourceDefinition, definition);
  }
  for (const resource of [resources.Gateway, resources.VirtualService, resources.AuthorizationPolicy]) {
    await waitFor(() => client.serves(resource), { timeout: 60_000, what: `the definition of ${resource.kind}` });
  }
}

async function waitForRollout(client: ApiClient, namespace: string, name: string): Promise<void> {
  let seen: KubernetesObject | undefined;
  await waitFor(
    async () => {
      seen = await client.get(resources.Deployment, namespace, name);
      const { replicas } = (seen?.['spec'] ?? {}) as { readonly replicas?: number };
      const status = (seen?.['status'] ?? {}) as Readonly<Record<string, number>>;
      return (
        seen !== undefined &&
        status['observedGeneration'] === seen.metadata.generation &&
        status['updatedReplicas'] === replicas &&
        status['replicas'] === replicas &&
        status['availableReplicas'] === replicas
      );
    },
    {
      timeout: 180_000,
      interval: 200,
      what: `Deployment ${namespace}/${name}`,
      seen: () => JSON.stringify(seen?.['status']),
    },
  );
}

function resourceOf({ apiVersion = '', kind }: KubernetesObject): ApiResource {
  const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
  const found = Object.values(resources).find((resource) => resource.kind === kind && resource.group === group);
  if (found === undefined) throw new Error(`${apiVersion} ${kind} is not known`);
  return found;
}

/** The examples are written for the namespace `default`; so are the identities in them. */
function inNamespace(object: KubernetesObject, namespace: string): KubernetesObject {
  const text = JSON.stringify(object)
    .replaceAll('cluster.local/ns/default/', `cluster.local/ns/${namespace}/`)
    .replaceAll('.default.svc.', `.${namespace}.svc.`)
    .replaceAll('"namespace":"default"', `"namespace":"${namespace}"`);
  return JSON.parse(text) as KubernetesObject;
}
