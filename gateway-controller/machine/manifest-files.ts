// The manifest files below a path, each with a mark that tells whether it changed since it was
// read. A path that is no file, or cannot be read, affects only itself, and is never waited for.

import { constants } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { access, lstat, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseManifest, unreadableManifest } from '../../mesh/index.ts';
import type { ParsedManifest } from '../../mesh/index.ts';

/** The file system's facts about one file: equal marks mean that it was not written in between. */
export type FileMark = string;

/** The object that a path leads to. */
export interface FoundFile {
  readonly mark: FileMark;
  readonly inode: bigint;
  /** In bytes. */
  readonly size: number;
  /** The reason why it is not read; absent for files that are. */
  readonly problem?: string;
}

/** Files and directories below a directory. */
export interface ManifestTree {
  /**
   * Sorted by path, the directory's own path in front. Directories that cannot be read are among
   * them, with their problem.
   */
  readonly files: ReadonlyMap<string, FoundFile>;
  /** The directory itself and those below it. */
  readonly directories: readonly string[];
}

/** Far more than the longest text that is read, whatever its encoding. */
const maxFileBytes = 32 * 1024 * 1024;

/**
 * Whether a file of this name is read: YAML or JSON, and neither hidden nor an editor's temporary.
 */
export function isManifestName(name: string): boolean {
  return /\.(?:ya?ml|json)$/i.test(name) && !/^[.#~]/.test(name);
}

/**
 * The manifests below `directory`, without hidden directories and files that disappear meanwhile;
 * rejects when `directory` cannot be read.
 */
export async function listManifests(directory: string): Promise<ManifestTree> {
  const files: [string, FoundFile][] = [];
  const directories: string[] = [];
  const visit = async (path: string, isRoot: boolean): Promise<void> => {
    let entries;
    try {
      entries = await readdir(path, { withFileTypes: true });
    } catch (error) {
      if (isRoot) throw error;
      const found = await findFile(path);
      if (found !== undefined) files.push([path, found]);
      return;
    }
    directories.push(path);
    for (const entry of entries) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) {
        if (!entry.name.startsWith('.')) await visit(child, false);
      } else if (isManifestName(entry.name)) {
        const found = await findFile(child);
        if (found !== undefined) files.push([child, found]);
      }
    }
  };
  await visit(directory, true);
  files.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
  return { files: new Map(files), directories };
}

/**
 * The object that a path leads to; undefined when there is nothing of that name, or a directory
 * that can be read.
 */
export async function findFile(path: string): Promise<FoundFile | undefined> {
  try {
    const own = await lstat(path, { bigint: true });
    if (own.isDirectory()) {
      await access(path, constants.R_OK | constants.X_OK);
      return undefined;
    }
    if (!own.isSymbolicLink()) return describe(own);
    const led = await stat(path, { bigint: true }).catch((error: unknown) => ({ error }));
    return 'error' in led ? { ...describe(own), ...unreadable(led.error), mark: markOf(own) } : describe(led);
  } catch (error) {
    return isMissing(error) ? undefined : unreadable(error);
  }
}

function describe(found: BigIntStats): FoundFile {
  const what = kindOf(found);
  const size = Number(found.size);
  const problem =
    what !== 'a file' ? `it is ${what}, not a file` : size > maxFileBytes ? 'it is larger than 10 MB' : undefined;
  return { mark: markOf(found), inode: found.ino, size, ...(problem === undefined ? {} : { problem }) };
}

function markOf(found: BigIntStats): FileMark {
  return `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
}

function unreadable(error: unknown): FoundFile {
  const problem = error instanceof Error ? error.message : String(error);
  return { mark: problem, inode: 0n, size: 0, problem };
}

function kindOf(found: Pick<BigIntStats, 'isFile' | 'isDirectory' | 'isFIFO' | 'isSocket'>): string {
  if (found.isFile()) return 'a file';
  if (found.isDirectory()) return 'a folder';
  return found.isFIFO() ? 'a pipe' : found.isSocket() ? 'a socket' : 'a device';
}

/** The text of a file that `findFile` found; rejects when it became something else. */
export async function readFoundFile(path: string): Promise<string> {
  // Opening a pipe that nobody writes to would wait.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await file.stat({ bigint: true });
    const { problem } = describe(found);
    if (problem !== undefined) throw new Error(problem);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/**
 * The text of a path that a user names, which may be a pipe; rejects when it is longer than any
 * manifest.
 */
async function readNamedFile(path: string): Promise<string> {
  const file = await open(path);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of file.createReadStream() as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxFileBytes) throw new FileError(`${path} is larger than 10 MB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** A path that cannot be used, in words for the user who named it. */
export class FileError extends Error {
  readonly code = 'FileUnusable';

  constructor(message: string) {
    super(message);
    this.name = 'FileError';
  }
}

/**
 * Reads files and whole directories, each file once; rejects when a named path cannot be read. `-`
 * is the result of `readInput`. Unreadable entries of a directory are among the results, with a
 * Finding.
 */
export async function readManifests(
  paths: readonly string[],
  readInput: () => Promise<string>,
): Promise<readonly ParsedManifest[]> {
  const read = new Map<string, () => Promise<ParsedManifest>>();
  for (const path of paths) {
    if (path !== '-' && (await stat(path)).isDirectory()) {
      for (const [file, { problem }] of (await listManifests(path)).files) {
        read.set(file, async () => {
          const text = problem === undefined ? await readFoundFile(file).catch(messageOf) : { problem };
          return typeof text === 'string' ? parseManifest(file, text) : unreadableManifest(file, text.problem);
        });
      }
    } else
      read.set(path, async () => parseManifest(path, path === '-' ? await readInput() : await readNamedFile(path)));
  }
  const manifests: ParsedManifest[] = [];
  for (const each of read.values()) manifests.push(await each());
  return manifests;
}

function messageOf(error: unknown): { readonly problem: string } {
  return { problem: error instanceof Error ? error.message : String(error) };
}

/** Whether an error says that a file or directory does not exist. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
