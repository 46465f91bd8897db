// An agent's options, from flags or, in a pod, from the environment. One table names both, so that neither can fall behind.

import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import type { AdminAddress, ProxyRole, SocketAddress } from '../bootstrap/index.ts';
import { parseIdentity } from '../certificates/index.ts';
import { AgentError, type Log } from './error.ts';

/** Everything that an agent needs to know. */
export interface AgentOptions {
  readonly role: ProxyRole;
  readonly gatewayName?: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly podName: string;
  readonly instanceIp: string;
  readonly nodeName?: string;
  readonly clusterId?: string;
  readonly network?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The pod's labels as the downward API writes them; read once, at the start. `labels` go before them. */
  readonly labelsFile?: string;
  readonly trustDomain: string;
  /** DNS suffix of the cluster. */
  readonly domain: string;
  readonly xds: { readonly host: string; readonly port: number; readonly identity: string };
  readonly ca: {
    /** `host:port`. */
    readonly address: string;
    /** The DNS name in the certificate of the certificate service. */
    readonly serverName: string;
    /** What that certificate is verified with; read afresh for every request. */
    readonly rootCertFile: string;
    /** Read afresh for every request. */
    readonly tokenFile: string;
    readonly ttlSeconds: number;
  };
  readonly admin: AdminAddress;
  readonly stats: SocketAddress;
  readonly health: SocketAddress;
  readonly envoyStats: SocketAddress;
  /** Owned by this agent alone; made when absent. */
  readonly stateDirectory: string;
  readonly envoyBinary: string;
  readonly concurrency?: number;
  /** Envoy's heap at most, in MiB; what the container or machine has when absent. */
  readonly heapLimitMiB?: number;
  readonly drainTimeSeconds: number;
  /** Longest time that open connections get when the agent is told to stop. */
  readonly terminationDrainSeconds: number;
  /** Shortest time, even when nothing is open: whoever connects meanwhile has not heard yet that this proxy leaves. */
  readonly minimumDrainSeconds: number;
  readonly proxyLog: ProxyLogOptions;
  readonly flushIntervalMs: number;
  /** Where Envoy's log and access logs go; the agent's outputs when absent. */
  readonly logFile?: string;
}

/** How much Envoy says. */
export interface ProxyLogOptions {
  readonly level: string;
  /** `component:level` pairs, separated by commas. */
  readonly componentLevels: string;
}

/** What the entry file needs beside the agent's own options. */
export interface ParsedOptions {
  readonly agent: Omit<AgentOptions, 'envoyBinary'>;
  /** As given; to be looked for when absent. */
  readonly envoyBinary?: string;
  /** Stop when the standard input ends, as it does when the parent process dies. */
  readonly stopWithStdin: boolean;
  /** The least important of the agent's own messages that are written. */
  readonly logLevel: LogLevel;
  /** What the environment said that means nothing; the default is used in its place. */
  readonly warnings: readonly string[];
}

/** How important a message of the agent is. */
export type LogLevel = Parameters<Log>[0];

/** Flag → variables that stand in for it. */
const variables = {
  role: ['CAIRN_ROLE'],
  gateway: ['CAIRN_GATEWAY'],
  namespace: ['POD_NAMESPACE'],
  'service-account': ['SERVICE_ACCOUNT'],
  'pod-name': ['POD_NAME'],
  'instance-ip': ['INSTANCE_IP'],
  'node-name': ['NODE_NAME'],
  'labels-file': ['CAIRN_LABELS_FILE'],
  'cluster-id': ['CAIRN_CLUSTER_ID'],
  network: ['CAIRN_NETWORK'],
  'trust-domain': ['CAIRN_TRUST_DOMAIN'],
  domain: ['CAIRN_DOMAIN'],
  'xds-address': ['CAIRN_XDS_ADDRESS'],
  'xds-identity': ['CAIRN_XDS_IDENTITY'],
  'ca-address': ['CAIRN_CA_ADDRESS', 'CA_ADDR'],
  'ca-server-name': ['CAIRN_CA_SERVER_NAME'],
  'root-cert-file': ['CAIRN_ROOT_CERT_FILE'],
  'token-file': ['CAIRN_TOKEN_FILE'],
  'certificate-ttl': ['CAIRN_CERTIFICATE_TTL'],
  'admin-address': ['CAIRN_ADMIN_ADDRESS'],
  'stats-address': ['CAIRN_STATS_ADDRESS'],
  'health-address': ['CAIRN_HEALTH_ADDRESS'],
  'envoy-stats-address': ['CAIRN_ENVOY_STATS_ADDRESS'],
  'state-dir': ['CAIRN_STATE_DIR'],
  envoy: ['ENVOY_BIN'],
  concurrency: ['CAIRN_CONCURRENCY'],
  'heap-limit': ['CAIRN_HEAP_LIMIT'],
  'drain-time': ['CAIRN_DRAIN_TIME'],
  'termination-drain': ['CAIRN_TERMINATION_DRAIN'],
  'minimum-drain': ['CAIRN_MINIMUM_DRAIN'],
  'flush-interval': ['CAIRN_FLUSH_INTERVAL'],
  'log-file': ['CAIRN_LOG_FILE'],
  'log-level': ['CAIRN_LOG_LEVEL'],
  'proxy-log-level': ['CAIRN_PROXY_LOG_LEVEL'],
  'proxy-component-log-level': ['CAIRN_PROXY_COMPONENT_LOG_LEVEL'],
} as const;

