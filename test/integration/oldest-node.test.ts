// The oldest Node that Cairn runs on: it makes the same of manifests as the Node of these tests,
// and runs a mesh.

import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { fetchNode, oldestNode } from '../../tools/fetch-node.mjs';
import { LocalRun, shopManifests } from '../support/local-run.ts';
import { waitFor } from '../support/wait.ts';
import { startEcho } from '../support/workload.ts';

const root = resolve(import.meta.dirname, '../..');
let node: string;
beforeAll(async () => {
  node = await fetchNode(oldestNode);
});

async function run(program: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { cwd: root, maxBuffer: 1e8 });
  return stdout;
}

it('translates the example as any other does', async () => {
  expect(await run(node, '--version')).toBe(`v${oldestNode.version}\n`);
  const command = ['--import', 'tsx', 'cli/main.ts', 'translate', '-f', 'examples/bookinfo', '-o', 'json'];
  const resources = await run(node, ...command);
  expect(resources.length).toBeGreaterThan(10_000);
  expect(resources).toBe(await run(process.execPath, ...command));
}, 90_000);

it('runs a mesh: requests reach their service, and follow an edit', async () => {
  const mesh = new LocalRun(node);
  onTestFinished(() => mesh.close());
  const port = 8080;
  mesh.write(
    'shop.yaml',
    shopManifests({ services: ['web'], port: { name: 'http', port }, workloads: ['web', 'client'] }),
  );
  await mesh.start();
  const web = await startEcho(mesh.address('web'), port, { name: 'web' });
  onTestFinished(() => web.close());
  const ask = async (): Promise<number> => (await mesh.ask('web', { from: 'client', port })).status;
  expect(await ask()).toBe(200);
  mesh.write(
    'rules.yaml',
    `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web, namespace: shop }
spec: { hosts: [web], http: [{ directResponse: { status: 418 } }] }
`,
  );
  await waitFor(async () => (await ask()) === 418, { timeout: 10_000, what: 'the answer of the rule' });
}, 90_000);
