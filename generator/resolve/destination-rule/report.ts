// The Findings about one DestinationRule, whatever it applies to: fields that cannot work at a
// waypoint, and values that mean nothing there.

import {
  type ClientTlsSettings,
  type ConnectionPoolSettings,
  type FieldPath,
  type FindingCode,
  type MeshObject,
  type PortTrafficPolicy,
  refOf,
  type Severity,
  type TrafficPolicy,
} from '../../../mesh/index.ts';
import type { Endpoint } from '../../model/cluster.ts';
import type { ResolveContext } from '../context.ts';
import type { ResolvedPort, ResolvedService } from '../service/service.ts';
import { isMaglevSize, resolveHashKey } from './load-balancer.ts';
import { type EffectivePolicy, reportStated } from './policy.ts';

type DestinationRule = MeshObject<'DestinationRule'>;
type Report = (code: FindingCode, path: FieldPath, message: string, hint?: string, severity?: Severity) => void;

/** Reports on the fields of a rule. */
export function reportDestinationRuleFields(context: ResolveContext, object: DestinationRule): void {
  const report = reporter(context, object);
  const { trafficPolicy, subsets = [], workloadSelector } = object.spec;
  if (workloadSelector !== undefined) {
    report(
      'FieldNotSupported',
      ['spec', 'workloadSelector'],
      'the clients of a waypoint are not told apart by their labels, so this whole rule has no effect',
      'leave out workloadSelector',
      'error',
    );
  }
  if (trafficPolicy !== undefined) reportTrafficPolicy(report, trafficPolicy, ['spec', 'trafficPolicy']);
  for (const [index, subset] of subsets.entries()) {
    if (subset.trafficPolicy === undefined) continue;
    reportTrafficPolicy(report, subset.trafficPolicy, ['spec', 'subsets', index, 'trafficPolicy']);
  }
}

/** Reports settings of ports that the service does not have. */
export function reportMissingPorts(
  context: ResolveContext,
  object: DestinationRule,
  { host, ports }: Pick<ResolvedService, 'host' | 'ports'>,
): void {
  const report = reporter(context, object);
  const { trafficPolicy, subsets = [] } = object.spec;
  const policies = [
    { policy: trafficPolicy, path: ['spec', 'trafficPolicy'] as FieldPath },
    ...subsets.map((subset, index) => ({
      policy: subset.trafficPolicy,
      path: ['spec', 'subsets', index, 'trafficPolicy'] as FieldPath,
    })),
  ];
  for (const { policy, path } of policies) {
    for (const [index, { port }] of (policy?.portLevelSettings ?? []).entries()) {
      if (ports.some(({ number }) => number === port?.number)) continue;
      const message = `"${host}" has no port ${port?.number}, so these settings have no effect`;
      const hint = `ports: ${ports.map(({ number }) => number).join(', ')}`;
      report('PortNotFound', [...path, 'portLevelSettings', index, 'port', 'number'], message, hint);
    }
  }
}

function reporter(context: ResolveContext, object: DestinationRule): Report {
  return (code, path, message, hint, severity = 'warning') =>
    context.report({
      code,
      severity,
      ref: refOf(object),
      path,
      message,
      ...(hint === undefined ? {} : { hint }),
    });
}

function reportTrafficPolicy(report: Report, policy: TrafficPolicy, path: FieldPath): void {
  if (policy.tunnel !== undefined) {
    report(
      'FieldNotSupported',
      [...path, 'tunnel'],
      'tunnels through a proxy outside of the mesh are for gateways, and have no effect at a waypoint',
      undefined,
      'error',
    );
  }
  reportPolicy(report, policy, path);
  for (const [index, level] of (policy.portLevelSettings ?? []).entries()) {
    reportPolicy(report, level, [...path, 'portLevelSettings', index]);
  }
}

