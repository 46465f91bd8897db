// The fields that are applied, by kind. Any other field that is set is reported: nothing that someone wrote is dropped in silence.

import { type FieldPath, type Kind, type MeshObject, refOf } from '../../mesh/index.ts';
import type { ResolveContext } from './context.ts';

/**
 * Patterns of applied fields below `spec`. A step is a property; `[]` stands for any list index, `*` for any key of a map, and a final
 * `**` for everything below. `reported` marks fields that a resolver reports itself, with a better sentence than the general one.
 */
interface FieldCatalogue {
  readonly applied: readonly string[];
  readonly reported?: readonly string[];
}

/** Fields of a traffic policy that a port can have of its own; `tls` and `consistentHash` hold fields that go together. */
const portPolicy: FieldCatalogue = {
  applied: [
    'loadBalancer.simple',
    'loadBalancer.consistentHash.**',
    'loadBalancer.localityLbSetting.**',
    'loadBalancer.warmup.**',
    'loadBalancer.warmupDurationSecs',
    'connectionPool.tcp.maxConnections',
    'connectionPool.tcp.connectTimeout',
    'connectionPool.tcp.idleTimeout',
    'connectionPool.tcp.maxConnectionDuration',
    'connectionPool.tcp.tcpKeepalive.**',
    'connectionPool.http.**',
    ...[
      'consecutive5xxErrors',
      'consecutiveGatewayErrors',
      'consecutiveLocalOriginFailures',
      'splitExternalLocalOriginErrors',
      'interval',
      'baseEjectionTime',
      'maxEjectionPercent',
      'minHealthPercent',
      'outlierDetectionHttpErrorCodes[]',
    ].map((field) => `outlierDetection.${field}`),
    ...[
      'mode',
      'clientCertificate',
      'privateKey',
      'caCertificates',
      'caCrl',
      'subjectAltNames[]',
      'sni',
      'insecureSkipVerify',
    ].map((field) => `tls.${field}`),
  ],
  reported: ['loadBalancer.zoneAwareLbSetting.**', 'outlierDetection.consecutiveErrors', 'tls.credentialName'],
};

const trafficPolicy: FieldCatalogue = {
  applied: [
    ...portPolicy.applied,
    ...portPolicy.applied.map((field) => `portLevelSettings[].${field}`),
    'portLevelSettings[].port.number',
    'proxyProtocol.version',
    'retryBudget.**',
  ],
  reported: [
    ...(portPolicy.reported ?? []),
    ...(portPolicy.reported ?? []).map((field) => `portLevelSettings[].${field}`),
    'tunnel.**',
  ],
};

const trafficPolicies = (fields: readonly string[] = []): readonly string[] =>
  ['trafficPolicy', 'subsets[].trafficPolicy'].flatMap((prefix) => fields.map((field) => `${prefix}.${field}`));

const destination = (prefix: string): readonly string[] =>
  ['host', 'subset', 'port.number'].map((field) => `${prefix}.${field}`);

const parentRef = ['group', 'kind', 'namespace', 'name', 'sectionName', 'port'].map((field) => `parentRefs[].${field}`);

const route = (prefix: string): readonly string[] => [
  ...['group', 'kind', 'namespace', 'name', 'port', 'weight'].map((field) => `${prefix}.backendRefs[].${field}`),
  `${prefix}.name`,
  `${prefix}.matches[].**`,
];

const tcpRoute: readonly string[] = [
  ...parentRef,
  'rules[].name',
  ...['group', 'kind', 'namespace', 'name', 'port', 'weight'].map((field) => `rules[].backendRefs[].${field}`),
];

/** Of filters, the resolver reports those that it does not apply. */
const filters = (prefix: string): readonly string[] => [
  `${prefix}.filters[].**`,
  `${prefix}.backendRefs[].filters[].**`,
];

const everything: FieldCatalogue = { applied: ['**'] };

