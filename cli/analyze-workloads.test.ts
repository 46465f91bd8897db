// `cairn analyze -f` on manifests as a cluster gets them: Deployments and their like make the pods.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runCommand } from '../test/support/command-line.ts';

const bookinfo = resolve(import.meta.dirname, '../test/support/bookinfo');
const folder = mkdtempSync(join(tmpdir(), 'cairn-analyze-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Said {
  readonly severity: string;
  readonly code: string;
  readonly path: string;
}

/** The Findings about Bookinfo, with these changes to its Deployments. */
async function analyze(change: (text: string) => string = (text) => text): Promise<readonly string[]> {
  const path = join(folder, 'deployments.yaml');
  writeFileSync(path, change(readFileSync(join(bookinfo, 'deployments.yaml'), 'utf8')));
  const { out } = await runCommand(['analyze', '-o', 'json', '-f', path, '-f', join(bookinfo, 'rules.yaml')]);
  return (JSON.parse(out) as readonly Said[])
    .filter(({ code, severity }) => code !== 'UnknownKind' || severity !== 'info')
    .map(({ severity, code, path }) => `${severity} ${code} ${path}`);
}

describe('Bookinfo of Deployments', () => {
  it('has nothing wrong with it', async () => {
    expect(await analyze()).toEqual([]);
  });

  it('is missed when a version goes', async () => {
    expect(await analyze((text) => text.replaceAll('version: v3', 'version: v4'))).toEqual([
      'warning SubsetWithoutEndpoints spec.subsets[2].labels',
    ]);
  });

  it.each(['StatefulSet', 'DaemonSet', 'ReplicaSet'])('is the same of a %s', async (kind) => {
    expect(await analyze((text) => text.replaceAll('kind: Deployment', `kind: ${kind}`))).toEqual([]);
  });

  it('is the same of a Job, a CronJob and a Pod', async () => {
    const asJob = (text: string): string =>
      text.replaceAll('apiVersion: apps/v1\nkind: Deployment', 'apiVersion: batch/v1\nkind: Job');
    expect(await analyze(asJob)).toEqual([]);
    const nested = (text: string): string =>
      text
        .replaceAll('apiVersion: apps/v1\nkind: Deployment', 'apiVersion: batch/v1\nkind: CronJob')
        .replaceAll(/ {2}template:\n((?: {4,}.*\n)+)/g, (_, body: string) => {
          const deeper = body.replaceAll(/^/gm, '    ').trimEnd();
          return `  jobTemplate:\n    spec:\n      template:\n${deeper}\n`;
        });
    expect(await analyze(nested)).toEqual([]);
    const pods = (text: string): string =>
      text
        .replaceAll('apiVersion: apps/v1\nkind: Deployment', 'apiVersion: v1\nkind: Pod')
        .replaceAll(/spec:\n {2}replicas: 1\n(?:.*\n)*? {4}spec:\n((?: {6,}.*\n)+)/g, 'spec:\n$1');
    expect(await analyze(pods)).toEqual([]);
  });

  it('finds target ports by their names', async () => {
    const named = (text: string): string =>
      text
        .replaceAll('port: 9080\n---', 'port: 9080\n      targetPort: web\n---')
        .replaceAll('containerPort: 9080', 'name: web\n              containerPort: 9080');
    expect(await analyze(named)).toEqual([]);
    const misspelt = await analyze((text) => named(text).replaceAll('name: web', 'name: wb'));
    expect(misspelt).toContain('warning SubsetWithoutEndpoints spec.subsets[0].labels');
  });

  it('is not what a waypoint is served: nobody knows where these pods are', async () => {
    const { out } = await runCommand(['translate', '-f', bookinfo, '-o', 'json']);
    expect(out).toContain('inbound-vip|9080|http/v3|reviews.default.svc.cluster.local');
    expect(out).not.toContain('192.0.2.1');
  });
});
