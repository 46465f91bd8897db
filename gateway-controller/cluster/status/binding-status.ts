// The condition `istio.io/WaypointBound`: the waypoint that a Service, ServiceEntry or
// WorkloadEntry is bound to, or the reason why it is not, in Istio's words; and
// `istio.io/WaypointMissing` of ServiceEntries that only a waypoint can serve.

import {
  findBoundWorkloads,
  isOfRevision,
  isWaypoint,
  requestedWaypoint,
  judgeBinding,
  resolveGateway,
} from '../../../generator/index.ts';
import type { GatewayKey } from '../../../generator/index.ts';
import {
  connectStrategyAnnotation,
  type Finding,
  isWildcardHost,
  type MeshObject,
  noWaypoint,
  useWaypointLabel,
  useWaypointNamespaceLabel,
} from '../../../mesh/index.ts';
import { type Condition, isFields } from './condition.ts';
import { waypointBound, waypointMissing, type WantedStatus } from './status.ts';
import { isGuest, type StatusView } from './view.ts';

/**
 * The status of a service; no condition when it asks for no waypoint, undefined when another
 * revision reports on it.
 */
export function resolveBindingStatus(
  view: StatusView,
  object: MeshObject<'Service'> | MeshObject<'ServiceEntry'>,
): WantedStatus | undefined {
  const key = requestedWaypoint(view.mesh, object);
  if (key === undefined) return none;
  if (isOthers(view, key)) return leave(view);
  const { problem } = judgeBinding(view.mesh, object);
  return answer(view, key, problem?.code, 'service', observed(object));
}

/**
 * The status of a ServiceEntry: its binding, and the addresses that were allocated to its hosts.
 */
export function resolveEntryStatus(view: StatusView, entry: MeshObject<'ServiceEntry'>): WantedStatus | undefined {
  const binding = resolveBindingStatus(view, entry);
  const given = (entry.spec.addresses ?? []).length > 0 ? {} : (entry.spec.hostAddresses ?? {});
  const addresses = Object.entries(given).flatMap(([host, values]) => values.map((value) => ({ host, value })));
  if (binding?.kind !== 'conditions') return binding;
  return { ...binding, conditions: [...binding.conditions, ...judgeNeed(view, entry)], addresses };
}

/**
 * A request finds a host under a wildcard by name, and the connecting proxy implements a strategy:
 * both need a waypoint.
 */
function judgeNeed(view: StatusView, entry: MeshObject<'ServiceEntry'>): readonly Condition[] {
  const key = requestedWaypoint(view.mesh, entry);
  if (key === undefined ? isGuest(view.settings) : isOthers(view, key)) return [];
  if (judgeBinding(view.mesh, entry).gateway !== undefined) return [];
  const host = entry.spec.hosts.find(isWildcardHost);
  const strategy = entry.metadata.annotations[connectStrategyAnnotation] ?? '';
  const missing = (reason: string, message: string): readonly Condition[] => [
    { type: waypointMissing, status: 'True', reason, message, ...observed(entry) },
  ];
  if (host !== undefined) {
    return missing('NoWaypointForWildcardService', `"${host}" cannot be served without a waypoint, and none serves it`);
  }
  if (strategy === '' || strategy === 'DEFAULT') return [];
  const message = `the connect strategy ${strategy} has no effect without a waypoint, and none serves the hosts`;
  return missing('NoWaypointForConnectStrategy', message);
}

/**
 * The status of a WorkloadEntry; no condition when it asks for no waypoint itself and is served by
 * none.
 */
export function resolveWorkloadStatus(view: StatusView, object: MeshObject<'WorkloadEntry'>): WantedStatus | undefined {
  const { metadata } = object;
  const own = metadata.labels[useWaypointLabel] ?? '';
  const namespace = view.mesh.get('Namespace', '', metadata.namespace)?.metadata.labels ?? {};
  const labels = own === '' ? namespace : metadata.labels;
  const name = labels[useWaypointLabel] ?? '';
  if (name === '' || name === noWaypoint) return none;
  const key = { namespace: labels[useWaypointNamespaceLabel] ?? metadata.namespace, name };
  if (isOthers(view, key)) return leave(view);
  const gateway = resolveGateway(view.mesh, key);
  const servesWorkloads = gateway?.trafficType === 'workload' || gateway?.trafficType === 'all';
  // A waypoint for services that the namespace names was never meant for its workloads.
  if (own === '' && gateway !== undefined && !servesWorkloads) return none;
  const isBound =
    gateway !== undefined &&
    findBoundWorkloads({ mesh: view.mesh }, gateway).some(
      (each) => each.metadata.namespace === metadata.namespace && each.metadata.name === metadata.name,
    );
  const problem =
    gateway === undefined
      ? 'WaypointNotFound'
      : !servesWorkloads
        ? 'WaypointTrafficType'
        : isBound
          ? undefined
          : 'AttachmentDenied';
  return answer(view, key, problem, 'workload', observed(object));
}

const none: WantedStatus = { kind: 'conditions', conditions: [] };

/**
 * Another control plane's objects get no status. Beside another one, conditions that we wrote
 * before are removed; if all control planes share one name, the other one overwrites them.
 */
function leave(view: StatusView): WantedStatus | undefined {
  return isGuest(view.settings) ? none : undefined;
}

/** Whether another control plane reports on the Gateway. */
function isOthers(view: StatusView, { namespace, name }: GatewayKey): boolean {
  const gateway = view.mesh.get('Gateway', namespace, name);
  if (gateway === undefined) return isGuest(view.settings);
  return !isWaypoint(view.mesh, gateway) && (isGuest(view.settings) || !isOfRevision(view.mesh, gateway));
}

function answer(
  view: StatusView,
  key: GatewayKey,
  problem: Finding['code'] | undefined,
  traffic: 'service' | 'workload',
  generation: Pick<Condition, 'observedGeneration'>,
): WantedStatus {
  const wanted = `${key.namespace}/${key.name}`;
  const refused = (reason: string, message: string): WantedStatus => ({
    kind: 'conditions',
    conditions: [{ type: waypointBound, status: 'False', reason, message, ...generation }],
  });
  if (problem === 'AttachmentDenied') {
    return refused(
      'AttachmentDenied',
      `we are not permitted to attach to waypoint "${wanted}" (missing allowedRoutes?)`,
    );
  }
  if (problem === 'WaypointTrafficType') {
    return refused(
      'UnsupportedTrafficType',
      `attempting to bind to traffic type "${traffic}" which the waypoint does not support`,
    );
  }
  if (problem !== undefined || !hasAddress(view, key)) {
    return refused('WaypointIsNotReady', `waypoint "${wanted}" is not ready`);
  }
  const message = `Successfully attached to waypoint ${wanted}`;
  return {
    kind: 'conditions',
    conditions: [{ type: waypointBound, status: 'True', reason: 'WaypointAccepted', message, ...generation }],
  };
}

function hasAddress(view: StatusView, { namespace, name }: GatewayKey): boolean {
  const status = view.object('Gateway', namespace, name)?.['status'];
  const addresses = isFields(status) ? status['addresses'] : undefined;
  return Array.isArray(addresses) && addresses.length > 0;
}

/** Conditions of Services have no generation, since a Service has none in most clusters. */
function observed({ kind, metadata: { generation } }: MeshObject): Pick<Condition, 'observedGeneration'> {
  return kind === 'Service' || generation === undefined ? {} : { observedGeneration: generation };
}
