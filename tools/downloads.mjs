// The cache that fetched programs are kept in, with the version in the path, and one way to give
// up.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** Where fetched programs are kept; checkouts share them. */
export const cache = join(homedir(), '.cache/cairn');

/** Ends the process with an explanation. */
export function fail(message) {
  process.stderr.write(`setup: ${message}\n`);
  process.exit(1);
}

/**
 * Fetches one file into the cache unless it is there. `fetch` gets a folder of its own and returns
 * the file in it; a rename makes the file final, so that nobody sees half of it.
 */
export async function fetchIntoCache(target, fetch) {
  if (existsSync(target)) return;
  mkdirSync(dirname(target), { recursive: true });
  const folder = mkdtempSync(join(dirname(target), '.download-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  renameSync(await fetch(folder), target);
  process.off('exit', remove);
  remove();
  process.stderr.write(`setup: ${target} is there\n`);
}

/** Ends the process unless a package has the checksum that is known of it. */
export function checkPackage(file, algorithm, expected, encoding) {
  const found = createHash(algorithm).update(readFileSync(file)).digest(encoding);
  if (found !== expected) fail(`the ${algorithm} of ${file} is ${found}, expected ${expected}: nothing was installed`);
}
