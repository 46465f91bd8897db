// Combines predicates and folds their constants, so that facts that are known when resolving
// (ports, addresses) leave no trace.

import type { ClientPredicate, Combined, OperationPredicate } from '../../model/authorization.ts';

/** Holds for every request. */
export const always: Combined<never> = { all: [] };

/** Holds for no request. */
export const never: Combined<never> = { any: [] };

/** True for a predicate that `all`, `any` and `not` reduced to `always`. */
export function isAlways(predicate: Combined<object>): boolean {
  return 'all' in predicate && predicate.all.length === 0;
}

/** True for a predicate that `all`, `any` and `not` reduced to `never`. */
export function isNever(predicate: Combined<object>): boolean {
  return 'any' in predicate && predicate.any.length === 0;
}

/** Every part holds; no parts: always. */
export function all<C extends object>(parts: readonly Combined<C>[]): Combined<C> {
  if (parts.some(isNever)) return never;
  const open = parts.filter((part) => !isAlways(part));
  const [only] = open;
  return open.length === 1 && only !== undefined ? only : { all: open };
}

/** Some part holds; no parts: never. */
export function any<C extends object>(parts: readonly Combined<C>[]): Combined<C> {
  if (parts.some(isAlways)) return always;
  const open = parts.filter((part) => !isNever(part));
  const [only] = open;
  return open.length === 1 && only !== undefined ? only : { any: open };
}

/** The part does not hold. */
export function not<C extends object>(part: Combined<C>): Combined<C> {
  if (isAlways(part)) return never;
  if (isNever(part)) return always;
  return 'not' in part ? part.not : { not: part };
}

/** True when a claim of the request's token decides. */
export function readsClaims(predicate: ClientPredicate): boolean {
  if ('all' in predicate) return predicate.all.some(readsClaims);
  if ('any' in predicate) return predicate.any.some(readsClaims);
  if ('not' in predicate) return readsClaims(predicate.not);
  return 'metadata' in predicate && predicate.metadata === 'claims';
}

/** True when the path decides, also through the pseudo header. */
export function readsPath(predicate: OperationPredicate): boolean {
  if ('all' in predicate) return predicate.all.some(readsPath);
  if ('any' in predicate) return predicate.any.some(readsPath);
  if ('not' in predicate) return readsPath(predicate.not);
  return 'path' in predicate || ('header' in predicate && predicate.header === ':path');
}
