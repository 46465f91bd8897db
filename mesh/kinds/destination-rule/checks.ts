// DestinationRule: subsets have distinct names, and durations and ports are valid in every traffic
// policy.

import { isIpAddress } from '../../address.ts';
import type { FieldPath } from '../../finding.ts';
import { isDnsLabel, isWildcardDomain } from '../../host.ts';
import type {
  ClientTlsSettings,
  ConsistentHash,
  DestinationRuleSpec,
  LocalityLbSetting,
  PortTrafficPolicy,
  TrafficPolicy,
} from './spec.ts';
import type { Problem } from '../../reading/problem.ts';
import { errorAt } from '../../reading/problem.ts';
import {
  checkDuration,
  checkExportTo,
  checkLabels,
  checkPort,
  checkRange,
  checkSelector,
  checkTime,
  checkUnique,
  isToken,
} from '../../validation/value.ts';

/** The problems of one DestinationRule. */
export function checkDestinationRule(spec: DestinationRuleSpec): readonly Problem[] {
  const { host, subsets = [], trafficPolicy, workloadSelector } = spec;
  const path: FieldPath = ['spec', 'subsets'];
  return [
    ...(isWildcardDomain(host) || isIpAddress(host)
      ? []
      : [
          errorAt(
            'InvalidValue',
            ['spec', 'host'],
            host === '' ? 'The host is empty.' : `\`${host}\` is no host name.`,
          ),
        ]),
    ...checkSelector(workloadSelector?.matchLabels, ['spec', 'workloadSelector', 'matchLabels']),
    ...checkExportTo(spec.exportTo),
    ...checkTrafficPolicy(trafficPolicy, ['spec', 'trafficPolicy']),
    ...checkUnique(
      subsets.map(({ name }) => name),
      path,
      'name',
    ),
    ...subsets.flatMap(({ name, labels, trafficPolicy }, index) => [
      ...(isDnsLabel(name)
        ? []
        : [errorAt('InvalidValue', [...path, index, 'name'], `\`${name}\` is no name for a subset.`)]),
      ...checkLabels(labels, [...path, index, 'labels']),
      ...checkTrafficPolicy(trafficPolicy, [...path, index, 'trafficPolicy']),
    ]),
  ];
}

function checkTrafficPolicy(policy: TrafficPolicy | undefined, path: FieldPath): readonly Problem[] {
  if (policy === undefined) return [];
  return [
    ...checkPolicy(policy, path),
    ...checkDuration(policy.retryBudget?.budgetInterval, [...path, 'retryBudget', 'budgetInterval']),
    ...(policy.portLevelSettings ?? []).flatMap((settings, index) => {
      const inner = [...path, 'portLevelSettings', index];
      return settings.port?.number === undefined
        ? [errorAt('MissingField', [...inner, 'port', 'number'], 'Settings of a port need its `port.number`.')]
        : [...checkPort(settings.port.number, [...inner, 'port', 'number']), ...checkPolicy(settings, inner)];
    }),
  ];
}

/** The problems of a policy for a port, or for the mesh. */
export function checkPolicy(policy: PortTrafficPolicy, path: FieldPath): readonly Problem[] {
  return [
    ...checkDurations(policy, path),
    ...checkTls(policy.tls, [...path, 'tls']),
    ...checkHashKey(policy.loadBalancer?.consistentHash, [...path, 'loadBalancer', 'consistentHash']),
    ...checkLocality(policy.loadBalancer?.localityLbSetting, [...path, 'loadBalancer', 'localityLbSetting']),
    ...checkRange(policy.outlierDetection?.maxEjectionPercent, 0, 100, [
      ...path,
      'outlierDetection',
      'maxEjectionPercent',
    ]),
    ...checkRange(policy.outlierDetection?.minHealthPercent, 0, 100, [...path, 'outlierDetection', 'minHealthPercent']),
  ];
}

