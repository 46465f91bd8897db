// Text to objects, and many texts to one set. What is wrong becomes Findings with their places; nothing wrong stops the rest.

import type { FieldPath, Finding, PlacedFinding, Position } from '../finding.ts';
import { formatPath } from '../finding.ts';
import type { AnyMeshObject, ObjectRef } from '../object.ts';
import { formatRef, refOf } from '../object.ts';
import { findMeshConfig, meshConfigRef } from './mesh-config.ts';
import { closedMesh, readObject } from './object.ts';
import { isRecord } from './structure.ts';
import { parseText } from './text.ts';
import type { TextDocument } from './text.ts';

/** The place of a field of an object, or of the nearest thing that encloses it; undefined for objects that came from elsewhere. */
export type Locate = (ref: ObjectRef, path: FieldPath) => Position | undefined;

/** What one text holds. */
export interface ParsedManifest {
  readonly file: string;
  readonly objects: readonly AnyMeshObject[];
  readonly findings: readonly PlacedFinding[];
  /** Objects that were left out because of an error: who keeps a last good state keeps theirs. */
  readonly rejected: readonly ObjectRef[];
  /** For rejected policies: those that let nothing through to their targets. See `failClosed`. */
  readonly standIns: readonly AnyMeshObject[];
  /** True when a part could not be read so far as to know which objects it meant: then none that was there before may count as deleted. */
  readonly isPartial: boolean;
  readonly locate: Locate;
}

/** What a set of texts holds; of objects given twice the first. */
export type CombinedManifests = Omit<ParsedManifest, 'file'>;

interface Placed {
  readonly document: TextDocument;
  readonly prefix: FieldPath;
  /** For objects that are written in another form: where a field stands. */
  readonly asWritten?: (path: FieldPath) => FieldPath;
}

/** Reads YAML or JSON: many documents, each an object or a list of objects. `file` only names the text in Findings. */
export function parseManifest(file: string, text: string): ParsedManifest {
  const { documents, problems } = parseText(file, text);
  const noObject: ObjectRef = { kind: '', namespace: '', name: '' };
  const findings: PlacedFinding[] = problems.map(({ message, position, hint }) => ({
    code: 'SyntaxError',
    severity: 'error',
    ref: noObject,
    path: [],
    message,
    position,
    ...(hint === undefined ? {} : { hint }),
  }));
  const objects = new Map<string, AnyMeshObject>();
  const places = new Map<string, Placed>();
  const rejected: ObjectRef[] = [];
  const standIns: AnyMeshObject[] = [];
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
      report({ code: 'NotAnObject', severity: 'error', ref: noObject, path: [], message }, placed);
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
    standIns.push(closedMesh);
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
      else rejected.push(ref);
      if (standIn !== undefined) standIns.push(standIn);
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

/**
 * What to take of a text that nothing was known of before: a policy that it spoils has no last good version to stay in force, so a
 * stand-in denies everything to the policy's targets until it is mended.
 */
export function failClosed(parsed: ParsedManifest): ParsedManifest {
  const given = new Set(parsed.objects.map((object) => formatRef(refOf(object))));
  const standIns = parsed.standIns.filter((object) => !given.has(formatRef(refOf(object))));
  const closed = new Set(standIns.map((object) => formatRef(standsFor(object))));
  const consequenceOf = (ref: ObjectRef): string | undefined => {
    const key = formatRef(ref);
    if (closed.has(key)) return consequenceOfStandIn(ref.kind);
    const isOpen =
      closingKinds.has(ref.kind) && !given.has(key) && parsed.rejected.some((each) => formatRef(each) === key);
    return isOpen ? 'nothing stands in for it' : undefined;
  };
  const findings = parsed.findings.map((finding) => {
    const consequence = finding.severity === 'error' ? consequenceOf(finding.ref) : undefined;
    if (consequence === undefined) return finding;
    return { ...finding, message: `${finding.message} Until this is mended, ${consequence}.` };
  });
  return { ...parsed, objects: [...parsed.objects, ...standIns], findings };
}

/** The kinds that something stands in for, unless they name no target that can be read, or never decide. */
const closingKinds: ReadonlySet<string> = new Set(['AuthorizationPolicy', 'RequestAuthentication', 'BackendTLSPolicy']);

/** What follows while something stands in for an object of a kind, as part of a sentence. */
export function consequenceOfStandIn(kind: string): string {
  return consequences[kind] ?? "everything to the policy's targets is denied";
}

const consequences: Readonly<Record<string, string>> = {
  [meshConfigRef.kind]: 'everything to every service is denied',
  BackendTLSPolicy: "requests to the policy's targets are answered with 503",
};

/** What a stand-in was made for: it is a policy, also in place of other kinds, which then are the first part of its name. */
function standsFor(object: AnyMeshObject): ObjectRef {
  const ref = refOf(object);
  const [kind = '', name] = ref.name.split('/');
  if (name === undefined) return ref;
  return { kind, name, namespace: kind === meshConfigRef.kind ? meshConfigRef.namespace : ref.namespace };
}

/** Puts the texts of a directory together, in the order of their file names. An object given twice is an error; the first one stays. */
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

/** `file:line:column: ` in front of what is said, for lists that people read and editors jump from. */
export function formatPosition({ file, line, column }: Position): string {
  return `${file}:${line}:${column}`;
}

/** Gives Findings about objects their places, where the text is known. */
export function placeFindings(findings: readonly Finding[], locate: Locate): readonly PlacedFinding[] {
  return findings.map((finding) => {
    const position = locate(finding.ref, finding.path);
    return position === undefined ? finding : { ...finding, position };
  });
}

/** Orders Findings by file, line and column; those without a place come last, by object, path and code. */
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

/** The items of `List`, `VirtualServiceList` and the like, each with the kind that the list implies; undefined for anything else. */
function itemsOf(value: Readonly<Record<string, unknown>>): readonly unknown[] | undefined {
  const { kind, apiVersion, items } = value;
  if (typeof kind !== 'string' || !kind.endsWith('List') || !Array.isArray(items)) return undefined;
  if (kind === 'List') return items;
  return items.map((item: unknown) =>
    isRecord(item) ? { apiVersion, kind: kind.slice(0, -'List'.length), ...item } : item,
  );
}

/** A path of the normal form as the text has it: the deprecated `targetRef` is read as a list of one. */
function asWritten(path: FieldPath, { document, prefix, asWritten: rewrite }: Placed): FieldPath {
  if (rewrite !== undefined) return rewrite(path);
  if (path[0] !== 'spec' || path[1] !== 'targetRefs') return path;
  const spec = prefix.reduce<unknown>((value, step) => (value as Record<string, unknown>)[step], document.value);
  const fields = isRecord(spec) && isRecord(spec['spec']) ? spec['spec'] : {};
  return Object.hasOwn(fields, 'targetRef') ? ['spec', 'targetRef', ...path.slice(3)] : path;
}
