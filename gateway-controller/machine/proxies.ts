// The proxies of this machine: one for each waypoint and one for the node, each with its agent,
// token and directory.

import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GatewayKey } from '../../generator/index.ts';
import { formatProxyKey } from '../../generator/index.ts';
import { AgentSupervisor, endLeftAgent } from './agent-supervisor.ts';
import type { AgentState } from './agent-supervisor.ts';
import type { ProxyTokens } from './proxy-tokens.ts';
import { serverName } from './proxy-authorization.ts';
import { isMissing } from './manifest-files.ts';
import type { StatePaths } from './state.ts';
import { nodeAccount, nodeKey, systemNamespace } from './proxy-authorization.ts';

/** The ports that every proxy has on its own address. */
export const proxyPorts = { stats: 15020, health: 15021, envoyStats: 15090 } as const;
/** The longest path of a Unix socket that Linux takes, without the final zero. */
const longestSocketPath = 107;
/** The node that tokens and proxies name, since there is one machine. */
export const nodeName = 'localhost';

/** A proxy that should run. */
export interface DesiredProxy {
  /** Absent for the node proxy. */
  readonly gateway?: GatewayKey;
  /** Its own address. */
  readonly address: string;
}

/** A proxy that runs, or is about to. */
export interface ProxyView extends DesiredProxy {
  readonly key: string;
  readonly state: AgentState;
  readonly pid: number | undefined;
  /** Starts of its agent beyond the first. */
  readonly restarts: number;
  /**
   * The Unix socket of Envoy's admin interface, which can also change and end it: for this user
   * alone, and unreachable for browsers.
   */
  readonly adminSocket: string;
  /** Envoy's log and access logs. */
  readonly logFile: string;
}

/** The common settings of the proxies of a run. */
export interface ProxiesOptions {
  readonly paths: StatePaths;
  readonly tokens: ProxyTokens;
  /** Interpreter, its options and the agent's entry file. */
  readonly agentCommand: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly envoyBinary: string;
  readonly trustDomain: string;
  readonly clusterDomain: string;
  readonly xds: { readonly address: string; readonly identity: string };
  readonly caAddress: string;
  readonly onChange: (proxy: ProxyView, reason: string) => void;
}

interface Entry {
  readonly desired: DesiredProxy;
  readonly directory: string;
  readonly adminSocket: string;
  readonly supervisor: AgentSupervisor;
}

/** Keeps the running proxies equal to the desired ones. */
export class Proxies {
  readonly #options: ProxiesOptions;
  readonly #entries = new Map<string, Entry>();
  #work: Promise<void> = Promise.resolve();
  /** The folder of sockets whose paths would be too long in the state. */
  #short: string | undefined;

  constructor(options: ProxiesOptions) {
    this.#options = options;
  }

  /**
   * Starts missing proxies and ends superfluous ones, one call after the other; the first call also
   * ends those that an earlier process left.
   */
  reconcile(desired: readonly DesiredProxy[]): Promise<void> {
    this.#work = this.#work.catch(() => undefined).then(() => this.#reconcile(desired));
    return this.#work;
  }

