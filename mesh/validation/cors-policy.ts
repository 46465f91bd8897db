// VirtualService `corsPolicy`: origins that can be compared, and methods and headers as a browser
// sends them.

import type { FieldPath } from '../finding.ts';
import type { CorsPolicy } from '../kinds/virtual-service/spec.ts';
import type { Problem } from '../reading/problem.ts';
import { errorAt, warningAt } from '../reading/problem.ts';
import { parseDuration } from '../duration.ts';
import { checkPattern, checkTime, isToken } from './value.ts';

/** The problems of a CORS policy. */
export function checkCors(policy: CorsPolicy, path: FieldPath): readonly Problem[] {
  const { allowOrigins = [], allowOrigin = [], allowMethods = [], maxAge } = policy;
  const age = maxAge === undefined ? undefined : parseDuration(maxAge);
  return [
    ...(allowOrigins.length + allowOrigin.length === 0
      ? [warningAt('MissingField', path, 'Without `allowOrigins` the policy is about no request.')]
      : []),
    ...allowOrigins.flatMap(({ exact, prefix, regex }, index) => {
      const at = [...path, 'allowOrigins', index];
      return (exact ?? prefix ?? regex ?? '') === ''
        ? [errorAt('InvalidValue', at, 'The origin is empty.', 'write `exact`, `prefix` or `regex`')]
        : checkPattern(regex, [...at, 'regex']);
    }),
    ...allowMethods.flatMap((method, index) =>
      isToken(method) && !/[a-z]/.test(method)
        ? []
        : [
            errorAt(
              'InvalidValue',
              [...path, 'allowMethods', index],
              `\`${method}\` is no method: they are in capitals.`,
            ),
          ],
    ),
    ...(['allowHeaders', 'exposeHeaders'] as const).flatMap((field) =>
      (policy[field] ?? []).flatMap((name, index) =>
        isToken(name) ? [] : [errorAt('InvalidValue', [...path, field, index], `\`${name}\` is no name of a header.`)],
      ),
    ),
    ...checkTime(maxAge, [...path, 'maxAge']),
    ...(age !== undefined && age % 1000 !== 0
      ? [errorAt('InvalidValue', [...path, 'maxAge'], `\`${maxAge}\` is no whole number of seconds.`)]
      : []),
  ];
}