type Flag = keyof typeof variables;

/**
 * Reads flags (after the command's name) and environment; throws AgentError `OptionInvalid`. A variable that means nothing gives way to the
 * default where there is one: whoever mistypes one in a pod template must not be left without a waypoint.
 */
export function parseAgentOptions(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ParsedOptions {
  const flags = parseFlags(argv);
  const optional = (flag: Flag): string | undefined => {
    const given = flags.values[flag];
    const values = [typeof given === 'string' ? given : undefined, ...variables[flag].map((name) => env[name])];
    return values.find((value) => value !== undefined && value !== '');
  };
  const warnings: string[] = [];
  const parsed = <T>(flag: Flag, parse: (flag: Flag, text: string) => T, otherwise: string): T => {
    const text = optional(flag);
    if (text === undefined) return parse(flag, otherwise);
    try {
      return parse(flag, text);
    } catch (error) {
      if (flags.values[flag] !== undefined || !(error instanceof AgentError)) throw error;
      warnings.push(`${variables[flag].join(', ')}: ${error.message}; ${otherwise} is used`);
      return parse(flag, otherwise);
    }
  };
  const required = (flag: Flag): string => {
    const value = optional(flag);
    if (value !== undefined) return value;
    throw invalid(`--${flag} is missing (or ${variables[flag].join(', ')} in the environment)`);
  };
  const namespace = required('namespace');
  const trustDomain = optional('trust-domain') ?? 'cluster.local';
  const instanceIp = parseIp('instance-ip', required('instance-ip'));
  // Others reach the proxy by its own family of addresses.
  const anywhere = isIP(instanceIp) === 6 ? '[::]' : '0.0.0.0';
  const gatewayName = optional('gateway');
  const labelsFile = optional('labels-file');
  const nodeName = optional('node-name');
  const clusterId = optional('cluster-id');
  const network = optional('network');
  const logFile = optional('log-file');
  // As many as there are cores, which Envoy sees itself.
  const concurrency = parsed('concurrency', (flag, text) => (text === '' ? undefined : parseNumber(flag, text)), '');
  const heapLimitMiB = parsed('heap-limit', (flag, text) => (text === '' ? undefined : parseHeapLimit(flag, text)), '');
  const envoyBinary = optional('envoy');
  return {
    agent: {
      role: parseRole(optional('role') ?? 'waypoint'),
      namespace,
      serviceAccount: required('service-account'),
      podName: required('pod-name'),
      instanceIp,
      labels: flags.labels,
      trustDomain,
      domain: optional('domain') ?? 'cluster.local',
      xds: {
        ...parseHostPort('xds-address', required('xds-address')),
        identity: parseSpiffe('xds-identity', required('xds-identity')),
      },
      ca: {
        address: formatHostPort(parseHostPort('ca-address', required('ca-address'))),
        serverName: optional('ca-server-name') ?? parseHostPort('ca-address', required('ca-address')).host,
        rootCertFile: required('root-cert-file'),
        tokenFile: required('token-file'),
        ttlSeconds: parsed('certificate-ttl', parseNumber, '86400'),
      },
      admin: parsed('admin-address', parseAdmin, '127.0.0.1:15000'),
      stats: parsed('stats-address', parseSocket, `${anywhere}:15020`),
      health: parsed('health-address', parseSocket, `${anywhere}:15021`),
      envoyStats: parsed('envoy-stats-address', parseSocket, `${anywhere}:15090`),
      stateDirectory: required('state-dir'),
      drainTimeSeconds: parsed('drain-time', parseNumber, '45'),
      terminationDrainSeconds: parsed('termination-drain', parseNumber, '5'),
      minimumDrainSeconds: parsed('minimum-drain', parseNumber, '0'),
      proxyLog: {
        level: parsed('proxy-log-level', oneOf(proxyLogLevels), 'warning'),
        componentLevels: parsed('proxy-component-log-level', parseComponentLevels, 'misc:error'),
      },
      flushIntervalMs: parsed('flush-interval', parseNumber, '1000'),
      ...(gatewayName === undefined ? {} : { gatewayName }),
      ...(labelsFile === undefined ? {} : { labelsFile }),
      ...(nodeName === undefined ? {} : { nodeName }),
      ...(clusterId === undefined ? {} : { clusterId }),
      ...(network === undefined ? {} : { network }),
      ...(logFile === undefined ? {} : { logFile }),
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(heapLimitMiB === undefined ? {} : { heapLimitMiB }),
    },
    ...(envoyBinary === undefined ? {} : { envoyBinary }),
    stopWithStdin: flags.values['stop-with-stdin'] === true,
    logLevel: parsed('log-level', oneOf(logLevels), env['CAIRN_DEBUG'] === undefined ? 'info' : 'debug'),
    warnings,
  };
}

const logLevels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const proxyLogLevels = ['trace', 'debug', 'info', 'warning', 'warn', 'error', 'critical', 'off'] as const;

/** Whether a message is as important as the level asks for. */
export function isLogged(level: LogLevel, least: LogLevel): boolean {
  return logLevels.indexOf(level) >= logLevels.indexOf(least);
}

interface Flags {
  readonly values: Readonly<Record<string, string | boolean | undefined | (string | boolean)[]>>;
  readonly labels: Readonly<Record<string, string>>;
}

function parseFlags(argv: readonly string[]): Flags {
  const strings = Object.keys(variables).map((flag) => [flag, { type: 'string' as const }] as const);
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        ...Object.fromEntries(strings),
        label: { type: 'string', multiple: true },
        'stop-with-stdin': { type: 'boolean' },
      },
    });
    const { label, ...rest } = values;
    return { values: rest, labels: Object.fromEntries((label ?? []).map(parseLabel)) };
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    throw invalid(cause instanceof Error ? cause.message : String(cause));
  }
}

