// DestinationRules of a host: which apply, in which order, and what they make of its clusters.

import {
  isHostMatch,
  type FieldPath,
  type MeshObject,
  type MeshSnapshot,
  parseDuration,
  refOf,
  resolveHost,
} from '../../mesh/index.ts';
import type { PortTrafficPolicy, Subset, TrafficPolicy } from '../../mesh/index.ts';
import type { CircuitBreaker, LoadBalancer } from '../model/cluster.ts';
import type { GatewayKey } from './binding.ts';
import type { ResolveContext } from './context.ts';
import type { ResolvedPort, ResolvedService } from './service.ts';
import { isExportedTo } from './visibility.ts';

type DestinationRule = MeshObject<'DestinationRule'>;

/** A subset together with the rule that declares it. */
export interface DeclaredSubset {
  readonly rule: DestinationRule;
  readonly index: number;
  readonly subset: Subset;
}

/** What the rules say of a cluster. Times in milliseconds. */
export interface ClusterPolicy {
  readonly loadBalancer: LoadBalancer;
  readonly connectTimeout: number;
  readonly circuitBreaker: CircuitBreaker;
  readonly upgradeToHttp2?: boolean;
}

const defaultConnectTimeout = 10_000;

/**
 * The rules that apply to a service as its waypoint sees it: those of the waypoint's namespace, else of the service's, else of the
 * root namespace; among them those with the most specific host. Several rules for one host are merged in order, oldest first.
 */
export function findDestinationRules(
  mesh: MeshSnapshot,
  gateway: GatewayKey,
  service: Pick<ResolvedService, 'host' | 'namespace'>,
): readonly DestinationRule[] {
  const candidates = [
    ...mesh.find('DestinationRule/host', service.host),
    ...mesh
      .find('DestinationRule/wildcard', '')
      .filter((rule) => isHostMatch(rule.spec.host.toLowerCase(), service.host)),
  ].filter(({ spec }) => spec.workloadSelector === undefined);
  for (const namespace of [gateway.namespace, service.namespace, mesh.settings.rootNamespace]) {
    const here = candidates.filter(
      (rule) => rule.metadata.namespace === namespace && isExportedTo(rule.spec.exportTo, namespace, gateway.namespace),
    );
    if (here.length > 0) return mostSpecific(mesh, here);
  }
  return [];
}

function mostSpecific(mesh: MeshSnapshot, rules: readonly DestinationRule[]): readonly DestinationRule[] {
  const hostOf = (rule: DestinationRule): string =>
    resolveHost(rule.spec.host, rule.metadata.namespace, mesh.settings.clusterDomain);
  const rank = (host: string): number => (host.startsWith('*') ? host.length : Number.MAX_SAFE_INTEGER);
  const best = Math.max(...rules.map((rule) => rank(hostOf(rule))));
  return rules.filter((rule) => rank(hostOf(rule)) === best);
}

/** Every subset that the rules declare, each name once: the first declaration holds. */
export function declaredSubsets(rules: readonly DestinationRule[]): readonly DeclaredSubset[] {
  const byName = new Map<string, DeclaredSubset>();
  for (const rule of rules) {
    for (const [index, subset] of (rule.spec.subsets ?? []).entries()) {
      if (!byName.has(subset.name)) byName.set(subset.name, { rule, index, subset });
    }
  }
  return [...byName.values()].sort((a, b) => (a.subset.name < b.subset.name ? -1 : 1));
}

/** The policy of a service port, or of one subset of it: port-level instead of top-level, the subset's over the rule's. */
export function resolveClusterPolicy(
  context: ResolveContext,
  rules: readonly DestinationRule[],
  port: ResolvedPort,
  declared?: DeclaredSubset,
): ClusterPolicy {
  const rule = rules.find(({ spec }) => spec.trafficPolicy !== undefined);
  const layers: { readonly rule: DestinationRule; readonly path: FieldPath; readonly policy: PortTrafficPolicy }[] = [];
  const push = (owner: DestinationRule, path: FieldPath, policy: TrafficPolicy | undefined): void => {
    if (policy === undefined) return;
    layers.unshift({ rule: owner, path, policy });
    const index = (policy.portLevelSettings ?? []).findIndex((settings) => settings.port?.number === port.number);
    const level = policy.portLevelSettings?.[index];
    // What is set for a port replaces everything that is said for all ports, also what it leaves out.
    if (level !== undefined) {
      layers.splice(0, layers.length, { rule: owner, path: [...path, 'portLevelSettings', index], policy: level });
    }
  };
  if (rule !== undefined) push(rule, ['spec', 'trafficPolicy'], rule.spec.trafficPolicy);
  if (declared !== undefined) {
    push(declared.rule, ['spec', 'subsets', declared.index, 'trafficPolicy'], declared.subset.trafficPolicy);
  }
  const loadBalancer = layers.find(({ policy }) => policy.loadBalancer !== undefined);
  const pool = layers.find(({ policy }) => policy.connectionPool !== undefined);
  const tcp = pool?.policy.connectionPool?.tcp;
  const http = pool?.policy.connectionPool?.http;
  return {
    loadBalancer: loadBalancerOf(context, loadBalancer),
    connectTimeout:
      tcp?.connectTimeout === undefined
        ? defaultConnectTimeout
        : (parseDuration(tcp.connectTimeout) ?? defaultConnectTimeout),
    circuitBreaker: {
      ...(tcp?.maxConnections === undefined ? {} : { maxConnections: tcp.maxConnections }),
      ...(http?.http1MaxPendingRequests === undefined ? {} : { maxPendingRequests: http.http1MaxPendingRequests }),
      ...(http?.http2MaxRequests === undefined ? {} : { maxRequests: http.http2MaxRequests }),
      ...(http?.maxRetries === undefined ? {} : { maxRetries: http.maxRetries }),
    },
    ...(http?.h2UpgradePolicy === 'UPGRADE' ? { upgradeToHttp2: true } : {}),
  };
}

function loadBalancerOf(
  context: ResolveContext,
  layer: { readonly rule: DestinationRule; readonly path: FieldPath; readonly policy: PortTrafficPolicy } | undefined,
): LoadBalancer {
  const simple = layer?.policy.loadBalancer?.simple;
  switch (simple) {
    case 'ROUND_ROBIN':
      return 'round_robin';
    case 'RANDOM':
      return 'random';
    case 'PASSTHROUGH':
      if (layer !== undefined) {
        context.report({
          code: 'FieldNotSupported',
          severity: 'error',
          ref: refOf(layer.rule),
          path: [...layer.path, 'loadBalancer', 'simple'],
          message: 'load balancer PASSTHROUGH is not supported at a waypoint yet; least request is used',
        });
      }
      return 'least_request';
    default:
      return 'least_request';
  }
}
