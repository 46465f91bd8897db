// Programs with the libraries that they are linked with, and the files that any system has.

import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';

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

/** Users, name lookup and a folder for temporary files: programs expect these of any system. */
export function systemEntries(user) {
  const text = (path, data) => ({ path, mode: 0o644, data: Buffer.from(data) });
  return [
    text('etc/passwd', `root:x:0:0:root:/:/nologin\ncairn:x:${user}:${user}:cairn:/:/nologin\n`),
    text('etc/group', `root:x:0:\ncairn:x:${user}:\n`),
    text('etc/nsswitch.conf', 'hosts: files dns\n'),
    { path: 'tmp', mode: 0o1777 },
  ];
}
