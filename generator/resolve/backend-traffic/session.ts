// The session of an XBackendTrafficPolicy. A session belongs to a route, since Envoy keeps it
// there: a route without one of its own takes that of its backends.

import { formatRef, type MeshSnapshot, refOf } from '../../../mesh/index.ts';
import type { HttpRoute, Session } from '../../model/http-route.ts';
import { readSession, type ReportSession } from '../gateway-route/session.ts';
import { findBackendService } from '../waypoint/served.ts';
import type { GatewayKey } from '../waypoint/gateway.ts';
import type { ResolveContext } from '../context.ts';
import { type BackendTrafficPolicy, findBackendTrafficPolicy } from './policy.ts';

/** A route with the session of its backends, unless its rule has one. */
export function keepBackendSession(context: ResolveContext, gateway: GatewayKey, route: HttpRoute): HttpRoute {
  if (route.session !== undefined || route.action.kind !== 'forward') return route;
  const policies = route.action.destinations.map(({ cluster }) => {
    const service = cluster === undefined ? undefined : findBackendService(context.mesh, gateway, cluster);
    return service === undefined ? undefined : findWithSession(context.mesh, service);
  });
  const [first] = policies;
  const given = policies.find((policy) => policy !== undefined);
  if (given === undefined) return route;
  const isSame = policies.every(
    (policy) => policy !== undefined && formatRef(refOf(policy)) === formatRef(refOf(given)),
  );
  if (first === undefined || !isSame) {
    context.report({
      code: 'FieldNotSupported',
      severity: 'warning',
      ref: refOf(given),
      path: ['spec', 'sessionPersistence'],
      message: `route "${route.name}" leads to several services, and not all of them have this policy, so it keeps no session`,
      hint: 'name all of the services in targetRefs, or write the session into the rule of the route',
    });
    return route;
  }
  // The analysis of the policy reports on its fields.
  const session = readPolicySession(first, () => undefined);
  return session === undefined ? route : { ...route, session };
}

function findWithSession(
  mesh: MeshSnapshot,
  service: Parameters<typeof findBackendTrafficPolicy>[1],
): BackendTrafficPolicy | undefined {
  const policy = findBackendTrafficPolicy(mesh, service);
  return policy?.spec.sessionPersistence === undefined ? undefined : policy;
}

/** The session of a policy. By default its cookie or header is named after the policy. */
export function readPolicySession(
  { metadata: { namespace, name }, spec }: BackendTrafficPolicy,
  report: ReportSession,
): Session | undefined {
  return spec.sessionPersistence === undefined
    ? undefined
    : readSession(spec.sessionPersistence, `session-${namespace}.${name}`, report);
}
