// Combinations of fields that the schemas allow, with values at the ends of their ranges:
// everything that is not reported, a real Envoy accepts.

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { schemas } from '../../mesh/generated/schemas.ts';
import type { Kind } from '../../mesh/index.ts';
import { checkResource, encodeResource } from '../../envoy-api/index.ts';
import { analyzeMesh, listWaypoints, resolveRouteStatuses, translateWaypoint } from '../../generator/index.ts';
import { countOf, seed as first } from '../support/counts.ts';
import { listCases } from '../support/golden.ts';
import { readMesh } from '../support/mesh.ts';
import { type CertificateFiles, writeTestCertificates } from '../support/test-certificates.ts';
import { findRefused, type NamedResources } from '../support/validation.ts';
import { setExtremes } from './extremes.ts';
import { createDice } from './mutation.ts';

const meshes = countOf('extremes');
const root = join(import.meta.dirname, '../golden');
const base = readFileSync(join(root, 'base.yaml'), 'utf8');
const baseObjects = readMesh({ 'base.yaml': base }).objects.length;
const folder = mkdtempSync(join(tmpdir(), 'cairn-extremes-'));
let certificates: CertificateFiles;

beforeAll(async () => {
  certificates = await writeTestCertificates(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

interface WrittenObject {
  readonly kind: Kind;
  readonly spec?: unknown;
}

const cases = listCases(join(root, 'cases')).map((path) =>
  parseAllDocuments(readFileSync(join(path, 'in.yaml'), 'utf8'), { uniqueKeys: false })
    .map((document): unknown => document.toJS())
    .filter(isWritten),
);

function isWritten(object: unknown): object is WrittenObject {
  return isRecord(object) && typeof object['kind'] === 'string' && Object.hasOwn(schemas, object['kind']);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface Variant {
  readonly name: string;
  readonly objects: readonly unknown[];
}

/** Several fields of several objects at once. */
function* combinations(): Generator<Variant> {
  for (let seed = first; seed < first + meshes; seed++) {
    const dice = createDice(seed);
    const objects = cases[seed % cases.length] ?? [];
    yield {
      name: `seed ${seed}`,
      objects: objects.map((object) => (dice(3) === 0 ? object : setExtremes({ ...object }, object.kind, dice))),
    };
  }
}

async function show(variants: Iterable<Variant>): Promise<void> {
  const known = new Set<string>();
  let shown: NamedResources[] = [];
  const refused: { readonly name: string; readonly message: string }[] = [];
  const counts = { meshes: 0, written: 0, left: 0, findings: 0, resources: 0, shown: 0 };
  const problems: string[] = [];
  const showEnvoy = async (): Promise<void> => {
    counts.shown += shown.length;
    refused.push(...(await findRefused(shown, { folder, certificates })));
    shown = [];
  };
  for (const { name, objects: written } of variants) {
    if (shown.length >= 150) await showEnvoy();
    const text = written.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n');
    try {
      const { store, objects, findings } = readMesh({ 'base.yaml': base, 'in.yaml': text });
      counts.meshes++;
      counts.written += written.length;
      counts.left += objects.length - baseObjects;
      counts.findings += findings.length + analyzeMesh(store).length;
      resolveRouteStatuses(store);
      for (const key of listWaypoints(store)) {
        const { resources } = translateWaypoint(store, key);
        const fresh = resources.filter((resource) => {
          const hash = createHash('sha256').update(JSON.stringify(resource)).digest('base64');
          return known.size < known.add(hash).size;
        });
        counts.resources += fresh.length;
        for (const resource of fresh) {
          encodeResource(resource);
          const [wrong] = checkResource(resource);
          if (wrong !== undefined) problems.push(`${name}: ${resource.name}: ${JSON.stringify(wrong)}`);
        }
        if (fresh.length > 0) shown.push({ name, resources });
      }
    } catch (error) {
      problems.push(`${name}: ${error instanceof Error ? (error.stack ?? '').slice(0, 600) : String(error)}`);
    }
  }
  await showEnvoy();
  console.log(`extremes: ${JSON.stringify(counts)}, seed ${first}`);
  expect([...problems, ...refused].slice(0, 20), `${problems.length} problems, ${refused.length} refused`).toEqual([]);
  // Enough of the written fields must be in effect, or nothing is shown.
  expect(counts.left).toBeGreaterThan(counts.written / 3);
}

it(`${meshes} combinations of extremes are accepted by Envoy, or reported`, () => show(combinations()));
