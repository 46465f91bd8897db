// The objects in force while a file is broken: the last good version of each object that the new
// text does not give, and stand-ins for those that have none. Pure.

import { failClosed, formatRef, refOf } from '../../mesh/index.ts';
import type { AnyMeshObject, ObjectRef, ParsedManifest, StandIn } from '../../mesh/index.ts';

/** A file's newest text together with the objects that are in force because of it. */
export interface FileState {
  readonly manifest: ParsedManifest;
  /** References of objects in `manifest.objects` that the newest text does not give. */
  readonly kept: ReadonlySet<string>;
}

/** Objects in force that their file does not give. */
export interface Kept {
  /** Last good versions. */
  readonly objects: readonly AnyMeshObject[];
  readonly standIns: readonly StandIn[];
}

/** The objects in force because of a file, for `keepLastGood` of its next text. */
export function inForceOf({ manifest: { objects, standIns } }: FileState): Kept {
  const closing = new Set(standIns.map(({ object }) => object));
  return { objects: objects.filter((object) => !closing.has(object)), standIns };
}

/**
 * Takes the newest text of a file. An object that the text holds but breaks keeps its last good
 * version. If the text could not be read far enough to know its objects, nothing that was there
 * before counts as deleted. An object that was never good and would leave something open gets a
 * stand-in. The Findings say so.
 */
export function keepLastGood(parsed: ParsedManifest, { objects, standIns }: Kept): FileState {
  const given = new Set(parsed.objects.map((object) => formatRef(refOf(object))));
  const rejected = new Set(parsed.rejected.map(formatRef));
  const keptObjects = objects.filter((object) => {
    const key = formatRef(refOf(object));
    return !given.has(key) && (parsed.isPartial || rejected.has(key));
  });
  if (keptObjects.length === 0) return { manifest: failClosed(parsed, standIns), kept: new Set() };
  const kept = new Set(keptObjects.map((object) => formatRef(refOf(object))));
  const findings = parsed.findings.map((finding) => {
    if (finding.severity !== 'error') return finding;
    if (kept.has(formatRef(finding.ref)))
      return { ...finding, message: `${finding.message} The last good version stays in force.` };
    if (isUnidentified(finding.ref) || aboutTexts.has(finding.code)) {
      const which = [...kept].sort().join(', ');
      return { ...finding, message: `${finding.message} The last good version of ${which} stays in force.` };
    }
    return finding;
  });
  // Fields that cannot be read of an object whose last good version stays are taken from that
  // version.
  const found = parsed.standIns.filter(
    ({ ref }) => !isUnidentified(ref) || !keptObjects.some((object) => mayBe(ref, refOf(object))),
  );
  const merged = { ...parsed, objects: [...parsed.objects, ...keptObjects], standIns: found, findings };
  return { manifest: failClosed(merged, standIns), kept };
}

/** The faults of a text, which may have held other objects than the named one. */
const aboutTexts: ReadonlySet<string> = new Set(['FileNotReadable', 'NotAnObject', 'SyntaxError']);

function isUnidentified({ kind, name }: ObjectRef): boolean {
  return kind === '' || name === '';
}

function mayBe(unidentified: ObjectRef, { kind, name }: ObjectRef): boolean {
  return (
    (unidentified.kind === '' || unidentified.kind === kind) && (unidentified.name === '' || unidentified.name === name)
  );
}

/** Objects in force that the newest text of their file does not give, by file. */
export type KeptObjects = Readonly<Record<string, Kept>>;

/**
 * The objects that must outlive this process: a restart of the control plane must not put a broken
 * file's objects out of force.
 */
export function listKept(states: readonly FileState[]): KeptObjects {
  return Object.fromEntries(
    states
      .map(({ manifest, kept }): [string, Kept] => {
        const objects = manifest.objects.filter((object) => kept.has(formatRef(refOf(object))));
        return [manifest.file, { objects, standIns: manifest.standIns }];
      })
      .filter(([, { objects, standIns }]) => objects.length + standIns.length > 0),
  );
}

/**
 * Reads the result of `listKept` from JSON; values of another shape are left out. Earlier versions
 * wrote the objects alone.
 */
export function parseKept(fields: Readonly<Record<string, unknown>>): KeptObjects {
  return Object.fromEntries(
    Object.entries(fields).map(([file, value]): [string, Kept] => {
      const { objects, standIns } = Array.isArray(value) ? { objects: value, standIns: [] } : fieldsOf(value);
      return [
        file,
        { objects: listOf(objects).filter(isObject), standIns: listOf(standIns).filter(isStandIn).map(withMark) },
      ];
    }),
  );
}

function isObject(value: unknown): value is AnyMeshObject {
  const { metadata, spec, kind } = fieldsOf(value);
  return metadata !== undefined && spec !== undefined && typeof kind === 'string';
}

/** Earlier versions recognized a stand-in by its name. */
function withMark({ ref, object }: StandIn): StandIn {
  return { ref, object: { ...object, standsFor: object.standsFor ?? ref } };
}

function isStandIn(value: unknown): value is StandIn {
  const { ref, object } = fieldsOf(value);
  return typeof fieldsOf(ref)['kind'] === 'string' && isObject(object);
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
