// Session persistence of HTTPRoutes and GRPCRoutes. The endpoint is written into a cookie or header
// of the answer, so that waypoints keep no state. A client can name only endpoints of the backend
// that it reaches anyway.

import { type FieldPath, type FindingCode, parseDuration, type SessionPersistence } from '../../../mesh/index.ts';
import type { RouteAction, Session } from '../../model/http-route.ts';
import { reportRoute, type RouteContext } from './context.ts';

/** Allowed names of a cookie or header; the definitions of Gateway API 1.6 leave them open. */
const token = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/;

/**
 * The session of a rule; undefined when it has none. Without a name it gets one that no other rule
 * has: `rule` is the rule's own.
 */
export function resolveSession(
  context: RouteContext,
  session: SessionPersistence | undefined,
  { action, rule, path }: { readonly action: RouteAction; readonly rule: string; readonly path: FieldPath },
): Session | undefined {
  if (session === undefined) return undefined;
  const report = (message: string): void =>
    reportRoute(context, 'FieldNotSupported', path, message, undefined, 'warning');
  if (action.kind !== 'forward') {
    report('these requests go to no backend, so there is no session to keep');
    return undefined;
  }
  if (action.destinations.length > 1) {
    report(
      'the backend is chosen by weight for each request, so a session is kept only among the endpoints of the backend that is chosen',
    );
  }
  const { namespace, name } = context.route.metadata;
  return readSession(session, `session-${namespace}.${name}.${rule}`, (code, field, message, hint) =>
    reportRoute(context, code, [...path, ...field], message, hint, 'warning'),
  );
}

/** Collects the problems of a session's fields. */
export type ReportSession = (code: FindingCode, field: FieldPath, message: string, hint?: string) => void;

/**
 * The session that is written, in a route or elsewhere. Its cookie or header is called `generated`
 * by default.
 */
export function readSession(session: SessionPersistence, generated: string, report: ReportSession): Session {
  const { type = 'Cookie', cookie, cookieConfig, header, sessionName, absoluteTimeout } = session;
  const isToken = sessionName === undefined || token.test(sessionName);
  if (!isToken) {
    const message = `"${sessionName}" cannot be the name of a cookie or header, so the session is called ${generated}`;
    report('InvalidValue', ['sessionName'], message, 'write letters, digits and dashes');
  }
  const ownName = isToken ? sessionName : undefined;
  const isPermanent = (cookie?.lifetimeType ?? cookieConfig?.lifetimeType) === 'Permanent';
  const lifetime = absoluteTimeout === undefined ? undefined : parseDuration(absoluteTimeout);
  if (lifetime !== undefined && !isPermanent) {
    const message = 'only a permanent cookie ends by itself, so this session ends with the client';
    report('FieldNotSupported', ['absoluteTimeout'], message);
  }
  if (type === 'Header') return { kind: 'header', name: header?.name ?? ownName ?? generated };
  return {
    kind: 'cookie',
    name: cookie?.name ?? ownName ?? generated,
    path: cookie?.path ?? '/',
    // Cookies live for whole seconds, and 0 is no limit.
    ...(lifetime === undefined || !isPermanent
      ? {}
      : { lifetimeMilliseconds: Math.max(1, Math.ceil(lifetime / 1000)) * 1000 }),
  };
}