function reportPolicy(report: Report, policy: PortTrafficPolicy, path: FieldPath): void {
  reportLoadBalancer(report, policy.loadBalancer, [...path, 'loadBalancer']);
  reportPool(report, policy.connectionPool, [...path, 'connectionPool']);
  reportOutlierDetection(report, policy.outlierDetection, [...path, 'outlierDetection']);
  if (policy.tls?.credentialName !== undefined) {
    report(
      'FieldNotSupported',
      [...path, 'tls', 'credentialName'],
      'certificates of Secrets are not supported yet: no client certificate is shown, and servers are checked against the roots of the system',
      'use clientCertificate, privateKey and caCertificates with files on the waypoint',
      'error',
    );
  }
}

function reportLoadBalancer(report: Report, settings: PortTrafficPolicy['loadBalancer'], path: FieldPath): void {
  if (settings === undefined) return;
  const { consistentHash, simple, zoneAwareLbSetting, warmup } = settings;
  if (zoneAwareLbSetting !== undefined) {
    report(
      'FieldNotSupported',
      [...path, 'zoneAwareLbSetting'],
      'shares by the number of proxies in each zone need a fleet of clients, which a waypoint is not, so this has no effect',
      'use localityLbSetting',
      'error',
    );
  }
  const warms = warmup === undefined ? 'warmupDurationSecs' : 'warmup';
  if (
    settings[warms] !== undefined &&
    (consistentHash !== undefined || simple === 'RANDOM' || simple === 'PASSTHROUGH')
  ) {
    report(
      'FieldNotSupported',
      [...path, warms],
      'only ROUND_ROBIN and LEAST_REQUEST can send new endpoints less, so this has no effect',
    );
  }
  if (simple === 'PASSTHROUGH') {
    report(
      'PassthroughUnencrypted',
      [...path, 'simple'],
      'requests go to the address that the client dialled, without a tunnel, whatever the endpoints and subsets of the service are',
      'leave it out unless the address is one that this waypoint can reach',
    );
  }
  if (consistentHash === undefined) return;
  if (resolveHashKey(consistentHash) === undefined) {
    report(
      'MissingField',
      [...path, 'consistentHash'],
      'it is not said what requests are told apart by, so endpoints are chosen at random',
      'set httpHeaderName, httpCookie, httpQueryParameterName or useSourceIp: true',
    );
  }
  const size = consistentHash.maglev?.tableSize;
  if (size !== undefined && !isMaglevSize(size)) {
    report(
      'InvalidValue',
      [...path, 'consistentHash', 'maglev', 'tableSize'],
      `${size} is no prime up to 5000011, so the default of 65537 is used`,
    );
  }
}

function reportPool(report: Report, pool: ConnectionPoolSettings | undefined, path: FieldPath): void {
  if (pool === undefined) return;
  const numbers: readonly (readonly [number | undefined, readonly string[]])[] = [
    [pool.tcp?.maxConnections, ['tcp', 'maxConnections']],
    [pool.http?.http1MaxPendingRequests, ['http', 'http1MaxPendingRequests']],
    [pool.http?.http2MaxRequests, ['http', 'http2MaxRequests']],
    [pool.http?.maxRetries, ['http', 'maxRetries']],
    [pool.http?.maxRequestsPerConnection, ['http', 'maxRequestsPerConnection']],
    [pool.http?.maxConcurrentStreams, ['http', 'maxConcurrentStreams']],
  ];
  for (const [value, field] of numbers) {
    if (value === undefined || value > 0) continue;
    report(
      'InvalidValue',
      [...path, ...field],
      `${value} is not a limit: there is none`,
      'use 1 or more, or leave it out',
    );
  }
  if (pool.http?.useClientProtocol === true && pool.http.h2UpgradePolicy === 'UPGRADE') {
    report(
      'InvalidValue',
      [...path, 'http', 'h2UpgradePolicy'],
      'useClientProtocol goes before an upgrade, so this has no effect',
    );
  }
}

