import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAuthority } from '../../../certificates/index.ts';
import { MeshStore } from '../../../mesh/index.ts';
import type { ClusterContext } from '../cluster-context.ts';
import { ServerCertificate } from '../../serving/server-certificate.ts';
import { WebhookServer } from './webhook-server.ts';

const megabyte = 1024 * 1024;
let server: WebhookServer;
let certificate: ServerCertificate;

beforeAll(async () => {
  const authority = await createAuthority({ trustDomain: 'cluster.local', now: new Date() });
  const identity = 'spiffe://cluster.local/ns/cairn-system/sa/cairn';
  certificate = new ServerCertificate({ authority, identity, dnsNames: ['cairn'], onError: () => undefined });
  await certificate.start();
  const context = {
    serving: { certificate: () => certificate.current(), onRenew: () => () => undefined },
    settings: { ports: { webhook: 0 }, listenAddress: '127.0.0.1' },
    mesh: new MeshStore(),
    log: () => undefined,
  };
  server = new WebhookServer(context as unknown as ClusterContext);
  await server.start();
});
afterAll(async () => {
  await server.stop();
  certificate.stop();
});

/** A request whose body is not there yet. */
function begin(headers: Readonly<Record<string, string>>): ClientRequest {
  const call = request({
    host: '127.0.0.1',
    port: server.port,
    method: 'POST',
    path: '/validate',
    agent: false,
    rejectUnauthorized: false,
    headers: { 'content-type': 'application/json', ...headers },
  });
  call.on('error', () => undefined);
  call.flushHeaders();
  return call;
}

async function statusOf(call: ClientRequest): Promise<number> {
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  response.resume();
  call.destroy();
  return response.statusCode ?? 0;
}

it('takes no body that is longer than the API server sends, or that does not say how long it is', async () => {
  expect(await statusOf(begin({ 'content-length': String(8 * megabyte + 1) }))).toBe(413);
  expect(await statusOf(begin({ 'transfer-encoding': 'chunked' }))).toBe(413);
});

it('has 64 MiB of bodies under way at a time, whoever sends them, and room again when they are gone', async () => {
  const slow = Array.from({ length: 8 }, () => begin({ 'content-length': String(8 * megabyte) }));
  let status = 0;
  for (const end = Date.now() + 10_000; status !== 503 && Date.now() < end;) {
    const call = begin({ 'content-length': '2' });
    call.end('{}');
    status = await statusOf(call);
  }
  expect(status).toBe(503);
  for (const call of slow) call.destroy();
  for (const end = Date.now() + 10_000; status !== 400 && Date.now() < end;) {
    const call = begin({ 'content-length': '2' });
    call.end('{}');
    status = await statusOf(call);
  }
  expect(status).toBe(400);
});
