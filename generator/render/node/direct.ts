// The workloads that are reached without a waypoint.

import type { NodeModel, NodeWorkload } from '../../model/node.ts';

/** The workloads behind services without a waypoint, in the model's order. */
export function directServers({ workloads, services }: NodeModel): readonly NodeWorkload[] {
  const reached = new Set(
    services.flatMap(({ destination }) =>
      destination.kind === 'direct' ? destination.endpoints.flatMap(({ workload }) => workload?.address ?? []) : [],
    ),
  );
  return workloads.filter(({ address }) => reached.has(address));
}