function parseLabel(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at <= 0) throw invalid(`--label must be key=value, not ${text}`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function oneOf<T extends string>(values: readonly T[]): (flag: Flag, text: string) => T {
  return (flag, text) => {
    const value = values.find((known) => known === text);
    if (value !== undefined) return value;
    throw invalid(`--${flag} must be one of ${values.join(', ')}, not ${text}`);
  };
}

/** Envoy ends at once when it is given a level that it does not know. */
function parseComponentLevels(flag: Flag, text: string): string {
  const isPair = (pair: string): boolean => {
    const [component, level, ...more] = pair.split(':');
    return /^[a-z0-9_]+$/.test(component ?? '') && more.length === 0 && proxyLogLevels.some((known) => known === level);
  };
  if (text.split(',').every(isPair)) return text;
  throw invalid(`--${flag} must be component:level[,component:level], not ${text}`);
}

function parseRole(text: string): ProxyRole {
  if (text === 'waypoint' || text === 'ztunnel') return text;
  throw invalid(`--role must be waypoint or ztunnel, not ${text}`);
}

function parseIp(flag: Flag, text: string): string {
  if (isIP(text) !== 0) return text;
  throw invalid(`--${flag} must be an IP address, not ${text}`);
}

function parseSpiffe(flag: Flag, text: string): string {
  if (parseIdentity(text) !== undefined) return text;
  throw invalid(`--${flag} must be spiffe://<trust domain>/ns/<namespace>/sa/<service account>, not ${text}`);
}

function parseNumber(flag: Flag, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw invalid(`--${flag} must be a whole number, not ${text}`);
}

/** Envoy takes some 60 MiB before anybody connects. */
const leastHeap = 128;

function parseHeapLimit(flag: Flag, text: string): number {
  const value = parseNumber(flag, text);
  if (value >= leastHeap) return value;
  throw invalid(`--${flag} must be ${leastHeap} MiB at least, not ${text}`);
}

function parseHostPort(flag: Flag, text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65_535) throw invalid(`--${flag} must be host:port, not ${text}`);
  return { host: match[1] ?? match[2] ?? '', port };
}

function formatHostPort({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function parseAdmin(flag: Flag, text: string): AdminAddress {
  return text.startsWith('unix:/') ? { path: text.slice('unix:'.length) } : parseSocket(flag, text);
}

function parseSocket(flag: Flag, text: string): SocketAddress {
  const { host, port } = parseHostPort(flag, text);
  return { address: parseIp(flag, host), port };
}

function invalid(message: string): AgentError {
  return new AgentError('OptionInvalid', message);
}
