// XBackendTrafficPolicy: the rules that its definition has as expressions, which an API server
// would enforce.

import { parseDuration } from '../../duration.ts';
import type { FieldPath } from '../../finding.ts';
import type { Problem } from '../../reading/problem.ts';
import { errorAt } from '../../reading/problem.ts';
import { checkSession } from '../gateway-route/checks.ts';
import type { XBackendTrafficPolicySpec } from './spec.ts';

const oneSecond = 1_000;
const oneHour = 3_600_000;

/** The problems of one XBackendTrafficPolicy. */
export function checkBackendTraffic({
  retryConstraint = {},
  sessionPersistence,
}: XBackendTrafficPolicySpec): readonly Problem[] {
  const path: FieldPath = ['spec', 'retryConstraint'];
  const { budget, minRetryRate } = retryConstraint;
  return [
    ...checkInterval(budget?.interval, oneSecond, [...path, 'budget', 'interval']),
    ...checkInterval(minRetryRate?.interval, 1, [...path, 'minRetryRate', 'interval']),
    ...(sessionPersistence === undefined ? [] : checkSession(sessionPersistence, ['spec', 'sessionPersistence'])),
  ];
}

function checkInterval(text: string | undefined, least: number, path: FieldPath): readonly Problem[] {
  const milliseconds = text === undefined ? undefined : parseDuration(text);
  if (milliseconds === undefined || (milliseconds >= least && milliseconds <= oneHour)) return [];
  const limit = least === oneSecond ? 'at least one second' : 'more than nothing';
  return [errorAt('InvalidValue', path, `\`interval\` is ${limit}, and one hour at most.`)];
}
