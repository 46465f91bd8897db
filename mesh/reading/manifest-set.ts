// Many texts as one set that changes text by text. It derives the changes of the objects in force
// from each change of a text, at the cost of that text.

import { combineManifests, comparePlaces } from './manifest.ts';
import type { CombinedManifests, ParsedManifest } from './manifest.ts';
import type { PlacedFinding } from '../finding.ts';
import type { AnyMeshObject } from '../object.ts';
import { formatRef, refOf } from '../metadata.ts';
import type { MeshChange } from '../store.ts';

/**
 * The texts of a directory by file. Of duplicate objects, that of the first file by name holds, as
 * in `combineManifests`.
 */
export class ManifestSet {
  readonly #manifests = new Map<string, ParsedManifest>();
  /** Reference → the files that give it, sorted. */
  readonly #givers = new Map<string, readonly string[]>();
  readonly #repeated = new Set<string>();
  /** Files with Findings of their own. */
  readonly #remarkable = new Set<string>();

  /** Replaces the text of a file, or removes it; returns the changes of the objects in force. */
  set(file: string, manifest: ParsedManifest | undefined): readonly MeshChange[] {
    const before = this.#manifests.get(file);
    const old = objectsByRef(before);
    const now = objectsByRef(manifest);
    const refs = new Set([...old.keys(), ...now.keys()]);
    const inForce = new Map([...refs].map((ref) => [ref, this.#find(ref)]));
    if (manifest === undefined) this.#manifests.delete(file);
    else this.#manifests.set(file, manifest);
    if ((manifest?.findings.length ?? 0) > 0) this.#remarkable.add(file);
    else this.#remarkable.delete(file);
    for (const ref of refs) if (old.has(ref) !== now.has(ref)) this.#move(ref, file, now.has(ref));
    const changes: MeshChange[] = [];
    for (const [ref, previous] of inForce) {
      const object = this.#find(ref);
      if (object === previous) continue;
      if (object !== undefined) changes.push({ type: 'put', object });
      else if (previous !== undefined) changes.push({ type: 'delete', ref: refOf(previous) });
    }
    return changes;
  }

  /** Everything at once, at the cost of everything. */
  combine(): CombinedManifests {
    return combineManifests([...this.#manifests.values()]);
  }

  /** The Findings of the texts, and of duplicate objects; sorted by place. */
  findings(): readonly PlacedFinding[] {
    if (this.#repeated.size > 0) return this.combine().findings;
    const files = [...this.#remarkable];
    return files.flatMap((file) => this.#manifests.get(file)?.findings ?? []).sort(comparePlaces);
  }

  /** The place of a field; see `Locate`. */
  readonly locate: CombinedManifests['locate'] = (ref, path) => {
    const files = this.#givers.get(formatRef(ref)) ?? this.#remarkable;
    for (const file of files) {
      const place = this.#manifests.get(file)?.locate(ref, path);
      if (place !== undefined) return place;
    }
    return undefined;
  };

  /** The files that give an object, sorted. */
  givers(ref: string): readonly string[] {
    return this.#givers.get(ref) ?? [];
  }

  #find(ref: string): AnyMeshObject | undefined {
    const [first] = this.#givers.get(ref) ?? [];
    const manifest = first === undefined ? undefined : this.#manifests.get(first);
    return objectsByRef(manifest).get(ref);
  }

  #move(ref: string, file: string, gives: boolean): void {
    const others = (this.#givers.get(ref) ?? []).filter((other) => other !== file);
    const files = gives ? [...others, file].sort() : others;
    if (files.length === 0) this.#givers.delete(ref);
    else this.#givers.set(ref, files);
    if (files.length > 1) this.#repeated.add(ref);
    else this.#repeated.delete(ref);
  }
}

const indexes = new WeakMap<ParsedManifest, ReadonlyMap<string, AnyMeshObject>>();

function objectsByRef(manifest: ParsedManifest | undefined): ReadonlyMap<string, AnyMeshObject> {
  if (manifest === undefined) return new Map();
  const known = indexes.get(manifest);
  if (known !== undefined) return known;
  const made = new Map(manifest.objects.map((object) => [formatRef(refOf(object)), object]));
  indexes.set(manifest, made);
  return made;
}
