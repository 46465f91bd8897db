// How long a file has to rest before its newest text counts. Who writes a file in place leaves it cut short for a while, and who saves by
// renaming leaves it away: what would take something out of force has to stay so longer than a save takes. Pure.

import { formatRef, refOf } from '../../mesh/index.ts';
import type { ObjectRef } from '../../mesh/index.ts';
import type { FileState } from './last-good.ts';

/** A file was written to the end when it did not change for this long, in milliseconds. */
export const settleTime = 3;
/** Its last good version stays in force or something stands in for it, so that only a Finding would have come too early. */
const brokenSettleTime = 50;
/** Something would be taken away: an object, or an end of the text. */
const lossSettleTime = 1_000;

/** One text of a file. */
export interface FileVersion extends FileState {
  /** The number by which the file system knows the file: another one when it was renamed into place. */
  readonly inode: bigint;
  /** In bytes. */
  readonly size: number;
}

/**
 * How long a version has to rest, in milliseconds; `next` is undefined for a file that is gone. `isElsewhere` says whether another file
 * gives an object.
 */
export function restNeeded(
  before: FileVersion | undefined,
  next: FileVersion | undefined,
  isElsewhere: (ref: string) => boolean,
): number {
  if (before !== undefined && losesSomething(before, next, isElsewhere)) return lossSettleTime;
  const isBroken = next !== undefined && (next.manifest.isPartial || next.manifest.rejected.length > 0);
  return isBroken ? brokenSettleTime : settleTime;
}

function losesSomething(
  before: FileVersion,
  next: FileVersion | undefined,
  isElsewhere: (ref: string) => boolean,
): boolean {
  // The same file with less in it may be half of a new text; one that was renamed into place is whole.
  if (next !== undefined && next.inode === before.inode && next.size < before.size) return true;
  const covered = new Set(next === undefined ? [] : listCovered(next));
  return listCovered(before).some((ref) => !covered.has(ref) && !isElsewhere(ref));
}

/** The objects that a version has in force, and those that something stands in for. */
export function listCovered({ manifest: { objects, standIns } }: FileState): readonly string[] {
  const closing = new Set(standIns.map(({ object }) => object));
  const own = objects.filter((object) => !closing.has(object)).map((object) => formatRef(refOf(object)));
  return [
    ...own,
    ...standIns
      .map(({ ref }) => ref)
      .filter(isIdentified)
      .map(formatRef),
  ];
}

/** What nobody knows the name of cannot be found again in a text that is mended. */
function isIdentified({ kind, name }: ObjectRef): boolean {
  return kind !== '' && name !== '';
}
