// MeshConfig: names that are used once, and values of the fields that are read.

import type { FieldPath } from '../../finding.ts';
import type { MeshConfigSpec } from './spec.ts';
import type { HttpRetry } from '../virtual-service/spec.ts';
import type { Problem } from '../../reading/problem.ts';
import { errorAt } from '../../reading/problem.ts';
import { checkPolicy } from '../destination-rule/checks.ts';
import { checkRetries } from '../../validation/retries.ts';
import { checkTime, checkUnique } from '../../validation/value.ts';

/** The problems of a MeshConfig. */
export function checkMeshConfig({
  trustDomain,
  trustDomainAliases = [],
  rootNamespace,
  extensionProviders = [],
  defaultHttpRetryPolicy: retries,
  defaultTrafficPolicy,
}: MeshConfigSpec): readonly Problem[] {
  const path: FieldPath = ['spec', 'extensionProviders'];
  return [
    ...checkTrustDomain(trustDomain, ['spec', 'trustDomain']),
    ...trustDomainAliases.flatMap((alias, index) => checkTrustDomain(alias, ['spec', 'trustDomainAliases', index])),
    ...(rootNamespace === undefined || /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(rootNamespace)
      ? []
      : [errorAt('InvalidValue', ['spec', 'rootNamespace'], `\`${rootNamespace}\` is no name of a namespace.`)]),
    ...(retries === undefined ? [] : checkDefaultRetries(retries, ['spec', 'defaultHttpRetryPolicy'])),
    ...checkPolicy(defaultTrafficPolicy ?? {}, ['spec', 'defaultTrafficPolicy']),
    ...checkUnique(
      extensionProviders.map(({ name }) => name),
      path,
      'name',
    ),
    ...extensionProviders.flatMap(({ envoyExtAuthzHttp, envoyExtAuthzGrpc }, index) => [
      ...checkTime(envoyExtAuthzHttp?.timeout, [...path, index, 'envoyExtAuthzHttp', 'timeout']),
      ...checkTime(envoyExtAuthzGrpc?.timeout, [...path, index, 'envoyExtAuthzGrpc', 'timeout']),
      ...(envoyExtAuthzHttp !== undefined && envoyExtAuthzGrpc !== undefined
        ? [
            errorAt(
              'InvalidValue',
              [...path, index],
              '`envoyExtAuthzHttp` and `envoyExtAuthzGrpc` exclude each other.',
              'make them two providers',
            ),
          ]
        : []),
    ]),
  ];
}

/** A fault in retries is not worth closing a mesh. */
function checkDefaultRetries(retries: HttpRetry, path: FieldPath): readonly Problem[] {
  return checkRetries(retries, path).map((problem) =>
    problem.path.at(-1) === 'retryOn' ? { ...problem, severity: 'warning' as const } : problem,
  );
}

/** Trust domains become part of patterns that identities are compared with. */
function checkTrustDomain(text: string | undefined, path: FieldPath): readonly Problem[] {
  if (text === undefined || /^[a-z0-9_](?:[-a-z0-9._]{0,253}[a-z0-9_])?$/.test(text)) return [];
  return [
    errorAt('InvalidValue', path, `\`${text}\` is no trust domain.`, 'write it like a DNS name, in small letters'),
  ];
}
