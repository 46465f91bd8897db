// The description of a policy's fields, and how an object of them (a source, an operation) becomes
// predicates. A field that cannot be expressed exactly never opens anything: see `FieldResult`.

import type { FieldPath, FindingCode, MeshObject, PathNormalization } from '../../../mesh/index.ts';
import type { Combined } from '../../model/authorization.ts';
import type { WaypointGateway } from '../../model/waypoint.ts';
import { hasStrayStar } from './pattern.ts';
import { all, any, isAlways, isNever, never, not } from './predicate.ts';

/** The requested target: one port of a service behind one waypoint. */
export interface AuthorizationTarget {
  readonly gateway: WaypointGateway;
  readonly service: { readonly kind: 'Service' | 'ServiceEntry'; readonly namespace: string; readonly name: string };
  /** `any`: whichever port of a workload the client dials. */
  readonly port: number | 'any';
  readonly protocol: 'http' | 'tcp';
  /**
   * The service's virtual addresses, by which `destination.ip` is decided; absent: unknown, so that
   * it cannot be decided.
   */
  readonly addresses?: readonly string[];
  /**
   * How paths are normalized, if configured; absent: as by BASE, and ambiguous paths are refused if
   * rules read paths.
   */
  readonly pathNormalization?: PathNormalization;
}

/** The context of a value: one rule of one policy on one target. */
export interface RuleScope {
  readonly target: AuthorizationTarget;
  readonly policy: MeshObject<'AuthorizationPolicy'>;
  /** Our own first, then its aliases. */
  readonly trustDomains: readonly string[];
  /**
   * The effect of the rule when it matches; `deny` also stands for asking an authorizer that may
   * deny, and for observing.
   */
  readonly effect: 'allow' | 'deny';
  /** Reports that something is not in effect as written. */
  report(path: FieldPath, problem: Problem): void;
  /**
   * Reports that something matches less than it seems to: values, or their opposite, which then
   * excepts less.
   */
  warn(path: FieldPath, problem: Problem, negated: boolean): void;
}

/**
 * How to decide if the client can make it ambiguous whether a value matches. `strict`: only certain
 * matches count. `broad`: everything that some application may take for a match counts.
 */
export type Strictness = 'strict' | 'broad';

/**
 * The reason why a value cannot be expressed: half a sentence, to which the consequence is added.
 */
export interface Problem {
  readonly code: FindingCode;
  readonly message: string;
  readonly hint?: string;
}

/**
 * One field of a source or operation, or one key of a condition; `C` is a condition of its side.
 */
export type FieldDefinition<C extends object> = {
  /** Exists in HTTP only. */
  readonly http?: boolean;
} & (
  | {
      readonly resolve: (value: string, scope: RuleScope, strictness: Strictness) => Combined<C> | Problem;
      /** A star inside the value is likely a mistake. */
      readonly wildcards?: boolean;
      /** Requests whose match is uncertain: none when strict, all of them when broad. */
      readonly doubt?: Combined<C>;
    }
  | { readonly unsupported: string }
);

/**
 * The result of a list of conditions. If `complete` is false, something was reported and left out
 * of `predicates`: an allow rule must then be dropped, and a deny rule denies everything that the
 * remaining conditions match.
 */
export interface FieldResult<C extends object> {
  readonly predicates: readonly Combined<C>[];
  readonly complete: boolean;
}

/**
 * Every value list of an object such as `{ principals: [...], notNamespaces: [...] }`, which must
 * hold together.
 */
