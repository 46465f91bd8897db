// The traffic policy of one cluster: the rule's, its settings for the port, the subset's, and the
// subset's for the port, each field with the place where it was written.

import {
  type FieldPath,
  type FindingCode,
  type MeshObject,
  type PortTrafficPolicy,
  refOf,
  type Severity,
  type TrafficPolicy,
} from '../../../mesh/index.ts';
import type { ResolveContext } from '../context.ts';
import type { DeclaredSubset } from './selection.ts';

/** A part of a traffic policy, and its place. */
export interface Stated<T> {
  readonly value: T;
  readonly rule: MeshObject<'DestinationRule'> | MeshObject<'MeshConfig'>;
  readonly path: FieldPath;
}

/** The policy of one cluster; an absent field was written nowhere. */
export type EffectivePolicy = {
  readonly [K in Exclude<keyof TrafficPolicy, 'portLevelSettings'>]?: Stated<NonNullable<TrafficPolicy[K]>> | undefined;
};

/**
 * Settings that a port can have of its own: one that sets any of them resets the others to their
 * defaults.
 */
const portFields = ['loadBalancer', 'connectionPool', 'outlierDetection', 'tls'] as const;
const ruleFields = ['tunnel', 'proxyProtocol', 'retryBudget'] as const;

/**
 * The settings of the rules for a port, or for one subset there. The first rule with a policy
 * decides all of them.
 */
export function resolveTrafficPolicy(
  rules: readonly MeshObject<'DestinationRule'>[],
  port: number,
  declared?: DeclaredSubset,
): EffectivePolicy {
  const rule = rules.find(({ spec }) => spec.trafficPolicy !== undefined);
  const base = rule === undefined ? {} : overlay({}, rule, ['spec', 'trafficPolicy'], rule.spec.trafficPolicy, port);
  if (declared === undefined) return base;
  const path: FieldPath = ['spec', 'subsets', declared.index, 'trafficPolicy'];
  return overlay(base, declared.rule, path, declared.subset.trafficPolicy, port);
}

function overlay(
  base: EffectivePolicy,
  rule: MeshObject<'DestinationRule'>,
  path: FieldPath,
  policy: TrafficPolicy | undefined,
  port: number,
): EffectivePolicy {
  if (policy === undefined) return base;
  const over = { ...base, ...statedFields(policy, [...portFields, ...ruleFields], rule, path) };
  const index = (policy.portLevelSettings ?? []).findIndex((settings) => settings.port?.number === port);
  const level: PortTrafficPolicy | undefined = policy.portLevelSettings?.[index];
  if (level === undefined) return over;
  const { tunnel, proxyProtocol, retryBudget } = over;
  const kept = { tunnel, proxyProtocol, retryBudget };
  return { ...kept, ...statedFields(level, portFields, rule, [...path, 'portLevelSettings', index]) };
}

function statedFields(
  policy: TrafficPolicy | PortTrafficPolicy,
  fields: readonly (keyof EffectivePolicy)[],
  rule: MeshObject<'DestinationRule'>,
  path: FieldPath,
): EffectivePolicy {
  const values: Readonly<Record<string, unknown>> = { ...policy };
  return Object.fromEntries(
    fields.flatMap((field) =>
      values[field] === undefined ? [] : [[field, { value: values[field], rule, path: [...path, field] }]],
    ),
  );
}

/** Reports a field below something that was stated. */
export function reportStated(
  context: ResolveContext,
  { rule, path }: Stated<unknown>,
  code: FindingCode,
  field: FieldPath,
  message: string,
  hint?: string,
  severity: Severity = 'warning',
): void {
  context.report({
    code,
    severity,
    ref: refOf(rule),
    path: [...path, ...field],
    message,
    ...(hint === undefined ? {} : { hint }),
  });
}
