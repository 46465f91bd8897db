// Keys that the control plane fetches: a real issuer, a run on one machine, real Envoys, and tokens before and after a new key.

import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { allocateBlock } from '../support/loopback.ts';
import type { AddressBlock } from '../support/loopback.ts';
import { startProcess, stopAll, stopProcess, waitFor } from '../support/processes.ts';
import type { StartedProcess } from '../support/processes.ts';
import { createIssuer } from '../support/tokens.ts';
import { type EchoWorkload, startEcho } from '../support/workload.ts';

const root = resolve(import.meta.dirname, '../..');
const directory = mkdtempSync(join(tmpdir(), 'cairn-keys-'));
const addresses = new Map<string, string>();
let server: Server;
let issuer: string;
let jwks: string | undefined;
let block: AddressBlock;
let controller: StartedProcess;
let echo: EchoWorkload;
let vip: string;
let admin: string;

function manifests(): string {
  return `
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { istio.io/use-waypoint: waypoint } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: waypoint, namespace: shop }
spec: { gatewayClassName: istio-waypoint, listeners: [{ name: mesh, port: 15008, protocol: HBONE }] }
---
apiVersion: v1
kind: Service
metadata: { name: echo, namespace: shop }
spec: { selector: { app: echo }, ports: [{ name: http, port: 8080 }] }
---
${['echo', 'client']
  .map(
    (name) => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}, namespace: shop, annotations: { ambient.istio.io/redirection: enabled } }
spec: { labels: { app: ${name} }, serviceAccount: ${name} }
---`,
  )
  .join('')}
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec:
  targetRefs: [{ group: '', kind: Service, name: echo }]
  jwtRules: [{ issuer: '${issuer}' }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: tokens, namespace: shop }
spec:
  targetRefs: [{ group: '', kind: Service, name: echo }]
  rules: [{ from: [{ source: { requestPrincipals: ['*'] } }] }]
`;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

async function call(url: string, options: object = {}): Promise<Answer> {
  const sent = request(url, { agent: false, ...options }).end();
  const [response] = (await once(sent, 'response')) as [AsyncIterable<Buffer> & { readonly statusCode?: number }];
  let body = '';
  for await (const chunk of response) body += chunk.toString();
  return { status: response.statusCode ?? 0, body };
}

async function api<T>(path: string): Promise<T> {
  return JSON.parse((await call(`${admin}${path}`)).body) as T;
}

async function codes(): Promise<readonly string[]> {
  return (await api<{ code: string }[]>('/api/findings')).map(({ code }) => code);
}

async function askWith(token?: string): Promise<number> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const { status } = await call(`http://${vip}:8080/`, { localAddress: addresses.get('client') ?? '', headers });
  return status;
}

async function startRun(...flags: readonly string[]): Promise<void> {
  const paths = ['--config', join(directory, 'config'), '--state', join(directory, 'state')];
  const run = ['run', ...paths, '--address-block', block.cidr, '--jwks-refresh', '1s', ...flags];
  controller = await startProcess(process.execPath, ['--import', 'tsx', join(root, 'cli/main.ts'), ...run], {
    cwd: root,
  });
  admin = await waitFor(() => /http:\/\/127\.0\.0\.1:\d+(?=\/api\/waypoints)/.exec(controller.stdout())?.[0], {
    timeout: 30_000,
    what: () => `the admin address: ${controller.output()}`,
  });
  await waitFor(async () => (await call(`${admin}/readyz`)).status === 200, {
    timeout: 30_000,
    what: () => `readiness: ${controller.output()}`,
  });
}

beforeAll(async () => {
  server = createServer((asked, response) => {
    if (jwks === undefined) response.writeHead(503).end();
    else if (asked.url === '/keys') response.end(jwks);
    else if (asked.url === '/.well-known/openid-configuration') {
      response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/keys` }));
    } else response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  issuer = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  mkdirSync(join(directory, 'config'));
  writeFileSync(join(directory, 'config/shop.yaml'), manifests());
  block = await allocateBlock();
  await startRun('--allow-private-jwks');
  for (const { name, address: workload } of await api<{ name: string; address: string }[]>('/api/workloads')) {
    addresses.set(name, workload);
  }
  const services = await api<{ name: string; addresses: string[] }[]>('/api/services');
  vip = services.find(({ name }) => name === 'echo')?.addresses[0] ?? '';
  echo = await startEcho(addresses.get('echo') ?? '', 8080, { name: 'echo' });
}, 90_000);

afterAll(async () => {
  await stopAll();
  await echo.close();
  server.closeAllConnections();
  server.close();
  await block.release();
  rmSync(directory, { recursive: true });
}, 30_000);

it('refuses tokens until the keys arrive, takes new keys, and keeps them when the issuer is away', async () => {
  const [old, next] = [createIssuer(issuer), createIssuer(issuer)];
  expect(await codes()).toContain('KeysNotFound');
  expect(await askWith()).toBe(403);
  expect(await askWith(old.sign())).toBe(401);

  jwks = old.jwks;
  const accepts = (token: string) => async (): Promise<boolean> => (await askWith(token)) === 200;
  await waitFor(accepts(old.sign()), { timeout: 20_000, what: 'the first key' });
  expect(await codes()).toEqual([]);
  expect(await askWith(next.sign())).toBe(401);
  expect(await askWith()).toBe(403);

  jwks = next.jwks;
  await waitFor(accepts(next.sign()), { timeout: 20_000, what: 'the next key' });
  expect(await askWith(old.sign())).toBe(401);

  jwks = undefined;
  await waitFor(async () => (await codes()).includes('KeysStale'), { timeout: 20_000, what: 'the Finding' });
  expect(await askWith(next.sign())).toBe(200);
  expect(await askWith(old.sign())).toBe(401);

  // The keys outlive the control plane.
  await stopProcess(controller);
  await startRun('--allow-private-jwks');
  expect(await askWith(next.sign())).toBe(200);

  jwks = '{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}, {"kty": "EC", "crv": "P-256", "x": "zz", "y": "zz"}]}';
  await waitFor(async () => (await codes()).includes('KeysStale'), { timeout: 20_000, what: 'the Finding' });
  expect(await askWith(next.sign())).toBe(200);
}, 120_000);

it('does not connect to loopback unless it is told to', async () => {
  await stopProcess(controller);
  rmSync(join(directory, 'state/issuer-keys.json'));
  const one = createIssuer(issuer);
  jwks = one.jwks;
  let requests = 0;
  server.on('request', () => (requests += 1));
  await startRun();
  const found = await waitFor(
    async () =>
      (await api<{ code: string; message: string }[]>('/api/findings')).find(({ message }) =>
        message.includes('private address'),
      ),
    { what: 'the Finding' },
  );
  expect(found.code).toBe('KeysNotFound');
  expect(await askWith(one.sign())).toBe(401);
  expect(requests).toBe(0);
}, 60_000);
