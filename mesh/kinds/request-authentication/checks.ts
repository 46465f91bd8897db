// RequestAuthentication: Istio's rules for its contents. Keys are judged by their users, since a
// bad key spoils only its issuer.

import type { FieldPath } from '../../finding.ts';
import type { JwtRule, RequestAuthenticationSpec } from './spec.ts';
import type { Problem } from '../../reading/problem.ts';
import { errorAt } from '../../reading/problem.ts';
import { checkPolicyTargets } from '../authorization-policy/checks.ts';
import { checkOneLine, checkTime, isToken } from '../../validation/value.ts';

/** The problems of one RequestAuthentication. */
export function checkRequestAuthentication(spec: RequestAuthenticationSpec): readonly Problem[] {
  return [
    ...checkPolicyTargets(spec),
    ...(spec.jwtRules ?? []).flatMap((rule, index) => checkRule(rule, ['spec', 'jwtRules', index])),
  ];
}

function checkRule(rule: JwtRule, path: FieldPath): readonly Problem[] {
  const problems: Problem[] = [...checkTime(rule.timeout, [...path, 'timeout'])];
  if (rule.issuer === undefined) {
    problems.push(errorAt('MissingField', [...path, 'issuer'], 'A JWT rule needs the field `issuer`.'));
  }
  const uri = rule.jwksUri ?? rule.jwks_uri;
  if (uri !== undefined && !isHttpUri(uri)) {
    problems.push(errorAt('InvalidValue', [...path, 'jwksUri'], `\`${uri}\` is no http or https address.`));
  }
  if (rule.jwksUri !== undefined && rule.jwks_uri !== undefined) {
    problems.push(errorAt('InvalidValue', [...path, 'jwks_uri'], '`jwksUri` and `jwks_uri` exclude each other.'));
  }
  if (uri !== undefined && rule.jwks !== undefined && rule.jwks !== '') {
    problems.push(
      errorAt('InvalidValue', [...path, 'jwks'], '`jwks` and `jwksUri` exclude each other.', 'keep one of them'),
    );
  }
  rule.fromHeaders?.forEach(({ name, prefix = '' }, index) => {
    problems.push(...checkHeader(name, [...path, 'fromHeaders', index, 'name']));
    problems.push(...checkOneLine(prefix, [...path, 'fromHeaders', index, 'prefix']));
  });
  rule.outputClaimToHeaders?.forEach(({ header }, index) => {
    problems.push(...checkHeader(header, [...path, 'outputClaimToHeaders', index, 'header']));
  });
  if (rule.outputPayloadToHeader !== undefined && rule.outputPayloadToHeader !== '') {
    problems.push(...checkHeader(rule.outputPayloadToHeader, [...path, 'outputPayloadToHeader']));
  }
  return problems;
}

function checkHeader(name: string, path: FieldPath): readonly Problem[] {
  if (isToken(name)) return [];
  return [errorAt('InvalidValue', path, `\`${name}\` is no name of a header.`)];
}

function isHttpUri(text: string): boolean {
  return /^https?:\/\/[^\s]+$/.test(text) && URL.canParse(text);
}
