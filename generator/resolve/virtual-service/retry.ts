// VirtualService `retries`.

import type { FieldPath, HttpRetry } from '../../../mesh/index.ts';
import type { Retry } from '../../model/http-route.ts';
import { reportField, type VirtualServiceContext } from './context.ts';
import { readRetry, resolveDefaultRetry } from '../frontend/retry.ts';

/**
 * The retry policy of a rule, or undefined when it retries nothing: `attempts` is 0, or left out,
 * which is the same as in Istio.
 */
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
