// The settings of an installation. They are the flags of `cairn install`, its files of values, and
// the values of the Helm chart.

import { controllerImage, waypointImage } from '../version.ts';
import { controlPlaneLabels, controlPlanePorts } from './names.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * Every setting. It is text unless its comment says otherwise, and '' means the default of the
 * controller.
 */
export interface InstallSettings extends PodSettings {
  /** Of the control plane. */
  readonly namespace: string;
  /** The controller image. */
  readonly image: string;
  /** The image of waypoint pods. */
  readonly waypointImage: string;
  /** Of both images. */
  readonly imagePullPolicy: string;
  readonly replicas: number;
  readonly gatewayClass: string;
  readonly controllerName: string;
  readonly revision: string;
  readonly trustDomain: string;
  readonly clusterDomain: string;
  readonly clusterId: string;
  readonly network: string;
  /** The namespace whose policies are the whole mesh's. */
  readonly rootNamespace: string;
  /** `cairn`, or `istiod` where the mesh's certificates are istiod's. */
  readonly ca: string;
  /** `host:port` of istiod, `istiod.istio-system.svc:15012` when empty. */
  readonly caAddress: string;
  /** Whether keys of `jwksUri` are fetched from private addresses too: `deny` or `allow`. */
  readonly privateJwks: string;
  readonly logLevel: string;
  /** The fate of an object when the webhook does not answer: `Ignore` or `Fail`. */
  readonly webhookFailurePolicy: string;
}

/** Additions to the pods of the control plane, in the words of the Kubernetes API. */
export interface PodSettings {
  readonly resources: Json;
  readonly nodeSelector: Json;
  readonly tolerations: readonly Json[];
  readonly affinity: Json;
  readonly topologySpreadConstraints: readonly Json[];
  /** Secrets of the pods' namespace: `[{name: …}]`. */
  readonly imagePullSecrets: readonly Json[];
  readonly podAnnotations: Json;
  /** The labels that the Service selects by stay as they are. */
  readonly podLabels: Json;
}

/** An installation without options. */
export const defaultInstallSettings: InstallSettings = {
  namespace: 'cairn-system',
  image: controllerImage,
  waypointImage,
  imagePullPolicy: 'IfNotPresent',
  replicas: 2,
  gatewayClass: 'istio-waypoint',
  controllerName: 'istio.io/mesh-controller',
  revision: '',
  trustDomain: 'cluster.local',
  clusterDomain: 'cluster.local',
  clusterId: 'Kubernetes',
  network: '',
  rootNamespace: 'istio-system',
  ca: 'cairn',
  caAddress: '',
  privateJwks: 'deny',
  logLevel: 'info',
  webhookFailurePolicy: 'Ignore',
  resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '2Gi' } },
  nodeSelector: {},
  tolerations: [],
  affinity: {},
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: 'kubernetes.io/hostname',
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: controlPlaneLabels },
    },
  ],
  imagePullSecrets: [],
  podAnnotations: {
    'prometheus.io/path': '/metrics',
    'prometheus.io/port': String(controlPlanePorts.health),
    'prometheus.io/scrape': 'true',
  },
  podLabels: {},
};

const texts = { type: 'object', additionalProperties: { type: 'string' } };
const objects = { type: 'array', items: { type: 'object' } };

