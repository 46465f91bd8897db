// Localities, from the fields and labels of objects.

import { localityLabel, topologyLabels } from '../../../mesh/index.ts';
import type { Locality } from '../../model/cluster.ts';

type Labels = Readonly<Record<string, string>>;

/** `region/zone/subzone`, whose later parts may be missing; undefined when there is nothing. */
export function parseLocality(text: string | undefined): Locality | undefined {
  const [region = '', zone = '', subzone = ''] = (text ?? '').split('/');
  return region === '' ? undefined : { region, zone, subzone };
}

/**
 * The locality of a workload: its own field, else Istio's label, else the labels that Kubernetes
 * puts on nodes.
 */
export function resolveLocality(field: string | undefined, labels: Labels): Locality | undefined {
  // A label's value cannot hold a slash, so Istio writes dots.
  const label = labels[localityLabel];
  return (
    parseLocality(field) ??
    parseLocality(label === undefined || label.includes('/') ? label : label.replaceAll('.', '/')) ??
    parseLocality(topologyLabels.map((key) => labels[key] ?? '').join('/'))
  );
}

/** Labels with those of a locality added, so that either can be compared by label. */
export function withTopology(labels: Labels, locality: Locality | undefined): Labels {
  if (locality === undefined) return labels;
  const parts = [locality.region, locality.zone, locality.subzone];
  return { ...Object.fromEntries(topologyLabels.map((key, index) => [key, parts[index] ?? ''])), ...labels };
}

/** Whether a pattern names a locality: `region/zone/*`; missing parts match everything. */
export function isLocalityMatch({ region, zone, subzone }: Locality, pattern: string): boolean {
  const [wantedRegion = '', wantedZone = '', wantedSubzone = ''] = pattern.split('/');
  return (
    (wantedRegion === '*' || wantedRegion === region) &&
    ['', '*', zone].includes(wantedZone) &&
    ['', '*', subzone].includes(wantedSubzone)
  );
}

/**
 * The distance of two localities: 0 the same, 1 another subzone, 2 another zone, 3 another region.
 */
export function localityDistance(a: Locality, b: Locality | undefined): 0 | 1 | 2 | 3 {
  if (a.region !== b?.region) return 3;
  if (a.zone !== b.zone) return 2;
  return a.subzone === b.subzone ? 0 : 1;
}
