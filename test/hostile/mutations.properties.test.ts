// Thousands of broken manifests: each is read and translated without a crash, its remaining
// resources are valid by Envoy's API, and a real Envoy accepts them. Equal remains (the same
// objects, the same resource) are tried once.

import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkResource, encodeResource } from '../../envoy-api/index.ts';
import { analyzeMesh, listWaypoints, resolveRouteStatuses, translateWaypoint } from '../../generator/index.ts';
import {
  combineManifests,
  type CombinedManifests,
  defaultMeshSettings,
  failClosed,
  MeshStore,
  parseManifest,
} from '../../mesh/index.ts';
import { countOf, seed as first } from '../support/counts.ts';
import { listCases } from '../support/golden.ts';
import { type CertificateFiles, writeTestCertificates } from '../support/test-certificates.ts';
import { findRefused, type NamedResources } from '../support/validation.ts';
import { createDice, createMutator } from './mutation.ts';

const mutations = countOf('mutations');
const root = join(import.meta.dirname, '..');
const base = failClosed(parseManifest('base.yaml', readFileSync(join(root, 'golden/base.yaml'), 'utf8')));
const folder = mkdtempSync(join(tmpdir(), 'cairn-hostile-'));
let certificates: CertificateFiles;

beforeAll(async () => {
  certificates = await writeTestCertificates(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

const corpus = [
  ...listCases(join(root, 'golden/cases')).map((path) => readFileSync(join(path, 'in.yaml'), 'utf8')),
  ...readdirSync(join(root, '../examples'), { recursive: true, withFileTypes: true })
    .filter(({ name }) => name.endsWith('.yaml'))
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8')),
].map((text) => ({ text, mutate: createMutator(text), objects: read(text).objects.length }));

function read(text: string): CombinedManifests {
  return combineManifests([base, failClosed(parseManifest('in.yaml', text))]);
}

/** Whether a value is new, by its hash. */
function isNew(known: Set<string>, value: unknown): boolean {
  const hash = createHash('sha256').update(JSON.stringify(value)).digest('base64');
  return known.size < known.add(hash).size;
}

it(`${mutations} mutations end in resources that Envoy accepts, and in Findings`, async () => {
  const meshes = new Set<string>();
  const resources = new Set<string>();
  let shown: NamedResources[] = [];
  const refused: unknown[] = [];
  const counts = { findings: 0, meshes: 0, resources: 0, lost: 0, unsaid: 0, shown: 0 };
  const problems: string[] = [];
  const translate = (seed: number, objects: CombinedManifests['objects']): void => {
    const store = new MeshStore(defaultMeshSettings);
    store.apply(objects.map((object) => ({ type: 'put', object })));
    counts.findings += analyzeMesh(store).length;
    resolveRouteStatuses(store);
    for (const key of listWaypoints(store)) {
      const set = translateWaypoint(store, key).resources;
      const fresh = set.filter((resource) => isNew(resources, resource));
      counts.resources += fresh.length;
      for (const resource of fresh) {
        encodeResource(resource);
        const [wrong] = checkResource(resource);
        if (wrong !== undefined) problems.push(`seed ${seed}: ${resource.name}: ${JSON.stringify(wrong)}`);
      }
      if (fresh.length > 0) shown.push({ name: `seed ${seed} ${key.namespace}/${key.name}`, resources: set });
    }
  };
  const show = async (): Promise<void> => {
    counts.shown += shown.length;
    refused.push(...(await findRefused(shown, { folder, certificates })));
    shown = [];
  };
  for (let seed = first; seed < first + mutations; seed++) {
    if (shown.length >= 150) await show();
    const original = corpus[seed % corpus.length];
    if (original === undefined) continue;
    const text = original.mutate(createDice(seed));
    try {
      const { objects, findings } = read(text);
      counts.findings += findings.length;
      const isCut = text.length < original.text.length && original.text.startsWith(text);
      if (objects.length < original.objects) {
        counts.lost++;
        // An object that is gone has left word, unless its text simply ends somewhere else.
        if (findings.length === 0 && !isCut) counts.unsaid++;
      }
      if (!isNew(meshes, objects)) continue;
      counts.meshes++;
      translate(seed, objects);
    } catch (error) {
      problems.push(`seed ${seed}: ${error instanceof Error ? (error.stack ?? '').slice(0, 600) : String(error)}`);
    }
  }
  await show();
  console.log(`hostile mutations: ${mutations}, ${JSON.stringify(counts)}`);
  expect(problems.slice(0, 10), `${problems.length} problems`).toEqual([]);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  expect(counts.lost).toBeGreaterThan(mutations / 20);
  expect(counts.unsaid).toBe(0);
  expect(counts.meshes).toBeGreaterThan(mutations / 10);
  expect(refused).toEqual([]);
});
