// What stays in force while a file is broken: the last good version of each object that the new text does not give. Pure.

import { formatRef, refOf } from '../mesh/index.ts';
import type { AnyMeshObject, ParsedManifest } from '../mesh/index.ts';

/** A file's newest text together with the objects that are in force because of it. */
export interface FileState {
  readonly manifest: ParsedManifest;
  /** References of objects in `manifest.objects` that the newest text does not give. */
  readonly kept: ReadonlySet<string>;
}

/**
 * Takes the newest text of a file. An object that the text holds but spoils keeps its last good version; where the text could not be
 * read so far as to know what it holds, nothing that was there before counts as deleted. The Findings say so.
 */
export function keepLastGood(parsed: ParsedManifest, inForce: readonly AnyMeshObject[]): FileState {
  const given = new Set(parsed.objects.map((object) => formatRef(refOf(object))));
  const rejected = new Set(parsed.rejected.map(formatRef));
  const keptObjects = inForce.filter((object) => {
    const key = formatRef(refOf(object));
    return !given.has(key) && (parsed.isPartial || rejected.has(key));
  });
  if (keptObjects.length === 0) return { manifest: parsed, kept: new Set() };
  const kept = new Set(keptObjects.map((object) => formatRef(refOf(object))));
  const findings = parsed.findings.map((finding) => {
    if (finding.severity !== 'error') return finding;
    if (kept.has(formatRef(finding.ref)))
      return { ...finding, message: `${finding.message} The last good version stays in force.` };
    if (finding.ref.name === '' || finding.ref.kind === '') {
      const which = [...kept].sort().join(', ');
      return { ...finding, message: `${finding.message} The last good version of ${which} stays in force.` };
    }
    return finding;
  });
  return { manifest: { ...parsed, objects: [...parsed.objects, ...keptObjects], findings }, kept };
}

/** Objects that are in force although the newest text of their file does not give them, by file. */
export type KeptObjects = Readonly<Record<string, readonly AnyMeshObject[]>>;

/** What must outlive this process: a broken file must not be without force because the control plane was restarted. */
export function listKept(states: readonly FileState[]): KeptObjects {
  return Object.fromEntries(
    states
      .filter(({ kept }) => kept.size > 0)
      .map(({ manifest, kept }) => [
        manifest.file,
        manifest.objects.filter((object) => kept.has(formatRef(refOf(object)))),
      ]),
  );
}

/** Reads what `listKept` gave, from JSON; what is not of its shape is left out. */
export function parseKept(fields: Readonly<Record<string, unknown>>): KeptObjects {
  return Object.fromEntries(
    Object.entries(fields).map(([file, objects]) => [file, Array.isArray(objects) ? objects.filter(isObject) : []]),
  );
}

function isObject(value: unknown): value is AnyMeshObject {
  const hasFields = typeof value === 'object' && value !== null && 'metadata' in value && 'spec' in value;
  return hasFields && 'kind' in value && typeof value.kind === 'string';
}
