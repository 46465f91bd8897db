// Every code of a Finding is raised somewhere: in a golden case, or, where it takes a running control plane or a text that is no
// manifest at all, in a test that is named here.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

/** For codes that no golden case can show: the test that does. */
const elsewhere: Readonly<Record<string, string>> = {
  NotAnObject: 'mesh/reading/manifest.test.ts',
  UnknownKind: 'mesh/reading/manifest.test.ts',
  UnsupportedVersion: 'mesh/reading/manifest.test.ts',
  DuplicateObject: 'mesh/reading/manifest.test.ts',
  RestartNeeded: 'test/integration/trust-domain.test.ts',
  ObjectNotOurs: 'gateway-controller/deployment/plan.test.ts',
  DeploymentFailed: 'test/api/deployment.test.ts',
  KeysStale: 'test/integration/issuer-keys.test.ts',
};

function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

const codes = [
  ...(/export type FindingCode =([^;]*);/.exec(readText('mesh/finding.ts'))?.[1] ?? '').matchAll(/'([A-Za-z]+)'/g),
].map(([, code = '']) => code);

const raised = new Set(
  ['test/golden/cases', 'templates/golden'].flatMap((area) =>
    readdirSync(join(root, area), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('out.findings.yaml'))
      .flatMap((file) => [...readText(join(area, file)).matchAll(/(?:(?:error|warning|info)\s+|code: )([A-Za-z]+)/g)])
      .map(([, code]) => code),
  ),
);

it.each(codes)('%s is raised', (code) => {
  const test = elsewhere[code];
  if (test === undefined) expect(raised).toContain(code);
  else expect(readText(test)).toMatch(new RegExp(`\\b${code}\\b`));
});

it('names tests only for codes that there are, and that no golden case shows', () => {
  expect(codes.length).toBeGreaterThan(40);
  expect(Object.keys(elsewhere).filter((code) => !codes.includes(code) || raised.has(code))).toEqual([]);
});
