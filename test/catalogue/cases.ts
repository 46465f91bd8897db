// The golden cases as plain data, and their results when one of the manifests is changed.

import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseAllDocuments, parseDocument } from 'yaml';
import {
  analyzeMesh,
  listWaypoints,
  resolveRouteStatuses,
  translateNode,
  translateWaypoint,
} from '../../generator/index.ts';
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

/**
 * One object of a case. A MeshConfig is written inside of a ConfigMap; here it is an object like
 * the others.
 */
export interface CaseObject {
  readonly kind: Kind;
  readonly spec: unknown;
  /** Which of the case's manifests it is. */
  readonly index: number;
  /** The manifest with another `spec`. */
  readonly write: (spec: unknown) => string;
}

/** A golden case: the manifests that it is made of, and its own objects. */
export interface GoldenCase {
  readonly name: string;
  readonly manifests: readonly ParsedManifest[];
  readonly objects: readonly CaseObject[];
}

/** The results of manifests. */
export interface Outcome {
  /** Envoy's resources and the statuses of routes, as text. */
  readonly effect: () => string;
  readonly findings: () => readonly Finding[];
  /** Whether the object that was written anew could be read. */
  readonly isTaken: boolean;
}

const golden = join(import.meta.dirname, '..', 'golden');

/**
 * Every golden case, short ones first; the manifests that all stand on are a case of their own, and
 * objects of that one alone.
 */
export function readCases(): readonly GoldenCase[] {
  const folder = join(golden, 'cases');
  const base = readCase('base', readFileSync(join(golden, 'base.yaml'), 'utf8'), []);
  const others = listCases(folder).map((path) =>
    readCase(relative(folder, path), readFileSync(join(path, 'in.yaml'), 'utf8'), base.manifests),
  );
  const length = ({ objects }: GoldenCase): number => JSON.stringify(objects).length;
  return [base, ...others.sort((a, b) => length(a) - length(b))];
}

function readCase(name: string, text: string, base: readonly ParsedManifest[]): GoldenCase {
  const values = parseAllDocuments(text).flatMap((document): readonly unknown[] =>
    // Manifests that cannot be parsed are of no use here: their cases are about just that.
    'errors' in document && document.errors.length === 0 ? [document.toJS()] : [],
  );
  const own = values.filter((value): value is Fields => typeof value === 'object' && value !== null);
  return {
    name,
    manifests: [...base, ...own.map((value, index) => parseOne(base.length + index, JSON.stringify(value)))],
    objects: own.flatMap((value, index) => readCaseObject(value, base.length + index) ?? []),
  };
}

function parseOne(index: number, text: string): ParsedManifest {
  return failClosed(parseManifest(`${String(index).padStart(3, '0')}.yaml`, text));
}

function readCaseObject(value: Fields, index: number): CaseObject | undefined {
  const { kind, data } = value;
  const text: unknown =
    kind === 'ConfigMap' && typeof data === 'object' && data !== null && 'mesh' in data && data.mesh;
  if (typeof text === 'string') {
    const document = parseDocument(text);
    if (document.errors.length > 0) return undefined;
    const write = (spec: unknown): string => JSON.stringify({ ...value, data: { mesh: JSON.stringify(spec ?? {}) } });
    return { kind: 'MeshConfig', spec: document.toJS(), index, write };
  }
  const known = kinds.find((each) => each === kind);
  if (known === undefined) return undefined;
  const write = writers[known];
  return {
    kind: known,
    spec: (write === undefined ? value['spec'] : readSpec(value)) ?? {},
    index,
    write: (spec) =>
      JSON.stringify(write === undefined ? { ...value, spec: spec ?? {} } : write(value, (spec ?? {}) as Fields)),
  };
}

/** The parts that are read of an object whose fields stand elsewhere than in `spec`. */
function readSpec(value: Fields): unknown {
  return parseManifest('', JSON.stringify(value)).objects[0]?.spec;
}

/**
 * Writes objects of kinds that have their facts elsewhere than in `spec`, from the parts that are
 * read of them.
 */
const writers: { readonly [K in Kind]?: (value: Fields, spec: Fields) => Fields } = {
  ConfigMap: (value, spec) => ({ ...value, data: spec }),
  EndpointSlice: ({ apiVersion, kind, metadata }, spec) => ({ apiVersion, kind, metadata, ...spec }),
  Pod: ({ apiVersion, kind, metadata }, { podIPs = [], ready, workloadName, ports = {}, ...spec }) => ({
    apiVersion,
    kind,
    metadata: {
      ...(metadata as Fields),
      ownerReferences:
        workloadName === undefined ? [] : [{ kind: 'StatefulSet', name: workloadName, controller: true }],
    },
    spec: {
      ...spec,
      containers: [{ ports: Object.entries(ports as Fields).map(([name, port]) => ({ name, containerPort: port })) }],
    },
    status: {
      podIPs: (podIPs as readonly string[]).map((ip) => ({ ip })),
      conditions: [{ type: 'Ready', status: ready === true ? 'True' : 'False' }],
    },
  }),
};

/** The results of a case as it is, or with another `spec` of one of its objects. */
export function resolveOutcome(of: GoldenCase, object?: CaseObject, spec?: unknown): Outcome {
  const changed = object === undefined ? undefined : parseOne(object.index, object.write(spec));
  const manifests = of.manifests.map((manifest, index) =>
    index === object?.index && changed !== undefined ? changed : manifest,
  );
  const { objects, findings } = combineManifests(manifests);
  const store = new MeshStore({ ...defaultMeshSettings });
  store.apply(objects.map((each) => ({ type: 'put', object: each })));
  return {
    effect: () =>
      JSON.stringify([
        listWaypoints(store).map((key) => [key, translateWaypoint(store, key).resources]),
        translateNode(store, { address: '127.0.0.1' }).resources,
        resolveRouteStatuses(store),
      ]),
    findings: () => [...findings, ...analyzeMesh(store)],
    isTaken: changed === undefined || changed.findings.every(({ severity }) => severity !== 'error'),
  };
}
