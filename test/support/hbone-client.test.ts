// The HBONE client against a CONNECT proxy of this test, with the test's workloads behind it.

import { createSecureServer } from 'node:http2';
import type { Http2SecureServer } from 'node:http2';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectHbone, connectHttp2Through, isHboneRefusal, requestThrough } from './hbone-client.ts';
import type { HboneConnection, HboneOptions } from './hbone-client.ts';
import { allocateBlock } from './loopback.ts';
import type { AddressBlock } from './loopback.ts';
import { createAuthority } from './throwaway-certificates.ts';
import type { IssuedCertificate, ThrowawayAuthority } from './throwaway-certificates.ts';
import { startEcho, startTcpBanner } from './workload.ts';
import type { EchoedRequest, EchoWorkload, Workload } from './workload.ts';

const sleepId = 'spiffe://cluster.local/ns/default/sa/sleep';
const waypointId = 'spiffe://cluster.local/ns/default/sa/waypoint';
const seen: { readonly identity: string; readonly remoteAddress: string; readonly headers: NodeJS.Dict<unknown> }[] =
  [];
let block: AddressBlock;
let authority: ThrowawayAuthority;
let sleep: IssuedCertificate;
let proxy: Http2SecureServer;
let echo: EchoWorkload;
let banner: Workload;
const upstreams = new Set<Socket>();

beforeAll(async () => {
  block = await allocateBlock();
  authority = await createAuthority('test');
  sleep = await authority.issue(sleepId);
  echo = await startEcho(block.address(2, 1), 0, { name: 'echo', reply: ({ path }) => replyTo(path) });
  banner = await startTcpBanner(block.address(2, 2), 0, 'welcome\n');
  const served = await authority.issue(waypointId);
  proxy = createSecureServer({ ...served, requestCert: true, minVersion: 'TLSv1.3' });
  proxy.on('stream', (stream, headers) => {
    const target = String(headers[':authority']);
    if (target === '0.0.0.0:2') return stream.close(8);
    if (target === '0.0.0.0:3') return;
    if (target === '0.0.0.0:1') {
      stream.respond({ ':status': 403 });
      return stream.end('RBAC: access denied');
    }
    const client = stream.session?.socket as TLSSocket;
    const identity = client.getPeerCertificate().subjectaltname ?? '';
    seen.push({ identity, remoteAddress: client.remoteAddress ?? '', headers });
    const [host, port] = target.split(':');
    const upstream = connect({ port: Number(port), host: host ?? '', noDelay: true }, () =>
      stream.respond({ ':status': 200 }),
    );
    upstreams.add(upstream);
    upstream.on('error', () => stream.destroy());
    stream.on('error', () => upstream.destroy());
    stream.pipe(upstream).pipe(stream);
  });
  proxy.listen(0, block.address(1, 1));
  await once(proxy, 'listening');
});

afterAll(async () => {
  for (const upstream of upstreams) upstream.destroy();
  proxy.close();
  await Promise.all([echo.close(), banner.close(), block.release()]);
});

function replyTo(path: string): { status?: number; headers?: Record<string, string>; delayMs?: number } {
  if (path === '/slow') return { delayMs: 5_000 };
  if (path === '/teapot') return { status: 418, headers: { 'x-cup': 'full' } };
  return {};
}

function open(options: Partial<HboneOptions> = {}): Promise<HboneConnection> {
  const { port } = proxy.address() as AddressInfo;
  return connectHbone({ waypoint: { host: block.address(1, 1), port }, certificate: sleep, ...options });
}

const targetOf = (workload: Workload): string => `${workload.host}:${workload.port}`;
const echoed = (body: string): EchoedRequest => JSON.parse(body) as EchoedRequest;

