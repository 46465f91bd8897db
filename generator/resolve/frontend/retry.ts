// Reads retry policies, and gives the retries of routes without one.

import type { Retry } from '../../model/http-route.ts';
import { type HttpRetry, type MeshSettings, parseDuration } from '../../../mesh/index.ts';

/** Istio's default conditions: failures before the application can have seen the request. */
export const defaultRetry: Retry = {
  attempts: 2,
  on: ['connect-failure', 'refused-stream', 'unavailable', 'cancelled', 'retriable-status-codes'],
  statusCodes: [],
  avoidPreviousHosts: true,
  otherLocalities: false,
};

/** The written policy, or undefined when nothing is retried. */
export function readRetry(retries: HttpRetry): Retry | undefined {
  if (retries.attempts === undefined || retries.attempts === 0) return undefined;
  const tokens = (retries.retryOn ?? '')
    .split(',')
    .map((token) => token.trim())
    .filter((token) => token !== '');
  const codes = tokens.filter((token) => /^\d{3}$/.test(token)).map(Number);
  const conditions = tokens.filter((token) => !/^\d{3}$/.test(token));
  const on =
    tokens.length === 0 ? defaultRetry.on : codes.length === 0 ? conditions : [...conditions, 'retriable-status-codes'];
  const perTry = retries.perTryTimeout === undefined ? undefined : parseDuration(retries.perTryTimeout);
  const backoff = retries.backoff === undefined ? undefined : parseDuration(retries.backoff);
  return {
    attempts: retries.attempts,
    on: [...new Set(on)],
    statusCodes: codes,
    ...(perTry === undefined ? {} : { perTryTimeoutMilliseconds: perTry }),
    ...(backoff === undefined ? {} : { backoffMilliseconds: backoff }),
    avoidPreviousHosts: retries.retryIgnorePreviousHosts ?? true,
    otherLocalities: retries.retryRemoteLocalities ?? false,
  };
}

/** The retries of routes that configure none; undefined for none. */
export function resolveDefaultRetry({ defaultRetry: policy }: Pick<MeshSettings, 'defaultRetry'>): Retry | undefined {
  return policy === undefined ? defaultRetry : readRetry(policy);
}
