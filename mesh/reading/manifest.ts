// Reads text to objects, and many texts to one set. Faults become Findings with their places; no
// fault stops the rest.

import type { FieldPath, Finding, PlacedFinding, Position } from '../finding.ts';
import { formatPath } from '../finding.ts';
import type { ObjectRef } from '../metadata.ts';
import type { AnyMeshObject } from '../object.ts';
import { formatRef, refOf } from '../metadata.ts';
import { findMeshConfig, meshConfigRef } from './mesh-config.ts';
import { readObject } from './object.ts';
import type { Problem } from './problem.ts';
import { salvage } from './salvage.ts';
import { closedMesh, describeStandIn, isClosingKind } from './stand-in.ts';
import type { StandIn } from './stand-in.ts';
import { isRecord } from '../fields.ts';
import { parseText } from './text.ts';
import type { TextDocument } from './text.ts';

/**
 * The place of a field of an object, or of the nearest enclosing value; undefined for objects from
 * other sources.
 */
export type Locate = (ref: ObjectRef, path: FieldPath) => Position | undefined;

/** The contents of one text. */
export interface ParsedManifest {
  readonly file: string;
  readonly objects: readonly AnyMeshObject[];
  readonly findings: readonly PlacedFinding[];
  /**
   * Objects that were left out because of an error: a caller that keeps last good versions keeps
   * theirs.
   */
  readonly rejected: readonly ObjectRef[];
  /** Stand-ins for objects that were left out. See `failClosed`. */
  readonly standIns: readonly StandIn[];
  /**
   * True when a part could not be read far enough to know its objects: then no object that was
   * there before may count as deleted.
   */
  readonly isPartial: boolean;
  readonly locate: Locate;
}

/** The contents of a set of texts; of duplicate objects the first. */
export type CombinedManifests = Omit<ParsedManifest, 'file'>;

interface Placed {
  readonly document: TextDocument;
  readonly prefix: FieldPath;
  /** The place of a field, for objects that are written in another form. */
  readonly asWritten?: (path: FieldPath) => FieldPath;
}

/**
 * Reads YAML or JSON: many documents, each an object or a list of objects. `file` only names the
 * text in Findings.
 */
export function parseManifest(file: string, text: string): ParsedManifest {
  const { documents, problems } = parseText(file, text);
  const findings: PlacedFinding[] = [];
  const objects = new Map<string, AnyMeshObject>();
  const places = new Map<string, Placed>();
  const rejected: ObjectRef[] = [];
  const standIns: StandIn[] = [];
  for (const { message, position, hint, damaged } of problems) {
    const found = salvage(file, damaged);
    standIns.push(...found.map((each) => nameByPlace(each, position)));
    const about = { code: 'SyntaxError', severity: 'error', path: [], message, position } as const;
    for (const ref of refsOf(found)) {
      findings.push({ ...about, ref, ...(hint === undefined ? {} : { hint }) });
    }
  }
  let isPartial = problems.length > 0;
  const report = (finding: Finding, { document, prefix, asWritten: rewrite }: Placed): void => {
    const part = finding.code === 'UnknownField' || finding.code === 'DuplicateObject' ? 'key' : 'value';
    const path = rewrite === undefined ? finding.path : rewrite(finding.path);
    findings.push({ ...finding, position: document.locate([...prefix, ...path], part) });
  };
  const read = (value: unknown, placed: Placed): void => {
    if (!isRecord(value)) {
      isPartial = true;
      const message = 'This is not a Kubernetes object: fields such as `apiVersion` and `kind` are expected.';
      const found = salvage(file, { text: placed.document.text, readings: [value], isWhole: true });
      standIns.push(...found.map((each) => nameByPlace(each, placed.document.locate(placed.prefix, 'key'))));
      for (const ref of refsOf(found))
        report({ code: 'NotAnObject', severity: 'error', ref, path: [], message }, placed);
      return;
    }
    const items = itemsOf(value);
    if (items !== undefined) {
      items.forEach((item, index) => read(item, { ...placed, prefix: [...placed.prefix, 'items', index] }));
      return;
    }
    const config = findMeshConfig(file, value);
    if (config === undefined) return readOne(value, placed);
    const { fields, problem, asWritten } = config;
    const inside = { ...placed, asWritten };
    if (fields !== undefined) return readOne(fields, inside);
    const message = problem ?? 'This is no MeshConfig.';
    report({ code: 'SyntaxError', severity: 'error', ref: meshConfigRef, path: [], message }, inside);
    rejected.push(meshConfigRef);
    standIns.push({ ref: meshConfigRef, object: closedMesh });
  };
  const readOne = (value: Readonly<Record<string, unknown>>, placed: Placed): void => {
    const { ref, object, standIn, problems } = readObject(value);
    for (const problem of problems) report({ ...problem, ref }, placed);
    const key = formatRef(ref);
    if (object !== undefined && objects.has(key)) {
      const first = places.get(key);
      const place = first?.document.locate([...first.prefix, 'metadata', 'name'], 'key');
      report(duplicate(ref, place), placed);
    } else if (object !== undefined) {
      objects.set(key, object);
      places.set(key, placed);
    } else if (problems.some(({ severity }) => severity === 'error')) {
      if (ref.name === '' || ref.kind === '') isPartial = true;
      else if (problems.some(isStructural)) rejected.push(ref);
      const at = placed.document.locate(placed.prefix, 'key');
      if (standIn !== undefined) standIns.push(nameByPlace({ ref, object: standIn }, at));
      if (!places.has(key)) places.set(key, placed);
    }
  };
  for (const document of documents) read(document.value, { document, prefix: [] });
  const locate: Locate = (ref, path) => {
    const placed = places.get(formatRef(ref));
    return placed?.document.locate([...placed.prefix, ...asWritten(path, placed)], 'value');
  };
  return {
    file,
    objects: [...objects.values()],
    findings: findings.sort(comparePlaces),
    rejected,
    standIns,
    isPartial,
    locate,
  };
}

