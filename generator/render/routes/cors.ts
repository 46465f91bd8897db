// CORS, by route configuration of the CORS filter.

import { type Any, typed } from '../../../envoy-api/index.ts';
import type { Cors } from '../../model/http-route.ts';
import { renderStringMatcher } from '../matchers.ts';

/** The name of the CORS filter of every HTTP chain. */
export const corsFilter = 'envoy.filters.http.cors';

/** The route's configuration of the CORS filter. */
export function renderCors(cors: Cors): Any {
  return typed('envoy.extensions.filters.http.cors.v3.CorsPolicy', {
    allow_origin_string_match: cors.allowOrigins.map((origin) => renderStringMatcher(origin)),
    ...(cors.allowMethods.length === 0 ? {} : { allow_methods: cors.allowMethods.join(',') }),
    ...(cors.allowHeaders.length === 0 ? {} : { allow_headers: cors.allowHeaders.join(',') }),
    ...(cors.exposeHeaders.length === 0 ? {} : { expose_headers: cors.exposeHeaders.join(',') }),
    ...(cors.maxAgeSeconds === undefined ? {} : { max_age: String(cors.maxAgeSeconds) }),
    ...(cors.allowCredentials === undefined ? {} : { allow_credentials: cors.allowCredentials }),
    forward_not_matching_preflights: cors.forwardUnmatchedPreflights,
  });
}
