// The settings of `cairn controller`: flags, or in a pod the environment. One table names both,
// with the defaults.

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { type Command, Option } from 'commander';
import { type ClusterSettings, defaultOnDemandAbove, type LogLevel } from '../gateway-controller/index.ts';
import { defaultMeshSettings } from '../mesh/index.ts';
import { defaultWaypointTemplateSettings } from '../templates/index.ts';
import { readDuration } from './duration.ts';
import { CommandError } from './io.ts';

type SettingName =
  | 'namespace'
  | 'podName'
  | 'podIps'
  | 'gatewayClass'
  | 'controllerName'
  | 'revision'
  | 'clusterDomain'
  | 'trustDomain'
  | 'clusterId'
  | 'network'
  | 'rootNamespace'
  | 'image'
  | 'imagePullPolicy'
  | 'discoveryAddress'
  | 'ca'
  | 'caAddress'
  | 'caServerName'
  | 'caTokenFile'
  | 'leaseName'
  | 'leaseDuration'
  | 'renewDeadline'
  | 'retryPeriod'
  | 'listenAddress'
  | 'waypointAddress'
  | 'privateJwks'
  | 'onDemandAbove'
  | 'xdsPort'
  | 'adminPort'
  | 'healthPort'
  | 'webhookPort'
  | 'logLevel';

/** Texts of flags, else of variables, else the defaults. */
export type ControllerOptions = Readonly<Partial<Record<SettingName, string>>>;

interface Setting {
  readonly flag: string;
  readonly what: string;
  /** The variable that stands in for the flag. */
  readonly variable?: string;
  /** The default, unless it follows from another setting. */
  readonly otherwise?: string;
}

const settings: Readonly<Record<SettingName, Setting>> = {
  namespace: {
    flag: 'namespace <name>',
    variable: 'POD_NAMESPACE',
    what: 'namespace of the control plane',
    otherwise: 'cairn-system',
  },
  podName: { flag: 'pod-name <name>', variable: 'POD_NAME', what: 'name of this replica' },
  podIps: { flag: 'pod-ips <ip,ip>', variable: 'POD_IPS', what: 'addresses of this replica' },
  gatewayClass: {
    flag: 'gateway-class <name>',
    variable: 'CAIRN_GATEWAY_CLASS',
    what: 'class of waypoints',
    otherwise: 'istio-waypoint',
  },
  controllerName: {
    flag: 'controller-name <name>',
    variable: 'CAIRN_CONTROLLER_NAME',
    what: 'controllerName of GatewayClasses that are ours',
    otherwise: 'istio.io/mesh-controller',
  },
  revision: { flag: 'revision <name>', variable: 'CAIRN_REVISION', what: 'only Gateways of this revision' },
  clusterDomain: {
    flag: 'cluster-domain <name>',
    variable: 'CAIRN_CLUSTER_DOMAIN',
    what: 'DNS suffix',
    otherwise: defaultMeshSettings.clusterDomain,
  },
  trustDomain: {
    flag: 'trust-domain <name>',
    variable: 'CAIRN_TRUST_DOMAIN',
    what: 'of all identities',
    otherwise: defaultMeshSettings.trustDomain,
  },
  clusterId: {
    flag: 'cluster-id <name>',
    variable: 'CAIRN_CLUSTER_ID',
    what: 'name of the cluster',
    otherwise: 'Kubernetes',
  },
  network: { flag: 'network <name>', variable: 'CAIRN_NETWORK', what: 'network of the cluster' },
  rootNamespace: {
    flag: 'root-namespace <name>',
    variable: 'CAIRN_ROOT_NAMESPACE',
    what: 'namespace of mesh-wide policies and of the MeshConfig',
    otherwise: defaultMeshSettings.rootNamespace,
  },
  image: {
    flag: 'image <image>',
    variable: 'CAIRN_IMAGE',
    what: 'image of waypoints',
    otherwise: defaultWaypointTemplateSettings.image,
  },
  imagePullPolicy: { flag: 'image-pull-policy <policy>', variable: 'CAIRN_IMAGE_PULL_POLICY', what: 'of waypoints' },
  discoveryAddress: {
    flag: 'discovery-address <host:port>',
    variable: 'CAIRN_DISCOVERY_ADDRESS',
    what: 'where waypoints find the control plane',
  },
  ca: {
    flag: 'ca <cairn|istiod>',
    variable: 'CAIRN_CA',
    what: 'whose certificates the mesh trusts',
    otherwise: 'cairn',
  },
  caAddress: { flag: 'ca-address <host:port>', variable: 'CAIRN_CA_ADDRESS', what: 'where waypoints get certificates' },
  caServerName: { flag: 'ca-server-name <name>', what: 'the name in its certificate, where not that of its address' },
  caTokenFile: { flag: 'ca-token-file <file>', what: "the controller's own token for istiod's certificates" },
  leaseName: { flag: 'lease-name <name>', what: 'the Lease of the leader', otherwise: 'cairn-leader' },
  leaseDuration: {
    flag: 'lease-duration <duration>',
    what: 'a leader that is silent for so long is succeeded, 100ms to 1h',
    otherwise: '15s',
  },
  renewDeadline: {
    flag: 'renew-deadline <duration>',
    what: 'a leader that cannot renew for so long steps down, 100ms to 1h',
    otherwise: '10s',
  },
  retryPeriod: { flag: 'retry-period <duration>', what: 'between two tries, 100ms to 1h', otherwise: '2s' },
  listenAddress: {
    flag: 'listen-address <ip>',
    what: 'address of xDS, health and webhook (0.0.0.0, or :: in a pod without IPv4)',
  },
  waypointAddress: { flag: 'waypoint-address <ip>', what: 'what waypoints listen on (as this replica)' },
  privateJwks: {
    flag: 'private-jwks <deny|allow>',
    variable: 'CAIRN_PRIVATE_JWKS',
    what: 'whether keys of `jwksUri` are fetched from private, loopback and link-local addresses too',
    otherwise: 'deny',
  },
  onDemandAbove: {
    flag: 'on-demand-above <services>',
    variable: 'CAIRN_ON_DEMAND_ABOVE',
    what: 'a waypoint of more services loads each when a client first asks for it',
    otherwise: String(defaultOnDemandAbove),
  },
  xdsPort: { flag: 'xds-port <port>', what: 'xDS and certificates', otherwise: '15012' },
  adminPort: { flag: 'admin-port <port>', what: 'admin interface on 127.0.0.1', otherwise: '15014' },
  healthPort: { flag: 'health-port <port>', what: 'probes and metrics', otherwise: '8080' },
  webhookPort: { flag: 'webhook-port <port>', what: 'admission webhook', otherwise: '15017' },
  logLevel: {
    flag: 'log-level <level>',
    variable: 'CAIRN_LOG_LEVEL',
    what: 'debug, info, warn or error',
    otherwise: 'info',
  },
};

