// A Kubernetes API for tests: kube-apiserver and etcd as processes of the test, with the
// definitions of Istio and the Gateway API. No controller runs beside it: only the test itself
// makes pods of Deployments, endpoints of Services, or tokens for namespaces.

import { generateKeyPairSync } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { ApiClient, type ClusterAccess, type KubernetesObject, resources } from '../../kubernetes/index.ts';
import { findKubernetes } from '../../tools/fetch-kubernetes.mjs';
import { type ClusterAuthority, createClusterAuthority, formatKubeconfig } from './cluster-certificates.ts';
import { freePort } from './loopback.ts';
import { type StartedProcess, startProcess, stopProcess } from './processes.ts';
import { waitFor } from './wait.ts';

/** Settings of an API server for tests. */
export interface ApiServerOptions {
  /**
   * Where it listens, 127.0.0.1 by default; another address of this machine is for processes in
   * other network namespaces.
   */
  readonly bindAddress?: string;
  /**
   * False leaves the definitions of Istio and the Gateway API out; `installDefinitions` brings
   * them.
   */
  readonly definitions?: boolean;
  /** Where Services get their addresses from, 10.96.0.0/16 by default. */
  readonly serviceAddresses?: string;
  readonly args?: readonly string[];
}

/** The audience of a token. */
export interface TokenOptions {
  readonly audiences?: readonly string[];
  /** The name of a pod of the namespace: the token ends with it. */
  readonly boundPod?: string;
  readonly expirationSeconds?: number;
}

/** A running API server. */
export interface TestApiServer {
  /** `https://address:port`. */
  readonly url: string;
  /** Everything of this server: files, data, certificates. */
  readonly folder: string;
  /** The path of an administrator's kubeconfig. */
  readonly kubeconfig: string;
  readonly ca: string;
  readonly access: ClusterAccess;
  /** An administrator's client. */
  readonly client: ApiClient;
  /** Access with the rights of this user and these groups. */
  accessAs(user: string, groups?: readonly string[]): Promise<ClusterAccess>;
  /** Access as a service account, by a token of the API server. */
  accessAsServiceAccount(namespace: string, name: string): Promise<ClusterAccess>;
  createServiceAccountToken(namespace: string, serviceAccount: string, options?: TokenOptions): Promise<string>;
  /** A namespace with the object that a controller would put there: its default service account. */
  createNamespace(name: string, labels?: Readonly<Record<string, string>>): Promise<void>;
  /**
   * Installs the definitions whose kind is picked, all by default, and waits until the server has
   * them.
   */
  installDefinitions(pick?: (kind: string) => boolean): Promise<void>;
  /** Stops the API server for a while as a crash does; etcd goes on. */
  kill(): Promise<void>;
  /**
   * Starts it again on the same port, after `kill` or in place of a running one, and waits until it
   * is ready.
   */
  restart(): Promise<void>;
  /** The process takes no notice of anything until `resume`. */
  pause(): void;
  resume(): void;
  /** Forgets all history up to now, in etcd: older places to watch from are gone. */
  compact(): Promise<void>;
  /** The output of the API server, for messages. */
  log(): string;
  /** Ends both and removes their files; `keep` is shown etcd's data before. */
  stop(keep?: (data: string) => void): Promise<void>;
}