const catalogues: { readonly [K in Kind]: FieldCatalogue } = {
  AuthorizationPolicy: everything,
  EndpointSlice: everything,
  Gateway: everything,
  JwksDocument: everything,
  RequestAuthentication: everything,
  MeshConfig: {
    applied: [
      'trustDomain',
      'trustDomainAliases[]',
      'rootNamespace',
      'extensionProviders[].name',
      'extensionProviders[].envoyExtAuthzHttp.**',
      'extensionProviders[].envoyExtAuthzGrpc.**',
      'pathNormalization.normalization',
    ],
    reported: ['pathNormalization.normalization'],
  },
  GatewayClass: everything,
  Namespace: everything,
  Node: everything,
  Pod: everything,
  ReferenceGrant: everything,
  GRPCRoute: { applied: [...parentRef, ...route('rules[]')], reported: ['hostnames[]', ...filters('rules[]')] },
  HTTPRoute: {
    applied: [...parentRef, ...route('rules[]'), 'rules[].timeouts.*', 'rules[].retry.**'],
    reported: ['hostnames[]', ...filters('rules[]')],
  },
  Service: everything,
  WorkloadEntry: { applied: ['address', 'ports.*', 'labels.*', 'locality', 'weight', 'serviceAccount'] },
  ServiceEntry: {
    applied: [
      'hosts[]',
      'addresses[]',
      'hostAddresses.**',
      'ports[].**',
      'location',
      'resolution',
      'exportTo[]',
      'workloadSelector.labels.*',
      ...['address', 'ports.*', 'labels.*', 'locality', 'weight', 'serviceAccount'].map(
        (field) => `endpoints[].${field}`,
      ),
    ],
  },
  DestinationRule: {
    applied: ['host', 'exportTo[]', 'subsets[].name', 'subsets[].labels.*', ...trafficPolicies(trafficPolicy.applied)],
    reported: ['workloadSelector.**', ...trafficPolicies(trafficPolicy.reported)],
  },
  TCPRoute: { applied: tcpRoute },
  TLSRoute: { applied: tcpRoute, reported: ['hostnames[]'] },
  VirtualService: {
    applied: [
      'hosts[]',
      'gateways[]',
      'exportTo[]',
      'http[].name',
      ...['uri', 'scheme', 'method', 'authority', 'headers', 'withoutHeaders', 'queryParams'].map(
        (field) => `http[].match[].${field}.**`,
      ),
      ...['name', 'port', 'gateways[]', 'ignoreUriCase', 'sourceNamespace'].map((field) => `http[].match[].${field}`),
      ...destination('http[].route[].destination'),
      'http[].route[].weight',
      'http[].route[].headers.**',
      'http[].redirect.**',
      'http[].directResponse.**',
      'http[].rewrite.**',
      'http[].timeout',
      'http[].retries.**',
      ...['fixedDelay', 'percentage.value', 'percent'].map((field) => `http[].fault.delay.${field}`),
      ...['httpStatus', 'grpcStatus', 'percentage.value', 'percent'].map((field) => `http[].fault.abort.${field}`),
      ...destination('http[].mirror'),
      'http[].mirrorPercent',
      'http[].mirrorPercentage.value',
      ...destination('http[].mirrors[].destination'),
      'http[].mirrors[].percentage.value',
      'http[].corsPolicy.**',
      'http[].headers.**',
      'http[].delegate.name',
      'http[].delegate.namespace',
      ...['tcp', 'tls'].flatMap((level) => [
        ...['port', 'gateways[]', 'sourceNamespace', 'destinationSubnets[]'].map(
          (field) => `${level}[].match[].${field}`,
        ),
        ...destination(`${level}[].route[].destination`),
        `${level}[].route[].weight`,
      ]),
      'tcp[].match[].sourceSubnet',
      'tls[].match[].sniHosts[]',
    ],
    reported: ['http', 'tcp', 'tls'].map((level) => `${level}[].match[].sourceLabels.*`),
  },
};

/** Reports every field of an object that is set and not applied. Kinds whose fields other resolvers account for are passed over. */
export function reportUnsupportedFields(context: ResolveContext, object: MeshObject): void {
  const catalogue = catalogues[object.kind];
  const known = [...catalogue.applied, ...(catalogue.reported ?? [])].map(splitPattern);
  const visit = (value: unknown, path: FieldPath): void => {
    const below = path.slice(1);
    if (path.length > 1 && known.some((pattern) => covers(pattern, below))) return;
    if (
      typeof value === 'object' &&
      value !== null &&
      (path.length === 1 || known.some((pattern) => leads(pattern, below)))
    ) {
      const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
      for (const [key, child] of entries) if (child !== undefined) visit(child, [...path, key]);
      return;
    }
    context.report({
      code: 'FieldNotSupported',
      // A mesh is not wrong because of what only other parts of Istio read.
      severity: object.kind === 'MeshConfig' ? 'warning' : 'error',
      ref: refOf(object),
      path,
      message: 'this field is not supported at a waypoint yet, and has no effect',
    });
  };
  visit(object.spec, ['spec']);
}

function splitPattern(pattern: string): readonly string[] {
  return pattern.replaceAll('[]', '.[]').split('.');
}

function stepMatches(pattern: string, step: string | number): boolean {
  return typeof step === 'number' ? pattern === '[]' : pattern === step || pattern === '*';
}

/** Whether a pattern is this path, or everything above it. */
function covers(pattern: readonly string[], path: FieldPath): boolean {
  for (const [index, step] of path.entries()) {
    const wanted = pattern[index];
    if (wanted === '**') return true;
    if (wanted === undefined || !stepMatches(wanted, step)) return false;
  }
  return pattern.length === path.length || (pattern.length === path.length + 1 && pattern.at(-1) === '**');
}

/** Whether a pattern goes on below this path. */
function leads(pattern: readonly string[], path: FieldPath): boolean {
  return pattern.length > path.length && path.every((step, index) => stepMatches(pattern[index] ?? '', step));
}
