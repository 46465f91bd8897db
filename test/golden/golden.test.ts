// Every golden case: manifests in, resources, Findings and the status of routes out. The head of
// `in.yaml` selects the shown resources of a waypoint: `# shows: <type> <name, * for any part>`,
// and names of fields to show nothing else. With several waypoints, resources stand under the
// waypoint's name. All resources of a case, shown or not, are encoded, checked against the
// validation rules of Envoy's API, and accepted in their static form by the newest and the oldest
// supported Envoy. The order of the input changes none of their bytes.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkResource, encodeResource, type EnvoyResource, type JsonObject } from '../../envoy-api/index.ts';
import {
  analyzeMesh,
  listWaypoints,
  resolvePolicyStatuses,
  resolveRouteStatuses,
  type RouteStatus,
  translateWaypoint,
} from '../../generator/index.ts';
import { formatPath, formatRef, type PlacedFinding, placeFindings } from '../../mesh/index.ts';
import { testedReleases } from '../support/envoy.ts';
import { expectGolden, headComments, listCases } from '../support/golden.ts';
import { readMesh } from '../support/mesh.ts';
import { type CertificateFiles, writeTestCertificates } from '../support/test-certificates.ts';
import { findRefused, type NamedResources } from '../support/validation.ts';

const cases = join(import.meta.dirname, 'cases');
const base = readFileSync(join(import.meta.dirname, 'base.yaml'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'cairn-golden-'));
let certificates: CertificateFiles;

beforeAll(async () => {
  certificates = await writeTestCertificates(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Served {
  readonly waypoint: string;
  readonly resources: readonly EnvoyResource[];
}

/** The resources of each waypoint of a case, and its Findings. */
function translate(texts: Readonly<Record<string, string>>): {
  readonly served: readonly Served[];
  readonly findings: readonly PlacedFinding[];
  readonly statuses: readonly RouteStatus[];
  readonly policies: ReturnType<typeof resolvePolicyStatuses>;
} {
  const { store, findings, locate } = readMesh(texts);
  const served = listWaypoints(store).map((key) => ({
    waypoint: `${key.namespace}/${key.name}`,
    resources: translateWaypoint(store, key).resources,
  }));
  return {
    served,
    findings: [...findings, ...placeFindings(analyzeMesh(store), locate)],
    statuses: resolveRouteStatuses(store),
    policies: resolvePolicyStatuses(store),
  };
}

/** The resources, or the fields of them, that a case asks to see. */
function show(served: readonly Served[], patterns: readonly string[]): unknown {
  const shown = served.flatMap(({ waypoint, resources }) => {
    const parts = resources.flatMap((resource) => showResource(resource, patterns));
    return parts.length === 0 ? [] : [[waypoint, parts] as const];
  });
  return served.length === 1 ? (shown[0]?.[1] ?? []) : shown.length === 0 ? [] : Object.fromEntries(shown);
}

function showResource({ typeUrl, name, json }: EnvoyResource, patterns: readonly string[]): readonly JsonObject[] {
  const type = typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
  const isLike = (text: string, pattern: string): boolean =>
    new RegExp(`^${pattern.split('*').map(escapeRegex).join('.*')}$`).test(text);
  for (const pattern of patterns) {
    const [types = '', names = '*', ...fields] = pattern.split(' ');
    if (!isLike(type, types) || !isLike(name, names)) continue;
    const shown = fields.map((field) => [field, json[field] ?? 'absent'] as const);
    return [fields.length === 0 ? json : { name, ...Object.fromEntries(shown) }];
  }
  return [];
}

function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function showCondition({
  type,
  status,
  reason,
  message,
}: Readonly<Record<'type' | 'status' | 'reason' | 'message', string>>): string {
  return `${type} ${status} ${reason}: ${message}`;
}

function nameSets(name: string, served: readonly Served[]): readonly NamedResources[] {
  return served.map(({ waypoint, resources }) => ({ name: `${name} ${waypoint}`, resources }));
}

function versionsOf(served: readonly Served[]): readonly string[] {
  return served.flatMap(({ resources }) => resources.map((resource) => encodeResource(resource).version));
}

describe('golden cases', () => {
  it.each(listCases(cases).map((path) => relative(cases, path)))('%s', (name) => {
    const path = join(cases, name);
    const text = readFileSync(join(path, 'in.yaml'), 'utf8');
    const { served, findings, statuses, policies } = translate({ 'base.yaml': base, 'in.yaml': text });
    expectGolden(path, {
      'out.envoy.yaml': show(served, headComments(text, 'shows')),
      'out.findings.yaml': findings.map((finding) => ({
        at: finding.position === undefined ? 'nowhere' : `${finding.position.line}:${finding.position.column}`,
        object: formatRef(finding.ref),
        path: formatPath(finding.path),
        says: `${finding.severity} ${finding.code}: ${finding.message}`,
        ...(finding.hint === undefined ? {} : { hint: finding.hint }),
      })),
      'out.status.yaml': [
        ...statuses.map(({ ref, parents }) => ({
          object: formatRef(ref),
          parents: parents.map(({ parentRef, conditions }) => ({
            parentRef,
            conditions: conditions.map(showCondition),
          })),
        })),
        ...policies.map(({ ref, ancestors }) => ({
          object: formatRef(ref),
          ancestors: ancestors.map(({ ancestorRef, conditions }) => ({
            ancestorRef,
            conditions: conditions.map(showCondition),
          })),
        })),
      ],
    });
    for (const resource of served.flatMap(({ resources }) => resources)) {
      expect(checkResource(resource), `${resource.typeUrl} ${resource.name}`).toEqual([]);
    }
    const reversed = `${text}\n---\n${base}`.split(/^---$/m).reverse().join('\n---\n');
    expect(versionsOf(translate({ 'in.yaml': reversed }).served)).toEqual(versionsOf(served));
  });

  it.each(testedReleases)(
    'are accepted by the %s Envoy that is supported',
    async (release) => {
      const sets = listCases(cases).flatMap((path) => {
        const text = readFileSync(join(path, 'in.yaml'), 'utf8');
        return nameSets(relative(cases, path), translate({ 'base.yaml': base, 'in.yaml': text }).served);
      });
      expect(await findRefused(sets, { folder, certificates, release })).toEqual([]);
    },
    120_000,
  );

  it.each(testedReleases)(
    'would be refused by the %s Envoy with a bad regular expression in a route of one among several',
    async (release) => {
      const sets = nameSets('', translate({ 'base.yaml': base }).served);
      const planted = JSON.parse(
        JSON.stringify(sets).replaceAll('{"prefix":"/"}', '{"safe_regex":{"regex":"("}}'),
      ) as typeof sets;
      const [refused, ...others] = await findRefused([...sets, ...planted, ...sets], { folder, certificates, release });
      expect(refused?.message).toMatch(/missing \)|regex/);
      expect(others).toEqual([]);
    },
  );
});
