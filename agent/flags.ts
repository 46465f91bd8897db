// The command line of an agent: its flags, the variables that stand in for them in a pod, and their
// defaults.

import { Command, CommanderError, Option } from 'commander';
import { AgentError } from './error.ts';

/** A flag with a value, without its dashes. */
export type Flag =
  | 'role'
  | 'gateway'
  | 'namespace'
  | 'service-account'
  | 'pod-name'
  | 'instance-ip'
  | 'node-name'
  | 'labels-file'
  | 'cluster-id'
  | 'network'
  | 'trust-domain'
  | 'domain'
  | 'xds-address'
  | 'xds-identity'
  | 'ca-address'
  | 'ca-server-name'
  | 'root-cert-file'
  | 'token-file'
  | 'certificate-ttl'
  | 'admin-address'
  | 'stats-address'
  | 'health-address'
  | 'envoy-stats-address'
  | 'state-dir'
  | 'envoy'
  | 'concurrency'
  | 'heap-limit'
  | 'drain-time'
  | 'termination-drain'
  | 'minimum-drain'
  | 'flush-interval'
  | 'log-file'
  | 'log-level'
  | 'proxy-log-level'
  | 'proxy-component-log-level';

type Declaration = readonly [value: string, what: string, variable: string, otherwise?: string];

const declarations: Readonly<Record<Flag, Declaration>> = {
  role: ['waypoint|ztunnel', 'what the proxy is', 'CAIRN_ROLE', 'waypoint'],
  gateway: ['name', 'the Gateway that the proxy serves', 'CAIRN_GATEWAY'],
  namespace: ['name', 'namespace of the pod', 'POD_NAMESPACE'],
  'service-account': ['name', 'account of the pod', 'SERVICE_ACCOUNT'],
  'pod-name': ['name', 'name of the pod', 'POD_NAME'],
  'instance-ip': ['ip', 'address of the pod', 'INSTANCE_IP'],
  'node-name': ['name', 'node of the pod', 'NODE_NAME'],
  'labels-file': ['file', 'labels of the pod, as the downward API writes them', 'CAIRN_LABELS_FILE'],
  'cluster-id': ['name', 'name of the cluster', 'CAIRN_CLUSTER_ID'],
  network: ['name', 'network of the cluster', 'CAIRN_NETWORK'],
  'trust-domain': ['name', 'trust domain of all identities', 'CAIRN_TRUST_DOMAIN', 'cluster.local'],
  domain: ['name', 'DNS suffix of the cluster', 'CAIRN_DOMAIN', 'cluster.local'],
  'xds-address': ['host:port', 'the control plane', 'CAIRN_XDS_ADDRESS'],
  'xds-identity': ['uri', 'SPIFFE identity of the control plane', 'CAIRN_XDS_IDENTITY'],
  'ca-address': ['host:port', 'the certificate service', 'CAIRN_CA_ADDRESS'],
  'ca-server-name': ['name', 'the name in its certificate; the host of its address', 'CAIRN_CA_SERVER_NAME'],
  'root-cert-file': ['file', 'root of its certificate', 'CAIRN_ROOT_CERT_FILE'],
  'token-file': ['file', 'token of the pod for the certificate service', 'CAIRN_TOKEN_FILE'],
  'certificate-ttl': ['seconds', 'lifetime that certificates are requested with', 'CAIRN_CERTIFICATE_TTL', '86400'],
  'admin-address': ['ip:port|unix:path', 'admin interface of Envoy', 'CAIRN_ADMIN_ADDRESS', '127.0.0.1:15000'],
  'stats-address': ['ip:port', 'metrics; port 15020 of every address', 'CAIRN_STATS_ADDRESS'],
  'health-address': ['ip:port', 'probes; port 15021 of every address', 'CAIRN_HEALTH_ADDRESS'],
  'envoy-stats-address': ['ip:port', 'metrics of Envoy; port 15090 of every address', 'CAIRN_ENVOY_STATS_ADDRESS'],
  'state-dir': ['dir', 'folder of this agent alone; made when absent', 'CAIRN_STATE_DIR'],
  envoy: ['file', 'binary of Envoy; the cache of `npm run setup`, or PATH', 'ENVOY_BIN'],
  concurrency: ['count', 'worker threads of Envoy; one for each core', 'CAIRN_CONCURRENCY'],
  'heap-limit': ['MiB', 'most heap of Envoy; what the container has', 'CAIRN_HEAP_LIMIT'],
  'drain-time': ['seconds', 'drain time of listeners that change', 'CAIRN_DRAIN_TIME', '45'],
  'termination-drain': ['seconds', 'most time for open connections at the end', 'CAIRN_TERMINATION_DRAIN', '5'],
  'minimum-drain': ['seconds', 'least time at the end, with or without connections', 'CAIRN_MINIMUM_DRAIN', '0'],
  'flush-interval': ['milliseconds', 'time between two writes of access logs', 'CAIRN_FLUSH_INTERVAL', '1000'],
  'log-file': ['file', 'log and access logs of Envoy; the outputs of the agent', 'CAIRN_LOG_FILE'],
  'log-level': ['level', 'least level of messages: debug, info, warn or error', 'CAIRN_LOG_LEVEL', 'info'],
  'proxy-log-level': ['level', 'log level of Envoy', 'CAIRN_PROXY_LOG_LEVEL', 'warning'],
  'proxy-component-log-level': [
    'component:level,…',
    'log levels of components of Envoy',
    'CAIRN_PROXY_COMPONENT_LOG_LEVEL',
    'misc:error',
  ],
};

