// Keys that the control plane fetches: a real issuer, a run on one machine, real Envoys, and tokens
// before and after a new key.

import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LocalRun, shopManifests } from '../support/local-run.ts';
import { createIssuer } from '../support/tokens.ts';
import { waitFor } from '../support/wait.ts';
import { type EchoWorkload, startEcho } from '../support/workload.ts';

const run = new LocalRun();
const port = 8080;
let server: Server;
let issuer: string;
let jwks: string | undefined;
let echo: EchoWorkload;

function policies(): string {
  return `
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

async function askWith(token?: string): Promise<number> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return (await run.ask('echo', { from: 'client', port, headers })).status;
}

const startRun = (...flags: readonly string[]): Promise<void> => run.start('--jwks-refresh', '1s', ...flags);

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
  run.write(
    'shop.yaml',
    shopManifests({ services: ['echo'], port: { name: 'http', port }, workloads: ['echo', 'client'] }),
  );
  run.write('policies.yaml', policies());
  await startRun('--allow-private-jwks');
  echo = await startEcho(run.address('echo'), port, { name: 'echo' });
}, 90_000);

afterAll(async () => {
  await run.close();
  await echo.close();
  server.closeAllConnections();
  server.close();
}, 30_000);

it('refuses tokens until the keys arrive, takes new keys, and keeps them when the issuer is away', async () => {
  const [old, next] = [createIssuer(issuer), createIssuer(issuer)];
  expect(await run.codes()).toContain('KeysNotFound');
  expect(await askWith()).toBe(403);
  expect(await askWith(old.sign())).toBe(401);

  jwks = old.jwks;
  const accepts = (token: string) => async (): Promise<boolean> => (await askWith(token)) === 200;
  await waitFor(accepts(old.sign()), { timeout: 20_000, what: 'the first key' });
  expect(await run.codes()).toEqual([]);
  expect(await askWith(next.sign())).toBe(401);
  expect(await askWith()).toBe(403);

  jwks = next.jwks;
  await waitFor(accepts(next.sign()), { timeout: 20_000, what: 'the next key' });
  expect(await askWith(old.sign())).toBe(401);

  jwks = undefined;
  await waitFor(async () => (await run.codes()).includes('KeysStale'), { timeout: 20_000, what: 'the Finding' });
  expect(await askWith(next.sign())).toBe(200);
  expect(await askWith(old.sign())).toBe(401);

  // The keys outlive the control plane.
  await run.stop();
  await startRun('--allow-private-jwks');
  expect(await askWith(next.sign())).toBe(200);

  jwks = '{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}, {"kty": "EC", "crv": "P-256", "x": "zz", "y": "zz"}]}';
  await waitFor(async () => (await run.codes()).includes('KeysStale'), { timeout: 20_000, what: 'the Finding' });
  expect(await askWith(next.sign())).toBe(200);
}, 120_000);

it('does not connect to loopback unless it is told to', async () => {
  await run.stop();
  rmSync(run.path('state/issuer-keys.json'));
  const one = createIssuer(issuer);
  jwks = one.jwks;
  let requests = 0;
  server.on('request', () => (requests += 1));
  await startRun();
  const found = await waitFor(
    async () =>
      (await run.api<{ code: string; message: string }[]>('/api/findings')).find(({ message }) =>
        message.includes('private address'),
      ),
    { what: 'the Finding' },
  );
  expect(found.code).toBe('KeysNotFound');
  expect(await askWith(one.sign())).toBe(401);
  expect(requests).toBe(0);
}, 60_000);
