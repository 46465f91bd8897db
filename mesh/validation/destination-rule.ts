// DestinationRule: subsets have names of their own, and durations and ports are valid wherever a traffic policy stands.

import type { FieldPath } from '../finding.ts';
import type { DestinationRuleSpec, PortTrafficPolicy, TrafficPolicy } from '../kinds/destination-rule.ts';
import type { Problem } from '../reading/problem.ts';
import { errorAt } from '../reading/problem.ts';
import { checkDuration, checkPort, checkUnique } from './value.ts';

/** The problems of one DestinationRule. */
export function checkDestinationRule({ host, subsets = [], trafficPolicy }: DestinationRuleSpec): readonly Problem[] {
  const path: FieldPath = ['spec', 'subsets'];
  return [
    ...(host === '' ? [errorAt('InvalidValue', ['spec', 'host'], 'The host is empty.')] : []),
    ...checkTrafficPolicy(trafficPolicy, ['spec', 'trafficPolicy']),
    ...checkUnique(
      subsets.map(({ name }) => name),
      path,
      'name',
    ),
    ...subsets.flatMap(({ name, trafficPolicy }, index) => [
      ...(/^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(name)
        ? []
        : [errorAt('InvalidValue', [...path, index, 'name'], `\`${name}\` is no name for a subset.`)]),
      ...checkTrafficPolicy(trafficPolicy, [...path, index, 'trafficPolicy']),
    ]),
  ];
}

function checkTrafficPolicy(policy: TrafficPolicy | undefined, path: FieldPath): readonly Problem[] {
  if (policy === undefined) return [];
  return [
    ...checkPolicy(policy, path),
    ...(policy.portLevelSettings ?? []).flatMap((settings, index) => {
      const inner = [...path, 'portLevelSettings', index];
      return settings.port?.number === undefined
        ? [errorAt('MissingField', [...inner, 'port', 'number'], 'Settings of a port need its `port.number`.')]
        : [...checkPort(settings.port.number, [...inner, 'port', 'number']), ...checkPolicy(settings, inner)];
    }),
  ];
}

function checkPolicy(
  { connectionPool, outlierDetection, loadBalancer }: PortTrafficPolicy,
  path: FieldPath,
): readonly Problem[] {
  const { tcp, http } = connectionPool ?? {};
  const durations: readonly (readonly [string | undefined, readonly string[]])[] = [
    [tcp?.connectTimeout, ['connectionPool', 'tcp', 'connectTimeout']],
    [tcp?.maxConnectionDuration, ['connectionPool', 'tcp', 'maxConnectionDuration']],
    [tcp?.idleTimeout, ['connectionPool', 'tcp', 'idleTimeout']],
    [tcp?.tcpKeepalive?.time, ['connectionPool', 'tcp', 'tcpKeepalive', 'time']],
    [tcp?.tcpKeepalive?.interval, ['connectionPool', 'tcp', 'tcpKeepalive', 'interval']],
    [http?.idleTimeout, ['connectionPool', 'http', 'idleTimeout']],
    [outlierDetection?.interval, ['outlierDetection', 'interval']],
    [outlierDetection?.baseEjectionTime, ['outlierDetection', 'baseEjectionTime']],
    [loadBalancer?.consistentHash?.httpCookie?.ttl, ['loadBalancer', 'consistentHash', 'httpCookie', 'ttl']],
    [loadBalancer?.warmupDurationSecs, ['loadBalancer', 'warmupDurationSecs']],
    [loadBalancer?.warmup?.duration, ['loadBalancer', 'warmup', 'duration']],
  ];
  return durations.flatMap(([text, field]) => checkDuration(text, [...path, ...field]));
}
