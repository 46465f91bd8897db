// The action of a route: forward, redirect or answer.

import type { MessageTypes } from '../../../envoy-api/index.ts';
import { formatProtoDuration } from '../../../mesh/index.ts';
import type {
  DirectResponseAction,
  ForwardAction,
  Mirror,
  PathReplacement,
  PathRewrite,
  RedirectAction,
  RouteAction as Action,
  WeightedDestination,
} from '../../model/http-route.ts';
import { renderPerMillion } from '../matchers.ts';
import { formatClusterName, unknownService } from '../names.ts';
import { renderHeaderEdits } from './headers.ts';
import { renderRetry } from './retry.ts';

type Route = MessageTypes['envoy.config.route.v3.Route'];
type RouteAction = MessageTypes['envoy.config.route.v3.RouteAction'];

/** The action of a route, as the field of the Route that holds it. */
export function renderAction(action: Action): Pick<Route, 'route' | 'redirect' | 'direct_response'> {
  switch (action.kind) {
    case 'forward':
      return { route: renderForward(action) };
    case 'redirect':
      return { redirect: renderRedirect(action) };
    case 'respond':
      return { direct_response: renderDirectResponse(action) };
  }
}

function renderForward(action: ForwardAction): RouteAction {
  const timeout = formatProtoDuration(action.timeoutMilliseconds);
  return {
    ...renderDestinations(action.destinations),
    cluster_not_found_response_code: action.invalidStatus === 500 ? 'INTERNAL_SERVER_ERROR' : 'SERVICE_UNAVAILABLE',
    timeout,
    // Deprecated, but its replacement makes Envoy ignore `timeout`.
    max_grpc_timeout: timeout,
    ...(action.path === undefined ? {} : renderRewrite(action.path)),
    ...(action.retry === undefined ? {} : { retry_policy: renderRetry(action.retry) }),
    ...(action.mirrors.length === 0 ? {} : { request_mirror_policies: action.mirrors.map(renderMirror) }),
  };
}

/** A single destination has its Host in the route; several have theirs in the weighted clusters. */
function renderDestinations(destinations: readonly WeightedDestination[]): RouteAction {
  const [only] = destinations;
  const plain = only !== undefined && destinations.length === 1;
  if (plain && only.requestHeaders === undefined && only.responseHeaders === undefined) {
    return { cluster: clusterOf(only), ...renderAuthority(only) };
  }
  return {
    weighted_clusters: {
      clusters: destinations.map((destination) => ({
        name: clusterOf(destination),
        weight: destination.weight,
        ...renderHeaderEdits(destination.requestHeaders, destination.responseHeaders),
        ...renderAuthority(destination),
      })),
    },
  };
}

function renderAuthority({ authority }: WeightedDestination): Pick<RouteAction, 'host_rewrite_literal'> {
  return authority === undefined ? {} : { host_rewrite_literal: authority };
}

function clusterOf({ cluster }: WeightedDestination): string {
  return cluster === undefined ? unknownService : formatClusterName(cluster);
}

function renderRewrite(path: PathRewrite): RouteAction {
  if ('regex' in path) return { regex_rewrite: { pattern: { regex: path.regex }, substitution: path.substitution } };
  if ('full' in path) {
    return { regex_rewrite: { pattern: { regex: '^/.*$' }, substitution: path.full.replaceAll('\\', '\\\\') } };
  }
  return renderPartReplacement(path);
}

function renderPartReplacement(
  path: Exclude<PathReplacement, { readonly full: string }>,
): Pick<RouteAction, 'prefix_rewrite' | 'regex_rewrite'> {
  return 'matched' in path
    ? { prefix_rewrite: path.matched }
    : { regex_rewrite: { pattern: { regex: `^${quoteRegex(path.stripped)}/*` }, substitution: '/' } };
}

function quoteRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function renderMirror({ cluster, perMillion }: Mirror): NonNullable<RouteAction['request_mirror_policies']>[number] {
  return {
    cluster: formatClusterName(cluster),
    runtime_fraction: { default_value: renderPerMillion(perMillion) },
    trace_sampled: false,
    disable_shadow_host_suffix_append: true,
  };
}

const redirectCodes = {
  301: 'MOVED_PERMANENTLY',
  302: 'FOUND',
  303: 'SEE_OTHER',
  307: 'TEMPORARY_REDIRECT',
  308: 'PERMANENT_REDIRECT',
} as const;

function renderRedirect(action: RedirectAction): NonNullable<Route['redirect']> {
  return {
    response_code: redirectCodes[action.status],
    ...(action.path === undefined
      ? {}
      : 'full' in action.path
        ? { path_redirect: action.path.full }
        : renderPartReplacement(action.path)),
    ...(action.authority === undefined ? {} : { host_redirect: action.authority }),
    ...(action.scheme === undefined ? {} : { scheme_redirect: action.scheme }),
    ...(action.port === undefined ? {} : { port_redirect: action.port }),
  };
}

function renderDirectResponse({ status, body }: DirectResponseAction): NonNullable<Route['direct_response']> {
  return {
    status,
    ...(body === undefined
      ? {}
      : { body: 'text' in body ? { inline_string: body.text } : { inline_bytes: body.base64 } }),
  };
}
