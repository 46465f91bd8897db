// Skips a generation step when nothing that it reads has changed: a stamp file beside the outputs
// holds a hash of the inputs.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The top of the repository, an absolute path. */
export const repository = fileURLToPath(new URL('../../', import.meta.url));

/** A hash of files (absolute paths) and of the installed versions of packages. */
export function hashInputs(files, packages) {
  const hash = createHash('sha256');
  for (const file of files)
    hash.update(file.slice(repository.length)).update('\0').update(readFileSync(file)).update('\0');
  for (const name of packages) {
    const { version } = JSON.parse(readFileSync(join(repository, 'node_modules', name, 'package.json'), 'utf8'));
    hash.update(`${name}@${version}\0`);
  }
  return hash.digest('hex');
}

/** True when the outputs in `directory` were all written from inputs with this hash. */
export function isCurrent(directory, stamp, outputs) {
  const file = join(directory, '.stamp');
  if (!existsSync(file) || readFileSync(file, 'utf8') !== stamp) return false;
  return outputs.every((output) => existsSync(join(directory, output)));
}

/**
 * Writes the outputs (`{ name: text }`), the stamp last; each by a rename, so that a reader never
 * sees half a file.
 */
export function writeOutputs(directory, stamp, outputs) {
  for (const [name, text] of [...Object.entries(outputs), ['.stamp', stamp]]) {
    const file = join(directory, name);
    mkdirSync(dirname(file), { recursive: true });
    const partial = `${file}.${process.pid}.partial`;
    writeFileSync(partial, text);
    renameSync(partial, file);
  }
}
