// The conditions of retries that Envoy knows, and times that are long enough.

import type { FieldPath } from '../finding.ts';
import type { HttpRetry } from '../kinds/virtual-service/spec.ts';
import type { Problem } from '../reading/problem.ts';
import { errorAt } from '../reading/problem.ts';
import { suggestHint } from '../reading/suggestion.ts';
import { checkDuration, checkRange, checkTime } from './value.ts';

const httpConditions = [
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'envoy-ratelimited',
  'http3-post-connect-failure',
];
const grpcConditions = ['cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable'];
const conditions: readonly string[] = [...httpConditions, ...grpcConditions];

/** The problems of a retry policy. */
export function checkRetries(retries: HttpRetry, path: FieldPath): readonly Problem[] {
  const { attempts, retryOn = '', perTryTimeout, backoff } = retries;
  const idle = (['retryOn', 'perTryTimeout', 'retryRemoteLocalities'] as const).find(
    (field) => retries[field] !== undefined && retries[field] !== '',
  );
  return [
    ...checkRange(attempts, 0, 2 ** 31 - 1, [...path, 'attempts']),
    ...(attempts === 0 && idle !== undefined
      ? [
          errorAt(
            'InvalidValue',
            [...path, idle],
            `\`${idle}\` has no effect where \`attempts\` is 0.`,
            'remove one of the two',
          ),
        ]
      : []),
    ...checkTime(perTryTimeout, [...path, 'perTryTimeout']),
    ...checkDuration(backoff, [...path, 'backoff']),
    ...retryOn.split(',').flatMap((text) => {
      const condition = text.trim();
      if (condition === '' || /^[1-5]\d\d$/.test(condition) || conditions.includes(condition)) return [];
      const message = `\`${condition}\` is no condition that something is tried again on.`;
      return [errorAt('InvalidValue', [...path, 'retryOn'], message, suggestHint(condition, conditions))];
    }),
  ];
}
