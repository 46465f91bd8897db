// Patterns of fields that several kinds have.

import type { FieldCatalogue } from './catalogue.ts';

/**
 * Fields of a traffic policy that a port can have of its own; `tls` and `consistentHash` hold
 * fields that go together.
 */
export const portPolicy: FieldCatalogue = {
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

export const trafficPolicy: FieldCatalogue = {
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

export const trafficPolicies = (fields: readonly string[] = []): readonly string[] =>
  ['trafficPolicy', 'subsets[].trafficPolicy'].flatMap((prefix) => fields.map((field) => `${prefix}.${field}`));

export const destination = (prefix: string): readonly string[] =>
  ['host', 'subset', 'port.number'].map((field) => `${prefix}.${field}`);

export const parentRef: readonly string[] = ['group', 'kind', 'namespace', 'name', 'sectionName', 'port'].map(
  (field) => `parentRefs[].${field}`,
);

export const route = (prefix: string): readonly string[] => [
  ...['group', 'kind', 'namespace', 'name', 'port', 'weight'].map((field) => `${prefix}.backendRefs[].${field}`),
  `${prefix}.name`,
  `${prefix}.matches[].**`,
  `${prefix}.sessionPersistence.**`,
];

export const tcpRoute: readonly string[] = [
  ...parentRef,
  ...['group', 'kind', 'namespace', 'name', 'port', 'weight'].map((field) => `rules[].backendRefs[].${field}`),
];

export const nameOfTcpRule: Readonly<Record<string, string>> = {
  'rules[].name': 'for people: Envoy has no names for where connections go',
};

/** The fields of the filters that a kind of route has, by whether they are applied in a rule. */
export interface RouteFilters {
  readonly applied: readonly string[];
  readonly reported: readonly string[];
}

export const grpcFilters: RouteFilters = {
  applied: ['requestHeaderModifier', 'responseHeaderModifier', 'requestMirror'],
  reported: ['extensionRef'],
};

export const httpFilters: RouteFilters = {
  applied: [...grpcFilters.applied, 'requestRedirect', 'urlRewrite', 'cors'],
  reported: [...grpcFilters.reported, 'externalAuth'],
};

/** Of filters of backends, only those that edit headers are applied. */
const ofBackends = grpcFilters.applied.slice(0, 2);

export const appliedFilters = ({ applied }: RouteFilters): readonly string[] => [
  ...['type', ...applied.map((field) => `${field}.**`)].map((field) => `rules[].filters[].${field}`),
  ...['type', ...ofBackends.map((field) => `${field}.**`)].map((field) => `rules[].backendRefs[].filters[].${field}`),
];

export const reportedFilters = ({ applied, reported }: RouteFilters): readonly string[] => [
  ...reported.map((field) => `rules[].filters[].${field}.**`),
  ...[...applied, ...reported]
    .filter((field) => !ofBackends.includes(field))
    .map((field) => `rules[].backendRefs[].filters[].${field}.**`),
];

export const policyTargets: readonly string[] = ['targetRef', 'targetRefs[]'].flatMap((target) =>
  ['group', 'kind', 'name'].map((field) => `${target}.${field}`),
);
export const noPolicyTargets: readonly string[] = ['selector.**', 'targetRef.namespace', 'targetRefs[].namespace'];

/** Other than those of its tunnel, a workload's fields. */
export const workload: readonly string[] = ['address', 'ports.*', 'labels.*', 'locality', 'weight'];
