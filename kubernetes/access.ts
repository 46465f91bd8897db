// Finds the address and the credentials of a cluster: from kubeconfig files by kubectl's rules, or
// from the service account of the pod that this process runs in.

import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { ClusterAccessError } from './errors.ts';
import { formatHostPort } from '../mesh/index.ts';

/** The connection settings of one call. */
export interface Credentials {
  readonly tls: Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized'>;
  readonly headers: Readonly<Record<string, string>>;
  /** Makes the connections if they go through a proxy. */
  readonly agent?: Agent;
}

/**
 * A cluster's address, and a source of credentials, which is asked repeatedly because tokens
 * rotate.
 */
export interface ClusterAccess {
  /** `https://host:port`, perhaps with a path. */
  readonly server: string;
  readCredentials(): Promise<Credentials>;
}

/** The places where `loadClusterAccess` looks. */
export interface ClusterAccessOptions {
  /** A file to use in place of the usual ones. */
  readonly kubeconfig?: string | undefined;
  /** In place of the current context. */
  readonly context?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder of a pod's service account; only tests set another. */
  readonly serviceAccountFolder?: string;
}

/** The result of `loadClusterAccess`. */
export interface LoadedAccess {
  readonly access: ClusterAccess;
  /** The context's namespace, the pod's own, or `default`. */
  readonly namespace: string;
  /** The context's name; `in-cluster` in a pod. */
  readonly context: string;
}

/**
 * Finds the cluster as kubectl does: the file given, `$KUBECONFIG` (a list; the first file that
 * defines a name has precedence), `~/.kube/config`, the pod's service account. Throws
 * ClusterAccessError.
 */
export async function loadClusterAccess(options: ClusterAccessOptions): Promise<LoadedAccess> {
  const { env, context } = options;
  const files = kubeconfigFiles(options);
  const config = await loadKubeconfig(files, options.kubeconfig !== undefined);
  if (config === undefined) {
    const host = env['KUBERNETES_SERVICE_HOST'];
    if (context === undefined && host !== undefined) return loadPodAccess(host, options);
    const looked = files.join(', ');
    throw new ClusterAccessError(
      `no cluster is known: ${looked} does not exist; name a kubeconfig with --kubeconfig or KUBECONFIG`,
    );
  }
  if (context !== undefined) config.setCurrentContext(context);
  const name = config.getCurrentContext();
  const contexts = config.getContexts().map((each) => each.name);
  const current = config.getContextObject(name);
  if (current === null) {
    const choice = contexts.length === 0 ? 'there is none' : `there are ${contexts.join(', ')}`;
    throw new ClusterAccessError(
      name === undefined || name === ''
        ? `${files.join(', ')} names no current context: give one with --context; ${choice}`
        : `the context ${name} does not exist in ${files.join(', ')}; ${choice}`,
    );
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new ClusterAccessError(
      `the context ${name} is of the cluster ${current.cluster}, which ${files.join(', ')} does not define`,
    );
  }
  const { namespace = '' } = current;
  return {
    access: { server: cluster.server, readCredentials: () => readKubeconfigCredentials(config) },
    namespace: namespace === '' ? 'default' : namespace,
    context: name,
  };
}

