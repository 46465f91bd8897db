// A directory of manifests as a source of objects, watched. Writes are seen by the system's notification and, should one be lost, by
// looking again every second; only files that changed are read again, and a broken one takes nothing out of force.

import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { failClosed, formatRef, ManifestSet, parseManifest, refOf } from '../mesh/index.ts';
import type { AnyMeshObject, Locate, MeshChange, PlacedFinding } from '../mesh/index.ts';
import { keepLastGood, listKept } from './last-good.ts';
import type { FileState, KeptObjects } from './last-good.ts';
import { isManifestName, isMissing, listManifests, readMark } from './manifest-files.ts';
import type { FileMark } from './manifest-files.ts';

/** What the directory says now. What is about all of it is put together when it is asked for. */
export interface DirectoryState {
  /** What changed since the last state; in the first one, everything. */
  readonly changes: readonly MeshChange[];
  readonly objects: () => readonly AnyMeshObject[];
  readonly findings: () => readonly PlacedFinding[];
  readonly locate: Locate;
  /** Files whose newest text is not wholly in force, sorted. */
  readonly brokenFiles: readonly string[];
  /** What is in force although its file does not say it any more, for the next life. */
  readonly kept: KeptObjects;
  /** When the first of the changes that led here was seen, in milliseconds since 1970. */
  readonly changedAt: number;
}

/** What a source is made of. */
export interface DirectorySourceOptions {
  readonly directory: string;
  /** What an earlier life kept in force; {} unless told. */
  readonly kept?: KeptObjects;
  /** Called with the first state before `start` resolves, then after every change. */
  readonly onChange: (state: DirectoryState) => void;
  /** Told when the directory cannot be read for now; the source goes on trying. */
  readonly onError: (error: Error) => void;
  /** Milliseconds between two looks at the whole directory; 1,000 unless told. */
  readonly rescanInterval?: number;
}

/** A file is taken as written to the end when it did not change for this long. */
const settleTime = 3;
/** And when it would take something away: an editor may be between truncating and writing, or between two renames. */
const carefulSettleTime = 50;
/** A file that never rests is read all the same. */
const patience = 2_000;

interface KnownFile extends FileState {
  readonly mark: FileMark;
}

