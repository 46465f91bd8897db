// What `cairn translate --bootstrap` prints is a file that Envoy runs as it is, and that does what the control plane would have it do.

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startEnvoy, type RunningEnvoy } from '../support/envoy.ts';
import { connectHbone, requestThrough } from '../support/hbone-client.ts';
import { allocateBlock, type AddressBlock } from '../support/loopback.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'cairn-translate-'));
let block: AddressBlock;
let envoy: RunningEnvoy | undefined;

beforeAll(async () => {
  block = await allocateBlock();
});
afterAll(async () => {
  await envoy?.stop();
  await block.release();
  rmSync(folder, { recursive: true });
});

async function cairn(...args: readonly string[]): Promise<string> {
  const command = ['--import', 'tsx', join(root, 'cli/main.ts'), ...args];
  const { stdout } = await promisify(execFile)(process.execPath, command, { maxBuffer: 1e8 });
  return stdout;
}

test('the static file runs, and answers as its routes say', async () => {
  const manifests = join(folder, 'manifests');
  mkdirSync(manifests);
  cpSync(join(root, 'test/golden/base.yaml'), join(manifests, 'base.yaml'));
  writeFileSync(
    join(manifests, 'teapot.yaml'),
    'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: web, namespace: shop }\n' +
      'spec: { hosts: [web], http: [{ directResponse: { status: 418 } }] }\n',
  );
  const certs = join(folder, 'certs');
  const bootstrap = await cairn(
    'translate',
    '-f',
    manifests,
    '-o',
    'json',
    '--address-block',
    block.cidr,
    '--bootstrap',
    '--certs',
    certs,
  );
  envoy = await startEnvoy({ config: JSON.parse(bootstrap) as Record<string, unknown> });
  const read = (name: string): string => readFileSync(join(certs, name), 'utf8');
  const connection = await connectHbone({
    waypoint: { host: block.address(0, 10), port: 15008 },
    certificate: { ca: read('root-cert.pem'), cert: read('cert-chain.pem'), key: read('key.pem') },
  });
  expect((await requestThrough(await connection.connect('10.0.0.1:80'), { path: '/' })).status).toBe(418);
  await connection.close();
});
