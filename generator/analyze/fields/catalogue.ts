// The fields of a kind that are applied. Any other field that is set is reported: nothing that
// someone wrote is dropped in silence. `test/catalogue` holds these lists against the kinds'
// schemas, and docs/reference/fields.md is what comes of it.

import type { FieldPath } from '../../../mesh/index.ts';

/**
 * Patterns of applied fields below `spec`. A step is a property; `[]` stands for any list index,
 * `*` for any key of a map, and a final `**` for everything below. `reported` marks fields that
 * reading or a resolver reports, with a better sentence than the general one. `elsewhere` marks
 * those that rightly mean nothing to a proxy, each with the reason. Both have precedence over
 * `applied`.
 */
export interface FieldCatalogue {
  readonly applied: readonly string[];
  readonly reported?: readonly string[];
  readonly elsewhere?: Readonly<Record<string, string>>;
  /** Fields that no schema has: they are added after reading. */
  readonly added?: readonly string[];
}

/**
 * The effect of a field: it is applied, it is reported when it is set, or it is for others, for
 * this reason.
 */
export type FieldClass = 'applied' | 'reported' | { readonly elsewhere: string };

/** The class of a field, by its path below `spec`; one that no pattern knows is reported. */
export function classifyField({ applied, reported = [], elsewhere = {} }: FieldCatalogue, path: FieldPath): FieldClass {
  const isIn = (patterns: readonly string[]): boolean => patterns.some((each) => covers(splitPattern(each), path));
  const reason = Object.entries(elsewhere).find(([pattern]) => isIn([pattern]))?.[1];
  if (reason !== undefined) return { elsewhere: reason };
  return !isIn(reported) && isIn(applied) ? 'applied' : 'reported';
}

/**
 * The patterns that cover none of these paths below `spec`: they say something of fields that are
 * not there.
 */
export function findIdlePatterns(
  { applied, reported = [], elsewhere = {} }: FieldCatalogue,
  paths: readonly FieldPath[],
): readonly string[] {
  return [...applied, ...reported, ...Object.keys(elsewhere)].filter(
    (pattern) => !paths.some((path) => covers(splitPattern(pattern), path)),
  );
}

export function splitPattern(pattern: string): readonly string[] {
  return pattern.replaceAll('[]', '.[]').split('.');
}

/** Whether a pattern is this path, or everything above it. */
function covers(pattern: readonly string[], path: FieldPath): boolean {
  for (const [index, step] of path.entries()) {
    const wanted = pattern[index];
    if (wanted === '**') return true;
    if (wanted === undefined || !namesOf(step).includes(wanted)) return false;
  }
  return pattern.length === path.length || (pattern.length === path.length + 1 && pattern.at(-1) === '**');
}

/** The forms of a step of a path in a pattern. */
export function namesOf(step: string | number): readonly string[] {
  return typeof step === 'number' ? ['[]'] : [step, '*'];
}
