// The authorization of one frontend: the union of every policy attached to its service, its Gateway
// and its GatewayClass.

import { type MeshObject, refOf } from '../../../mesh/index.ts';
import type { Authorization, AuthorizationRule, CustomAuthorization } from '../../model/authorization.ts';
import { findAttached } from './attachment.ts';
import { resolveAuthorizer } from './authorizer.ts';
import type { AuthorizationTarget } from './field.ts';
import { annotationExample } from './paths.ts';
import { readsClaims, readsPath } from './predicate.ts';
import { unverified, unverifiedHint, verifiesTokens } from './tokens.ts';
import { type ResolvedPolicy, resolvePolicy } from './rules.ts';
import type { ResolveContext } from '../context.ts';

export { reportPolicyAttachment } from './attachment.ts';
export { reportNeverMatching } from './never.ts';
export type { AuthorizationTarget } from './field.ts';

interface AttachedPolicy extends ResolvedPolicy {
  readonly policy: MeshObject<'AuthorizationPolicy'>;
}

/**
 * The authorization of a service port; Findings about fields are reported for each port that they
 * concern.
 */
export function resolveAuthorization(context: ResolveContext, target: AuthorizationTarget): Authorization {
  const { mesh } = context;
  const attached = findAttached(mesh, (key) => mesh.find('AuthorizationPolicy/target', key), target).flatMap(
    (policy): readonly AttachedPolicy[] => {
      const resolved = resolvePolicy(context, target, policy);
      return resolved === undefined ? [] : [{ ...resolved, policy }];
    },
  );
  const of = (effect: ResolvedPolicy['effect'], isDryRun = false): readonly AttachedPolicy[] =>
    attached.filter((policy) => policy.effect === effect && policy.isDryRun === isDryRun);
  reportTokensUnverified(context, target, attached);
  reportPathsRefused(context, target, attached);
  const { custom, denied } = resolveCustom(context, target, of('ask'));
  const deny = [...rulesOf(of('deny')), ...denied];
  const allow = rulesOf(of('allow'));
  const allowPolicies = of('allow').map(({ policy: { metadata } }) => `${metadata.namespace}/${metadata.name}`);
  const observed = {
    audit: rulesOf(of('audit')),
    deny: rulesOf(of('deny', true)),
    ...(of('allow', true).length === 0 ? {} : { allow: rulesOf(of('allow', true)) }),
  };
  return {
    deny,
    ...(allowPolicies.length === 0 ? {} : { allow }),
    allowPolicies,
    ...(custom === undefined ? {} : { custom }),
    ...(observed.audit.length === 0 && observed.deny.length === 0 && observed.allow === undefined ? {} : { observed }),
    readsPath: [...deny, ...allow, ...(custom?.rules ?? [])].some(ruleReadsPath),
  };
}

function ruleReadsPath({ operation }: AuthorizationRule): boolean {
  return readsPath(operation);
}

/**
 * If the normalization of paths is not configured, a policy that reads paths makes the port refuse
 * ambiguous ones.
 */
function reportPathsRefused(
  context: ResolveContext,
  target: AuthorizationTarget,
  policies: readonly AttachedPolicy[],
): void {
  if (target.pathNormalization !== undefined || target.protocol !== 'http') return;
  const [where, annotated] =
    target.port === 'any'
      ? ['workloads themselves', 'Gateway']
      : [`port ${target.port} of ${target.service.kind} "${target.service.name}"`, target.service.kind];
  for (const { policy, rules, effect, isDryRun } of policies) {
    if (isDryRun || effect === 'audit' || !rules.some(ruleReadsPath)) continue;
    context.report({
      code: 'PathsRefused',
      severity: 'info',
      ref: refOf(policy),
      path: ['spec', 'rules'],
      message: `since the policy reads paths, requests to ${where} whose path has ";", "%2F" or "%5C" are answered with 400`,
      hint: `where the application needs them, say how its paths are read: annotate the ${annotated} with ${annotationExample}`,
    });
  }
}

/**
 * Without a RequestAuthentication no token is ever known: conditions on tokens never hold, and
 * their opposites always do.
 */
function reportTokensUnverified(
  context: ResolveContext,
  target: AuthorizationTarget,
  policies: readonly AttachedPolicy[],
): void {
  for (const { policy, rules } of policies) {
    const rule = rules.find(({ source }) => readsClaims(source));
    if (rule === undefined || verifiesTokens(context.mesh, target)) continue;
    const index = /rule\[(\d+)\]/.exec(rule.key)?.[1];
    context.report({
      code: 'TokensNotVerified',
      severity: 'warning',
      ref: refOf(policy),
      path: ['spec', 'rules', ...(index === undefined ? [] : [Number(index)])],
      message: unverified,
      hint: unverifiedHint,
    });
  }
}

function rulesOf(policies: readonly AttachedPolicy[]): readonly AuthorizationRule[] {
  return policies.flatMap(({ rules }) => rules);
}

/** Appended to the keys of rules that deny because there is nobody to ask. */
const deniedSuffix = '-deny-due-to-bad-CUSTOM-action';

/** The rules of CUSTOM policies: for one authorizer that can be asked, or else denials. */
function resolveCustom(
  context: ResolveContext,
  target: AuthorizationTarget,
  policies: readonly AttachedPolicy[],
): { readonly custom?: CustomAuthorization; readonly denied: readonly AuthorizationRule[] } {
  const denied = (): readonly AuthorizationRule[] =>
    rulesOf(policies).map((rule) => ({ ...rule, key: `${rule.key}${deniedSuffix}` }));
  const report = (message: string, code: 'PolicyFailsClosed' | 'ProviderInvalid', path: readonly string[]): void => {
    for (const { policy } of policies) {
      context.report({
        code,
        severity: 'error',
        ref: refOf(policy),
        path,
        message: `${message}, so everything that the rules match is denied`,
      });
    }
  };
  const [first] = policies;
  if (first === undefined) return { denied: [] };
  if (target.protocol === 'tcp') {
    report(`port ${target.port} is TCP, where no external authorizer is asked`, 'PolicyFailsClosed', [
      'spec',
      'action',
    ]);
    return { denied: denied() };
  }
  const providers = [...new Set(policies.map(({ policy }) => policy.spec.provider?.name ?? ''))].sort();
  if (providers.length > 1) {
    const names = providers.map((name) => `"${name}"`).join(', ');
    report(`port ${target.port} has policies of several providers (${names})`, 'ProviderInvalid', [
      'spec',
      'provider',
      'name',
    ]);
    return { denied: denied() };
  }
  // Each policy reports the faults of its own provider.
  const [authorizer] = policies.map(({ policy }) => resolveAuthorizer(context, target, policy));
  if (authorizer === undefined) return { denied: denied() };
  const rules = rulesOf(policies);
  return rules.length === 0 ? { denied: [] } : { custom: { rules, authorizer }, denied: [] };
}
