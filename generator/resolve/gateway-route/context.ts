// The common context of the resolvers of one Gateway API route: its frontend, and its collector of
// problems.

import { type FieldPath, type FindingCode, type MeshObject, refOf, type Severity } from '../../../mesh/index.ts';
import type { GatewayKey } from '../waypoint/gateway.ts';
import type { ResolveContext } from '../context.ts';
import type { ResolvedService } from '../service/service.ts';

/** A route of HTTP requests. */
export type RequestRoute = MeshObject<'GRPCRoute'> | MeshObject<'HTTPRoute'>;

/** Any route: of HTTP requests, or of connections. */
export type GatewayRoute = RequestRoute | MeshObject<'TCPRoute'> | MeshObject<'TLSRoute'>;

/** Whether a route is one of HTTP requests. */
export function isRequestRoute(route: GatewayRoute): route is RequestRoute {
  return route.kind === 'GRPCRoute' || route.kind === 'HTTPRoute';
}

/**
 * The reason of a condition `ResolvedRefs` that does not hold, as the Gateway API and Istio name
 * it.
 */
export type ReferenceReason =
  'BackendNotFound' | 'InvalidDestination' | 'InvalidFilter' | 'InvalidKind' | 'RefNotPermitted';

/** Something that a rule asks for and does not get, in the words of a status condition. */
export interface RouteProblem {
  readonly reason: ReferenceReason;
  readonly message: string;
  /** The index of a rule that is not applied at all. */
  readonly droppedRule?: number;
}

/** One route seen from one port of one parent. */
export interface RouteContext extends ResolveContext {
  readonly gateway: GatewayKey;
  /** The parent. */
  readonly service: ResolvedService;
  readonly port: number;
  readonly route: GatewayRoute;
  /**
   * Status of requests whose backend is invalid: 500, and 503 for gRPC, whose clients read it as
   * UNAVAILABLE.
   */
  readonly invalidStatus: 500 | 503;
  readonly addProblem: (problem: RouteProblem) => void;
}

/** Reports a field of the route as a Finding. */
export function reportRoute(
  context: Pick<RouteContext, 'report' | 'route'>,
  code: FindingCode,
  path: FieldPath,
  message: string,
  hint?: string,
  severity: Severity = 'error',
): void {
  context.report({ code, severity, ref: refOf(context.route), path, message, ...(hint === undefined ? {} : { hint }) });
}

/**
 * Reports an unfulfilled request of a rule, for the status and with its consequence as a Finding.
 */
export function reportProblem(
  context: RouteContext,
  problem: RouteProblem & { readonly code: FindingCode; readonly path: FieldPath; readonly consequence: string },
  hint: string,
): void {
  const { code, path, consequence, reason, message, droppedRule } = problem;
  context.addProblem({ reason, message, ...(droppedRule === undefined ? {} : { droppedRule }) });
  reportRoute(context, code, path, `${message}, so ${consequence}`, hint);
}