/** The values that flags and variables give. */
export interface GivenFlags {
  /** Of the flag, else of its variable, else the default, which also stands for an empty text. */
  text(flag: Flag): string | undefined;
  /** True for a text that comes from a variable. */
  isVariable(flag: Flag): boolean;
  readonly labels: readonly string[];
  readonly stopWithStdin: boolean;
}

/** The variable that stands in for a flag. */
export function variableOf(flag: Flag): string {
  return declarations[flag][2];
}

/** The default, for a flag that has one. */
export function defaultOf(flag: Flag): string | undefined {
  return declarations[flag][3];
}

/**
 * Reads flags (after the command's name), and the environment of this process for flags that are
 * not given. Throws AgentError `OptionInvalid`, and CommanderError after the help has been written.
 */
export function readFlags(argv: readonly string[], writeHelp: (text: string) => void): GivenFlags {
  const command = createCommand().configureOutput({ writeOut: writeHelp, writeErr: () => undefined });
  try {
    command.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode === 0) throw error;
    throw new AgentError('OptionInvalid', error.message.replace(/^error: /, ''));
  }
  const options = new Map(command.options.map((option) => [option.name(), option.attributeName()]));
  const textOf = (name: string): string | undefined => {
    const value: unknown = command.getOptionValue(options.get(name) ?? name);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const { label = [], stopWithStdin = false } = command.opts<{ label?: string[]; stopWithStdin?: true }>();
  return {
    text: (flag) => textOf(flag) ?? (flag === 'ca-address' ? textOf('ca-addr') : defaultOf(flag)),
    isVariable: (flag) => command.getOptionValueSource(options.get(flag) ?? flag) === 'env',
    labels: label,
    stopWithStdin,
  };
}

function createCommand(): Command {
  const command = new Command('agent')
    .description(
      'Gets the certificates of one proxy, starts its Envoy and watches over it. A flag that is not given is read from its variable.',
    )
    .exitOverride();
  for (const [flag, [value, what, variable, otherwise]] of Object.entries<Declaration>(declarations)) {
    command.addOption(new Option(`--${flag} <${value}>`, what).env(variable).default(otherwise));
  }
  const collect = (label: string, labels: readonly string[] = []): readonly string[] => [...labels, label];
  return command
    .option('--label <key=value>', 'label of the pod, one for each flag', collect)
    .option('--stop-with-stdin', 'end when the standard input ends, as it does when the parent process dies')
    .addOption(new Option('--debug', 'as --log-level debug').env('CAIRN_DEBUG').implies({ logLevel: 'debug' }))
    .addOption(new Option('--ca-addr <host:port>', 'as --ca-address').env('CA_ADDR').hideHelp());
}
