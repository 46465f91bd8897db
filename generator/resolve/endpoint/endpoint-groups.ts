// The priorities or shares of a cluster's endpoints: `localityLbSetting` of a DestinationRule, and
// the service's own preference. Distances count from the waypoint, since the waypoint chooses.

import { type LocalityLbSetting, type MeshObject, trafficDistributionAnnotation } from '../../../mesh/index.ts';
import type { Endpoint, EndpointGroup, Locality } from '../../model/cluster.ts';
import type { ResolvedEndpoint } from './endpoint.ts';
import { isLocalityMatch, localityDistance, withTopology } from './locality.ts';
import type { WaypointPlace } from '../waypoint/waypoint-place.ts';

/** How endpoints are grouped. */
export type EndpointPreference =
  | { readonly kind: 'none' }
  /** Shares by locality pattern; endpoints that no pattern matches are not used. */
  | { readonly kind: 'distribute'; readonly to: Readonly<Record<string, number>> }
  /** The nearest first; `regions`: where to go from the waypoint's own region. */
  | { readonly kind: 'failover'; readonly from: Locality; readonly regions: LocalityLbSetting['failover'] }
  /**
   * Those first that have the same values of labels; the labels come in the order of their
   * precedence.
   */
  | { readonly kind: 'labels'; readonly wanted: readonly (readonly [label: string, value: string])[] };

/**
 * The preference of a locality setting; `ejects`: failing endpoints are ejected, without which
 * nothing ever fails over.
 */
export function resolvePreference(
  setting: LocalityLbSetting,
  place: WaypointPlace,
  ejects: boolean,
): EndpointPreference {
  if (setting.enabled === false) return { kind: 'none' };
  if ((setting.distribute ?? []).length > 0) {
    const { locality } = place;
    const rule = setting.distribute?.find(({ from = '' }) => locality !== undefined && isLocalityMatch(locality, from));
    return rule?.to === undefined ? { kind: 'none' } : { kind: 'distribute', to: rule.to };
  }
  if (!ejects) return { kind: 'none' };
  if (setting.failoverPriority !== undefined && setting.failoverPriority.length > 0) {
    return preferLabels(setting.failoverPriority, place);
  }
  const { locality } = place;
  return locality === undefined ? { kind: 'none' } : { kind: 'failover', from: locality, regions: setting.failover };
}

/**
 * The service's own preference: its `trafficDistribution`, or the annotation with the same meaning.
 */
export function resolveDistribution(
  object: MeshObject<'Service'> | MeshObject<'ServiceEntry'>,
  place: WaypointPlace,
): EndpointPreference | undefined {
  const field = object.kind === 'Service' ? object.spec.trafficDistribution : undefined;
  const labels = distributions[object.metadata.annotations[trafficDistributionAnnotation] ?? field ?? ''];
  return labels === undefined ? undefined : preferLabels(labels, place);
}

const near = ['topology.istio.io/network', 'topology.kubernetes.io/region', 'topology.kubernetes.io/zone'];
const distributions: Readonly<Record<string, readonly string[]>> = {
  PreferClose: near,
  PreferSameZone: near,
  PreferSameNode: [...near, 'topology.istio.io/subzone', 'kubernetes.io/hostname'],
};

/** The preferences that a service can have. */
export const distributionNames: readonly string[] = Object.keys(distributions);

/** `label` compares with the waypoint's own value, `label=value` with that one. */
function preferLabels(priorities: readonly string[], place: WaypointPlace): EndpointPreference {
  const own = withTopology(place.labels, place.locality);
  const wanted = priorities.map((text): readonly [string, string] => {
    const [label = '', value] = text.split('=');
    return [label, value ?? own[label] ?? ''];
  });
  return { kind: 'labels', wanted };
}

/** The endpoints in groups by priority and locality. Without a preference all are equal. */
export function groupEndpoints(
  endpoints: readonly ResolvedEndpoint[],
  preference: EndpointPreference,
): readonly EndpointGroup[] {
  const priorities = numberPriorities(endpoints.map((endpoint) => priorityOf(endpoint, preference)));
  const groups = new Map<string, { readonly priority: number; readonly members: ResolvedEndpoint[] }>();
  for (const [index, endpoint] of endpoints.entries()) {
    const priority = priorities[index] ?? 0;
    const { region = '', zone = '', subzone = '' } = endpoint.locality ?? {};
    const key = [String(priority).padStart(4, '0'), region, zone, subzone].join('/');
    const group = groups.get(key) ?? { priority, members: [] };
    group.members.push(endpoint);
    groups.set(key, group);
  }
  const sorted = [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => toGroup(group));
  return preference.kind === 'distribute' ? distribute(sorted, preference.to) : sorted;
}

function priorityOf(endpoint: ResolvedEndpoint, preference: EndpointPreference): number {
  switch (preference.kind) {
    case 'none':
    case 'distribute':
      return 0;
    case 'failover': {
      const distance = localityDistance(preference.from, endpoint.locality);
      if (distance < 3) return distance;
      const target = preference.regions?.find(({ from }) => from === preference.from.region)?.to;
      return target === undefined || target === endpoint.locality?.region ? 3 : 4;
    }
    case 'labels': {
      const found = withTopology(endpoint.labels, endpoint.locality);
      const first = preference.wanted.findIndex(([label, value]) => (found[label] ?? '') !== value);
      return first < 0 ? 0 : preference.wanted.length - first;
    }
  }
}

/** Envoy wants priorities without gaps, from 0. */
function numberPriorities(found: readonly number[]): readonly number[] {
  const order = [...new Set(found)].sort((a, b) => a - b);
  return found.map((priority) => order.indexOf(priority));
}

function toGroup({
  priority,
  members,
}: {
  readonly priority: number;
  readonly members: readonly ResolvedEndpoint[];
}): EndpointGroup {
  const locality = members[0]?.locality;
  const endpoints = members.map(({ labels: _labels, ...endpoint }): Endpoint => endpoint);
  return { ...(locality === undefined ? {} : { locality }), priority, endpoints };
}

/**
 * A share that several localities match is divided by the weights of their endpoints; a locality
 * has the most exact pattern that matches it.
 */
function distribute(groups: readonly EndpointGroup[], to: Readonly<Record<string, number>>): readonly EndpointGroup[] {
  const shares = Object.entries(to)
    .filter(([, share]) => share > 0)
    .sort(([a], [b]) => exactness(b) - exactness(a) || (a < b ? -1 : 1));
  const patternOf = ({ locality }: EndpointGroup): string | undefined =>
    shares.find(([pattern]) => isLocalityMatch(locality ?? nowhere, pattern))?.[0];
  const totals = new Map<string, number>();
  for (const group of groups) {
    const pattern = patternOf(group);
    if (pattern !== undefined) totals.set(pattern, (totals.get(pattern) ?? 0) + weightOf(group));
  }
  return groups.flatMap((group) => {
    const pattern = patternOf(group);
    if (pattern === undefined) return [];
    const share = ((to[pattern] ?? 0) * weightOf(group)) / (totals.get(pattern) ?? 1);
    return [{ ...group, weight: Math.max(1, Math.ceil(share)) }];
  });
}

const nowhere: Locality = { region: '', zone: '', subzone: '' };

function weightOf({ endpoints }: EndpointGroup): number {
  return endpoints.reduce((sum, { weight }) => sum + Math.max(1, weight), 0);
}

function exactness(pattern: string): number {
  return pattern.split('/').filter((part) => part !== '' && part !== '*').length;
}
