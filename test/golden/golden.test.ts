// Every golden case: manifests in, resources and Findings out. The head of `in.yaml` says what to show of a waypoint's resources:
// `# shows: <type> <name, * for any part>`. All resources of a case, shown or not, are encoded, checked against the validation rules
// of Envoy's API, and accepted by a real Envoy in their static form; and the order of the input changes none of their bytes.

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkResource, encodeResource, type EnvoyResource } from '../../envoy-api/index.ts';
import { analyzeMesh, inlineResources, listWaypoints, translateWaypoint } from '../../generator/index.ts';
import { formatPath, formatRef, type PlacedFinding, placeFindings } from '../../mesh/index.ts';
import { findEnvoy } from '../support/envoy.ts';
import { expectGolden, headComments, listCases } from '../support/golden.ts';
import { readMesh } from '../support/mesh.ts';
import { writeTestCertificates } from '../support/test-certificates.ts';

const cases = join(import.meta.dirname, 'cases');
const base = readFileSync(join(import.meta.dirname, 'base.yaml'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'cairn-golden-'));
let certificates: { readonly chain: string; readonly key: string; readonly roots: string };

beforeAll(async () => {
  certificates = await writeTestCertificates(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Everything that the waypoints of a case are served. */
function translate(texts: Readonly<Record<string, string>>): {
  readonly resources: readonly EnvoyResource[];
  readonly findings: readonly PlacedFinding[];
} {
  const { store, findings, locate } = readMesh(texts);
  return {
    resources: listWaypoints(store).flatMap((key) => translateWaypoint(store, key).resources),
    findings: [...findings, ...placeFindings(analyzeMesh(store), locate)],
  };
}

function isShown(patterns: readonly string[], { typeUrl, name }: EnvoyResource): boolean {
  const label = `${typeUrl.slice(typeUrl.lastIndexOf('.') + 1)} ${name}`;
  return patterns.some((pattern) => new RegExp(`^${pattern.split('*').map(escapeRegex).join('.*')}$`).test(label));
}

function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** What `envoy --mode validate` says of resources in their static form; '' when it accepts them. */
async function validate(name: string, resources: readonly EnvoyResource[]): Promise<string> {
  const certificate = { chain: certificates.chain, key: certificates.key };
  const file = join(folder, `${name.replaceAll('/', '-')}.json`);
  const bootstrap = {
    bootstrap_extensions: [
      {
        name: 'envoy.bootstrap.internal_listener',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
        },
      },
    ],
    static_resources: inlineResources(resources, {
      certificates: { default: certificate },
      roots: certificates.roots,
    }),
  };
  writeFileSync(file, JSON.stringify(bootstrap));
  try {
    await promisify(execFile)(findEnvoy(), ['--mode', 'validate', '-l', 'error', '-c', file]);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe('golden cases', () => {
  it.each(listCases(cases).map((path) => relative(cases, path)))('%s', async (name) => {
    const path = join(cases, name);
    const text = readFileSync(join(path, 'in.yaml'), 'utf8');
    const { resources, findings } = translate({ 'base.yaml': base, 'in.yaml': text });
    const shown = resources.filter((resource) => isShown(headComments(text, 'shows'), resource));
    expectGolden(path, {
      'out.envoy.yaml': shown.map(({ json }) => json),
      'out.findings.yaml': findings.map((finding) => ({
        at: finding.position === undefined ? 'nowhere' : `${finding.position.line}:${finding.position.column}`,
        object: formatRef(finding.ref),
        path: formatPath(finding.path),
        says: `${finding.severity} ${finding.code}: ${finding.message}`,
        ...(finding.hint === undefined ? {} : { hint: finding.hint }),
      })),
    });
    for (const resource of resources) {
      expect(checkResource(resource), `${resource.typeUrl} ${resource.name}`).toEqual([]);
    }
    expect(await validate(name, resources)).toBe('');
    const reversed = `${text}\n---\n${base}`.split(/^---$/m).reverse().join('\n---\n');
    const versions = (all: readonly EnvoyResource[]): readonly string[] =>
      all.map((resource) => encodeResource(resource).version);
    expect(versions(translate({ 'in.yaml': reversed }).resources)).toEqual(versions(resources));
  });

  it('would be refused by Envoy with a bad regular expression in a route', async () => {
    const { resources } = translate({ 'base.yaml': base });
    const planted = JSON.parse(
      JSON.stringify(resources).replaceAll('{"prefix":"/"}', '{"safe_regex":{"regex":"("}}'),
    ) as EnvoyResource[];
    expect(await validate('planted', planted)).toMatch(/missing \)|regex/);
  });
});
