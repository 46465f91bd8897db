// Envoy itself judges the bootstrap.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { renderBootstrap, type BootstrapInput } from '../../bootstrap/index.ts';
import { findEnvoy } from '../support/envoy.ts';

const input: BootstrapInput = {
  role: 'waypoint',
  podName: 'waypoint-1',
  namespace: 'default',
  serviceAccount: 'waypoint',
  instanceIp: '127.0.0.1',
  domain: 'cluster.local',
  labels: { 'app.kubernetes.io/name': 'waypoint' },
  gatewayName: 'waypoint',
  admin: { address: '127.0.0.1', port: 15000 },
  stats: { address: '127.0.0.1', port: 15090 },
  xds: { host: '127.0.0.1', port: 15012, identity: 'spiffe://cluster.local/ns/cairn-system/sa/cairn' },
  sdsSocket: '/tmp/sds.sock',
  heapLimit: 2 ** 30,
};

async function validate(config: unknown): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cairn-bootstrap-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const file = join(directory, 'envoy.json');
  await writeFile(file, JSON.stringify(config));
  const { stdout, stderr } = await promisify(execFile)(findEnvoy(), ['--mode', 'validate', '-l', 'warn', '-c', file]);
  return stdout + stderr;
}

it.each([
  ['a waypoint with an address of its control plane', input],
  [
    'a node proxy with a name of its control plane',
    { ...input, role: 'ztunnel', xds: { ...input.xds, host: 'cairn.test' } },
  ],
] as const)('Envoy accepts the bootstrap of %s, and finds nothing in it deprecated', async (_, proxy) => {
  const output = await validate(renderBootstrap(proxy));
  expect(output).toContain('OK');
  expect(output.toLowerCase()).not.toContain('deprecated');
});

it('Envoy would say so if a field were wrong', async () => {
  await expect(validate({ ...renderBootstrap(input), no_such_field: 1 })).rejects.toThrow('no_such_field');
});
