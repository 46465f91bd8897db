// Makes folders for keys and state. A place where nothing can be made is an error at once. Files
// that it writes are on disk before anybody relies on them.

import { mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder with those above it, by default for its owner only. It makes them one by one: the
 * recursive call of Node never gives up if the file system reports a missing folder where nothing
 * can be made, such as in /proc.
 */
export async function makeFolder(path: string, mode = 0o700): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' && !(await isFolder(dirname(path)))) {
      await makeFolder(dirname(path), mode);
      // Another process may have made it meanwhile.
      return makeFolder(path, mode);
    }
    if (code !== 'EEXIST') throw error;
    if (!(await isFolder(path))) throw Object.assign(new Error(`${path} is not a folder`), { code: 'ENOTDIR' });
  }
}

/**
 * Writes a new file, readable by its owner only, and waits until its text is on disk. `syncFolder`
 * waits for its name.
 */
export async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Waits until the names of a folder's files are on disk: a file that was renamed into it has its
 * new name after a power cut too.
 */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}