/** Starts etcd and an API server. A missing program throws. */
export async function startApiServer(options: ApiServerOptions = {}): Promise<TestApiServer> {
  const found = findKubernetes();
  if (found.programs === undefined || found.definitions === undefined) {
    throw new Error('kube-apiserver, etcd or the definitions are not there: "npm run test:api" brings them up once');
  }
  const { programs, definitions } = found;
  const address = options.bindAddress ?? '127.0.0.1';
  const folder = mkdtempSync(join(tmpdir(), 'cairn-apiserver-'));
  folders.add(folder);
  const [port, etcdPort, peerPort] = [
    await freePort(address),
    await freePort('127.0.0.1'),
    await freePort('127.0.0.1'),
  ];
  const url = `https://${address}:${port}`;
  const authority = await createClusterAuthority();
  await writeKeys(folder, authority, address);
  const withDefinitions = options.definitions !== false;
  if (withDefinitions) cpSync(await prepareData(programs, definitions), join(folder, 'etcd'), { recursive: true });
  const etcd = await startProcess(join(programs, 'etcd'), etcdArgs(folder, etcdPort, peerPort));
  const serverArgs = apiServerArgs(folder, address, port, etcdPort, options);
  let server: StartedProcess | undefined;
  const startServer = async (): Promise<void> => {
    const started = await startProcess(join(programs, 'kube-apiserver'), serverArgs);
    server = started;
    await waitFor(() => isReady(client), {
      timeout: 120_000,
      interval: 50,
      what: 'kube-apiserver',
      seen: () => started.output().slice(-4000),
      hopeless: () => (started.exit() === undefined ? undefined : 'it ended'),
    });
  };
  const accessAs = async (user: string, groups: readonly string[] = []): Promise<ClusterAccess> => {
    const { cert, key } = await authority.issue({ user, groups });
    return { server: url, readCredentials: async () => ({ tls: { ca: authority.ca, cert, key }, headers: {} }) };
  };
  const access = await accessAs('admin', ['system:masters']);
  const client = new ApiClient(access, { userAgent: 'cairn-test' });
  const kubeconfig = join(folder, 'kubeconfig');
  const admin = await authority.issue({ user: 'admin', groups: ['system:masters'] });
  writeFileSync(kubeconfig, formatKubeconfig(url, authority, admin), { mode: 0o600 });

  const createServiceAccountToken = async (
    namespace: string,
    serviceAccount: string,
    token: TokenOptions = {},
  ): Promise<string> => {
    const pod = token.boundPod === undefined ? undefined : await client.get(resources.Pod, namespace, token.boundPod);
    const { audiences = [], boundPod: name, expirationSeconds = 3600 } = token;
    const boundObjectRef =
      name === undefined ? undefined : { kind: 'Pod', apiVersion: 'v1', name, uid: pod?.metadata.uid };
    const answer = (await client.request(
      'POST',
      `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`,
      {
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          spec: { audiences, expirationSeconds, boundObjectRef },
        },
      },
    )) as { readonly status: { readonly token: string } };
    return answer.status.token;
  };
  const installDefinitions = async (pick: (kind: string) => boolean = () => true): Promise<void> => {
    const picked = readDefinitions(definitions).filter(({ spec }) => pick(spec.names.kind));
    await Promise.all(picked.map((definition) => client.create(resources.CustomResourceDefinition, definition)));
    await awaitDefinitions(picked);
  };
  const kill = async (): Promise<void> => {
    if (server === undefined) return;
    process.kill(server.pid, 'SIGKILL');
    await server.exited;
  };

  const awaitDefinitions = async (picked: readonly Definition[]): Promise<void> => {
    for (const definition of picked) await waitFor(() => isServed(client, definition), { timeout: 60_000 });
  };

  await startServer();
  if (withDefinitions) await awaitDefinitions(readDefinitions(definitions));
  return {
    url,
    folder,
    kubeconfig,
    ca: authority.ca,
    access,
    client,
    accessAs,
    accessAsServiceAccount: async (namespace, name) => {
      const token = await createServiceAccountToken(namespace, name);
      const headers = { authorization: `Bearer ${token}` };
      return { server: url, readCredentials: async () => ({ tls: { ca: authority.ca }, headers }) };
    },
    createServiceAccountToken,
    createNamespace: async (name, labels = {}) => {
      await client.create(resources.Namespace, { metadata: { name, labels } });
      await client.create(resources.ServiceAccount, { metadata: { namespace: name, name: 'default' } });
    },
    installDefinitions,
    kill,
    restart: async () => {
      if (server?.exit() === undefined) await kill();
      await startServer();
    },
    pause: () => {
      if (server !== undefined) process.kill(server.pid, 'SIGSTOP');
    },
    resume: () => {
      if (server !== undefined) process.kill(server.pid, 'SIGCONT');
    },
    compact: () => compactEtcd(etcdPort),
    log: () => server?.output() ?? '',
    stop: async (keep) => {
      client.stop();
      await kill();
      await stopProcess(etcd, 5_000);
      keep?.(join(folder, 'etcd'));
      removeFolder(folder);
    },
  };
}

// A server that did not even start, or whose test was broken off, leaves nothing behind either.
const folders = new Set<string>();
process.once('exit', () => folders.forEach(removeFolder));

function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}

type Definition = KubernetesObject & {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string; readonly plural: string };
    readonly versions: readonly { readonly name: string; readonly served: boolean }[];
  };
};

function readDefinitions(file: string): readonly Definition[] {
  return JSON.parse(readFileSync(file, 'utf8')) as readonly Definition[];
}

