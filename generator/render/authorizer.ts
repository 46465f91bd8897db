// External authorization as Envoy's ext_authz filter. The filter before it records which requests
// it is asked about. Both come with the routes of a service.

import { type MessageTypes, typed } from '../../envoy-api/index.ts';
import { formatProtoDuration } from '../../mesh/index.ts';
import type { CustomAuthorization, ErrorStatus, ExternalAuthorizer } from '../model/authorization.ts';
import type { StringMatcher } from '../model/condition.ts';
import { renderCustomFilter } from './authorization.ts';
import { renderStringMatcher } from './matchers.ts';
import { filterMetadata, formatClusterName, scopeHeaders } from './names.ts';
import { renderHeaderValue } from './routes/headers.ts';

type Extension = MessageTypes['envoy.config.core.v3.TypedExtensionConfig'];
type ListStringMatcher = MessageTypes['envoy.type.matcher.v3.ListStringMatcher'];

const authorizerType = 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz';

/** The record of the filter before. */
const isAsked: MessageTypes['envoy.type.matcher.v3.MetadataMatcher'] = {
  filter: filterMetadata.rbac,
  path: [{ key: `${filterMetadata.customPrefix}shadow_engine_result` }],
  value: { string_match: { exact: 'denied' } },
};

/**
 * The filter that records which requests are asked about, and the one that asks; none without
 * rules.
 */
export function renderAuthorizerFilters(custom: CustomAuthorization | undefined): readonly Extension[] {
  if (custom === undefined) return [];
  const authorizer = typed(authorizerType, renderExtAuthz(custom.authorizer));
  return [renderCustomFilter(custom.rules), { name: 'cairn.authorizer', typed_config: authorizer }];
}

function renderExtAuthz(authorizer: ExternalAuthorizer): MessageTypes[typeof authorizerType] {
  const { http, requestBody, statusOnError } = authorizer;
  const timeout = formatProtoDuration(authorizer.timeoutMilliseconds);
  const cluster = formatClusterName(authorizer.cluster);
  return {
    transport_api_version: 'V3',
    stat_prefix: authorizer.provider,
    disallowed_headers: { patterns: [{ exact: scopeHeaders.frontend }] },
    filter_enabled_metadata: isAsked,
    failure_mode_allow: authorizer.failOpen,
    ...(statusOnError === undefined ? {} : { status_on_error: { code: statusNames[statusOnError] } }),
    ...(authorizer.clearRouteCache ? { clear_route_cache: true } : {}),
    ...(requestBody === undefined
      ? {}
      : {
          with_request_body: {
            max_request_bytes: requestBody.maxBytes,
            allow_partial_message: requestBody.allowPartial,
            pack_as_bytes: requestBody.packAsBytes,
          },
        }),
    ...(http === undefined
      ? { grpc_service: { envoy_grpc: { cluster_name: cluster, authority: authorizer.authority }, timeout } }
      : {
          ...(http.requestHeaders.length === 0 ? {} : { allowed_headers: renderNames(http.requestHeaders) }),
          http_service: {
            server_uri: { uri: `http://${authorizer.authority}:${authorizer.cluster.port}`, cluster, timeout },
            ...(http.pathPrefix === '' ? {} : { path_prefix: http.pathPrefix }),
            ...(http.addedHeaders.length === 0
              ? {}
              : {
                  authorization_request: {
                    headers_to_add: http.addedHeaders.map(([key, value]) => ({ key, value: renderHeaderValue(value) })),
                  },
                }),
            authorization_response: {
              ...nonEmpty('allowed_upstream_headers', http.toUpstreamOnAllow),
              ...nonEmpty('allowed_client_headers', http.toClientOnDeny),
              ...nonEmpty('allowed_client_headers_on_success', http.toClientOnAllow),
            },
          },
        }),
  };
}

/** Envoy's names of the statuses that mean an error. */
const statusNames: Readonly<Record<ErrorStatus, NonNullable<MessageTypes['envoy.type.v3.HttpStatus']['code']>>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  402: 'PaymentRequired',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  407: 'ProxyAuthenticationRequired',
  408: 'RequestTimeout',
  409: 'Conflict',
  410: 'Gone',
  412: 'PreconditionFailed',
  413: 'PayloadTooLarge',
  417: 'ExpectationFailed',
  421: 'MisdirectedRequest',
  422: 'UnprocessableEntity',
  423: 'Locked',
  424: 'FailedDependency',
  426: 'UpgradeRequired',
  428: 'PreconditionRequired',
  429: 'TooManyRequests',
  500: 'InternalServerError',
  501: 'NotImplemented',
  502: 'BadGateway',
  503: 'ServiceUnavailable',
  504: 'GatewayTimeout',
  511: 'NetworkAuthenticationRequired',
};

function nonEmpty<F extends string>(
  field: F,
  names: readonly StringMatcher[],
): { readonly [K in F]?: ListStringMatcher } {
  return names.length === 0 ? {} : ({ [field]: renderNames(names) } as { readonly [K in F]: ListStringMatcher });
}

function renderNames(names: readonly StringMatcher[]): ListStringMatcher {
  return { patterns: names.map((name) => renderStringMatcher(name, true)) };
}
