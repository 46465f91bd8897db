// VirtualService `corsPolicy`.

import { type CorsPolicy, parseDuration } from '../../../mesh/index.ts';
import type { Cors } from '../../model/http-route.ts';
import type { StringMatcher } from '../../model/condition.ts';
import { stringMatcher } from './match.ts';

/**
 * The CORS policy of a rule; the deprecated `allowOrigin` is a list of exact origins, `*` meaning
 * any.
 */
export function resolveCors(policy: CorsPolicy | undefined): Cors | undefined {
  if (policy === undefined) return undefined;
  const maxAge = policy.maxAge === undefined ? undefined : parseDuration(policy.maxAge);
  const origins: StringMatcher[] = (policy.allowOrigins ?? []).flatMap((match) => stringMatcher(match) ?? []);
  const deprecated = (policy.allowOrigin ?? []).map((origin): StringMatcher =>
    origin === '*' ? { regex: '.*' } : { exact: origin },
  );
  return {
    allowOrigins: origins.length > 0 ? origins : deprecated,
    allowMethods: policy.allowMethods ?? [],
    allowHeaders: policy.allowHeaders ?? [],
    exposeHeaders: policy.exposeHeaders ?? [],
    ...(maxAge === undefined ? {} : { maxAgeSeconds: Math.round(maxAge / 1000) }),
    ...(policy.allowCredentials === undefined ? {} : { allowCredentials: policy.allowCredentials }),
    forwardUnmatchedPreflights: policy.unmatchedPreflights !== 'IGNORE',
  };
}
