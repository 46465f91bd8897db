// An agent's options, from flags or, in a pod, from the environment: the values of their texts.

import type { AdminAddress, ProxyRole, SocketAddress } from '../bootstrap/index.ts';
import { formatHostPort, isIpAddress, splitHostPort } from '../mesh/address.ts';
import { parseIdentity } from '../mesh/identity.ts';
import { AgentError, type Log } from './error.ts';
import { defaultOf, type Flag, readFlags, variableOf } from './flags.ts';

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
  /**
   * The pod's labels as the downward API writes them; read once, at the start. `labels` have
   * precedence.
   */
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
    /** Verifies that certificate; read again for every request. */
    readonly rootCertFile: string;
    /** Read again for every request. */
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
  /**
   * Shortest time, even when nothing is open: new clients may not have heard yet that this proxy
   * leaves.
   */
  readonly minimumDrainSeconds: number;
  readonly proxyLog: ProxyLogOptions;
  readonly flushIntervalMs: number;
  /** File of Envoy's log and access logs; the agent's outputs when absent. */
  readonly logFile?: string;
}

/** How much Envoy says. */
export interface ProxyLogOptions {
  readonly level: string;
  /** `component:level` pairs, separated by commas. */
  readonly componentLevels: string;
}

/** The options of the agent, and those of its entry file. */
export interface ParsedOptions {
  readonly agent: Omit<AgentOptions, 'envoyBinary'>;
  /** As given; to be looked for when absent. */
  readonly envoyBinary?: string;
  /** Stop when the standard input ends, as it does when the parent process dies. */
  readonly stopWithStdin: boolean;
  /** The lowest level of the agent's own messages that are written. */
  readonly logLevel: LogLevel;
  /**
   * Variables of the environment with a value that means nothing; the default is used in their
   * place.
   */
  readonly warnings: readonly string[];
}

/** The level of a message of the agent. */
export type LogLevel = Parameters<Log>[0];

/**
 * Reads flags (after the command's name) and environment; throws AgentError `OptionInvalid`. A
 * variable that means nothing gives way to the default if there is one, because a typing error in a
 * pod template must not leave its author without a waypoint. If help is asked for, it is written,
 * and CommanderError is thrown.
 */
export function parseAgentOptions(argv: readonly string[], writeHelp: (text: string) => void): ParsedOptions {
  const flags = readFlags(argv, writeHelp);
  const warnings: string[] = [];
  const parsed = <T>(
    flag: Flag,
    parse: (flag: Flag, text: string) => T,
    otherwise: string = defaultOf(flag) ?? '',
  ): T => {
    const text = flags.text(flag);
    if (text === undefined) return parse(flag, otherwise);
    try {
      return parse(flag, text);
    } catch (error) {
      if (!flags.isVariable(flag) || !(error instanceof AgentError)) throw error;
      warnings.push(`${variableOf(flag)}: ${error.message}; ${otherwise} is used`);
      return parse(flag, otherwise);
    }
  };
  const required = (flag: Flag): string => {
    const value = flags.text(flag);
    if (value !== undefined) return value;
    throw invalid(`--${flag} is missing (or ${variableOf(flag)} in the environment)`);
  };
  const namespace = required('namespace');
  const trustDomain = required('trust-domain');
  const instanceIp = parseIp('instance-ip', required('instance-ip'));
  // Others reach the proxy by its own family of addresses.
  const anywhere = instanceIp.includes(':') ? '[::]' : '0.0.0.0';
  const ca = parseHostPort('ca-address', required('ca-address'));
  const gatewayName = flags.text('gateway');
  const labelsFile = flags.text('labels-file');
  const nodeName = flags.text('node-name');
  const clusterId = flags.text('cluster-id');
  const network = flags.text('network');
  const logFile = flags.text('log-file');
  // As many as there are cores, which Envoy sees itself.
  const concurrency = parsed('concurrency', (flag, text) => (text === '' ? undefined : parseNumber(flag, text)), '');
  const heapLimitMiB = parsed('heap-limit', (flag, text) => (text === '' ? undefined : parseHeapLimit(flag, text)), '');
  const envoyBinary = flags.text('envoy');
  return {
    agent: {
      role: parseRole(required('role')),
      namespace,
      serviceAccount: required('service-account'),
      podName: required('pod-name'),
      instanceIp,
      labels: Object.fromEntries(flags.labels.map(parseLabel)),
      trustDomain,
      domain: required('domain'),
      xds: {
        ...parseHostPort('xds-address', required('xds-address')),
        identity: parseSpiffe('xds-identity', required('xds-identity')),
      },
      ca: {
        address: formatHostPort(ca.host, ca.port),
        serverName: flags.text('ca-server-name') ?? ca.host,
        rootCertFile: required('root-cert-file'),
        tokenFile: required('token-file'),
        ttlSeconds: parsed('certificate-ttl', parseNumber),
      },
      admin: parsed('admin-address', parseAdmin),
      stats: parsed('stats-address', parseSocket, `${anywhere}:15020`),
      health: parsed('health-address', parseSocket, `${anywhere}:15021`),
      envoyStats: parsed('envoy-stats-address', parseSocket, `${anywhere}:15090`),
      stateDirectory: required('state-dir'),
      drainTimeSeconds: parsed('drain-time', parseNumber),
      terminationDrainSeconds: parsed('termination-drain', parseNumber),
      minimumDrainSeconds: parsed('minimum-drain', parseNumber),
      proxyLog: {
        level: parsed('proxy-log-level', oneOf(proxyLogLevels)),
        componentLevels: parsed('proxy-component-log-level', parseComponentLevels),
      },
      flushIntervalMs: parsed('flush-interval', parseNumber),
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
    stopWithStdin: flags.stopWithStdin,
    logLevel: parsed('log-level', oneOf(logLevels)),
    warnings,
  };
}

const logLevels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const proxyLogLevels = ['trace', 'debug', 'info', 'warning', 'warn', 'error', 'critical', 'off'] as const;

/** Whether a message is at least as important as the level. */
export function isLogged(level: LogLevel, least: LogLevel): boolean {
  return logLevels.indexOf(level) >= logLevels.indexOf(least);
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
  if (isIpAddress(text)) return text;
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

/** Envoy takes some 60 MiB before any client connects. */
const leastHeap = 128;

function parseHeapLimit(flag: Flag, text: string): number {
  const value = parseNumber(flag, text);
  if (value >= leastHeap) return value;
  throw invalid(`--${flag} must be ${leastHeap} MiB at least, not ${text}`);
}

function parseHostPort(flag: Flag, text: string): { readonly host: string; readonly port: number } {
  const parts = splitHostPort(text);
  if (parts === undefined) throw invalid(`--${flag} must be host:port, not ${text}`);
  return parts;
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
