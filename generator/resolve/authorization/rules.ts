// The rules of one policy on one frontend. The one question here is what must never happen: that an
// inexpressible field lets a request through. An allow rule with an inexpressible part is dropped;
// a deny rule denies whatever the rest of it matches.

import type { FieldPath, MeshObject, Rule } from '../../../mesh/index.ts';
import { dryRunAnnotation, refOf } from '../../../mesh/index.ts';
import type { AuthorizationRule, Combined } from '../../model/authorization.ts';
import type { ResolveContext } from '../context.ts';
import { resolveCondition } from './conditions.ts';
import { collect, resolveFields } from './field.ts';
import type { AuthorizationTarget, FieldDefinition, FieldResult, RuleScope } from './field.ts';
import { operationFields } from './operations.ts';
import { all, always, any, isNever } from './predicate.ts';
import { sourceFields } from './sources.ts';

/** The effect of a policy on its targets. `ask`: the policy's provider decides. */
export interface ResolvedPolicy {
  readonly effect: 'allow' | 'deny' | 'audit' | 'ask';
  /** The policy is tried and logged, and decides nothing. */
  readonly isDryRun: boolean;
  readonly rules: readonly AuthorizationRule[];
}

/** Whether a policy is only tried, and decides nothing. */
export function isDryRun({ metadata }: MeshObject<'AuthorizationPolicy'>): boolean {
  return metadata.annotations[dryRunAnnotation] === 'true';
}

/**
 * Whether a condition of a policy that matches nothing leaves something open that looks closed: in
 * a denial, or in an exception from an allowance.
 */
export function leavesOpen(policy: MeshObject<'AuthorizationPolicy'>, isNegated: boolean): boolean {
  const { action = 'ALLOW' } = policy.spec;
  return !isDryRun(policy) && action !== 'AUDIT' && (action === 'ALLOW') === isNegated;
}

/**
 * The rules of a policy that can match on the target, in their order; undefined: it has no effect
 * there.
 */
export function resolvePolicy(
  context: ResolveContext,
  target: AuthorizationTarget,
  policy: MeshObject<'AuthorizationPolicy'>,
): ResolvedPolicy | undefined {
  const { action = 'ALLOW', rules = [] } = policy.spec;
  const ref = refOf(policy);
  const isTried = isDryRun(policy);
  const effect = effects.get(action);
  if (effect === undefined) {
    context.report({
      code: 'PolicyFailsClosed',
      severity: 'error',
      ref,
      path: ['spec', 'action'],
      message: `"${action}" is not an action, so the policy denies every request to its targets`,
      hint: 'actions are ALLOW, DENY, CUSTOM and AUDIT, in capitals',
    });
    const everything = { key: formatRuleKey(policy, 0), operation: always, source: always };
    return { effect: 'deny', isDryRun: false, rules: [everything] };
  }
  const isHttp = target.protocol === 'http';
  if (isTried && (!isHttp || effect === 'ask' || effect === 'audit')) {
    context.report({
      code: 'FieldNotSupported',
      severity: 'warning',
      ref,
      path: ['metadata', 'annotations', dryRunAnnotation],
      message: `the policy has no effect, as a dry run should, but its verdicts are not recorded either${isHttp ? '' : ` on TCP port ${target.port}`}`,
    });
    return undefined;
  }
  if (effect === 'audit' && !isHttp) {
    context.report({
      code: 'FieldNotSupported',
      severity: 'warning',
      ref,
      path: ['spec', 'action'],
      message: `an audit policy records nothing on TCP port ${target.port}, and denies nothing either`,
    });
    return undefined;
  }
  return { effect, isDryRun: isTried, rules: resolveRules(context, target, policy, effect, rules) };
}

const effects: ReadonlyMap<string, ResolvedPolicy['effect']> = new Map([
  ['ALLOW', 'allow'],
  ['DENY', 'deny'],
  ['AUDIT', 'audit'],
  ['CUSTOM', 'ask'],
]);

const consequences: Readonly<Record<ResolvedPolicy['effect'], string>> = {
  allow: 'so the rule allows nothing',
  deny: 'so the condition is left out and the rule denies more than it says',
  audit: 'so the condition is left out and the rule records more than it says',
  ask: 'so the condition is left out and the provider is asked about more than the rule says',
};

