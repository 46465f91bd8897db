// The fields that are applied, by kind. Any other field that is set is reported: nothing that someone wrote is dropped in silence.
// `test/catalogue` holds these lists against the kinds' schemas, and docs/reference/fields.md is what comes of it.

import type { FieldPath, Kind } from '../../../mesh/index.ts';

/**
 * Patterns of applied fields below `spec`. A step is a property; `[]` stands for any list index, `*` for any key of a map, and a final
 * `**` for everything below. `reported` marks fields that reading or a resolver reports, with a better sentence than the general one,
 * and `elsewhere` those that rightly mean nothing to a proxy, each with the reason; both go before `applied`.
 */
interface FieldCatalogue {
  readonly applied: readonly string[];
  readonly reported?: readonly string[];
  readonly elsewhere?: Readonly<Record<string, string>>;
  /** Fields that no schema has: they are added after reading. */
  readonly added?: readonly string[];
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
  `${prefix}.sessionPersistence.**`,
];

const tcpRoute: readonly string[] = [
  ...parentRef,
  ...['group', 'kind', 'namespace', 'name', 'port', 'weight'].map((field) => `rules[].backendRefs[].${field}`),
];

const nameOfTcpRule = { 'rules[].name': 'for people: Envoy has no names for where connections go' };

/** The fields of the filters that a kind of route has, by whether they are applied in a rule. */
interface RouteFilters {
  readonly applied: readonly string[];
  readonly reported: readonly string[];
}

const grpcFilters: RouteFilters = {
  applied: ['requestHeaderModifier', 'responseHeaderModifier', 'requestMirror'],
  reported: ['extensionRef'],
};

const httpFilters: RouteFilters = {
  applied: [...grpcFilters.applied, 'requestRedirect', 'urlRewrite', 'cors'],
  reported: [...grpcFilters.reported, 'externalAuth'],
};

/** Of filters of backends, only those that edit headers are applied. */
const ofBackends = grpcFilters.applied.slice(0, 2);

const appliedFilters = ({ applied }: RouteFilters): readonly string[] => [
  ...['type', ...applied.map((field) => `${field}.**`)].map((field) => `rules[].filters[].${field}`),
  ...['type', ...ofBackends.map((field) => `${field}.**`)].map((field) => `rules[].backendRefs[].filters[].${field}`),
];

const reportedFilters = ({ applied, reported }: RouteFilters): readonly string[] => [
  ...reported.map((field) => `rules[].filters[].${field}.**`),
  ...[...applied, ...reported]
    .filter((field) => !ofBackends.includes(field))
    .map((field) => `rules[].backendRefs[].filters[].${field}.**`),
];

const policyTargets = ['targetRef', 'targetRefs[]'].flatMap((target) =>
  ['group', 'kind', 'name'].map((field) => `${target}.${field}`),
);
const noPolicyTargets = ['selector.**', 'targetRef.namespace', 'targetRefs[].namespace'];

/** Other than those of its tunnel, a workload's fields. */
const workload = ['address', 'ports.*', 'labels.*', 'locality', 'weight'];

const ofTheCluster = 'for what reaches a service other than by its mesh address';
const ofItsAddresses = 'for whoever gives the service its addresses; those that it has are read';

