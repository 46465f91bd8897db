// The status of a ListenerSet whose parent is a Gateway of ours: a waypoint has one listener, and
// takes no others.

import { isWaypoint } from '../../../generator/index.ts';
import type { KubernetesObject } from '../../../kubernetes/index.ts';
import { type Condition, isFields } from './condition.ts';
import type { WantedStatus } from './status.ts';
import type { StatusView } from './view.ts';

/**
 * The status of a ListenerSet; undefined for a Gateway of another controller, which writes the same
 * conditions.
 */
export function resolveListenerSetStatus(
  view: StatusView,
  { metadata, spec }: KubernetesObject,
): WantedStatus | undefined {
  const reference = isFields(spec) && isFields(spec['parentRef']) ? spec['parentRef'] : {};
  const { kind = 'Gateway', namespace = metadata.namespace, name } = reference;
  const gateway = kind === 'Gateway' ? view.mesh.get('Gateway', String(namespace), String(name)) : undefined;
  if (gateway === undefined || !isWaypoint(view.mesh, gateway)) return undefined;
  const { generation } = metadata;
  const refuse = (type: string): Condition => ({
    type,
    status: 'False',
    reason: 'NotAllowed',
    message: `The "${gateway.spec.gatewayClassName}" GatewayClass does not support ListenerSet`,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  });
  return { kind: 'conditions', conditions: [refuse('Accepted'), refuse('Programmed')] };
}