function formatRuleKey({ metadata: { namespace, name } }: MeshObject, index: number): string {
  return `ns[${namespace}]-policy[${name}]-rule[${index}]`;
}

function resolveRules(
  context: ResolveContext,
  target: AuthorizationTarget,
  policy: MeshObject<'AuthorizationPolicy'>,
  effect: ResolvedPolicy['effect'],
  rules: readonly Rule[],
): readonly AuthorizationRule[] {
  const scope = createScope(context, target, policy, effect);
  return rules.flatMap((rule, index) => {
    const resolved = resolveRule(scope, rule, ['spec', 'rules', index]);
    return resolved === undefined || isNever(resolved.operation) || isNever(resolved.source)
      ? []
      : [{ key: formatRuleKey(policy, index), ...resolved }];
  });
}

function createScope(
  context: ResolveContext,
  target: AuthorizationTarget,
  policy: MeshObject<'AuthorizationPolicy'>,
  effect: ResolvedPolicy['effect'],
): RuleScope {
  const ref = refOf(policy);
  return {
    target,
    policy,
    trustDomains: [context.mesh.settings.trustDomain, ...context.mesh.settings.trustDomainAliases],
    effect: effect === 'allow' ? 'allow' : 'deny',
    report: (path, { message, ...problem }) =>
      context.report({
        // A policy for a whole Gateway may well be meant for its HTTP ports only.
        severity: problem.code === 'PolicyTcpField' ? 'warning' : 'error',
        ref,
        path,
        message: `${message}, ${consequences[effect]}`,
        ...problem,
      }),
    warn: (path, problem, negated) =>
      context.report({ severity: leavesOpen(policy, negated) ? 'error' : 'warning', ref, path, ...problem }),
  };
}

function resolveRule(
  scope: RuleScope,
  { from, to, when, ...unknown }: Rule,
  path: FieldPath,
): Pick<AuthorizationRule, 'operation' | 'source'> | undefined {
  const misspelt = Object.keys(unknown);
  for (const name of misspelt) {
    scope.report([...path, name], { code: 'UnknownField', message: `"${name}" is not a field` });
  }
  const sources = resolveEntries(scope, from, { name: 'source', table: sourceFields, path: [...path, 'from'] });
  const operations = resolveEntries(scope, to, { name: 'operation', table: operationFields, path: [...path, 'to'] });
  const conditions = (when ?? []).map((condition, index) =>
    resolveCondition(scope, condition, [...path, 'when', index]),
  );
  const parts = {
    source: collect(conditions.flatMap(({ side, predicates }) => (side === 'source' ? predicates : []))),
    operation: collect(conditions.flatMap(({ side, predicates }) => (side === 'operation' ? predicates : []))),
  };
  const complete =
    misspelt.length === 0 && [sources, operations, parts.source, parts.operation].every((result) => result.complete);
  if (!complete && scope.effect === 'allow') return undefined;
  return {
    operation: all([...operations.predicates, ...parts.operation.predicates]),
    source: all([...sources.predicates, ...parts.source.predicates]),
  };
}

/**
 * The alternatives of `from` or `to` as one predicate; an absent list is no condition, an empty one
 * a mistake.
 */
function resolveEntries<C extends object>(
  scope: RuleScope,
  entries: readonly object[] | undefined,
  {
    name,
    table,
    path,
  }: {
    readonly name: 'source' | 'operation';
    readonly table: Readonly<Record<string, FieldDefinition<C>>>;
    readonly path: FieldPath;
  },
): FieldResult<C> {
  if (entries === undefined) return { predicates: [], complete: true };
  if (entries.length === 0) {
    scope.report(path, { code: 'InvalidValue', message: 'the list is empty' });
    return { predicates: [], complete: false };
  }
  const results = entries.map((entry, index): readonly [Combined<C>, boolean] => {
    const at = [...path, index];
    const { [name]: fields, ...unknown } = entry as Readonly<Record<string, object | undefined>>;
    for (const key of Object.keys(unknown)) {
      scope.report([...at, key], { code: 'UnknownField', message: `"${key}" is not a field` });
    }
    const { predicates, complete } = resolveFields(scope, table, fields, [...at, name]);
    return [all(predicates), complete && Object.keys(unknown).length === 0];
  });
  return {
    predicates: [any(results.map(([predicate]) => predicate))],
    complete: results.every(([, complete]) => complete),
  };
}
