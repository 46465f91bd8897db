// The issuers of a frontend: the JWT rules of every RequestAuthentication attached to its service,
// its Gateway and its GatewayClass, merged. An issuer whose keys are missing stays, without a key:
// its tokens are refused, and never passed on unverified.

import { type FieldPath, formatRef, type JwtRule, type MeshObject, refOf } from '../../../mesh/index.ts';
import type { Authentication, JwtProvider } from '../../model/authentication.ts';
import { keysUri } from './key-source.ts';
import { noKeys, readKeys } from './jwks.ts';
import { findAttached } from '../authorization/attachment.ts';
import type { AuthorizationTarget } from '../authorization/field.ts';
import type { ResolveContext } from '../context.ts';

type Policy = MeshObject<'RequestAuthentication'>;

/** Claims whose text is a list of words in every token. */
const wordLists = ['permission', 'scope'];

/** The authentication of an HTTP frontend. */
export function resolveAuthentication(
  context: ResolveContext,
  target: Pick<AuthorizationTarget, 'gateway' | 'service'>,
): Authentication {
  const providers = findAttached(
    context.mesh,
    (key) => context.mesh.find('RequestAuthentication/target', key),
    target,
  ).flatMap((policy) =>
    (policy.spec.jwtRules ?? []).map((rule, index) => resolveRule(context, policy, rule, ['spec', 'jwtRules', index])),
  );
  return { providers: providers.sort((a, b) => (a.issuer < b.issuer ? -1 : a.issuer > b.issuer ? 1 : 0)) };
}

function resolveRule(context: ResolveContext, policy: Policy, rule: JwtRule, path: FieldPath): JwtProvider {
  return {
    issuer: rule.issuer ?? '',
    audiences: rule.audiences ?? [],
    jwks: resolveKeys(context, policy, rule, path),
    fromHeaders: (rule.fromHeaders ?? []).map(({ name, prefix = '' }) => ({ name, prefix })),
    fromParams: rule.fromParams ?? [],
    fromCookies: rule.fromCookies ?? [],
    forward: rule.forwardOriginalToken ?? false,
    ...(rule.outputPayloadToHeader === undefined || rule.outputPayloadToHeader === ''
      ? {}
      : { payloadHeader: rule.outputPayloadToHeader }),
    claimHeaders: rule.outputClaimToHeaders ?? [],
    listClaims: [...new Set([...wordLists, ...(rule.spaceDelimitedClaims ?? [])])].sort(),
  };
}

function resolveKeys(context: ResolveContext, policy: Policy, rule: JwtRule, path: FieldPath): string {
  // Envoy would take tokens of any issuer for those of one without a name.
  if ((rule.issuer ?? '') === '') return noKeys;
  const ref = refOf(policy);
  const isInline = rule.jwks !== undefined && rule.jwks !== '';
  const uri = keysUri(rule);
  const [document] = isInline ? [] : context.mesh.find('JwksDocument/uri', uri);
  const text = isInline ? rule.jwks : document?.spec.jwks;
  const at: FieldPath = isInline ? [...path, 'jwks'] : rule.jwksUri === undefined ? path : [...path, 'jwksUri'];
  const problem = document?.spec.problem;
  if (text === undefined) {
    context.report({
      code: 'KeysNotFound',
      severity: 'error',
      ref,
      path: at,
      message: `the keys of "${rule.issuer ?? ''}" ${problem === undefined ? `have not been fetched from ${uri}` : `could not be fetched from ${uri} (${problem})`}, so all its tokens are refused`,
      hint: 'write the keys in `jwks`, or see to it that the control plane can reach the address',
    });
    return noKeys;
  }
  if (problem !== undefined) {
    context.report({
      code: 'KeysStale',
      severity: 'warning',
      ref,
      path: at,
      message: `the keys of "${rule.issuer ?? ''}" could not be fetched again from ${uri} (${problem}), so those that were fetched before stay in force`,
      hint: 'see to it that the control plane can reach the address; keys that the issuer has withdrawn are still accepted',
    });
  }
  const { jwks, count, problems } = readKeys(text);
  for (const problem of problems) {
    context.report({
      code: 'KeysInvalid',
      severity: count === 0 ? 'error' : 'warning',
      ref,
      path: at,
      message: `${problem}${count === 0 ? `, so all tokens of "${rule.issuer ?? ''}" are refused` : ', so tokens that were signed with it are refused'}`,
    });
  }
  return jwks;
}

/** Reports the reason why a RequestAuthentication without rules has no effect. */
export function reportEmptyAuthentication(context: ResolveContext, policy: Policy): void {
  if ((policy.spec.jwtRules ?? []).length > 0) return;
  context.report({
    code: 'MissingField',
    severity: 'warning',
    ref: refOf(policy),
    path: ['spec'],
    message: `${formatRef(refOf(policy))} has no jwtRules, so it accepts no issuer and verifies nothing`,
  });
}
