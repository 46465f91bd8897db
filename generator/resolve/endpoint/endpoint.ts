// One endpoint of a service port, with the labels of its subsets.

import type { Endpoint } from '../../model/cluster.ts';

/** An endpoint with the labels that subsets select by. */
export interface ResolvedEndpoint extends Endpoint {
  readonly labels: Readonly<Record<string, string>>;
}

/** Whether `labels` carries every label of `wanted`. */
export function hasLabels(labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}