function checkDurations(
  { connectionPool, outlierDetection, loadBalancer }: PortTrafficPolicy,
  path: FieldPath,
): readonly Problem[] {
  const { tcp, http } = connectionPool ?? {};
  const { consistentHash, warmupDurationSecs, warmup } = loadBalancer ?? {};
  const durations: readonly (readonly [string | undefined, readonly string[]])[] = [
    [tcp?.idleTimeout, ['connectionPool', 'tcp', 'idleTimeout']],
    [http?.idleTimeout, ['connectionPool', 'http', 'idleTimeout']],
    [consistentHash?.httpCookie?.ttl, ['loadBalancer', 'consistentHash', 'httpCookie', 'ttl']],
    [warmupDurationSecs, ['loadBalancer', 'warmupDurationSecs']],
  ];
  const notNothing: typeof durations = [
    [tcp?.connectTimeout, ['connectionPool', 'tcp', 'connectTimeout']],
    [tcp?.maxConnectionDuration, ['connectionPool', 'tcp', 'maxConnectionDuration']],
    [tcp?.tcpKeepalive?.time, ['connectionPool', 'tcp', 'tcpKeepalive', 'time']],
    [tcp?.tcpKeepalive?.interval, ['connectionPool', 'tcp', 'tcpKeepalive', 'interval']],
    [http?.http2KeepAlive?.interval, ['connectionPool', 'http', 'http2KeepAlive', 'interval']],
    [http?.http2KeepAlive?.timeout, ['connectionPool', 'http', 'http2KeepAlive', 'timeout']],
    [outlierDetection?.interval, ['outlierDetection', 'interval']],
    [outlierDetection?.baseEjectionTime, ['outlierDetection', 'baseEjectionTime']],
    [warmup?.duration, ['loadBalancer', 'warmup', 'duration']],
  ];
  return [
    ...durations.flatMap(([text, field]) => checkDuration(text, [...path, ...field])),
    ...notNothing.flatMap(([text, field]) => checkTime(text, [...path, ...field])),
  ];
}

function checkTls(tls: ClientTlsSettings | undefined, path: FieldPath): readonly Problem[] {
  if (tls?.mode === undefined && tls !== undefined && Object.keys(tls).length > 0) {
    return [
      errorAt('MissingField', [...path, 'mode'], 'TLS settings need their `mode`; without it they mean `DISABLE`.'),
    ];
  }
  if (tls?.sni !== undefined && (tls.sni.length > 255 || !/^[\x21-\x7e]*$/.test(tls.sni))) {
    return [errorAt('InvalidValue', [...path, 'sni'], 'This is no name of a server.')];
  }
  if (tls?.mode !== 'MUTUAL' || tls.credentialName !== undefined) return [];
  return (['clientCertificate', 'privateKey'] as const).flatMap((field) =>
    tls[field] === undefined || tls[field] === ''
      ? [errorAt('MissingField', [...path, field], `\`MUTUAL\` needs \`${field}\`, a file on the waypoint.`)]
      : [],
  );
}

/** Printable, and not the end of a cookie's attribute. */
const cookieText = /^[\x20-\x3a\x3c-\x7e]*$/;

/** Names and values that Envoy would refuse. */
function checkHashKey(hash: ConsistentHash | undefined, path: FieldPath): readonly Problem[] {
  const { httpHeaderName = '', httpCookie } = hash ?? {};
  const attributes = httpCookie?.attributes ?? [];
  return [
    ...(httpHeaderName === '' || isToken(httpHeaderName.replace(/^:/, ''))
      ? []
      : [errorAt('InvalidValue', [...path, 'httpHeaderName'], `\`${httpHeaderName}\` is no name of a header.`)]),
    ...(httpCookie === undefined || isToken(httpCookie.name)
      ? []
      : [errorAt('InvalidValue', [...path, 'httpCookie', 'name'], `\`${httpCookie.name}\` is no name of a cookie.`)]),
    ...(cookieText.test(httpCookie?.path ?? '')
      ? []
      : [errorAt('InvalidValue', [...path, 'httpCookie', 'path'], 'The path cannot stand in a cookie.')]),
    ...attributes.flatMap(({ name, value = '' }, index) =>
      isToken(name) && cookieText.test(value)
        ? []
        : [errorAt('InvalidValue', [...path, 'httpCookie', 'attributes', index], 'This cannot stand in a cookie.')],
    ),
  ];
}

function checkLocality(setting: LocalityLbSetting | undefined, path: FieldPath): readonly Problem[] {
  if (setting === undefined) return [];
  const { distribute = [], failover = [], failoverPriority = [] } = setting;
  return [
    ...(distribute.length > 0 && (failover.length > 0 || failoverPriority.length > 0)
      ? [errorAt('InvalidValue', path, 'Either `distribute` or a failover can be set, not both.')]
      : []),
    ...distribute.flatMap(({ to = {} }, index) => {
      const sum = Object.values(to).reduce((total, share) => total + share, 0);
      return sum === 100
        ? []
        : [errorAt('InvalidValue', [...path, 'distribute', index, 'to'], `The shares sum to ${sum}, not to 100.`)];
    }),
    ...failover.flatMap(({ from, to }, index) =>
      from !== undefined && to !== undefined && from !== to && !`${from}${to}`.includes('/')
        ? []
        : [
            errorAt(
              'InvalidValue',
              [...path, 'failover', index],
              'A failover goes from one region to another.',
              'write {from: region-a, to: region-b}',
            ),
          ],
    ),
  ];
}
