// The manifest files below a path: which there are, and a mark that tells whether one changed since it was read.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseManifest } from '../mesh/index.ts';
import type { ParsedManifest } from '../mesh/index.ts';

/** What the file system says of one file: equal marks mean that it was not written in between. */
export type FileMark = string;

/** Files and directories below a directory. */
export interface ManifestTree {
  /** Sorted by path, the directory's own path in front. */
  readonly files: ReadonlyMap<string, FileMark>;
  /** The directory itself and those below it. */
  readonly directories: readonly string[];
}

/** Whether a file of this name is read: YAML or JSON, and neither hidden nor an editor's temporary. */
export function isManifestName(name: string): boolean {
  return /\.(?:ya?ml|json)$/i.test(name) && !/^[.#~]/.test(name);
}

/** The manifests below `directory`, hidden directories left out. What disappears meanwhile is left out too; rejects when `directory` cannot be read. */
export async function listManifests(directory: string): Promise<ManifestTree> {
  const files: [string, FileMark][] = [];
  const directories: string[] = [];
  const visit = async (path: string, isRoot: boolean): Promise<void> => {
    let entries;
    try {
      entries = await readdir(path, { withFileTypes: true });
    } catch (error) {
      if (isRoot || !isMissing(error)) throw error;
      return;
    }
    directories.push(path);
    for (const entry of entries) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) {
        if (!entry.name.startsWith('.')) await visit(child, false);
      } else if (isManifestName(entry.name)) {
        const mark = await readMark(child);
        if (mark !== undefined) files.push([child, mark]);
      }
    }
  };
  await visit(directory, true);
  files.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
  return { files: new Map(files), directories };
}

/** The mark of a file; undefined when there is none of that path. */
export async function readMark(path: string): Promise<FileMark | undefined> {
  try {
    const found = await stat(path, { bigint: true });
    return found.isFile() ? `${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}` : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Reads files and whole directories, each file once; rejects when a path cannot be read. `-` is what `readInput` gives. */
export async function readManifests(
  paths: readonly string[],
  readInput: () => Promise<string>,
): Promise<readonly ParsedManifest[]> {
  const files = new Set<string>();
  for (const path of paths) {
    if (path !== '-' && (await stat(path)).isDirectory()) {
      for (const file of (await listManifests(path)).files.keys()) files.add(file);
    } else files.add(path);
  }
  const manifests: ParsedManifest[] = [];
  for (const file of files) {
    manifests.push(parseManifest(file, file === '-' ? await readInput() : await readFile(file, 'utf8')));
  }
  return manifests;
}

/** Whether an error says that a file or directory does not exist. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
