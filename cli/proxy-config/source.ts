// The source of a proxy's configuration: a pod of the cluster, an admin address on this machine, or
// a saved dump.

import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { text as readText } from 'node:stream/consumers';
import { resources } from '../../kubernetes/index.ts';
import type { ApiClient, ApiResource, KubernetesObject } from '../../kubernetes/index.ts';
import type { ClusterOptions } from '../cluster-options.ts';
import { withCluster } from '../cluster.ts';
import { CommandError } from '../io.ts';
import type { Io } from '../io.ts';
import { fail } from '../istioctl.ts';
import type { ProxyDump } from './dump.ts';
import { at, fields, text } from './json.ts';

/** The options that name the proxy of a command. */
export interface ProxyOptions extends ClusterOptions {
  /** A saved dump; `-` is the standard input. */
  readonly file?: string;
  /** `host:port` or `unix:/path` of an Envoy that needs no cluster. */
  readonly adminAddress?: string;
  /** The admin port inside the pod. */
  readonly proxyAdminPort: string;
}

const answerTimeoutMs = 30_000;

/**
 * Reads the contents of the proxy. Throws CommandError (exit code 1) when there is no such proxy,
 * or it does not answer.
 */
export async function readProxy(target: string | undefined, options: ProxyOptions, io: Io): Promise<ProxyDump> {
  const { file, adminAddress } = options;
  const sources = [file, adminAddress, target].filter((source) => source !== undefined);
  if (sources.length !== 1) {
    fail('name one proxy: a pod such as `waypoint-5d9c.shop`, or --file, or --admin-address');
  }
  if (file !== undefined) return await readDump(file, io);
  if (adminAddress !== undefined) return await readAdmin(adminAddress);
  return await withCluster(options, io, async ({ client, namespace }) => {
    const pod = await findPod(client, target ?? '', namespace);
    const port = Number(options.proxyAdminPort);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      fail(`--proxy-admin-port must be a port, not ${options.proxyAdminPort}`);
    }
    const forward = await client.forwardPort({ ...pod, port });
    try {
      return await readAdmin(`127.0.0.1:${forward.port}`);
    } finally {
      await forward.close();
    }
  });
}

/** A device never ends. */
async function readDumpFile(file: string): Promise<string> {
  const found = await stat(file);
  if (!found.isFile() && !found.isFIFO()) throw new Error(`${file} is not a file`);
  return await readFile(file, 'utf8');
}

/**
 * A dump is the output of `/config_dump?include_eds`; that of `/clusters?format=json` has the
 * endpoints alone.
 */
async function readDump(file: string, io: Io): Promise<ProxyDump> {
  const name = file === '-' ? 'the standard input' : file;
  const content = await (file === '-' ? io.readInput() : readDumpFile(file)).catch((cause: unknown) =>
    fail(`cannot read ${name}`, cause),
  );
  const parsed = parseJson(content, name);
  if (at(parsed, 'configs') !== undefined) return { config: parsed };
  if (at(parsed, 'cluster_statuses') !== undefined) return { config: {}, clusters: parsed };
  return fail(
    `${name} is no dump of an Envoy: save one with \`curl http://ADMIN/config_dump?include_eds\` ` +
      'or `cairn proxy-config all POD -o json`',
  );
}

async function readAdmin(address: string): Promise<ProxyDump> {
  const [config, clusters] = await Promise.all([
    askAdmin(address, '/config_dump?include_eds'),
    askAdmin(address, '/clusters?format=json'),
  ]);
  return { config, clusters };
}

async function askAdmin(address: string, path: string): Promise<unknown> {
  const socketPath = address.startsWith('unix:') ? address.slice('unix:'.length) : undefined;
  const url = socketPath === undefined ? `http://${address}${path}` : `http://localhost${path}`;
  try {
    const call = request(url, {
      ...(socketPath === undefined ? {} : { socketPath }),
      signal: AbortSignal.timeout(answerTimeoutMs),
    });
    call.end();
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    const body = await readText(response);
    if (response.statusCode !== 200) fail(`the Envoy at ${address} answered ${response.statusCode} to ${path}`);
    return parseJson(body, address);
  } catch (cause) {
    if (cause instanceof CommandError) throw cause;
    return fail(`no Envoy answers at ${address}: is that its admin address?`, cause);
  }
}

function parseJson(content: string, name: string): unknown {
  try {
    return JSON.parse(content) as unknown;
  } catch (cause) {
    return fail(`${name} is not JSON`, cause);
  }
}

/**
 * `[type/]name[.namespace]`; of several pods of a Deployment, Service or Gateway the command takes
 * a running one.
 */
async function findPod(
  client: ApiClient,
  target: string,
  defaultNamespace: string,
): Promise<{ readonly namespace: string; readonly pod: string }> {
  const slash = target.indexOf('/');
  const type = slash < 0 ? 'pod' : target.slice(0, slash);
  const [name = '', namespace = defaultNamespace] = target.slice(slash + 1).split(/\.(?=[^.]*$)/);
  if (['pod', 'pods', 'po'].includes(type)) {
    if ((await client.get(resources.Pod, namespace, name)) === undefined) fail(`pod ${namespace}/${name} not found`);
    return { namespace, pod: name };
  }
  const labelSelector = await readSelector(client, type, namespace, name);
  const pods = await client.list(resources.Pod, { namespace, labelSelector });
  const running = pods.find((pod) => text(at(pod, 'status', 'phase')) === 'Running');
  if (running === undefined) fail(`${type} ${namespace}/${name} has no running pod`);
  return { namespace, pod: running.metadata.name };
}

async function readSelector(client: ApiClient, type: string, namespace: string, name: string): Promise<string> {
  const read = async (resource: ApiResource): Promise<KubernetesObject> =>
    (await client.get(resource, namespace, name)) ?? fail(`${type} ${namespace}/${name} not found`);
  const format = (labels: unknown): string =>
    fields(labels)
      .map(([label, value]) => `${label}=${text(value)}`)
      .join(',');
  if (['deployment', 'deployments', 'deploy'].includes(type)) {
    return format(at(await read(resources.Deployment), 'spec', 'selector', 'matchLabels'));
  }
  if (['service', 'services', 'svc'].includes(type)) {
    return format(at(await read(resources.Service), 'spec', 'selector'));
  }
  if (['gateway', 'gateways', 'gtw', 'waypoint'].includes(type)) {
    await read(resources.Gateway);
    return `gateway.networking.k8s.io/gateway-name=${name}`;
  }
  return fail(`unknown type "${type}": use pod, deployment, service or gateway`);
}
