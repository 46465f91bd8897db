// DestinationRules of a host: which apply, and in which order. The other files of
// `destination-rule/` read their contents.

import { isHostMatch, type MeshObject, type MeshSnapshot, resolveHost, type Subset } from '../../../mesh/index.ts';
import type { GatewayKey } from '../waypoint/gateway.ts';
import type { ResolvedService } from '../service/service.ts';
import { isExportedTo } from '../waypoint/visibility.ts';

type DestinationRule = MeshObject<'DestinationRule'>;

/** A subset together with the rule that declares it. */
export interface DeclaredSubset {
  readonly rule: DestinationRule;
  readonly index: number;
  readonly subset: Subset;
}

/**
 * The rules that apply to a service as its waypoint sees it: those of the waypoint's namespace,
 * else of the service's, else of the root namespace; among them those with the most specific host.
 * Several rules for one host are merged in order, oldest first.
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
