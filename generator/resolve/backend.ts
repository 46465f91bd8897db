// The clusters of a service port and their endpoints: the default one and one for each subset.

import { refOf } from '../../mesh/index.ts';
import type { Backend } from '../model/waypoint.ts';
import type { ClusterKey, ServiceCluster } from '../model/cluster.ts';
import type { GatewayKey } from './binding.ts';
import type { ResolveContext } from './context.ts';
import {
  declaredSubsets,
  type DeclaredSubset,
  findDestinationRules,
  resolveClusterPolicy,
} from './destination-rule.ts';
import { resolveDiscovery } from './discovery.ts';
import type { ResolvedPort, ResolvedService } from './service.ts';

/** Every cluster of a service port, without endpoints: for each protocol of the port, the default cluster and those of subsets. */
export function resolveClusters(
  context: ResolveContext,
  gateway: GatewayKey,
  service: ResolvedService,
  port: ResolvedPort,
  owned: boolean,
): readonly Omit<ServiceCluster, 'discovery'>[] {
  const rules = findDestinationRules(context.mesh, gateway, service);
  const make = (protocol: ClusterKey['protocol'], declared?: DeclaredSubset): Omit<ServiceCluster, 'discovery'> => {
    const policy = resolveClusterPolicy(context, rules, port, declared);
    return {
      key: {
        owned,
        host: service.host,
        port: port.number,
        protocol,
        ...(declared === undefined ? {} : { subset: declared.subset.name }),
      },
      ...(declared?.subset.labels === undefined ? {} : { subsetLabels: declared.subset.labels }),
      loadBalancer: policy.loadBalancer,
      connectTimeout: policy.connectTimeout,
      upstreamProtocol:
        port.protocol === 'http2' || port.protocol === 'grpc-web' || policy.upgradeToHttp2 === true
          ? 'http2'
          : port.protocol === 'auto'
            ? 'client'
            : 'http1',
      circuitBreaker: policy.circuitBreaker,
      origin: rules.map(refOf),
      service: { namespace: service.namespace, name: service.name },
    };
  };
  return protocolsOf(port, owned).flatMap((protocol) => [
    make(protocol),
    ...declaredSubsets(rules).map((declared) => make(protocol, declared)),
  ]);
}

/** The clusters of a service port with their endpoints. A subset that selects no endpoint is reported. */
export function resolveBackends(
  context: ResolveContext,
  gateway: GatewayKey,
  service: ResolvedService,
  port: ResolvedPort,
  owned: boolean,
): readonly Backend[] {
  return resolveClusters(context, gateway, service, port, owned).map((cluster) => {
    const { discovery, endpoints } = resolveDiscovery(context, service, port, cluster.subsetLabels);
    return { cluster: { ...cluster, discovery }, endpoints: { key: cluster.key, endpoints } };
  });
}

/** The name of a foreign cluster says nothing of the protocol: there is one, which takes both. */
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
