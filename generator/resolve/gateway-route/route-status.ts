// The status of routes of the Gateway API: for each parent that is a service, the conditions that a
// controller writes. Reasons and messages are Istio's if it has them; those that only the Gateway
// API defines (Conflicted, PartiallyInvalid) are added.

import {
  formatRef,
  type MeshSnapshot,
  type ObjectRef,
  refOf,
  type RouteParentRef,
  useWaypointLabel,
} from '../../../mesh/index.ts';
import { requestedWaypoint } from '../waypoint/binding.ts';
import { findConflict } from './analysis.ts';
import { resolveParent } from './attachment.ts';
import { withoutFindings } from '../context.ts';
import { type GatewayRoute, isRequestRoute, type RouteProblem } from './context.ts';
import { resolveRouteRules } from './routes.ts';
import { resolveTcpDestinations } from './tcp.ts';
import type { ResolvedPort, ResolvedService } from '../service/service.ts';
import { resolveGateway } from '../waypoint/gateway.ts';

/** A condition without the time of its last change, which the writer keeps. */
export interface RouteCondition {
  readonly type: 'Accepted' | 'PartiallyInvalid' | 'ResolvedRefs' | 'ResolvedWaypoints';
  readonly status: 'False' | 'True';
  readonly reason: string;
  readonly message: string;
  /** Absent for objects that were read from files. */
  readonly observedGeneration?: number;
}

/** One entry of `status.parents`. Entries of other controllers are theirs, and stay. */
export interface RouteParentStatus {
  readonly parentRef: RouteParentRef;
  readonly controllerName: string;
  readonly conditions: readonly RouteCondition[];
}

/**
 * The entries of one route's `status.parents` for this controller; routes without a parent that is
 * a service have none.
 */
export interface RouteStatus {
  readonly ref: ObjectRef;
  readonly parents: readonly RouteParentStatus[];
}

/** The controller name of Istio's route status, so that tools that wait for it keep working. */
const controllerName = 'istio.io/gateway-controller';

/** The status of every route of a configuration that has one, oldest first by kind. */
export function resolveRouteStatuses(mesh: MeshSnapshot): readonly RouteStatus[] {
  return (['GRPCRoute', 'HTTPRoute', 'TCPRoute', 'TLSRoute'] as const)
    .flatMap((kind) => mesh.list(kind) as readonly GatewayRoute[])
    .map((route) => resolveRouteStatus(mesh, route))
    .filter(({ parents }) => parents.length > 0);
}

/** The status of one route: a pure function of what it reads. */
export function resolveRouteStatus(mesh: MeshSnapshot, route: GatewayRoute): RouteStatus {
  const { generation, namespace } = route.metadata;
  return {
    ref: refOf(route),
    parents: (route.spec.parentRefs ?? []).flatMap((parentRef): readonly RouteParentStatus[] => {
      const parent = resolveParent(mesh, parentRef, namespace);
      if (parent === undefined) return [];
      const conditions = 'problem' in parent ? rejected(parent.problem) : judge(mesh, route, parent);
      return [
        {
          parentRef,
          controllerName,
          conditions: conditions.map((condition) => ({
            ...condition,
            ...(generation === undefined ? {} : { observedGeneration: generation }),
          })),
        },
      ];
    }),
  };
}

const resolved: RouteCondition = {
  type: 'ResolvedRefs',
  status: 'True',
  reason: 'ResolvedRefs',
  message: 'All references resolved',
};

function rejected(message: string): readonly RouteCondition[] {
  return [{ type: 'Accepted', status: 'False', reason: 'NoMatchingParent', message }, resolved];
}

function judge(
  mesh: MeshSnapshot,
  route: GatewayRoute,
  { services, ports }: { readonly services: readonly ResolvedService[]; readonly ports: readonly ResolvedPort[] },
): readonly RouteCondition[] {
  const [service] = services;
  const [port] = ports;
  if (service === undefined || port === undefined) return [];
  const gateway = requestedWaypoint(mesh, service.object) ?? { namespace: '', name: '' };
  const problems: RouteProblem[] = [];
  const context = withoutFindings(mesh);
  const add = (problem: RouteProblem): void => void problems.push(problem);
  if (isRequestRoute(route)) resolveRouteRules(context, gateway, service, port, route, add);
  else resolveTcpDestinations(context, { gateway, service, port }, route, add);
  const [problem] = problems;
  const isServed = resolveGateway(mesh, gateway) !== undefined;
  return [
    ...accept(mesh, route, service, ports, problems),
    problem === undefined
      ? resolved
      : { type: 'ResolvedRefs', status: 'False', reason: problem.reason, message: problem.message },
    {
      type: 'ResolvedWaypoints',
      status: 'True',
      reason: 'ResolvedWaypoints',
      message: isServed
        ? 'All waypoints resolved'
        : `No waypoint serves ${formatRef(service.ref)} (missing the label ${useWaypointLabel}?)`,
    },
  ];
}

function accept(
  mesh: MeshSnapshot,
  route: GatewayRoute,
  service: ResolvedService,
  ports: readonly ResolvedPort[],
  problems: readonly RouteProblem[],
): readonly RouteCondition[] {
  const winners = ports.map((port) => findConflict(mesh, service, port, route));
  const [winner] = winners;
  if (winner !== undefined && winners.every((each) => each !== undefined)) {
    const message = `${formatRef(refOf(winner))} has the same parent`;
    return [{ type: 'Accepted', status: 'False', reason: 'Conflicted', message }];
  }
  const dropped = problems.filter(({ droppedRule }) => droppedRule !== undefined);
  const rules = new Set(dropped.map(({ droppedRule }) => droppedRule));
  const [first] = dropped;
  if (first !== undefined && rules.size === (route.spec.rules ?? []).length) {
    return [{ type: 'Accepted', status: 'False', reason: 'UnsupportedValue', message: first.message }];
  }
  const accepted: RouteCondition = {
    type: 'Accepted',
    status: 'True',
    reason: 'Accepted',
    message: 'Route was valid',
  };
  if (first === undefined) return [accepted];
  const list = [...rules].map((rule) => `spec.rules[${rule}]`).join(', ');
  return [
    accepted,
    {
      type: 'PartiallyInvalid',
      status: 'True',
      reason: 'UnsupportedValue',
      message: `Dropped Rule ${list}: ${first.message}`,
    },
  ];
}
