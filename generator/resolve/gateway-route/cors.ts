// The CORS filter of HTTPRoutes.

import type { RouteCors } from '../../../mesh/index.ts';
import type { Cors } from '../../model/http-route.ts';
import type { StringMatcher } from '../../model/condition.ts';

const defaultMaxAgeSeconds = 5;

/**
 * The meaning of `*` if a browser would take the star itself for a name: in answers to requests
 * with credentials.
 */
const everyMethod: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/**
 * The CORS policy of a rule. Preflight requests of other origins get an answer without permission,
 * and do not reach the application.
 */
export function resolveRouteCors(cors: RouteCors): Cors {
  const methods = cors.allowMethods ?? [];
  const expands = cors.allowCredentials === true && methods.includes('*');
  return {
    allowOrigins: (cors.allowOrigins ?? []).map(originMatcher),
    allowMethods: expands ? everyMethod : methods,
    allowHeaders: cors.allowHeaders ?? [],
    exposeHeaders: cors.exposeHeaders ?? [],
    maxAgeSeconds: cors.maxAge ?? defaultMaxAgeSeconds,
    ...(cors.allowCredentials === undefined ? {} : { allowCredentials: cors.allowCredentials }),
    forwardUnmatchedPreflights: false,
  };
}

/** `*` is any origin; in `https://*.example.com` the star stands for one or more labels. */
function originMatcher(origin: string): StringMatcher {
  if (origin === '*') return { regex: '.*' };
  if (!origin.includes('*')) return { exact: origin };
  return { regex: origin.split('*').map(quoteRegex).join('[^/:]+') };
}

function quoteRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
