// The retry budget of an XBackendTrafficPolicy, in Envoy's terms. Envoy counts concurrent retries,
// and knows no rate, so `minRetryRate.count` becomes the number of concurrent retries that is
// always allowed. `minRetryRate.interval` has no place there.

import { formatRef, parseDuration, refOf, type TrafficPolicy } from '../../../mesh/index.ts';
import type { ResolveContext } from '../context.ts';
import { type EffectivePolicy, reportStated } from '../destination-rule/policy.ts';
import type { ResolvedService } from '../service/service.ts';
import { type BackendTrafficPolicy, findBackendTrafficPolicy } from './policy.ts';

/** The `minRetryRate` that the API server fills in. */
const defaultRate = { count: 10, milliseconds: 1_000 };

/** The budget as a DestinationRule has it; undefined for a policy without one. */
function readRetryBudget({ spec }: BackendTrafficPolicy): TrafficPolicy['retryBudget'] {
  if (spec.retryConstraint === undefined) return undefined;
  const { budget, minRetryRate } = spec.retryConstraint;
  return {
    percent: budget?.percent ?? 20,
    budgetInterval: budget?.interval ?? '10s',
    minRetryConcurrency: minRetryRate?.count ?? defaultRate.count,
  };
}

/** The budget of a service: that of its policy, before that of a DestinationRule. */
export function resolveRetryBudget(
  context: ResolveContext,
  service: ResolvedService,
  { retryBudget: stated }: EffectivePolicy,
): TrafficPolicy['retryBudget'] {
  const policy = findBackendTrafficPolicy(context.mesh, service);
  const budget = policy === undefined ? undefined : readRetryBudget(policy);
  if (policy === undefined || budget === undefined) return stated?.value;
  if (stated !== undefined) {
    const message = `${formatRef(refOf(policy))} goes first, so this has no effect`;
    reportStated(context, stated, 'NotServed', [], message, 'keep one of the two');
  }
  return budget;
}

/** Whether a policy states a rate. The API server fills in the default one, which nobody stated. */
export function statesRate({ spec }: BackendTrafficPolicy): boolean {
  const { count, interval } = spec.retryConstraint?.minRetryRate ?? {};
  if (interval === undefined) return false;
  return count !== defaultRate.count || parseDuration(interval) !== defaultRate.milliseconds;
}