test('the proxy sees the identity, the source address and the extra headers of the CONNECT', async () => {
  const hbone = await open({ localAddress: block.address(3, 7) });
  expect(hbone.peerIdentities).toEqual([waypointId]);
  await hbone.connect(targetOf(echo), { baggage: 'k8s.pod.name=sleep' });
  expect(seen.at(-1)).toMatchObject({
    identity: `URI:${sleepId}`,
    remoteAddress: block.address(3, 7),
    headers: { ':method': 'CONNECT', ':authority': targetOf(echo), baggage: 'k8s.pod.name=sleep' },
  });
  await hbone.close();
  expect(hbone.closed()).toBe(true);
});

test.each(['//a', '/a/./b', '/a/../b', '/%2e%2e/a', '/a%2Fb', '/a%5Cb', '/a;x=1', '/a#frag', '/a?b=c#d'])(
  'the path %s reaches the application as written',
  async (path) => {
    const hbone = await open();
    const stream = await hbone.connect(targetOf(echo));
    const response = await requestThrough(stream, { path });
    expect(response.status).toBe(200);
    expect(echoed(response.body).path).toBe(path);
    await hbone.close();
  },
);

test('headers keep order, letter case and duplicates; the Host is the target unless given', async () => {
  const hbone = await open();
  const stream = await hbone.connect(targetOf(echo));
  const plain = await requestThrough(stream, { path: '/', headers: { 'X-One': '1' } });
  expect(echoed(plain.body).headers).toEqual([
    ['Host', targetOf(echo)],
    ['X-One', '1'],
  ]);
  const headers = [
    ['X-A', '1'],
    ['hOsT', 'REVIEWS:9080'],
    ['x-a', '2'],
    ['X-A', '1'],
  ] as const;
  const odd = await requestThrough(stream, { path: '/', headers });
  expect(echoed(odd.body).headers).toEqual(headers);
  const bare = await requestThrough(stream, { path: '/', authority: false });
  expect(bare.status).toBe(400);
  await hbone.close();
});

test('one stream carries many requests in turn, with bodies, and requests made at once do not mix', async () => {
  const hbone = await open();
  const stream = await hbone.connect(targetOf(echo));
  const before = echo.connectionCount();
  const bodies = Array.from({ length: 200 }, (_, i) => `${i}:${'é'.repeat(i * 50)}`);
  const responses = await Promise.all(
    bodies.map((body, i) => requestThrough(stream, { method: 'POST', path: `/${i}`, body })),
  );
  expect(responses.map(({ body }) => echoed(body).path)).toEqual(bodies.map((_, i) => `/${i}`));
  expect(responses.map(({ body }) => echoed(body).body)).toEqual(bodies);
  expect(echo.connectionCount()).toBe(before);
  const teapot = await requestThrough(stream, { method: 'HEAD', path: '/teapot' });
  expect([teapot.status, teapot.headers['x-cup'], teapot.body]).toEqual([418, 'full', '']);
  expect((await requestThrough(stream, { path: '/after' })).status).toBe(200);
  await hbone.close();
});

test('HTTP/2 inside the stream keeps the path, and many requests run at once', async () => {
  const hbone = await open();
  const inside = connectHttp2Through(await hbone.connect(targetOf(echo)));
  const paths = ['//a', '/%2e', '/a;x', '/a#frag', '/../b'];
  const answers = await Promise.all(paths.map((path) => inside.request({ path, headers: [['X-A', '1']] })));
  expect(answers.map(({ body }) => echoed(body).path)).toEqual(paths);
  const posted = await inside.request({ method: 'POST', path: '/', authority: 'Reviews:9080', body: 'hello' });
  const request = echoed(posted.body);
  expect(request).toMatchObject({ method: 'POST', httpVersion: '2.0', body: 'hello' });
  expect(Object.fromEntries(request.headers)).toMatchObject({ ':authority': 'Reviews:9080' });
  inside.close();
  await hbone.close();
});