function reportOutlierDetection(
  report: Report,
  settings: PortTrafficPolicy['outlierDetection'],
  path: FieldPath,
): void {
  if (settings === undefined) return;
  if (settings.consecutiveErrors !== undefined) {
    report(
      'FieldNotSupported',
      [...path, 'consecutiveErrors'],
      'Istio gave this field up, and it has no effect',
      'use consecutive5xxErrors or consecutiveGatewayErrors',
      'error',
    );
  }
  for (const field of ['maxEjectionPercent', 'consecutiveLocalOriginFailures'] as const) {
    if (settings[field] !== 0) continue;
    const message = '0 is read as a value that is not given, so the default of Envoy is used';
    report('InvalidValue', [...path, field], message, 'use 1 or more, or leave out outlierDetection');
  }
  if (settings.consecutiveLocalOriginFailures !== undefined && settings.splitExternalLocalOriginErrors !== true) {
    report(
      'InvalidValue',
      [...path, 'consecutiveLocalOriginFailures'],
      'failures to connect are only counted apart with splitExternalLocalOriginErrors: true, so this has no effect',
    );
  }
}

/**
 * Reports settings for a port whose protocol does not have them; of low severity if other ports of
 * the service do.
 */
export function reportOnPort(
  context: ResolveContext,
  { loadBalancer, connectionPool, tls }: EffectivePolicy,
  service: Pick<ResolvedService, 'ports'>,
  port: ResolvedPort,
): void {
  if (connectionPool?.value.tcp?.idleTimeout !== undefined && service.ports.every(({ protocol }) => isHttp(protocol))) {
    reportStated(
      context,
      connectionPool,
      'FieldNotSupported',
      ['tcp', 'idleTimeout'],
      `all ports are HTTP, where this has no effect`,
      'set http.idleTimeout',
    );
  }
  if (port.protocol !== 'tcp') return;
  if (tls !== undefined && isNameUnchecked(tls.value)) {
    reportStated(
      context,
      tls,
      'MissingField',
      ['mode'],
      `connections to TCP port ${port.number} name no host, so the server is asked for no name and may show a certificate of any`,
      'set sni, and the names of the server in subjectAltNames',
    );
  }
  const severity = service.ports.some(({ protocol }) => protocol !== 'tcp' && protocol !== 'udp') ? 'info' : 'warning';
  const hash = loadBalancer?.value.consistentHash;
  const key = hash === undefined ? undefined : resolveHashKey(hash);
  if (loadBalancer !== undefined && key !== undefined && key !== 'source_address') {
    reportStated(
      context,
      loadBalancer,
      'FieldNotSupported',
      ['consistentHash'],
      `connections to TCP port ${port.number} have no headers, cookies or queries, so endpoints are chosen at random there`,
      'use useSourceIp: true',
      severity,
    );
  }
}

/** Whether only the Host of a request could say which name the server's certificate must have. */
function isNameUnchecked({ mode, sni = '', subjectAltNames = [], insecureSkipVerify }: ClientTlsSettings): boolean {
  return (
    (mode === 'SIMPLE' || mode === 'MUTUAL') &&
    sni === '' &&
    subjectAltNames.length === 0 &&
    insecureSkipVerify !== true
  );
}

function isHttp(protocol: ResolvedPort['protocol']): boolean {
  return protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'auto';
}

/** Reports ISTIO_MUTUAL if it cannot hold: endpoints without a tunnel get plain text. */
export function reportPlainEndpoints(
  context: ResolveContext,
  { tls }: EffectivePolicy,
  service: Pick<ResolvedService, 'host'>,
  endpoints: readonly Pick<Endpoint, 'transport' | 'address'>[],
): void {
  const plain = endpoints.find(({ transport }) => transport === 'plain');
  if (tls?.value.mode !== 'ISTIO_MUTUAL' || plain === undefined) return;
  reportStated(
    context,
    tls,
    'PlaintextEndpoints',
    ['mode'],
    `endpoints of "${service.host}" without a tunnel, such as ${plain.address}, are spoken to in plain text`,
    'bring the workload into the mesh, or use SIMPLE or MUTUAL',
  );
}
