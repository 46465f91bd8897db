// Sessions, by route configuration of the filter that keeps them.

import { type Any, typed } from '../../../envoy-api/index.ts';
import { formatProtoDuration } from '../../../mesh/index.ts';
import type { Session } from '../../model/http-route.ts';

/**
 * The name of the filter of every HTTP chain that keeps sessions; it does nothing for routes that
 * do not ask for it.
 */
export const sessionFilter = 'envoy.filters.http.stateful_session';

/**
 * The route's configuration of the filter. A missing or unhealthy endpoint is replaced by another.
 */
export function renderSession(session: Session): Any {
  return typed('envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute', {
    stateful_session: {
      session_state: { name: `envoy.http.stateful_session.${session.kind}`, typed_config: state(session) },
    },
  });
}

function state(session: Session): Any {
  if (session.kind === 'header') {
    return typed('envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState', { name: session.name });
  }
  const { name, path, lifetimeMilliseconds } = session;
  return typed('envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState', {
    cookie: {
      name,
      path,
      ...(lifetimeMilliseconds === undefined ? {} : { ttl: formatProtoDuration(lifetimeMilliseconds) }),
    },
  });
}
