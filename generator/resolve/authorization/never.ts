// Conditions of policies that no request can meet. In a denial, such a condition leaves something
// open that looks closed. The same is true of an exception (`notPaths` and the like) from an
// allowance. These are errors; elsewhere they are warnings.

import { type Condition, type FieldPath, type MeshObject, refOf, type Severity } from '../../../mesh/index.ts';
import type { ResolveContext } from '../context.ts';
import { conditionJudge, type Judge, type Judgement, operationJudges, sourceJudges } from './never-values.ts';
import { parsePattern, type Pattern } from './pattern.ts';
import { findPolicyTargets } from './policy-targets.ts';
import { leavesOpen } from './rules.ts';

type Policy = MeshObject<'AuthorizationPolicy'>;

/** A list of values that stands for one condition. */
interface ValueList {
  readonly judge: Judge | undefined;
  readonly values: readonly string[];
  readonly isNegated: boolean;
  readonly path: FieldPath;
}

/** Reports every value of a policy that nothing can match. Called once for each policy. */
export function reportNeverMatching(context: ResolveContext, policy: Policy): void {
  const targets = once(() => findPolicyTargets(context.mesh, policy));
  for (const list of listValues(policy)) {
    for (const [index, value] of list.values.entries()) {
      const scope = {
        mesh: context.mesh,
        home: policy.metadata.namespace,
        targets,
        opens: isAllow(policy) !== list.isNegated,
      };
      const judgement = list.judge?.(value, scope);
      if (judgement !== undefined) report(context, policy, list, [...list.path, index], judgement);
    }
  }
  for (const [named, excepted] of findPairs(listValues(policy))) {
    if (!named.values.every((value) => excepted.values.some((other) => covers(other, value)))) continue;
    const message = `everything that "${String(named.path.at(-1))}" names is excepted here`;
    report(context, policy, named, excepted.path, { message });
  }
}

function isAllow({ spec: { action = 'ALLOW' } }: Policy): boolean {
  return action === 'ALLOW';
}

function report(
  context: ResolveContext,
  policy: Policy,
  { isNegated }: ValueList,
  path: FieldPath,
  judgement: Judgement,
): void {
  const { message, hint, isSlip = false } = judgement;
  context.report({
    code: isSlip ? 'InvalidValue' : 'NeverMatches',
    severity: severityOf(policy, isNegated, judgement),
    ref: refOf(policy),
    path,
    message: isSlip ? message : `${message}, so ${consequenceOf(policy, isNegated)}`,
    ...(hint === undefined ? {} : { hint }),
  });
}

function severityOf(policy: Policy, isNegated: boolean, { isSure = true, isSlip = false }: Judgement): Severity {
  if (!isSure) return 'info';
  return !isSlip && leavesOpen(policy, isNegated) ? 'error' : 'warning';
}

function consequenceOf({ spec: { action = 'ALLOW' } }: Policy, isNegated: boolean): string {
  const does = { ALLOW: 'allows', DENY: 'denies', AUDIT: 'records', CUSTOM: 'asks about' }[action];
  return isNegated ? `this excepts nothing, and the rule ${does} more than it seems to` : `this ${does} nothing`;
}

/** Every list of values of a policy, in the order of its text. */
function listValues({ spec }: Policy): readonly ValueList[] {
  return (spec.rules ?? []).flatMap(({ from = [], to = [], when = [] }, index) => {
    const path: FieldPath = ['spec', 'rules', index];
    return [
      ...from.flatMap(({ source }, at) => listFields(sourceJudges, source, [...path, 'from', at, 'source'])),
      ...to.flatMap(({ operation }, at) => listFields(operationJudges, operation, [...path, 'to', at, 'operation'])),
      ...when.flatMap((condition, at) => listCondition(condition, [...path, 'when', at])),
    ];
  });
}

function listFields(
  judges: Readonly<Record<string, Judge | undefined>>,
  object: object | undefined,
  path: FieldPath,
): readonly ValueList[] {
  return Object.entries((object ?? {}) as Readonly<Record<string, readonly string[]>>).map(([name, values]) => {
    const isNegated = /^not[A-Z]/.test(name);
    const positive = isNegated ? name.charAt(3).toLowerCase() + name.slice(4) : name;
    const judge = Object.hasOwn(judges, positive) ? judges[positive] : undefined;
    return { judge, values, isNegated, path: [...path, name] };
  });
}

function listCondition({ key, values = [], notValues = [] }: Condition, path: FieldPath): readonly ValueList[] {
  const judge = conditionJudge(key);
  return [
    { judge, values, isNegated: false, path: [...path, 'values'] },
    { judge, values: notValues, isNegated: true, path: [...path, 'notValues'] },
  ];
}

/** Each list beside the one of its opposite, in the same source, operation or condition. */
function findPairs(lists: readonly ValueList[]): readonly (readonly [named: ValueList, excepted: ValueList])[] {
  const keyOf = ({ path, isNegated }: ValueList): string => {
    const name = String(path.at(-1));
    return JSON.stringify([
      ...path.slice(0, -1),
      isNegated ? name.replace(/^not/, '').toLowerCase() : name.toLowerCase(),
    ]);
  };
  const excepted = new Map(lists.filter(({ isNegated }) => isNegated).map((list) => [keyOf(list), list]));
  return lists.flatMap((list) => {
    const other = list.isNegated || list.values.length === 0 ? undefined : excepted.get(keyOf(list));
    return other === undefined ? [] : [[list, other] as const];
  });
}

/** Whether every text that matches `value` also matches `other`. */
function covers(other: string, value: string): boolean {
  const [outer, inner] = [parsePattern(other), parsePattern(value)] as const;
  if (outer.kind === 'present' || other === value) return true;
  return (
    inner.kind !== 'present' && (inner.kind === 'exact' || inner.kind === outer.kind) && isPartOf(outer, inner.text)
  );
}

function isPartOf(outer: Exclude<Pattern, { kind: 'present' }>, text: string): boolean {
  if (outer.kind === 'exact') return false;
  return outer.kind === 'prefix' ? text.startsWith(outer.text) : text.endsWith(outer.text);
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