/**
 * etcd's data once all definitions are installed, made once beside them: to install them takes
 * longer than all the rest.
 */
async function prepareData(programs: string, definitions: string): Promise<string> {
  const { size } = statSync(join(programs, 'kube-apiserver'));
  const prepared = join(dirname(definitions), `${basename(definitions, '.json')}-etcd-${size}`);
  if (existsSync(prepared)) return prepared;
  const server = await startApiServer({ definitions: false });
  await server.installDefinitions();
  const unfinished = `${prepared}.${process.pid}`;
  await server.stop((data) => cpSync(data, unfinished, { recursive: true }));
  try {
    renameSync(unfinished, prepared);
  } catch (error) {
    // Another test file was faster.
    if (!existsSync(prepared)) throw error;
    rmSync(unfinished, { recursive: true });
  }
  return prepared;
}

async function isServed(client: ApiClient, { spec }: Definition): Promise<boolean> {
  const { kind, plural } = spec.names;
  const version = spec.versions.find(({ served }) => served)?.name ?? '';
  return client.serves({ group: spec.group, version, kind, plural, namespaced: true });
}

async function isReady(client: ApiClient): Promise<boolean> {
  await client.request('GET', '/readyz', { timeoutMs: 2_000 });
  // Bootstrap roles and the first namespaces come a moment later.
  return (await client.get(resources.Namespace, undefined, 'default')) !== undefined;
}

async function writeKeys(folder: string, authority: ClusterAuthority, address: string): Promise<void> {
  const serving = await authority.issue({
    user: 'kube-apiserver',
    addresses: ['127.0.0.1', address, '10.96.0.1'],
    names: ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
  });
  const accounts = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const write = (name: string, content: string | Buffer): void =>
    writeFileSync(join(folder, name), content, { mode: 0o600 });
  write('ca.crt', authority.ca);
  write('apiserver.crt', serving.cert);
  write('apiserver.key', serving.key);
  write('accounts.key', accounts.privateKey.export({ type: 'sec1', format: 'pem' }));
  write('accounts.pub', accounts.publicKey.export({ type: 'spki', format: 'pem' }));
  const kubelet = await authority.issue({ user: 'kube-apiserver-kubelet-client', groups: ['system:masters'] });
  write('kubelet-client.crt', kubelet.cert);
  write('kubelet-client.key', kubelet.key);
}

function etcdArgs(folder: string, port: number, peerPort: number): readonly string[] {
  const client = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  return [
    '--name=test',
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=test=${peer}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

function apiServerArgs(
  folder: string,
  address: string,
  port: number,
  etcdPort: number,
  options: ApiServerOptions,
): readonly string[] {
  const file = (name: string): string => join(folder, name);
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    `--bind-address=${address}`,
    `--secure-port=${port}`,
    // Nobody reaches the API by the Service `kubernetes` here, and its endpoint may not be a
    // loopback address.
    '--endpoint-reconciler-type=none',
    '--advertise-address=192.0.2.1',
    `--cert-dir=${file('self-made')}`,
    `--tls-cert-file=${file('apiserver.crt')}`,
    `--tls-private-key-file=${file('apiserver.key')}`,
    `--client-ca-file=${file('ca.crt')}`,
    `--kubelet-client-certificate=${file('kubelet-client.crt')}`,
    `--kubelet-client-key=${file('kubelet-client.key')}`,
    '--kubelet-preferred-address-types=InternalIP',
    `--service-account-key-file=${file('accounts.pub')}`,
    `--service-account-signing-key-file=${file('accounts.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    '--authorization-mode=Node,RBAC',
    `--service-cluster-ip-range=${options.serviceAddresses ?? '10.96.0.0/16'}`,
    '--allow-privileged=true',
    ...(options.args ?? []),
  ];
}

/** etcd speaks JSON over HTTP as well as gRPC. */
async function compactEtcd(port: number): Promise<void> {
  const post = async (path: string, body: object): Promise<{ readonly header?: { readonly revision?: string } }> => {
    const response = await fetch(`http://127.0.0.1:${port}/v3/kv/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`etcd: ${response.status} ${await response.text()}`);
    return (await response.json()) as { readonly header?: { readonly revision?: string } };
  };
  const key = Buffer.from('/').toString('base64');
  const { header } = await post('range', { key, limit: 1 });
  await post('compaction', { revision: header?.revision ?? '0', physical: true });
}
