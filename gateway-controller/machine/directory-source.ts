// A watched directory of manifests as a source of objects. The system notifies it of writes, and it
// looks again every second in case a notification was lost. It reads only files that changed, and a
// broken file takes nothing out of force.

import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { join, sep } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { ManifestSet, parseManifest, unreadableManifest } from '../../mesh/index.ts';
import type { AnyMeshObject, Locate, MeshChange, PlacedFinding } from '../../mesh/index.ts';
import { inForceOf, keepLastGood, listKept } from './last-good.ts';
import type { Kept, KeptObjects } from './last-good.ts';
import { findFile, isManifestName, isMissing, listManifests, readFoundFile } from './manifest-files.ts';
import type { FileMark } from './manifest-files.ts';
import { listCovered, restNeeded, settleTime } from './settling.ts';
import type { FileVersion } from './settling.ts';

/** The state of the directory. Views of all of it are assembled on demand. */
export interface DirectoryState {
  /** The changes since the last state; in the first one, everything. */
  readonly changes: readonly MeshChange[];
  readonly objects: () => readonly AnyMeshObject[];
  readonly findings: () => readonly PlacedFinding[];
  readonly locate: Locate;
  /** Files whose newest text is not wholly in force, sorted. */
  readonly brokenFiles: readonly string[];
  /** Objects in force that their files do not give any more, for the next process. */
  readonly kept: KeptObjects;
  /** The time at which the first of these changes was seen, in milliseconds since 1970. */
  readonly changedAt: number;
}

/** The parts of a source. */
export interface DirectorySourceOptions {
  readonly directory: string;
  /** Objects that an earlier process kept in force; {} by default. */
  readonly kept?: KeptObjects;
  /** Called with the first state before `start` resolves, then after every change. */
  readonly onChange: (state: DirectoryState) => void;
  /** Called when the directory cannot be read for now; the source goes on trying. */
  readonly onError: (error: Error) => void;
  /** Milliseconds between two looks at the whole directory; 1,000 by default. */
  readonly rescanInterval?: number;
}

/** A file that never stops changing is read all the same, if that loses nothing. */
const patience = 2_000;

interface KnownFile extends FileVersion {
  readonly mark: FileMark;
}

/** A file as it was read last. */
interface ReadFile {
  /** Undefined when it is gone. */
  readonly version: KnownFile | undefined;
  readonly isResting: boolean;
}

/** A version that has to be stable before it counts. Times are in milliseconds since 1970. */
interface Pending {
  readonly mark: FileMark | undefined;
  /** The time since which the file is as it is. */
  readonly since: number;
  /** The time since which it is not what is in force. */
  readonly first: number;
  readonly due: number;
}

/** Watches one directory. */
export class DirectorySource {
  readonly #options: DirectorySourceOptions;
  readonly #files = new Map<string, KnownFile>();
  readonly #manifests = new ManifestSet();
  /** Files whose newest text is not wholly in force. */
  readonly #broken = new Set<string>();
  /** Files with a newer version than the one in force. */
  readonly #pending = new Map<string, Pending>();
  #changes: readonly MeshChange[] = [];
  readonly #watchers = new Map<string, FSWatcher>();
  /**
   * Files that the system reported, and that may be all that changed; undefined when everything
   * must be looked at.
   */
  #told: Set<string> | undefined;
  #lookTime = 0;
  #timer: NodeJS.Timeout | undefined;
  #pendingTimer: NodeJS.Timeout | undefined;
  #scanning: Promise<void> | undefined;
  #isDirty = false;
  #changedAt = 0;
  #isStarted = false;
  #isStopped = false;
  #failure = '';

  constructor(options: DirectorySourceOptions) {
    this.#options = options;
  }

