// The clusters of a service port and their endpoints: the default one and one for each subset.

import { formatRef, refOf, type TrafficPolicy } from '../../../mesh/index.ts';
import type { Backend } from '../../model/waypoint.ts';
import type { ClusterKey, ServiceCluster } from '../../model/cluster.ts';
import type { GatewayKey } from '../waypoint/gateway.ts';
import type { ResolveContext } from '../context.ts';
import { resolveRetryBudget } from '../backend-traffic/retry-budget.ts';
import { type BackendTls, resolveBackendTls } from './backend-tls.ts';
import { declaredSubsets, type DeclaredSubset, findDestinationRules } from '../destination-rule/selection.ts';
import {
  resolveCircuitBreaker,
  resolveConnections,
  resolveUpstreamProtocol,
} from '../destination-rule/connection-pool.ts';
import { resolveLoadBalancer } from '../destination-rule/load-balancer.ts';
import { resolveLocalityPreference } from '../destination-rule/locality.ts';
import { resolveOutlierDetection } from '../destination-rule/outlier-detection.ts';
import { type EffectivePolicy, reportStated, resolveTrafficPolicy } from '../destination-rule/policy.ts';
import { reportOnPort, reportPlainEndpoints } from '../destination-rule/report.ts';
import { resolveTls } from '../destination-rule/tls.ts';
import { withMeshPolicy } from '../destination-rule/mesh-policy.ts';
import { groupEndpoints } from '../endpoint/endpoint-groups.ts';
import { resolveDialled, resolveDiscovery } from './discovery.ts';
import type { ResolvedPort, ResolvedService } from '../service/service.ts';

/**
 * The clusters of a service port with their endpoints: for each protocol of the port, the default
 * cluster and those of subsets.
 */
export function resolveBackends(
  context: ResolveContext,
  gateway: GatewayKey,
  service: ResolvedService,
  port: ResolvedPort,
  owned: boolean,
): readonly Backend[] {
  const rules = findDestinationRules(context.mesh, gateway, service);
  const encryption = resolveBackendTls(context, service, port);
  const [speaker] = rules.filter(({ spec }) => spec.trafficPolicy !== undefined);
  const isUnread = speaker?.standsFor !== undefined;
  const isClosed = encryption === undefined ? isUnread : encryption.tls === undefined;
  const make = (protocol: ClusterKey['protocol'], declared?: DeclaredSubset): Backend => {
    const stated = withMeshPolicy(context.mesh, resolveTrafficPolicy(rules, port.number, declared));
    const policy = encryption === undefined && !isClosed ? stated : { ...stated, tls: undefined };
    if (encryption !== undefined) reportOverridden(context, stated, encryption);
    reportOnPort(context, policy, service, port);
    const preference = resolveLocalityPreference(context, gateway, service, policy);
    const key: ClusterKey = {
      owned,
      host: service.host,
      port: port.number,
      protocol,
      ...(declared === undefined ? {} : { subset: declared.subset.name }),
    };
    const labels = declared?.subset.labels;
    const { discovery, endpoints } = isClosed
      ? ({ discovery: { kind: 'listed' }, endpoints: [] } as const)
      : isPassedThrough(policy)
        ? resolveDialled(context.mesh, service)
        : resolveDiscovery(context, service, port, labels);
    reportPlainEndpoints(context, policy, service, endpoints);
    return {
      cluster: {
        key,
        discovery,
        ...(labels === undefined ? {} : { subsetLabels: labels }),
        weighsLocalities: preference.kind === 'distribute' && endpoints.length > 0,
        ...resolvePolicy(context, policy, port, protocol, resolveRetryBudget(context, service, stated)),
        ...(encryption?.tls === undefined ? {} : { tls: encryption.tls }),
        origin: rules.map(refOf),
        service: { namespace: service.namespace, name: service.name },
      },
      endpoints: { key, groups: groupEndpoints(endpoints, preference) },
    };
  };
  return protocolsOf(port, owned).flatMap((protocol) => [
    make(protocol),
    ...declaredSubsets(rules).map((declared) => make(protocol, declared)),
  ]);
}

function reportOverridden(context: ResolveContext, { tls }: EffectivePolicy, { policy }: BackendTls): void {
  if (tls === undefined) return;
  const message = `${formatRef(refOf(policy))} goes first, so this has no effect`;
  reportStated(context, tls, 'NotServed', [], message, 'keep one of the two');
}

/** Whether connections go to the address that the client dialled, whatever the service is. */
function isPassedThrough({ loadBalancer }: EffectivePolicy): boolean {
  return loadBalancer?.value.simple === 'PASSTHROUGH' && loadBalancer.value.consistentHash === undefined;
}

type ClusterPolicy = Pick<
  ServiceCluster,
  'loadBalancer' | 'connections' | 'upstreamProtocol' | 'circuitBreaker' | 'outlierDetection' | 'tls' | 'proxyProtocol'
>;

function resolvePolicy(
  context: ResolveContext,
  policy: EffectivePolicy,
  port: ResolvedPort,
  protocol: ClusterKey['protocol'],
  retryBudget: TrafficPolicy['retryBudget'],
): ClusterPolicy {
  const pool = policy.connectionPool?.value;
  const tls = resolveTls(policy.tls?.value, context.mesh.settings, protocol);
  return {
    loadBalancer: resolveLoadBalancer(policy.loadBalancer?.value),
    connections: resolveConnections(pool),
    upstreamProtocol: resolveUpstreamProtocol(port, pool),
    circuitBreaker: resolveCircuitBreaker(pool, retryBudget),
    ...(policy.outlierDetection === undefined
      ? {}
      : { outlierDetection: resolveOutlierDetection(policy.outlierDetection.value) }),
    ...(tls === undefined ? {} : { tls }),
    ...(policy.proxyProtocol === undefined ? {} : { proxyProtocol: policy.proxyProtocol.value.version ?? 'V1' }),
  };
}

/** The name of a foreign cluster does not contain the protocol: one cluster takes both. */
function protocolsOf({ protocol }: ResolvedPort, owned: boolean): readonly ClusterKey['protocol'][] {
  switch (protocol) {
    case 'http':
    case 'http2':
    case 'grpc-web':
      return ['http'];
    case 'tcp':
      return ['tcp'];
    case 'auto':
      return owned ? ['http', 'tcp'] : ['http'];
    case 'udp':
      return [];
  }
}