const leaseBounds = { from: '100ms', to: '1h' };

/** Adds every flag to the command. */
export function addControllerOptions(command: Command): void {
  for (const { flag, what, variable, otherwise } of Object.values(settings)) {
    const option = new Option(`--${flag}`, what).default(otherwise);
    command.addOption(variable === undefined ? option : option.env(variable));
  }
}

/** Reads the settings; an empty text counts as absent. Throws CommandError that names the flag. */
export function readControllerSettings(options: ControllerOptions): {
  readonly settings: ClusterSettings;
  readonly logLevel: LogLevel;
} {
  const optional = (name: SettingName): string | undefined => {
    const value = options[name];
    return value === undefined || value === '' ? settings[name].otherwise : value;
  };
  const text = (name: SettingName, otherwise = ''): string => optional(name) ?? otherwise;
  const flagOf = (name: SettingName): string => `--${settings[name].flag.split(' ')[0] ?? ''}`;
  const port = (name: SettingName): number => {
    const value = text(name);
    if (/^\d+$/.test(value) && Number(value) <= 65_535) return Number(value);
    throw new CommandError(`${flagOf(name)} must be a port, not ${value}`);
  };
  const count = (name: SettingName): number => {
    const value = text(name);
    if (/^\d{1,9}$/.test(value)) return Number(value);
    throw new CommandError(`${flagOf(name)} must be a number of services, not ${value}`);
  };
  const duration = (name: SettingName): number => readDuration(flagOf(name), text(name), leaseBounds);
  const oneOf = <T extends string>(name: SettingName, values: readonly T[]): T => {
    const value = text(name);
    const found = values.find((known) => known === value);
    if (found !== undefined) return found;
    throw new CommandError(`${flagOf(name)} must be one of ${values.join(', ')}, not ${value}`);
  };
  const namespace = text('namespace');
  const podAddresses = text('podIps')
    .split(',')
    .filter((address) => address !== '');
  const isIpv6Only = podAddresses.length > 0 && podAddresses.every((address) => address.includes(':'));
  const anyAddress = isIpv6Only ? '::' : '0.0.0.0';
  const imagePullPolicy = optional('imagePullPolicy');
  const caServerName = optional('caServerName');
  const caTokenFile = optional('caTokenFile');
  const xds = port('xdsPort');
  const kind = oneOf('ca', ['cairn', 'istiod']);
  const discoveryAddress = text('discoveryAddress', `cairn.${namespace}.svc:${xds}`);
  return {
    settings: {
      namespace,
      identity: text('podName', `${hostname()}-${randomBytes(3).toString('hex')}`),
      gatewayClass: text('gatewayClass'),
      controllerName: text('controllerName'),
      revision: text('revision'),
      clusterDomain: text('clusterDomain'),
      trustDomain: text('trustDomain'),
      clusterId: text('clusterId'),
      network: text('network'),
      rootNamespace: text('rootNamespace'),
      image: text('image'),
      ...(imagePullPolicy === undefined ? {} : { imagePullPolicy }),
      discoveryAddress,
      ca: {
        kind,
        ...(caServerName === undefined ? {} : { serverName: caServerName }),
        ...(caTokenFile === undefined ? {} : { tokenFile: caTokenFile }),
        address: text('caAddress', kind === 'cairn' ? discoveryAddress : 'istiod.istio-system.svc:15012'),
      },
      lease: {
        name: text('leaseName'),
        durationMs: duration('leaseDuration'),
        renewMs: duration('renewDeadline'),
        retryMs: duration('retryPeriod'),
      },
      ports: {
        xds,
        admin: port('adminPort'),
        health: port('healthPort'),
        webhook: port('webhookPort'),
      },
      allowsPrivateJwks: oneOf('privateJwks', ['deny', 'allow']) === 'allow',
      onDemandAbove: count('onDemandAbove'),
      listenAddress: text('listenAddress', anyAddress),
      waypointAddress: text('waypointAddress', anyAddress),
    },
    logLevel: oneOf('logLevel', ['debug', 'info', 'warn', 'error']),
  };
}
