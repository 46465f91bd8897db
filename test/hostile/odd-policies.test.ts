// Policies that cannot be read close the same services whether they were there at the start or are
// written while a run watches, and the Findings say so. If a good version was known, it stays.

import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectorySource } from '../../gateway-controller/machine/directory-source.ts';
import type { DirectoryState } from '../../gateway-controller/machine/directory-source.ts';
import type { AnyMeshObject } from '../../mesh/index.ts';
import { type Closed, goodPolicy, goodRule, type OddPolicy, oddPolicies } from './odd-policies.ts';
import { waitFor } from '../support/wait.ts';

let directory: string;
let source: DirectorySource;
let state: DirectoryState | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cairn-odd-'));
  state = undefined;
});

afterEach(async () => {
  await source.stop();
  rmSync(directory, { recursive: true });
});

const namespaceOf = (index: number): string => `n${index}`;
const fileOf = (index: number): string => join(directory, `${String(index).padStart(3, '0')}.yaml`);
const textOf = (index: number, text: string): string => text.replaceAll('$N', namespaceOf(index));

/** As most editors save: the whole text is renamed into place. */
function save(index: number, text: string): void {
  writeFileSync(join(directory, '.saved'), textOf(index, text));
  renameSync(join(directory, '.saved'), fileOf(index));
}

async function start(): Promise<void> {
  source = new DirectorySource({
    directory,
    onChange: (now) => (state = now),
    onError: (error) => {
      throw error;
    },
  });
  await source.start();
}

/** The objects of a namespace in force. */
function objectsOf(index: number): readonly AnyMeshObject[] {
  const namespace = namespaceOf(index);
  return (state?.objects() ?? []).filter(({ metadata }) => metadata.namespace === namespace);
}

function saidOf(index: number): string {
  const findings = (state?.findings() ?? []).filter(({ position }) => position?.file === fileOf(index));
  return findings.map(({ message }) => message).join('\n');
}

/** The services that the objects in force close, because they deny everything or trust nobody. */
function closedBy(index: number): Closed {
  const isMesh = (state?.objects() ?? []).some(({ metadata }) => metadata.name === 'MeshConfig/mesh');
  const names = objectsOf(index).flatMap((object) => {
    const isDenial = object.kind === 'AuthorizationPolicy' && JSON.stringify(object.spec.rules) === '[{}]';
    if (!isDenial && object.kind !== 'BackendTLSPolicy') return [];
    return (object.spec.targetRefs ?? []).map(({ kind, name }) => `${kind} ${name}`);
  });
  const hosts = objectsOf(index).flatMap((object) =>
    object.kind === 'DestinationRule' && object.standsFor !== undefined ? [object.spec.host] : [],
  );
  if (hosts.length > 0) return hosts.includes('web') ? 'the host' : 'no host';
  const isWeb = names.includes('Service web');
  const isNamespace = names.includes(`Namespace ${namespaceOf(index)}`);
  if (isWeb && isNamespace) return 'web and the namespace';
  return isWeb ? 'web' : isNamespace ? 'the namespace' : isMesh && names.length === 0 ? 'the mesh' : 'nothing';
}

const isRule = (text: string): boolean => /trafficPolicy|subsets/.test(text);

function expectSaid(index: number, { name, closed, text }: OddPolicy): void {
  const said = saidOf(index);
  const namespace = namespaceOf(index);
  if (closed === 'nothing' && !isRule(text)) expect(said, name).toContain('nothing stands in for it');
  if (closed === 'nothing' && isRule(text)) expect(said, name).not.toMatch(/Until|^$/);
  if (closed === 'the host') expect(said, name).toContain('requests to host "web" are answered with 503');
  if (closed === 'no host') expect(said, name).toContain('nothing is closed, since the host');
  if (closed.includes('web')) expect(said, name).toContain(`Service ${namespace}/web`);
  if (closed.includes('the namespace')) expect(said, name).toContain(`every service of namespace ${namespace}`);
  if (closed === 'the mesh') expect(said, name).toContain('everything to every service is denied');
}

/** A MeshConfig closes everything, so other closed services cannot be seen beside it. */
const apart = oddPolicies.filter(({ closed }) => closed === 'the mesh');
const others = oddPolicies.filter(({ closed }) => closed !== 'the mesh');

describe.each([
  ['those of one namespace each', others],
  ['that of the whole mesh', apart],
])('odd policies, %s', (_name, policies) => {
  it('close what was written to be closed when they are there at the start', async () => {
    policies.forEach(({ text }, index) => save(index, text));
    await start();
    expect(policies.map(({ name }, index) => [name, closedBy(index)])).toEqual(
      policies.map(({ name, closed }) => [name, closed]),
    );
    policies.forEach((policy, index) => expectSaid(index, policy));
  });

  it('close the same at once when they are written while a run watches', async () => {
    await start();
    policies.forEach(({ text }, index) => writeFileSync(fileOf(index), textOf(index, text)));
    const expected = JSON.stringify(policies.map(({ closed }) => closed));
    const now = (): string => JSON.stringify(policies.map((_policy, index) => closedBy(index)));
    await waitFor(() => now() === expected, { what: 'everything to be closed', timeout: 5_000 }).catch(() => undefined);
    expect(policies.map(({ name }, index) => [name, closedBy(index)])).toEqual(
      policies.map(({ name, closed }) => [name, closed]),
    );
    policies.forEach((policy, index) => expectSaid(index, policy));
  });

  it('leave the last good version in force, and close nothing else', async () => {
    policies.forEach(({ text }, index) => save(index, isRule(text) ? goodRule : goodPolicy));
    await start();
    policies.forEach(({ text }, index) => save(index, text));
    const isSaid = (index: number): boolean => saidOf(index) !== '';
    await waitFor(() => policies.every((_policy, index) => isSaid(index)), { what: 'findings', timeout: 5_000 }).catch(
      () => undefined,
    );
    expect(policies.filter((_policy, index) => !isSaid(index)).map(({ name }) => name)).toEqual([]);
    // Another kind, or no name: another object that was never good. The first was edited away,
    // which takes a second.
    const isSame = (text: string): boolean =>
      /name: ?"?it\b/.test(text) && !/kind: (Request|Backend|ConfigMap)/.test(text);
    for (const [index, { name, text }] of policies.entries()) {
      if (!isSame(text)) continue;
      expect(saidOf(index), name).toContain('last good version');
      expect(objectsOf(index), name).toEqual([
        expect.objectContaining({
          kind: isRule(text) ? 'DestinationRule' : 'AuthorizationPolicy',
          metadata: expect.objectContaining({ name: 'it' }) as unknown,
        }),
      ]);
      expect(closedBy(index), name).toBe('nothing');
    }
  });
});