/** The subjects of Findings: each object once, or no known object. */
function refsOf(standIns: readonly StandIn[]): readonly ObjectRef[] {
  if (standIns.length === 0) return [{ kind: '', namespace: '', name: '' }];
  return [...new Map(standIns.map(({ ref }) => [formatRef(ref), ref])).values()];
}

/**
 * The contents of a file that cannot be read: nothing, so that none of the objects in force because
 * of it counts as deleted.
 */
export function unreadableManifest(file: string, problem: string, hint?: string): ParsedManifest {
  const standIns = salvage(file, { text: '', readings: [], isWhole: false });
  const finding: PlacedFinding = {
    code: 'FileNotReadable',
    severity: 'error',
    ref: standIns[0]?.ref ?? { kind: '', namespace: '', name: '' },
    path: [],
    message: `The file cannot be read: ${problem}.`,
    position: { file, line: 1, column: 1 },
    ...(hint === undefined ? {} : { hint }),
  };
  return { ...parseManifest(file, ''), isPartial: true, standIns, findings: [finding] };
}

/**
 * Puts stand-ins in force for objects that a text breaks and that have no last good version among
 * its objects. A stand-in that was in force before stays until its object can be read or is gone.
 * The Findings say what is closed.
 */
export function failClosed(parsed: ParsedManifest, before: readonly StandIn[] = []): ParsedManifest {
  const given = new Set(parsed.objects.map((object) => formatRef(refOf(object))));
  const isGiven = ({ ref }: StandIn): boolean => given.has(formatRef(ref));
  const found = parsed.standIns.filter((each) => !isGiven(each));
  const replaced = new Set(found.map(({ ref }) => formatRef(ref)));
  const rejected = new Set(parsed.rejected.map(formatRef));
  const left = before.filter(
    (each) =>
      !isGiven(each) && !replaced.has(formatRef(each.ref)) && (parsed.isPartial || rejected.has(formatRef(each.ref))),
  );
  const standIns = [...found, ...left];
  const findings = parsed.findings.map((finding) => {
    const consequence = finding.severity === 'error' ? consequenceOf(finding.ref) : undefined;
    if (consequence === undefined) return finding;
    return { ...finding, message: `${finding.message} Until this is mended, ${consequence}.` };
  });
  function consequenceOf(ref: ObjectRef): string | undefined {
    const key = formatRef(ref);
    const own = standIns.filter((each) => formatRef(each.ref) === key);
    // If nobody knows what a text meant, its earlier stand-ins stay.
    const closed = own.length > 0 || ref.kind !== '' ? own : left;
    if (closed.length > 0) return [...new Set(closed.map(({ object }) => describeStandIn(object)))].join(', and ');
    const isOpen = isClosingKind(ref.kind) && !given.has(key) && (rejected.has(key) || parsed.isPartial);
    return isOpen ? 'nothing stands in for it' : undefined;
  }
  return { ...parsed, objects: [...parsed.objects, ...standIns.map(({ object }) => object)], standIns, findings };
}

/**
 * The stand-in of an object without a name is named by its place in the text, so that there can be
 * several.
 */
function nameByPlace({ ref, object }: StandIn, position: Position): StandIn {
  if (ref.name !== '') return { ref, object };
  const metadata = { ...object.metadata, name: `${object.metadata.name}${formatPosition(position)}` };
  return { ref, object: { ...object, metadata } };
}