  /** Ends all of them. */
  async stop(): Promise<void> {
    await this.reconcile([]);
    if (this.#short !== undefined) await rm(this.#short, { recursive: true, force: true });
  }

  /** All of them, waypoints first. */
  list(): readonly ProxyView[] {
    return [...this.#entries].map(([key, entry]) => viewOf(key, entry)).sort((a, b) => (a.key < b.key ? 1 : -1));
  }

  async #reconcile(desired: readonly DesiredProxy[]): Promise<void> {
    const wanted = new Map(desired.map((proxy) => [keyOf(proxy), proxy]));
    const ended = [...this.#entries].filter(([key, { desired }]) => wanted.get(key)?.address !== desired.address);
    await Promise.all(
      ended.map(async ([key, { supervisor }]) => {
        await supervisor.stop();
        this.#entries.delete(key);
        await this.#options.tokens.remove(directoryName(key));
      }),
    );
    await this.#endLeft(new Set([...wanted.keys()].map(directoryName)));
    for (const [key, proxy] of wanted) if (!this.#entries.has(key)) await this.#start(key, proxy);
  }

  /** Agents of an earlier process whose proxy is not wanted any more. */
  async #endLeft(wanted: ReadonlySet<string>): Promise<void> {
    const { proxies } = this.#options.paths;
    const names = await readdir(proxies).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    await Promise.all(names.filter((name) => !wanted.has(name)).map((name) => endLeftAgent(join(proxies, name))));
  }

  async #start(key: string, desired: DesiredProxy): Promise<void> {
    const { paths, tokens, env } = this.#options;
    const name = directoryName(key);
    const directory = join(paths.proxies, name);
    const account = accountOf(desired);
    const tokenFile = await tokens.provide(name, { ...account, podName: name, nodeName });
    const adminSocket = await this.#chooseSocket(directory, name);
    const supervisor: AgentSupervisor = new AgentSupervisor({
      directory,
      logFiles: [envoyLog(directory)],
      command: [...this.#options.agentCommand, ...this.#flags(name, desired, { directory, tokenFile, adminSocket })],
      env,
      health: { address: desired.address, port: proxyPorts.health },
      onChange: (_state, reason) => this.#options.onChange(viewOf(key, entry), reason),
    });
    const entry: Entry = { desired, directory, adminSocket, supervisor };
    this.#entries.set(key, entry);
    supervisor.start();
  }

  async #chooseSocket(directory: string, name: string): Promise<string> {
    const path = join(directory, 'admin.sock');
    if (Buffer.byteLength(path) <= longestSocketPath) return path;
    this.#short ??= await mkdtemp(join(tmpdir(), 'cairn-'));
    return join(this.#short, createHash('sha256').update(name).digest('hex').slice(0, 16));
  }

  #flags(
    name: string,
    desired: DesiredProxy,
    {
      directory,
      tokenFile,
      adminSocket,
    }: { readonly directory: string; readonly tokenFile: string; readonly adminSocket: string },
  ): readonly string[] {
    const { address, gateway } = desired;
    const { namespace, serviceAccount } = accountOf(desired);
    const { paths, trustDomain, clusterDomain, xds, caAddress, envoyBinary } = this.#options;
    const flags = {
      role: gateway === undefined ? 'ztunnel' : 'waypoint',
      ...(gateway === undefined ? {} : { gateway: gateway.name }),
      namespace,
      'service-account': serviceAccount,
      'pod-name': name,
      'instance-ip': address,
      'node-name': nodeName,
      'trust-domain': trustDomain,
      domain: clusterDomain,
      'xds-address': xds.address,
      'xds-identity': xds.identity,
      'ca-address': caAddress,
      'ca-server-name': serverName,
      'root-cert-file': paths.rootCertificate,
      'token-file': tokenFile,
      'admin-address': `unix:${adminSocket}`,
      'stats-address': `${address}:${proxyPorts.stats}`,
      'health-address': `${address}:${proxyPorts.health}`,
      'envoy-stats-address': `${address}:${proxyPorts.envoyStats}`,
      'state-dir': directory,
      'log-file': envoyLog(directory),
      // People wait for access log lines and read them.
      'flush-interval': '100',
      // Other programs need the machine too.
      'heap-limit': '1024',
      'termination-drain': '1',
      envoy: envoyBinary,
    };
    return Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  }
}

function keyOf({ gateway }: DesiredProxy): string {
  return gateway === undefined ? nodeKey : formatProxyKey(gateway);
}

/**
 * `waypoint.default.name`: neither part of a Gateway's name can hold a slash, and a namespace no
 * dot.
 */
function directoryName(key: string): string {
  return key.replaceAll('/', '.');
}

function envoyLog(directory: string): string {
  return join(directory, 'envoy.log');
}

/** A waypoint runs as the service account that is named after its Gateway. */
function accountOf({ gateway }: DesiredProxy): { readonly namespace: string; readonly serviceAccount: string } {
  return gateway === undefined
    ? { namespace: systemNamespace, serviceAccount: nodeAccount }
    : { namespace: gateway.namespace, serviceAccount: gateway.name };
}

function viewOf(key: string, { desired, directory, adminSocket, supervisor }: Entry): ProxyView {
  return {
    ...desired,
    key,
    state: supervisor.state,
    pid: supervisor.pid,
    restarts: Math.max(0, supervisor.starts - 1),
    adminSocket,
    logFile: envoyLog(directory),
  };
}