/** The form of each setting's value, as a JSON Schema; `namespace` is Helm's own. */
export const settingSchemas: Readonly<Record<keyof InstallSettings, Readonly<Record<string, unknown>>>> = {
  namespace: { type: 'string', pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$' },
  image: { type: 'string', pattern: '^[a-zA-Z0-9][\\w./:@-]*$' },
  waypointImage: { type: 'string', pattern: '^[a-zA-Z0-9][\\w./:@-]*$' },
  imagePullPolicy: { type: 'string', enum: ['Always', 'IfNotPresent', 'Never'] },
  replicas: { type: 'integer', minimum: 1, maximum: 20 },
  gatewayClass: { type: 'string', pattern: '^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$' },
  controllerName: { type: 'string', pattern: '^[a-z0-9.-]+/[A-Za-z0-9/._-]+$' },
  revision: { type: 'string', pattern: '^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$' },
  trustDomain: { type: 'string', pattern: '^[a-z0-9._-]+$' },
  clusterDomain: { type: 'string', pattern: '^[a-z0-9.-]+$' },
  clusterId: { type: 'string', pattern: '^[\\w.-]+$' },
  network: { type: 'string', pattern: '^[\\w.-]*$' },
  rootNamespace: { type: 'string', pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$' },
  ca: { type: 'string', enum: ['cairn', 'istiod'] },
  caAddress: { type: 'string', pattern: '^([\\w.-]+:[0-9]{1,5})?$' },
  privateJwks: { type: 'string', enum: ['deny', 'allow'] },
  logLevel: { type: 'string', enum: ['debug', 'info', 'warn', 'error'] },
  webhookFailurePolicy: { type: 'string', enum: ['Ignore', 'Fail'] },
  resources: { type: 'object' },
  nodeSelector: texts,
  tolerations: objects,
  affinity: { type: 'object' },
  topologySpreadConstraints: objects,
  imagePullSecrets: {
    type: 'array',
    items: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
  },
  podAnnotations: texts,
  podLabels: texts,
};

/** The faults of settings, one sentence for each. */
export function checkInstallSettings(settings: InstallSettings): readonly string[] {
  return settingNames.flatMap((name) => {
    const value = settings[name];
    const { type, pattern, enum: values, minimum, maximum } = settingSchemas[name];
    if (isPodSetting(name)) return checkPodSetting(name, value);
    const wanted = type === 'integer' ? 'number' : type;
    if (typeof value === 'object' || typeof value !== wanted) return [`${name} must be of type ${String(type)}`];
    if (Array.isArray(values) && !values.includes(value))
      return [`${name} must be one of ${values.join(', ')}, not ${value}`];
    if (typeof pattern === 'string' && !new RegExp(pattern).test(String(value)))
      return [`${name} cannot be "${value}"`];
    const isCount = typeof value === 'number' && Number.isInteger(value);
    if (typeof minimum !== 'number' || typeof maximum !== 'number') return [];
    return isCount && value >= minimum && value <= maximum
      ? []
      : [`${name} must be ${minimum} to ${maximum}, not ${value}`];
  });
}

/** Only the outer shape: the API server judges the inside. */
function checkPodSetting(name: keyof PodSettings, value: unknown): readonly string[] {
  const isList = settingSchemas[name]['type'] === 'array';
  if (Array.isArray(value) !== isList || typeof value !== 'object' || value === null)
    return [`${name} must be ${isList ? 'a list' : 'a mapping'}`];
  const inner: readonly unknown[] = Object.values(value);
  if (settingSchemas[name] === texts && !inner.every((text) => typeof text === 'string'))
    return [`${name} must have text in quotes for every value`];
  if (isList && !inner.every((item) => typeof item === 'object' && item !== null))
    return [`${name} must be a list of mappings${name === 'imagePullSecrets' ? ', each with a name' : ''}`];
  return [];
}

/** Whether a setting is one of the pods', which has no flag and comes from a file of values. */
export function isPodSetting(name: keyof InstallSettings): name is keyof PodSettings {
  return podSettingNames.some((known) => known === name);
}

const podSettingNames: readonly (keyof PodSettings)[] = [
  'resources',
  'nodeSelector',
  'tolerations',
  'affinity',
  'topologySpreadConstraints',
  'imagePullSecrets',
  'podAnnotations',
  'podLabels',
];

/** The names of the settings, in the order in which they are shown. */
export const settingNames: readonly (keyof InstallSettings)[] = [
  'namespace',
  'image',
  'waypointImage',
  'imagePullPolicy',
  'replicas',
  'gatewayClass',
  'controllerName',
  'revision',
  'trustDomain',
  'clusterDomain',
  'clusterId',
  'network',
  'rootNamespace',
  'ca',
  'caAddress',
  'privateJwks',
  'logLevel',
  'webhookFailurePolicy',
  ...podSettingNames,
];
