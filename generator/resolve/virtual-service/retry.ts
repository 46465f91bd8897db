// VirtualService `retries`, and the policy of routes that say nothing.

import { type FieldPath, type HttpRetry, parseDuration } from '../../../mesh/index.ts';
import type { Retry } from '../../model/http-route.ts';
import { resolveDefaultRetry } from '../destination-rule/mesh-policy.ts';
import { reportField, type VirtualServiceContext } from './context.ts';

/** What Istio retries unless told otherwise: failures before the application can have seen the request. */
export const defaultRetry: Retry = {
  attempts: 2,
  on: ['connect-failure', 'refused-stream', 'unavailable', 'cancelled', 'retriable-status-codes'],
  statusCodes: [],
  avoidPreviousHosts: true,
  otherLocalities: false,
};

/** The retry policy of a rule, or undefined when it retries nothing: `attempts` is 0, or left out, which is the same as in Istio. */
export function resolveRetry(
  context: VirtualServiceContext,
  retries: HttpRetry | undefined,
  path: FieldPath,
): Retry | undefined {
  if (retries === undefined) return resolveDefaultRetry(context.mesh.settings);
  if (retries.attempts === undefined) {
    const message = 'no number of attempts is given, so nothing is retried';
    reportField(context, 'MissingField', path, message, 'set attempts', 'warning');
  }
  const retry = readRetry(retries);
  const statusless = retry?.on.every(
    (condition) =>
      condition === 'retriable-headers' || (condition === 'retriable-status-codes' && retry.statusCodes.length === 0),
  );
  if (statusless === true) {
    const message = 'these conditions name neither headers nor statuses that are tried again, so nothing is retried';
    const hint = 'write the statuses as numbers, or a condition such as 5xx';
    reportField(context, 'InvalidValue', [...path, 'retryOn'], message, hint, 'warning');
  }
  return retry;
}

/** What is written, or undefined when nothing is retried. */
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
