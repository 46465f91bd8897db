// The README's commands for a cluster, typed as they stand into a clean copy of this checkout. Only
// `kind` is a stand-in: it gives the archives to whatever brings images to this cluster.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { resources } from '../../kubernetes/index.ts';
import { copyCheckout } from '../support/checkout.ts';
import { readConsoleSteps, typeSteps } from '../support/console-blocks.ts';
import { connectCluster } from './cluster.ts';
import type { TestCluster } from './cluster.ts';

const root = join(import.meta.dirname, '../..');
const stand = mkdtempSync(join(tmpdir(), 'cairn-kind-'));
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await connectCluster();
  mkdirSync(join(stand, 'bin'));
  const load = process.env['CAIRN_IMAGE_LOAD'] ?? 'true';
  const script = `#!/bin/sh\n[ "$1 $2" = "load image-archive" ] && shift 2 || exit 64\nfor file; do ${load} "$file" || exit 1; done\n`;
  writeFileSync(join(stand, 'bin/kind'), script, { mode: 0o755 });
}, 120_000);

afterAll(async () => {
  await cluster.cairn('install', '--uninstall', '--purge', '-y');
  const labels = { 'istio.io/use-waypoint': null };
  await cluster.client.patch(resources.Namespace, undefined, 'default', { metadata: { labels } }, { type: 'merge' });
  cluster.stop();
  rmSync(stand, { recursive: true });
}, 120_000);

test('the README, from a clone to a waypoint and back to nothing', async () => {
  const steps = readConsoleSteps(join(root, 'README.md'), 'In a cluster');
  const env = { ...process.env, PATH: `${join(stand, 'bin')}:${process.env['PATH'] ?? ''}` };
  const copy = copyCheckout();
  try {
    const { typed, err } = await typeSteps(steps, { cwd: copy, env });
    for (const { command, status } of typed)
      expect({ command, status, err: status === 0 ? '' : err }).toEqual({ command, status: 0, err: '' });
    expect(typed).toHaveLength(steps.length);
    const outOf = (part: string): string | undefined => typed.find(({ command }) => command.includes(part))?.out;
    expect(outOf('cairn install --wait')).toContain('the control plane runs');
    expect(outOf('waypoint apply')).toContain('✅ waypoint default/waypoint is ready!');
    expect(outOf('waypoint list')).toMatch(/^default +waypoint .*True$/m);
    expect(outOf('proxy-status')).toMatch(/SYNCED/);
    // Missing parts of the cluster are reported where they matter.
    expect(err).toContain('no node proxy is in the cluster');
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}, 600_000);