/** Watches one directory. */
export class DirectorySource {
  readonly #options: DirectorySourceOptions;
  readonly #files = new Map<string, KnownFile>();
  readonly #manifests = new ManifestSet();
  /** Files whose newest text is not wholly in force. */
  readonly #broken = new Set<string>();
  #changes: readonly MeshChange[] = [];
  readonly #watchers = new Map<string, FSWatcher>();
  /** Files that the system told of, and that may be all that changed; undefined when everything must be looked at. */
  #told: Set<string> | undefined;
  #lookTime = 0;
  #timer: NodeJS.Timeout | undefined;
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
    this.#isStarted = true;
    this.#emit();
    this.#schedule();
  }

  /** Ends watching; no call of `onChange` comes after it. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    await this.#scanning;
  }

  #schedule(): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    // Looking at very many files takes its time, of which there must be some for other work.
    this.#timer = setTimeout(() => this.#wake(), Math.max(this.#options.rescanInterval ?? 1_000, 20 * this.#lookTime));
  }

  /** Looks now, or once more when a look is under way; `file`: at this one, unless there is more to look at. */
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
        const isChanged = told === undefined ? await this.#scan() : await this.#updateTold([...told]);
        if (isChanged && !this.#isStopped) this.#emit();
        this.#failure = '';
      } catch (error) {
        const failure = error instanceof Error ? error : new Error(String(error));
        if (failure.message !== this.#failure) this.#options.onError(failure);
        this.#failure = failure.message;
      }
    }
  }

  /** Reads what changed; true when something did. A directory that is gone is an error, not a deletion of everything. */
  async #scan(): Promise<boolean> {
    const start = performance.now();
    const { files, directories } = await listManifests(this.#options.directory);
    this.#watch(directories);
    const changed = [...files].filter(([path, mark]) => this.#files.get(path)?.mark !== mark).map(([path]) => path);
    const gone = [...this.#files.keys()].filter((path) => !files.has(path));
    this.#lookTime = performance.now() - start;
    return this.#updateAll([...changed, ...gone]);
  }

  /** Brings the files up to date that the system told of. What one of them loses may be in another by now, so then all are looked at. */
  async #updateTold(paths: readonly string[]): Promise<boolean> {
    const found = await Promise.all(paths.map(async (path) => [path, await this.#read(path)] as const));
    const isLoss = found.some(([path, state]) => {
      const given = new Set(state?.manifest.objects.map((object) => formatRef(refOf(object))));
      return this.#files.get(path)?.manifest.objects.some((object) => !given.has(formatRef(refOf(object)))) === true;
    });
    if (isLoss) return this.#scan();
    return found.map(([path, state]) => this.#keep(path, state)).includes(true);
  }

  async #updateAll(paths: readonly string[]): Promise<boolean> {
    const results = await Promise.all(paths.map((path) => this.#update(path)));
    return results.includes(true);
  }

  /** Brings one file up to date; true when it changed what is in force or what there is to say. */
  async #update(path: string): Promise<boolean> {
    return this.#keep(path, await this.#read(path));
  }

  /** The state of a file that rests; undefined when it is gone. */
  async #read(path: string): Promise<KnownFile | undefined> {
    const before = this.#files.get(path);
    const inForce = before?.manifest.objects ?? this.#options.kept?.[path] ?? [];
    const settled = await readSettled(path, before, inForce);
    if (settled === undefined || this.#isStarted) return settled;
    return { ...settled, manifest: failClosed(settled.manifest) };
  }

  #keep(path: string, state: KnownFile | undefined): boolean {
    if (state === undefined) {
      this.#take(path, undefined);
      return this.#files.delete(path);
    }
    if (state.mark === this.#files.get(path)?.mark) return false;
    this.#files.set(path, state);
    this.#take(path, state);
    return true;
  }

  #take(path: string, state: FileState | undefined): void {
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
      // What is kept is in files that are broken.
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

  /** A name that is no manifest may be a directory; a manifest that nobody wrote to is an event of another kind. */
  #hear(directory: string, name: string | null): void {
    if (name !== null && isManifestName(name)) this.#wake(join(directory, name));
    else if (name === null || !/^[.#~]/.test(name)) this.#wake();
  }

  #unwatch(path: string, watcher: FSWatcher): void {
    watcher.close();
    this.#watchers.delete(path);
  }
}

/** The state of a file that rests; undefined when it is gone for good. A file that cannot be read counts as broken. */
async function readSettled(
  path: string,
  before: KnownFile | undefined,
  inForce: readonly AnyMeshObject[],
): Promise<KnownFile | undefined> {
  const end = Date.now() + patience;
  let pause = settleTime;
  for (;;) {
    const mark = await readMark(path);
    await sleep(pause);
    const text = await readText(path);
    const isResting = (await readMark(path)) === mark;
    if (!isResting && Date.now() < end) continue;
    const state = text === undefined || mark === undefined ? undefined : { ...readState(path, text, inForce), mark };
    if (isHarmless(state, before) || pause === carefulSettleTime) return state;
    pause = carefulSettleTime;
  }
}

/** Whether taking the new state takes no object away and breaks none. */
function isHarmless(state: FileState | undefined, before: FileState | undefined): boolean {
  if (state === undefined) return false;
  const { objects, rejected, isPartial } = state.manifest;
  return rejected.length === 0 && !isPartial && objects.length >= (before?.manifest.objects.length ?? 0);
}

async function readText(path: string): Promise<string | Error | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    return error instanceof Error ? error : new Error(String(error));
  }
}

function readState(path: string, text: string | Error, inForce: readonly AnyMeshObject[]): FileState {
  if (typeof text === 'string') return keepLastGood(parseManifest(path, text), inForce);
  const unreadable = {
    ...parseManifest(path, ''),
    isPartial: true,
    findings: [
      {
        code: 'SyntaxError' as const,
        severity: 'error' as const,
        ref: { kind: '', namespace: '', name: '' },
        path: [],
        message: `The file cannot be read: ${text.message}.`,
        position: { file: path, line: 1, column: 1 },
      },
    ],
  };
  return keepLastGood(unreadable, inForce);
}
