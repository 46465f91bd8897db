// Ten thousand spoilt manifests: each is read and translated without a crash, what it still yields is what Envoy's API allows, and a
// real Envoy accepts it.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkResource, encodeResource } from '../../envoy-api/index.ts';
import { analyzeMesh, listWaypoints, resolveRouteStatuses, translateWaypoint } from '../../generator/index.ts';
import { listCases } from '../support/golden.ts';
import { readMesh } from '../support/mesh.ts';
import { type CertificateFiles, writeTestCertificates } from '../support/test-certificates.ts';
import { findRefused, type NamedResources } from '../support/validation.ts';
import { createDice, mutateText } from './mutation.ts';

const mutations = 10_000;
/** Of the mutants that change what is generated, so many are shown to Envoy. */
const shown = 600;
const root = join(import.meta.dirname, '..');
const base = readFileSync(join(root, 'golden/base.yaml'), 'utf8');
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
];

it(`${mutations} mutations end in resources that Envoy accepts, and in Findings`, async () => {
  const checked = new Set<string>();
  const accepted: NamedResources[] = [];
  const counts = { findings: 0, resources: 0, lost: 0, unsaid: 0 };
  const problems: string[] = [];
  const objectsOf = new Map<number, number>();
  for (let seed = 0; seed < mutations; seed++) {
    const which = seed % corpus.length;
    const original = corpus[which] ?? '';
    const text = mutateText(original, createDice(seed));
    try {
      const texts = { 'base.yaml': base, 'in.yaml': text };
      const { store, findings, objects } = readMesh(texts);
      counts.findings += findings.length + analyzeMesh(store).length;
      resolveRouteStatuses(store);
      const before = objectsOf.get(which) ?? readMesh({ ...texts, 'in.yaml': original }).objects.length;
      objectsOf.set(which, before);
      if (objects.length < before) counts.lost++;
      const isCut = text.length < original.length && original.startsWith(text);
      // An object that is gone has left word, unless its text simply ends, or begins, somewhere else.
      if (objects.length < before && findings.length === 0 && !isCut) counts.unsaid++;
      let isNew = false;
      const sets = listWaypoints(store).map((key) => ({
        name: `seed ${seed} ${key.namespace}/${key.name}`,
        resources: translateWaypoint(store, key).resources,
      }));
      for (const resource of sets.flatMap(({ resources }) => resources)) {
        const json = JSON.stringify(resource);
        if (checked.has(json)) continue;
        checked.add(json);
        isNew = true;
        counts.resources++;
        encodeResource(resource);
        const wrong = checkResource(resource);
        if (wrong.length > 0) problems.push(`seed ${seed}: ${resource.name}: ${JSON.stringify(wrong[0])}`);
      }
      if (isNew) accepted.push(...sets);
    } catch (error) {
      problems.push(`seed ${seed}: ${error instanceof Error ? (error.stack ?? '').slice(0, 600) : String(error)}`);
    }
  }
  console.log(`hostile mutations: ${mutations}, ${JSON.stringify(counts)}, ${accepted.length} with new resources`);
  expect(problems.slice(0, 10), `${problems.length} problems`).toEqual([]);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  expect(counts.lost).toBeGreaterThan(500);
  const step = Math.max(1, Math.floor(accepted.length / shown));
  const sample = accepted.filter((_set, index) => index % step === 0);
  const refused: unknown[] = [];
  for (let from = 0; from < sample.length; from += 150) {
    refused.push(...(await findRefused(sample.slice(from, from + 150), { folder, certificates })));
  }
  expect(refused).toEqual([]);
}, 600_000);