export const catalogues: { readonly [K in Kind]: FieldCatalogue } = {
  AuthorizationPolicy: {
    applied: ['action', 'provider.name', 'rules[].**', ...policyTargets],
    reported: noPolicyTargets,
  },
  BackendTLSPolicy: {
    applied: [...['group', 'kind', 'name', 'sectionName'].map((field) => `targetRefs[].${field}`), 'validation.**'],
  },
  // Its one field has a dot in its name: the certificates that a BackendTLSPolicy refers to.
  ConfigMap: { applied: ['*'] },
  EndpointSlice: {
    applied: [
      'addressType',
      ...['addresses[]', 'conditions.**', 'targetRef.**', 'nodeName'].map((field) => `endpoints[].${field}`),
      ...['name', 'port', 'protocol'].map((field) => `ports[].${field}`),
    ],
    elsewhere: {
      'endpoints[].zone': 'the labels of its node say where an endpoint is, with the region',
      'ports[].appProtocol': 'the port of the Service says so',
    },
  },
  Gateway: {
    applied: [
      'gatewayClassName',
      'listeners[].port',
      'listeners[].protocol',
      'listeners[].allowedRoutes.namespaces.**',
    ],
    elsewhere: {
      'listeners[].name': 'a waypoint has one listener, whatever its name',
      'addresses[].**': 'for who runs the waypoint: on one machine, that is where it listens',
      'infrastructure.**': 'for the objects that a waypoint consists of in a cluster',
    },
  },
  JwksDocument: { applied: ['uri', 'jwks'] },
  RequestAuthentication: {
    applied: [
      ...policyTargets,
      ...[
        'issuer',
        'audiences[]',
        'jwks',
        'jwksUri',
        'jwks_uri',
        'fromHeaders[].**',
        'fromParams[]',
        'fromCookies[]',
        'forwardOriginalToken',
        'outputPayloadToHeader',
        'outputClaimToHeaders[].**',
        'spaceDelimitedClaims[]',
      ].map((field) => `jwtRules[].${field}`),
    ],
    reported: noPolicyTargets,
    elsewhere: { 'jwtRules[].timeout': 'for the control plane, which fetches the keys and waits that long' },
  },
  MeshConfig: {
    applied: [
      'trustDomain',
      'trustDomainAliases[]',
      'rootNamespace',
      'extensionProviders[].name',
      'extensionProviders[].envoyExtAuthzHttp.**',
      'extensionProviders[].envoyExtAuthzGrpc.**',
      'pathNormalization.normalization',
      'defaultHttpRetryPolicy.**',
      'defaultTrafficPolicy.connectionPool.tcp.**',
      'defaultTrafficPolicy.connectionPool.http.**',
      ...portPolicy.applied
        .filter((field) => field.startsWith('outlierDetection.'))
        .map((field) => `defaultTrafficPolicy.${field}`),
      'accessLogFile',
      'accessLogFormat',
      'accessLogEncoding',
    ],
  },
  GatewayClass: { applied: ['controllerName'], elsewhere: { description: 'for people' } },
  Namespace: { applied: [], elsewhere: { 'finalizers[]': 'for the cluster' } },
  Node: { applied: [], elsewhere: { unschedulable: 'for the scheduler: what runs on a node already goes on serving' } },
  Pod: {
    applied: ['nodeName', 'podIPs[]', 'hostNetwork', 'ready', 'workloadName', 'ports.*'],
    elsewhere: { serviceAccountName: 'for the control plane: only a pod that has it gets its certificate' },
  },
  ReferenceGrant: { applied: ['from[].**', 'to[].**'] },
  GRPCRoute: {
    applied: [...parentRef, ...route('rules[]'), ...appliedFilters(grpcFilters)],
    reported: ['hostnames[]', ...reportedFilters(grpcFilters)],
  },
  HTTPRoute: {
    applied: [
      ...parentRef,
      ...route('rules[]'),
      ...appliedFilters(httpFilters),
      'rules[].timeouts.request',
      'rules[].timeouts.backendRequest',
      'rules[].retry.**',
    ],
    reported: ['hostnames[]', ...reportedFilters(httpFilters)],
  },
  Service: {
    applied: [
      'clusterIP',
      'clusterIPs[]',
      'selector.*',
      ...['name', 'port', 'protocol', 'appProtocol', 'targetPort'].map((field) => `ports[].${field}`),
      'trafficDistribution',
      'externalName',
      'publishNotReadyAddresses',
    ],
    reported: ['internalTrafficPolicy', 'sessionAffinity', 'sessionAffinityConfig.**'],
    elsewhere: {
      type: ofTheCluster,
      allocateLoadBalancerNodePorts: ofTheCluster,
      'externalIPs[]': ofTheCluster,
      externalTrafficPolicy: ofTheCluster,
      healthCheckNodePort: ofTheCluster,
      loadBalancerClass: ofTheCluster,
      loadBalancerIP: ofTheCluster,
      'loadBalancerSourceRanges[]': ofTheCluster,
      'ports[].nodePort': ofTheCluster,
      'ipFamilies[]': ofItsAddresses,
      ipFamilyPolicy: ofItsAddresses,
    },
  },
  WorkloadEntry: { applied: [...workload, 'serviceAccount'] },
  ServiceEntry: {
    applied: [
      'hosts[]',
      'addresses[]',
      'ports[].**',
      'resolution',
      'exportTo[]',
      'workloadSelector.labels.*',
      ...workload.map((field) => `endpoints[].${field}`),
    ],
    elsewhere: { location: 'whether an endpoint is of the mesh is told by its tunnel' },
    added: ['hostAddresses.**'],
  },
  DestinationRule: {
    applied: ['host', 'exportTo[]', 'subsets[].name', 'subsets[].labels.*', ...trafficPolicies(trafficPolicy.applied)],
    reported: ['workloadSelector.**', ...trafficPolicies(trafficPolicy.reported)],
  },
  TCPRoute: { applied: tcpRoute, elsewhere: nameOfTcpRule },
  TLSRoute: { applied: tcpRoute, reported: ['hostnames[]'], elsewhere: nameOfTcpRule },
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
      ...['httpStatus', 'grpcStatus', 'percentage.value'].map((field) => `http[].fault.abort.${field}`),
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

/** What becomes of a field: it is applied, it is reported when it is set, or it is for others, for this reason. */
export type FieldClass = 'applied' | 'reported' | { readonly elsewhere: string };

/** The class of a field of a kind, by its path below `spec`; one that no pattern knows is reported. */
export function classifyField(kind: Kind, path: FieldPath): FieldClass {
  const { applied, reported = [], elsewhere = {} } = catalogues[kind];
  const isIn = (patterns: readonly string[]): boolean => patterns.some((each) => covers(splitPattern(each), path));
  const reason = Object.entries(elsewhere).find(([pattern]) => isIn([pattern]))?.[1];
  if (reason !== undefined) return { elsewhere: reason };
  return !isIn(reported) && isIn(applied) ? 'applied' : 'reported';
}

/** The patterns of a kind that cover none of these paths below `spec`: they say something of fields that are not there. */
export function findIdlePatterns(kind: Kind, paths: readonly FieldPath[]): readonly string[] {
  const { applied, reported = [], elsewhere = {} } = catalogues[kind];
  return [...applied, ...reported, ...Object.keys(elsewhere)].filter(
    (pattern) => !paths.some((path) => covers(splitPattern(pattern), path)),
  );
}

export function splitPattern(pattern: string): readonly string[] {
  return pattern.replaceAll('[]', '.[]').split('.');
}

/** Whether a pattern is this path, or everything above it. */
function covers(pattern: readonly string[], path: FieldPath): boolean {
  for (const [index, step] of path.entries()) {
    const wanted = pattern[index];
    if (wanted === '**') return true;
    if (wanted === undefined || !namesOf(step).includes(wanted)) return false;
  }
  return pattern.length === path.length || (pattern.length === path.length + 1 && pattern.at(-1) === '**');
}

/** What a step of a path may be called in a pattern. */
export function namesOf(step: string | number): readonly string[] {
  return typeof step === 'number' ? ['[]'] : [step, '*'];
}
