// The matches of VirtualServices that are never reached, because an earlier one takes every request
// of theirs. It looks up candidates, so that thousands of rules stay cheap: the same match, or a
// shorter prefix of its path.

import { type FieldPath, formatPath, formatRef, refOf } from '../../../mesh/index.ts';
import { effectsOf } from '../../model/http-match.ts';
import type { HttpMatch } from '../../model/http-route.ts';
import { reportField, type VirtualServiceContext } from './context.ts';
import { isOnlyPort } from './ports.ts';

/** A match as written. */
export interface WrittenMatch {
  readonly match: HttpMatch;
  readonly context: VirtualServiceContext;
  readonly path: FieldPath;
  /** The port of its condition. */
  readonly port?: number | undefined;
}

/** The matches of a frontend so far, in the order in which they are tried. */
export interface Shadows {
  /** Reports a match that is never reached, and adds it for those that follow. */
  readonly cast: (written: WrittenMatch) => void;
}

/** The shadows of a frontend without routes. */
export function createShadows(): Shadows {
  const same = new Map<string, WrittenMatch>();
  const prefixes = new Map<string, WrittenMatch>();
  return {
    cast: (written) => {
      const key = JSON.stringify(written.match);
      const winner = same.get(key) ?? findPrefix(prefixes, written.match);
      if (winner !== undefined) {
        report(written, winner);
        return;
      }
      same.set(key, written);
      const prefix = plainPrefix(written.match);
      if (prefix !== undefined) prefixes.set(prefix, written);
    },
  };
}

/** The prefix of a match that has no other condition. */
function plainPrefix(match: HttpMatch): string | undefined {
  const { path } = match;
  if (path === undefined || !('prefix' in path)) return undefined;
  return effectsOf(match).every(([field, effect]) => field === 'path' || effect === 'none') ? path.prefix : undefined;
}

function findPrefix(
  prefixes: ReadonlyMap<string, WrittenMatch>,
  { path, ignorePathCase }: HttpMatch,
): WrittenMatch | undefined {
  if (path === undefined || ignorePathCase === true) return undefined;
  const text = 'exact' in path ? path.exact : 'prefix' in path ? path.prefix : '';
  for (let length = 1; length <= text.length; length++) {
    const winner = prefixes.get(text.slice(0, length));
    if (winner !== undefined) return winner;
  }
  return undefined;
}

/** On another port the earlier match may not be there. */
function report({ context, path, port }: WrittenMatch, winner: WrittenMatch): void {
  if (winner.port !== undefined && winner.port !== port && !isOnlyPort(context)) return;
  const [own, first] = [refOf(context.owner), refOf(winner.context.owner)].map(formatRef);
  const place = formatPath(winner.path);
  if (own === first && formatPath(path) === place) return;
  const isOwn = own === first;
  reportField(
    context,
    isOwn ? 'RuleUnreachable' : 'RouteConflict',
    path,
    isOwn
      ? `${place} takes every request that this match takes and stands before it, so this has no effect`
      : `${place} of ${first} takes every request that this match takes and goes first, so this has no effect`,
    isOwn ? 'put the more specific match first, or remove it' : 'merge the two, the more specific match first',
    'warning',
  );
}