/**
 * Assembles the texts of a directory, in the order of their file names. A duplicate object is an
 * error; the first one stays.
 */
export function combineManifests(manifests: readonly ParsedManifest[]): CombinedManifests {
  const sorted = [...manifests].sort((left, right) => (left.file < right.file ? -1 : left.file > right.file ? 1 : 0));
  const objects = new Map<string, AnyMeshObject>();
  const findings = sorted.flatMap((manifest) => manifest.findings);
  for (const manifest of sorted) {
    for (const object of manifest.objects) {
      const ref = refOf(object);
      const key = formatRef(ref);
      if (objects.has(key)) {
        const first = sorted
          .map((other) => other.locate(ref, ['metadata', 'name']))
          .find((place) => place !== undefined);
        const position = manifest.locate(ref, ['metadata', 'name']);
        findings.push({ ...duplicate(ref, first), ...(position === undefined ? {} : { position }) });
      } else objects.set(key, object);
    }
  }
  return {
    objects: [...objects.values()],
    findings: findings.sort(comparePlaces),
    rejected: sorted.flatMap((manifest) => manifest.rejected),
    standIns: sorted.flatMap((manifest) => manifest.standIns),
    isPartial: sorted.some((manifest) => manifest.isPartial),
    locate: (ref, path) => {
      for (const manifest of sorted) {
        const place = manifest.locate(ref, path);
        if (place !== undefined) return place;
      }
      return undefined;
    },
  };
}

/** `file:line:column: ` in front of a message, for lists that people read and editors jump from. */
export function formatPosition({ file, line, column }: Position): string {
  return `${file}:${line}:${column}`;
}

/** Adds their places to Findings about objects, if the text is known. */
export function placeFindings(findings: readonly Finding[], locate: Locate): readonly PlacedFinding[] {
  return findings.map((finding) => {
    const position = locate(finding.ref, finding.path);
    return position === undefined ? finding : { ...finding, position };
  });
}

/**
 * Orders Findings by file, line and column; those without a place come last, by object, path and
 * code.
 */
export function comparePlaces(left: PlacedFinding, right: PlacedFinding): number {
  const [a, b] = [left.position, right.position];
  if (a === undefined || b === undefined) {
    if (a !== undefined || b !== undefined) return a === undefined ? 1 : -1;
    return compareText(describe(left), describe(right));
  }
  return (
    compareText(a.file, b.file) ||
    a.line - b.line ||
    a.column - b.column ||
    compareText(describe(left), describe(right))
  );
}

function describe({ ref, path, code, message }: PlacedFinding): string {
  return [formatRef(ref), formatPath(path), code, message].join('\n');
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function duplicate(ref: ObjectRef, first: Position | undefined): Finding {
  const where = first === undefined ? '' : ` at ${formatPosition(first)}`;
  const message = `${formatRef(ref)} is already given${where}; this one has no effect.`;
  return {
    code: 'DuplicateObject',
    severity: 'error',
    ref,
    path: ['metadata', 'name'],
    message,
    hint: 'remove or rename one of them',
  };
}

/**
 * The items of `List`, `VirtualServiceList` and the like, each with the kind that the list implies;
 * undefined for anything else.
 */
function itemsOf(value: Readonly<Record<string, unknown>>): readonly unknown[] | undefined {
  const { kind, apiVersion, items } = value;
  if (typeof kind !== 'string' || !kind.endsWith('List') || !Array.isArray(items)) return undefined;
  if (kind === 'List') return items;
  return items.map((item: unknown) =>
    isRecord(item) ? { apiVersion, kind: kind.slice(0, -'List'.length), ...item } : item,
  );
}

/**
 * A path of the normal form as the text has it: the deprecated `targetRef` is read as a list of
 * one.
 */
function asWritten(path: FieldPath, { document, prefix, asWritten: rewrite }: Placed): FieldPath {
  if (rewrite !== undefined) return rewrite(path);
  if (path[0] !== 'spec' || path[1] !== 'targetRefs') return path;
  const spec = prefix.reduce<unknown>((value, step) => (value as Record<string, unknown>)[step], document.value);
  const fields = isRecord(spec) && isRecord(spec['spec']) ? spec['spec'] : {};
  return isRecord(fields['targetRef']) ? ['spec', 'targetRef', ...path.slice(3)] : path;
}

/** An object that is read, and merely without effect, is not rejected. */
function isStructural({ code, severity }: Problem): boolean {
  return severity === 'error' && code !== 'PolicyNotAttached';
}
