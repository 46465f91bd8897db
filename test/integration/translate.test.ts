// The output of `cairn translate --bootstrap` is a file that Envoy runs as it is, and that behaves
// as the served configuration; `cairn proxy-config` shows the contents of that Envoy.

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { findEnvoy, startEnvoy, type RunningEnvoy } from '../support/envoy.ts';
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

/**
 * Text that readers of YAML 1.1, as Envoy's is one, take for something else when it stands without
 * quotes.
 */
const oddTexts = [
  'on',
  'off',
  'y',
  'n',
  'no',
  'Yes',
  'true',
  'null',
  '~',
  '010',
  '0o7',
  '1_000',
  '1:20',
  '.5',
  '=',
  '<<',
];

const manifests = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: teapot, namespace: shop }
spec:
  hosts: [web]
  http:
    - match: [{ headers: { x-debug: { exact: "on" } } }]
      directResponse: { status: 418 }
${oddTexts.map((text) => `    - { match: [{ headers: { n: { exact: "${text}" } } }], headers: { request: { set: { x-odd: "${text}" } } }, route: [{ destination: { host: web } }] }`).join('\n')}
    - directResponse: { status: 404 }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: limits, namespace: shop }
spec: { host: web, trafficPolicy: { connectionPool: { tcp: { maxConnections: 7 } } } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: grpc, namespace: shop }
spec: { parentRefs: [{ group: "", kind: Service, name: api }], rules: [{ backendRefs: [{ name: api, port: 9000 }] }] }
`;

test('the static file runs, and answers as its routes say', async () => {
  const mesh = join(folder, 'manifests');
  mkdirSync(mesh);
  cpSync(join(root, 'test/golden/base.yaml'), join(mesh, 'base.yaml'));
  writeFileSync(join(mesh, 'teapot.yaml'), manifests);
  const certs = join(folder, 'certs');
  const bootstrap = await cairn(
    'translate',
    '-f',
    mesh,
    '--address-block',
    block.cidr,
    '--bootstrap',
    '--certs',
    certs,
  );
  const file = join(folder, 'envoy.yaml');
  writeFileSync(file, bootstrap);
  // Envoy's own reader takes every text for text, or would refuse the file.
  await promisify(execFile)(findEnvoy(), ['--mode', 'validate', '-c', file]);
  envoy = await startEnvoy({ config: parse(bootstrap) as Record<string, unknown> });
  const read = (name: string): string => readFileSync(join(certs, name), 'utf8');
  const connection = await connectHbone({
    waypoint: { host: block.address(0, 10), port: 15008 },
    certificate: { ca: read('root-cert.pem'), cert: read('cert-chain.pem'), key: read('key.pem') },
  });
  const statusWith = async (headers: Readonly<Record<string, string>>): Promise<number> =>
    (await requestThrough(await connection.connect('10.0.0.1:80'), { path: '/', headers })).status;
  expect([await statusWith({ 'x-debug': 'on' }), await statusWith({ 'x-debug': 'true' })]).toEqual([418, 404]);
  await connection.close();
});

test('proxy-config names the DestinationRule of a cluster, and the VirtualService or route of a route', async () => {
  const dump = join(folder, 'dump.json');
  writeFileSync(dump, (await envoy?.adminGet('/config_dump?include_eds')) ?? '');
  const rows = async (...args: readonly string[]): Promise<readonly (readonly string[])[]> =>
    (await cairn('proxy-config', ...args, '--file', dump)).split('\n').map((line) => line.split(/ {2,}/));
  const clusters = await rows('cluster');
  expect(
    clusters.filter(([host]) => host?.endsWith('.shop.svc.cluster.local')).map((row) => [row[0], row.at(-1)]),
  ).toEqual([
    ['api.shop.svc.cluster.local', '-'],
    ['db.shop.svc.cluster.local', '-'],
    ['web.shop.svc.cluster.local', 'limits.shop'],
  ]);
  const originsOf = async (name: string): Promise<ReadonlySet<string | undefined>> =>
    new Set((await rows('route', '--name', name)).slice(1).map((row) => row.at(-1)));
  expect(await originsOf('inbound-vip|80|http|web.shop.svc.cluster.local')).toEqual(new Set(['teapot.shop', '-', '']));
  expect(await originsOf('inbound-vip|9000|http|api.shop.svc.cluster.local')).toEqual(
    new Set(['GRPCRoute/grpc.shop', '-', '']),
  );
});
