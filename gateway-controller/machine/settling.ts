// How long a file must be stable before its newest text counts. A writer that writes in place
// leaves a file cut short for a while, and one that saves by renaming leaves it away. So a version
// that would take something out of force must be stable for longer than a save takes. Pure.

import { formatRef, refOf } from '../../mesh/index.ts';
import type { ObjectRef } from '../../mesh/index.ts';
import type { FileState } from './last-good.ts';

/** A file was written to the end when it did not change for this long, in milliseconds. */
export const settleTime = 3;
/**
 * Its last good version stays in force or has a stand-in, so only a Finding would have come too
 * early.
 */
const brokenSettleTime = 50;
/** Something would be taken away: an object, or the end of the text. */
const lossSettleTime = 1_000;

/** One text of a file. */
export interface FileVersion extends FileState {
  /** The inode of the file: another one when it was renamed into place. */
  readonly inode: bigint;
  /** In bytes. */
  readonly size: number;
}

/**
 * How long a version must be stable, in milliseconds; `next` is undefined for a file that is gone.
 * `isElsewhere`: whether another file gives an object.
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
  // The same file with less content may be half of a new text; one that was renamed into place is
  // whole.
  if (next !== undefined && next.inode === before.inode && next.size < before.size) return true;
  const covered = new Set(next === undefined ? [] : listCovered(next));
  return listCovered(before).some((ref) => !covered.has(ref) && !isElsewhere(ref));
}

/** The objects that a version has in force, and those with stand-ins. */
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

/** An object without a known name cannot be found again in a mended text. */
function isIdentified({ kind, name }: ObjectRef): boolean {
  return kind !== '' && name !== '';
}