export function resolveFields<C extends object>(
  scope: RuleScope,
  table: Readonly<Record<string, FieldDefinition<C>>>,
  object: object | undefined,
  path: FieldPath,
): FieldResult<C> {
  const problems: (readonly [FieldPath, Problem])[] = [];
  const held: RuleScope = { ...scope, report: (at, problem) => problems.push([at, problem]) };
  const result = collect(
    Object.entries(object ?? {}).map(([name, values]) => resolveField(held, table, name, values, [...path, name])),
  );
  // A rule that cannot match this port anyway needs no report about its other fields.
  if (result.predicates.some(isNever)) return { predicates: [never], complete: true };
  for (const [at, problem] of problems) scope.report(at, problem);
  if (result.predicates.length > 0 || problems.length > 0) return result;
  scope.report(path, { code: 'InvalidValue', message: 'it is empty' });
  return { predicates: [], complete: false };
}

function resolveField<C extends object>(
  scope: RuleScope,
  table: Readonly<Record<string, FieldDefinition<C>>>,
  name: string,
  values: unknown,
  path: FieldPath,
): Combined<C> | undefined {
  const negated = /^not[A-Z]/.test(name);
  const positive = negated ? name.charAt(3).toLowerCase() + name.slice(4) : name;
  const definition = Object.hasOwn(table, positive) ? table[positive] : undefined;
  if (definition === undefined) {
    scope.report(path, { code: 'UnknownField', message: `"${name}" is not a field` });
    return undefined;
  }
  return resolveValues(scope, { name, definition, values, negated, path });
}

/**
 * One list of values, of which one must match (none, when negated); undefined when it was reported
 * and cannot be expressed.
 */
export function resolveValues<C extends object>(
  scope: RuleScope,
  list: {
    /** For messages. */
    readonly name: string;
    readonly definition: FieldDefinition<C>;
    readonly values: unknown;
    readonly negated: boolean;
    readonly path: FieldPath;
  },
): Combined<C> | undefined {
  const { name, definition, values, negated, path } = list;
  const fail = (problem: Problem, at: FieldPath = path): undefined => {
    scope.report(at, problem);
  };
  if (definition.http === true && scope.target.protocol === 'tcp') {
    return fail({
      code: 'PolicyTcpField',
      message: `"${name}" exists in HTTP only and port ${scope.target.port} is TCP`,
    });
  }
  if ('unsupported' in definition) return fail({ code: 'FieldNotSupported', message: definition.unsupported });
  if (!Array.isArray(values) || values.length === 0) {
    return fail({ code: 'InvalidValue', message: `"${name}" has no values` });
  }
  const strictness: Strictness = (scope.effect === 'allow') === negated ? 'broad' : 'strict';
  const predicates = values.map((value: unknown, index): Combined<C> | undefined => {
    if (typeof value !== 'string' || value === '') {
      return fail({ code: 'InvalidValue', message: `a value of "${name}" is empty` }, [...path, index]);
    }
    if (definition.wildcards === true) warnAboutStars(scope, value, [...path, index], negated);
    const resolved = definition.resolve(value, scope, strictness);
    return 'code' in resolved ? fail(resolved, [...path, index]) : resolved;
  });
  const { predicates: known, complete } = collect(predicates);
  if (!complete) return undefined;
  const matched = withDoubt(known, definition.doubt, strictness);
  return negated ? not(matched) : matched;
}

function withDoubt<C extends object>(
  values: readonly Combined<C>[],
  doubt: Combined<C> | undefined,
  strictness: Strictness,
): Combined<C> {
  const matched = any(values);
  if (doubt === undefined || isAlways(matched) || isNever(matched)) return matched;
  return strictness === 'broad' ? any([...values, doubt]) : all([matched, not(doubt)]);
}

/** The predicates that could be expressed, and whether those are all. */
export function collect<C extends object>(predicates: readonly (Combined<C> | undefined)[]): FieldResult<C> {
  const known = predicates.filter((predicate) => predicate !== undefined);
  return { predicates: known, complete: known.length === predicates.length };
}

function warnAboutStars(scope: RuleScope, value: string, path: FieldPath, negated: boolean): void {
  if (!hasStrayStar(value)) return;
  const message = `only one "*" at one end of "${value}" is a wildcard; the others are compared as they stand`;
  scope.warn(path, { code: 'InvalidValue', message }, negated);
}
