// The HTTP filters of a service. They come with its routes, in the order of judgement, and are only
// those that the service needs. A request without routes meets the default chain, which refuses it.

import { encodeOnce, type MessageTypes, typed } from '../../../envoy-api/index.ts';
import type { Authentication } from '../../model/authentication.ts';
import type { Authorization } from '../../model/authorization.ts';
import { judgement, type JudgementStep } from '../../model/judgement.ts';
import { renderAuthenticationFilter } from '../authentication.ts';
import { denyAll, renderAllowFilter, renderAuditFilter, renderDenyFilter } from '../authorization.ts';
import { renderAuthorizerFilters } from '../authorizer.ts';
import { corsFilter } from './cors.ts';
import { faultFilter } from './fault.ts';
import { sessionFilter } from './session.ts';

type Any = ReturnType<typeof typed>;
type Extension = MessageTypes['envoy.config.core.v3.TypedExtensionConfig'];

const filterName = 'envoy.filters.http.filter_chain';

/** The filter of a connection manager that runs the filters of the route. */
export const closedChain: Extension = encodeOnce({
  name: filterName,
  typed_config: typed('envoy.extensions.filters.http.filter_chain.v3.FilterChainConfig', {
    default_filter_chain: { filters: [denyAll] },
  }),
});

/** Everything that decides about the requests of a virtual host before its route acts. */
export interface Judged {
  readonly authorization: Authorization;
  readonly authentication: Authentication;
  /** Whether some route has this. */
  readonly has: Readonly<Record<'fault' | 'cors' | 'session', boolean>>;
  /** Filters before all others. */
  readonly first?: readonly Extension[];
  /** Filters behind all others. */
  readonly last?: readonly Extension[];
}

const fault = encodeOnce({
  name: faultFilter,
  typed_config: typed('envoy.extensions.filters.http.fault.v3.HTTPFault', {}),
});
const cors = encodeOnce({
  name: corsFilter,
  typed_config: typed('envoy.extensions.filters.http.cors.v3.Cors', {}),
});
const session = encodeOnce({
  name: sessionFilter,
  typed_config: typed('envoy.extensions.filters.http.stateful_session.v3.StatefulSession', {}),
});

/** The filters of each step. */
const filtersOf: Readonly<Record<JudgementStep, (judged: Judged) => readonly Extension[]>> = {
  custom: ({ authorization }) => renderAuthorizerFilters(authorization.custom),
  token: ({ authentication }) => renderAuthenticationFilter(authentication),
  audit: ({ authorization }) => renderAuditFilter(authorization),
  deny: ({ authorization }) => renderDenyFilter(authorization),
  allow: ({ authorization }) => [renderAllowFilter(authorization)],
  fault: ({ has }) => (has.fault ? [fault] : []),
  cors: ({ has }) => (has.cors ? [cors] : []),
  session: ({ has }) => (has.session ? [session] : []),
  route: ({ last = [] }) => last,
};

/** The chain of a virtual host, as its configuration of the filter. */
export function renderFilterChain(judged: Judged): Readonly<Record<string, Any>> {
  const { first = [] } = judged;
  return {
    [filterName]: typed('envoy.extensions.filters.http.filter_chain.v3.FilterChainConfigPerRoute', {
      filter_chain: { filters: [...first, ...judgement.flatMap((step) => filtersOf[step](judged))] },
    }),
  };
}