test('a server that speaks first is heard before anything is sent', async () => {
  const hbone = await open();
  const stream = await hbone.connect(targetOf(banner));
  const [chunk] = (await once(stream, 'data')) as [Buffer];
  expect(chunk.toString()).toBe('welcome\n');
  stream.write('back');
  const [reply] = (await once(stream, 'data')) as [Buffer];
  expect(reply.toString()).toBe('back');
  await hbone.close();
});

test('a refused CONNECT rejects with its status and body; a reset or silent one says so; the connection lives on', async () => {
  const hbone = await open({ timeout: 300 });
  const error: unknown = await hbone.connect('0.0.0.0:1').catch((refusal: unknown) => refusal);
  expect(isHboneRefusal(error)).toBe(true);
  expect(error).toMatchObject({ status: 403, body: 'RBAC: access denied' });
  await expect(hbone.connect('0.0.0.0:2')).rejects.toThrow();
  await expect(hbone.connect('0.0.0.0:3')).rejects.toMatchObject({ code: 'EXCHANGE_TIMEOUT' });
  await expect(hbone.connect(targetOf(echo))).resolves.toBeDefined();
  await hbone.close();
});

test('a response that does not come is given up', async () => {
  const hbone = await open();
  const stream = await hbone.connect(targetOf(echo));
  await expect(requestThrough(stream, { path: '/slow', timeout: 100 })).rejects.toMatchObject({
    code: 'EXCHANGE_TIMEOUT',
  });
  await expect(requestThrough(stream, { path: '/' })).rejects.toMatchObject({ code: 'STREAM_ENDED' });
  await hbone.close();
});

test('no certificate, one of another CA, an expired one, TLS 1.2 and clear text are all refused on connecting', async () => {
  const other = await createAuthority('other');
  const stranger = await other.issue(sleepId);
  const expired = await authority.issue(sleepId, { notAfter: new Date(Date.now() - 1_000) });
  await expect(open({ certificate: { ca: authority.ca } })).rejects.toMatchObject({
    code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
  });
  await expect(open({ certificate: { ...stranger, ca: authority.ca } })).rejects.toThrow();
  await expect(open({ certificate: expired })).rejects.toThrow();
  await expect(open({ maxVersion: 'TLSv1.2' })).rejects.toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
  await expect(open({ certificate: undefined, timeout: 1_000 })).rejects.toThrow();
  await expect(open({ certificate: stranger }), 'a waypoint of another CA').rejects.toMatchObject({
    code: expect.stringMatching(/UNABLE_TO_VERIFY|SELF_SIGNED|UNABLE_TO_GET_ISSUER/) as string,
  });
});

test('a request target that Node would refuse to send goes out byte for byte', async () => {
  const server = createServer((socket) => {
    socket.once('data', (chunk: Buffer) => {
      const line = chunk.toString('latin1').split('\r\n', 1)[0] ?? '';
      socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(line)}\r\n\r\n${line}`);
    });
  }).listen(0, block.address(2, 4));
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, block.address(2, 4));
  expect((await requestThrough(socket, { path: '/a b/ü' })).body).toBe('GET /a b/ü HTTP/1.1');
  socket.destroy();
  server.close();
});

test.each([
  [
    'chunks',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: 1\r\n\r\n',
    'abcde',
  ],
  [
    'an interim response',
    'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    'ok',
  ],
  ['a body up to the end', 'HTTP/1.1 200 OK\r\n\r\nall of it', 'all of it'],
])('a response with %s is read, however it is cut into packets', async (_what, wire, body) => {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    let i = 0;
    const timer = setInterval(() => {
      socket.write(wire.slice(i, i + 7));
      i += 7;
      if (i >= wire.length) {
        clearInterval(timer);
        socket.end();
      }
    }, 1);
  }).listen(0, block.address(2, 3));
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, block.address(2, 3));
  const response = await requestThrough(socket, { path: '/' });
  expect([response.status, response.body]).toEqual([200, body]);
  if (_what === 'chunks') expect(response.headers['set-cookie']).toBe('a, b');
  socket.destroy();
  server.close();
});