  /** Reads everything, then begins to watch; rejects when the directory cannot be read. */
  async start(): Promise<void> {
    this.#changedAt = Date.now();
    await this.#scan();
    const end = Date.now() + patience;
    while (this.#pending.size > 0) {
      await sleep(Math.max(0, this.#nextDue() - Date.now()));
      await this.#update([...this.#pending.keys()], Date.now() >= end);
    }
    this.#isStarted = true;
    this.#emit();
    this.#schedule();
  }

  /** Ends watching; no call of `onChange` comes after it. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#pendingTimer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    await this.#scanning;
  }

  #schedule(): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    // Looking at very many files takes time, of which other work needs a share.
    this.#timer = setTimeout(() => this.#wake(), Math.max(this.#options.rescanInterval ?? 1_000, 20 * this.#lookTime));
  }

  /**
   * Looks now, or once more when a look is pending; `file`: at this one, unless there is more to
   * look at.
   */
  #wake(file?: string): void {
    if (this.#isStopped) return;
    if (file === undefined) this.#told = undefined;
    else if (!this.#isDirty) this.#told = new Set([file]);
    else this.#told?.add(file);
    this.#isDirty = true;
    this.#scanning ??= this.#look().finally(() => {
      this.#scanning = undefined;
      this.#schedule();
    });
  }

  async #look(): Promise<void> {
    while (this.#isDirty && !this.#isStopped) {
      const told = this.#told;
      this.#isDirty = false;
      this.#changedAt = Date.now();
      try {
        const isChanged = told === undefined ? await this.#scan() : await this.#update([...told]);
        if (isChanged && !this.#isStopped) this.#emit();
        this.#failure = '';
      } catch (error) {
        const failure = error instanceof Error ? error : new Error(String(error));
        if (failure.message !== this.#failure) this.#options.onError(failure);
        this.#failure = failure.message;
      }
    }
  }

  /**
   * Reads changed files; true when something changed. A directory that is gone is an error, not a
   * deletion of everything.
   */
  async #scan(): Promise<boolean> {
    const start = performance.now();
    const { files, directories } = await listManifests(this.#options.directory);
    this.#watch(directories);
    const changed = [...files].filter(([path, { mark }]) => this.#files.get(path)?.mark !== mark).map(([path]) => path);
    // Files below a directory that cannot be read now are not gone.
    const closed = [...files].filter(([, { problem }]) => problem !== undefined).map(([path]) => `${path}${sep}`);
    const gone = [...this.#files.keys()].filter(
      (path) => !files.has(path) && !closed.some((directory) => path.startsWith(directory)),
    );
    this.#lookTime = performance.now() - start;
    return this.#update([...changed, ...gone]);
  }

  /**
   * Updates files; true when that changed the objects in force or the Findings. A version that
   * would take something away waits until it is stable. An object that one file loses and another
   * one gives is no loss.
   */
  async #update(paths: readonly string[], isLast = false): Promise<boolean> {
    const all = [...new Set([...paths, ...this.#pending.keys()])];
    const read = new Map(await Promise.all(all.map(async (path) => [path, await this.#read(path)] as const)));
    const giving = [...read].flatMap(([path, { version }]) =>
      version === undefined ? [] : listCovered(version).map((ref) => [ref, path] as const),
    );
    const given = new Map<string, Set<string>>();
    for (const [ref, path] of giving) given.set(ref, (given.get(ref) ?? new Set<string>()).add(path));
    const isElsewhere =
      (path: string) =>
      (ref: string): boolean =>
        this.#manifests.givers(ref).some((file) => !read.has(file)) ||
        [...(given.get(ref) ?? [])].some((file) => file !== path);
    let isChanged = false;
    for (const [path, file] of read) {
      const needed = restNeeded(this.#files.get(path), file.version, isElsewhere(path));
      if (isLast || this.#hasRested(path, file, needed)) {
        this.#pending.delete(path);
        isChanged = this.#keep(path, file.version) || isChanged;
      }
    }
    this.#planPending();
    return isChanged;
  }

  /** Whether a version has been stable for long enough; remembers it when it has not. */
  #hasRested(path: string, { version, isResting }: ReadFile, needed: number): boolean {
    const mark = version?.mark;
    if (isResting && (needed <= settleTime || mark === this.#files.get(path)?.mark)) return true;
    const now = Date.now();
    const known = this.#pending.get(path);
    const first = known?.first ?? now;
    const since = isResting && known !== undefined && known.mark === mark ? known.since : now;
    if (isResting && now - since >= needed) return true;
    if (!isResting && needed <= settleTime && now - first >= patience) return true;
    const due = isResting ? since + needed : now + settleTime;
    this.#pending.set(path, { mark, since, first, due });
    return false;
  }

  #nextDue(): number {
    return Math.min(...[...this.#pending.values()].map(({ due }) => due));
  }

  #planPending(): void {
    clearTimeout(this.#pendingTimer);
    if (!this.#isStarted || this.#isStopped || this.#pending.size === 0) return;
    this.#pendingTimer = setTimeout(
      () => {
        for (const path of this.#pending.keys()) this.#wake(path);
      },
      Math.max(1, this.#nextDue() - Date.now()),
    );
  }

  /** The content of a file. */
  async #read(path: string): Promise<ReadFile> {
    const before = this.#files.get(path);
    const inForce = before === undefined ? (this.#options.kept?.[path] ?? nothing) : inForceOf(before);
    const found = await findFile(path);
    await sleep(settleTime);
    const text = found === undefined ? undefined : await readText(path, found.problem);
    const isResting = (await findFile(path))?.mark === found?.mark;
    const version = found === undefined ? undefined : { ...found, ...readState(path, text, inForce) };
    return { version, isResting };
  }

  #keep(path: string, version: KnownFile | undefined): boolean {
    if (version === undefined) {
      this.#take(path, undefined);
      return this.#files.delete(path);
    }
    if (version.mark === this.#files.get(path)?.mark) return false;
    this.#files.set(path, version);
    this.#take(path, version);
    return true;
  }

  #take(path: string, state: KnownFile | undefined): void {
    this.#changes = [...this.#changes, ...this.#manifests.set(path, state?.manifest)];
    if (state !== undefined && (state.manifest.isPartial || state.manifest.rejected.length > 0)) this.#broken.add(path);
    else this.#broken.delete(path);
  }

  #emit(): void {
    const changes = this.#changes;
    this.#changes = [];
    this.#options.onChange({
      changes,
      objects: () => this.#manifests.combine().objects,
      findings: () => this.#manifests.findings(),
      locate: this.#manifests.locate,
      brokenFiles: [...this.#broken].sort(),
      // Kept objects are in files that are broken.
      kept: listKept([...this.#broken].flatMap((path) => this.#files.get(path) ?? [])),
      changedAt: this.#changedAt,
    });
  }

  #watch(directories: readonly string[]): void {
    if (this.#isStopped) return;
    const wanted = new Set(directories);
    for (const [path, watcher] of this.#watchers) {
      if (!wanted.has(path)) this.#unwatch(path, watcher);
    }
    for (const path of directories) {
      if (this.#watchers.has(path)) continue;
      try {
        const watcher = watch(path, (_event, name) => this.#hear(path, name));
        // A directory that went away, or too many watches: looking every second goes on.
        watcher.on('error', () => this.#unwatch(path, watcher));
        this.#watchers.set(path, watcher);
      } catch (error) {
        if (!isMissing(error)) this.#options.onError(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  /**
   * A name that is no manifest may be a directory; an event about an unchanged manifest is of
   * another kind.
   */
  #hear(directory: string, name: string | null): void {
    if (name !== null && isManifestName(name)) this.#wake(join(directory, name));
    else if (name === null || !/^[.#~]/.test(name)) this.#wake();
  }

  #unwatch(path: string, watcher: FSWatcher): void {
    watcher.close();
    this.#watchers.delete(path);
  }
}

const nothing: Kept = { objects: [], standIns: [] };

async function readText(path: string, problem: string | undefined): Promise<string | Error> {
  if (problem !== undefined) return new Error(problem);
  try {
    return await readFoundFile(path);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/**
 * A file without a text is being written, or its writer failed: an author who wants nothing of it
 * deletes it, or leaves a comment in it. So it takes nothing out of force.
 */
function readState(path: string, text: string | Error | undefined, inForce: Kept): ReturnType<typeof keepLastGood> {
  if (text === undefined || typeof text !== 'string') {
    return keepLastGood(unreadableManifest(path, text?.message ?? 'it is gone'), inForce);
  }
  const isEmptied = text.trim() === '' && inForce.objects.length + inForce.standIns.length > 0;
  return keepLastGood(
    isEmptied
      ? unreadableManifest(path, 'it is empty', 'delete the file to take its objects out of force')
      : parseManifest(path, text),
    inForce,
  );
}
