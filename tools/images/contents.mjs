// What goes into an image: programs with the libraries that they are linked with, the compiled
// modules, and the packages of production.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The system's program that lists libraries. */
const linkedLibraries = 'ldd';

/**
 * A program at a path of the image, and its libraries at the paths where the loader looks for them.
 */
export function programEntries(file, path) {
  const program = { path, mode: 0o755, data: readFileSync(realpathSync(file)) };
  return [
    program,
    ...librariesOf(file).map((library) => ({ path: library.slice(1), mode: 0o755, data: readFileSync(library) })),
  ];
}

/** Absolute paths; none for a program that is linked statically. */
function librariesOf(file) {
  let output;
  try {
    output = execFileSync(linkedLibraries, [realpathSync(file)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    if (/not a dynamic executable|statically linked/.test(`${error.stdout}${error.stderr}`)) return [];
    throw error;
  }
  return output.split('\n').flatMap((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}

/** Users, name lookup and a folder for temporary files: what programs expect of any system. */
export function systemEntries(user) {
  const text = (path, data) => ({ path, mode: 0o644, data: Buffer.from(data) });
  return [
    text('etc/passwd', `root:x:0:0:root:/:/nologin\ncairn:x:${user}:${user}:cairn:/:/nologin\n`),
    text('etc/group', `root:x:0:\ncairn:x:${user}:\n`),
    text('etc/nsswitch.conf', 'hosts: files dns\n'),
    { path: 'tmp', mode: 0o1777 },
  ];
}

/**
 * The folders of packages that `npm ci --omit=dev` installs: which of them is loaded, and when,
 * need not be known.
 */
export function productionPackages(lock) {
  return Object.entries(lock.packages).flatMap(([folder, { dev }]) => (folder === '' || dev === true ? [] : [folder]));
}

/** What no program loads; the Dockerfile leaves out the same. */
const superfluous = /(\.d\.[cm]?ts|\.map|\.md)$/;

/**
 * The files of a package, without those of packages inside of it; none of an optional package that
 * is not for this platform.
 */
export function packageEntries(root, folder, target) {
  const base = join(root, folder);
  if (!existsSync(base)) return [];
  return filesBelow(base)
    .filter((path) => !path.startsWith('node_modules/') && !superfluous.test(path))
    .map((path) => ({ path: `${target}/${folder}/${path}`, mode: 0o644, data: readFileSync(join(base, path)) }));
}

/** The compiled modules, all of them. One whose source is gone was left by an earlier build. */
export function moduleEntries(root, dist, target) {
  return filesBelow(dist)
    .filter((path) => existsSync(join(root, path.replace(/\.js$/, '.ts'))) && !path.startsWith('.'))
    .map((path) => ({ path: `${target}/${path}`, mode: 0o644, data: readFileSync(join(dist, path)) }));
}

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true })
    .map((path) => String(path))
    .filter((path) => statSync(join(folder, path)).isFile())
    .sort();
}