function kubeconfigFiles(options: ClusterAccessOptions): readonly string[] {
  if (options.kubeconfig !== undefined) return [options.kubeconfig];
  const listed = (options.env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  return listed.length > 0 ? listed : [join(options.env['HOME'] ?? homedir(), '.kube/config')];
}

/** Undefined when no file exists. A file that was named must exist. */
async function loadKubeconfig(files: readonly string[], mustExist: boolean): Promise<KubeConfig | undefined> {
  const existing: string[] = [];
  for (const file of files) {
    try {
      // The library reads it, once: a pipe gives its contents only once, and a device never ends.
      await access(file, constants.R_OK);
      const found = await stat(file);
      if (!found.isFile() && !found.isFIFO()) throw new Error(`${file} is not a file`);
      existing.push(file);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' || mustExist)
        throw new ClusterAccessError(`the kubeconfig cannot be read: ${message}`, error);
    }
  }
  if (existing.length === 0) return undefined;
  // The library costs half a second and 80 MB: only callers from outside a cluster load it.
  const library = await import('@kubernetes/client-node');
  const merged = new library.KubeConfig();
  merged.loadFromOptions({ clusters: [], users: [], contexts: [], currentContext: '' });
  for (const file of existing) {
    const one = new library.KubeConfig();
    try {
      one.loadFromFile(file);
    } catch (error) {
      throw new ClusterAccessError(`the kubeconfig ${file} is not well formed: ${(error as Error).message}`, error);
    }
    for (const cluster of one.getClusters() ?? []) {
      // The library refuses plain HTTP, which `kubectl proxy` serves, unless it is told that TLS is
      // not wanted.
      const plain = cluster.server.startsWith('http:');
      if (merged.getCluster(cluster.name) === null)
        merged.addCluster(plain ? { ...cluster, skipTLSVerify: true } : cluster);
    }
    for (const user of one.getUsers() ?? []) if (merged.getUser(user.name) === null) merged.addUser(user);
    for (const context of one.getContexts() ?? []) {
      if (merged.getContextObject(context.name) === null) merged.addContext(context);
    }
    if ((merged.getCurrentContext() ?? '') === '') merged.setCurrentContext(one.getCurrentContext() ?? '');
  }
  return merged;
}

async function readKubeconfigCredentials(config: KubeConfig): Promise<Credentials> {
  const options: RequestOptions & { auth?: string | null } = { headers: {} };
  tellPlugin(config);
  try {
    await config.applyToHTTPSOptions(options);
  } catch (error) {
    const plugin: unknown = config.getCurrentUser()?.exec?.command;
    const what =
      typeof plugin === 'string' ? `the credential plugin ${plugin} failed` : 'the credentials cannot be read';
    throw new ClusterAccessError(`${what}: ${(error as Error).message.trim()}`, error);
  }
  const { ca, cert, key, servername, rejectUnauthorized, auth } = options;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value);
  if (typeof auth === 'string') headers['authorization'] = `Basic ${Buffer.from(auth).toString('base64')}`;
  const proxied = config.getCurrentCluster()?.proxyUrl !== undefined && typeof options.agent === 'object';
  return {
    tls: definedOnly({ ca, cert, key, servername, rejectUnauthorized }),
    headers,
    ...(proxied && options.agent !== undefined && typeof options.agent === 'object' ? { agent: options.agent } : {}),
  };
}

/**
 * A credential plugin may expect the version of its interface in its environment, which the library
 * does not set.
 */
function tellPlugin(config: KubeConfig): void {
  const exec = config.getCurrentUser()?.exec as ExecPlugin | undefined | null;
  if (exec === undefined || exec === null) return;
  exec.env ??= [];
  if (exec.env.some(({ name }) => name === execInfo)) return;
  const value = JSON.stringify({ apiVersion: exec.apiVersion, kind: 'ExecCredential', spec: { interactive: false } });
  exec.env.push({ name: execInfo, value });
}

const execInfo = 'KUBERNETES_EXEC_INFO';

interface ExecPlugin {
  readonly apiVersion?: string;
  env?: { readonly name: string; readonly value: string }[] | null;
}

function definedOnly(tls: Record<string, unknown>): Credentials['tls'] {
  return Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)) as Credentials['tls'];
}

async function loadPodAccess(host: string, options: ClusterAccessOptions): Promise<LoadedAccess> {
  const folder = options.serviceAccountFolder ?? '/var/run/secrets/kubernetes.io/serviceaccount';
  const read = async (name: string): Promise<string> => {
    try {
      return await readFile(join(folder, name), 'utf8');
    } catch (error) {
      const advice = 'is automountServiceAccountToken false?';
      throw new ClusterAccessError(
        `the pod has no service account token: ${(error as Error).message}; ${advice}`,
        error,
      );
    }
  };
  const namespace = (await read('namespace')).trim();
  const port = options.env['KUBERNETES_SERVICE_PORT'] ?? '443';
  return {
    access: {
      server: `https://${formatHostPort(host, port)}`,
      readCredentials: async () => ({
        tls: { ca: await read('ca.crt') },
        headers: { authorization: `Bearer ${(await read('token')).trim()}` },
      }),
    },
    namespace,
    context: 'in-cluster',
  };
}
