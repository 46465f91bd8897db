// The golden cases as plain data, and what comes of their manifests when one of these is changed.

import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseAllDocuments, parse } from 'yaml';
import { analyzeMesh, listWaypoints, resolveRouteStatuses, translateWaypoint } from '../../generator/index.ts';
import {
  combineManifests,
  defaultMeshSettings,
  failClosed,
  type Finding,
  type Kind,
  MeshStore,
  type ParsedManifest,
  parseManifest,
} from '../../mesh/index.ts';
import { listCases } from '../support/golden.ts';
import { kinds } from './fields.ts';

type Fields = Readonly<Record<string, unknown>>;

/** One object of a case. A MeshConfig is written inside of a ConfigMap; here it is an object like the others. */
export interface CaseObject {
  readonly kind: Kind;
  readonly spec: unknown;
  /** The manifest with another `spec`. */
  readonly write: (spec: unknown) => string;
}

/** A golden case: the manifests that it is made of, and its objects by the index of their manifest. */
export interface GoldenCase {
  readonly name: string;
  readonly manifests: readonly ParsedManifest[];
  readonly objects: readonly (CaseObject & { readonly index: number })[];
}

/** What came of manifests. */
export interface Outcome {
  /** Envoy's resources and the statuses of routes, as text. */
  readonly effect: string;
  readonly findings: readonly Finding[];
}

const golden = join(import.meta.dirname, '..', 'golden');

/** Every golden case; the manifests that all of them stand on are a case of their own, and objects of that one alone. */
export function readCases(): readonly GoldenCase[] {
  const folder = join(golden, 'cases');
  const base = readCase('base', readFileSync(join(golden, 'base.yaml'), 'utf8'), []);
  const others = listCases(folder).map((path) =>
    readCase(relative(folder, path), readFileSync(join(path, 'in.yaml'), 'utf8'), base.manifests),
  );
  return [base, ...others];
}

function readCase(name: string, text: string, base: readonly ParsedManifest[]): GoldenCase {
  const values = parseAllDocuments(text, { prettyErrors: false, logLevel: 'silent' }) as readonly {
    readonly errors: readonly unknown[];
    toJS(): unknown;
  }[];
  // A text that cannot be parsed is of no use here: its case is about that.
  const documents = values.flatMap((each) => (each.errors.length === 0 ? [each.toJS() as Fields | null] : []));
  const own = documents.filter((value): value is Fields => typeof value === 'object' && value !== null);
  return {
    name,
    manifests: [...base, ...own.map((value, index) => parse1(base.length + index, JSON.stringify(value)))],
    objects: own.flatMap((value, index) => {
      const object = readCaseObject(value);
      return object === undefined ? [] : [{ ...object, index: base.length + index }];
    }),
  };
}

function parse1(index: number, text: string): ParsedManifest {
  return failClosed(parseManifest(`${String(index).padStart(3, '0')}.yaml`, text));
}

function readCaseObject(value: Fields): CaseObject | undefined {
  const { kind, data } = value;
  if (kind === 'ConfigMap' && typeof data === 'object' && data !== null) {
    const text: unknown = (data as Fields)['mesh'];
    try {
      const spec: unknown = typeof text === 'string' ? parse(text) : undefined;
      return spec === undefined
        ? undefined
        : {
            kind: 'MeshConfig',
            spec,
            write: (changed) => JSON.stringify({ ...value, data: { mesh: JSON.stringify(changed ?? {}) } }),
          };
    } catch {
      return undefined;
    }
  }
  const known = kinds.find((each) => each === kind);
  return known === undefined
    ? undefined
    : { kind: known, spec: value['spec'], write: (spec) => JSON.stringify({ ...value, spec: spec ?? {} }) };
}

/** What comes of a case as it is, with one manifest written anew, or with one more. */
export function resolveOutcome(of: GoldenCase, changed?: { readonly index: number; readonly text: string }): Outcome {
  const manifests = [...of.manifests];
  if (changed !== undefined) manifests[changed.index] = parse1(changed.index, changed.text);
  const { objects, findings } = combineManifests(manifests);
  const store = new MeshStore({ ...defaultMeshSettings });
  store.apply(objects.map((object) => ({ type: 'put', object })));
  const served = listWaypoints(store).map((key) => [key, translateWaypoint(store, key).resources]);
  return {
    effect: JSON.stringify([served, resolveRouteStatuses(store)]),
    findings: [...findings, ...analyzeMesh(store)],
  };
}

/** Whether the manifest of an object was taken as it is: nothing that reading says of it is an error. */
export function isTaken(of: GoldenCase, index: number, text: string): boolean {
  return (
    parse1(index, text).findings.every(({ severity }) => severity !== 'error') && of.manifests[index] !== undefined
  );
}
