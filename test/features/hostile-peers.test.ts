// Bounds of what a peer that reaches the control plane's port, with or without a certificate, can
// make it do and hold.

import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { Client, type ClientDuplexStream, credentials, Metadata, status } from '@grpc/grpc-js';
import protobuf from 'protobufjs/minimal.js';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Authority, CertificateError, CertificateServer, createAuthority } from '../../certificates/index.ts';
import { typeUrls } from '../../envoy-api/index.ts';
import { ServerCertificate } from '../../gateway-controller/serving/server-certificate.ts';
import { SnapshotCache, XdsServer } from '../../xds/index.ts';
import { type CertificateTexts, issueTexts } from '../support/test-certificates.ts';
import { waitFor } from '../support/wait.ts';

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const issuance = '/istio.v1.auth.IstioCertificateService/CreateCertificate';
const name = 'cairn.test';

let authority: Authority;
let certificate: ServerCertificate;
let server: XdsServer;
let port: number;
let own: CertificateTexts;
let admissions = 0;
const clients: Client[] = [];

beforeAll(async () => {
  authority = await createAuthority({ trustDomain: 'cluster.local', now: new Date() });
  const identity = 'spiffe://cluster.local/ns/cairn-system/sa/cairn';
  const onError = (error: unknown): void => expect(error).toBeUndefined();
  certificate = new ServerCertificate({ authority, identity, dnsNames: [name], onError });
  await certificate.start();
  const cache = new SnapshotCache();
  cache.set('a', []);
  server = new XdsServer({
    cache,
    authorize: () => {
      admissions += 1;
      return { key: 'a' };
    },
    log: () => undefined,
  });
  const certificates = new CertificateServer({
    authority,
    authenticate: () => Promise.reject(new CertificateError('TokenInvalid', 'no')),
    mayImpersonate: () => false,
  });
  const address = await server.start('127.0.0.1:0', certificate.credentials({ clients: 'asked' }), (grpc) => {
    certificates.addTo(grpc);
  });
  port = Number(address.split(':')[1]);
  own = await issueTexts(authority, 'spiffe://cluster.local/ns/default/sa/waypoint');
});
afterAll(async () => {
  for (const client of clients) client.close();
  await server.stop();
  certificate.stop();
});
beforeEach(() => void (admissions = 0));

function connect(pair?: CertificateTexts): Client {
  const ca = Buffer.from(authority.rootPem);
  const tls =
    pair === undefined
      ? credentials.createSsl(ca)
      : credentials.createSsl(ca, Buffer.from(pair.key), Buffer.from(pair.cert));
  const client = new Client(`127.0.0.1:${port}`, tls, {
    'grpc.ssl_target_name_override': name,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': -1,
  });
  clients.push(client);
  return client;
}

type Stream = ClientDuplexStream<Uint8Array, Uint8Array>;

function open(client: Client): Stream {
  const stream = client.makeBidiStreamRequest<Uint8Array, Uint8Array>(
    ads,
    (bytes) => Buffer.from(bytes),
    (bytes) => bytes,
  );
  stream.on('error', () => undefined);
  stream.on('data', () => undefined);
  return stream;
}

function end(stream: Stream): Promise<string> {
  return new Promise((resolve) => {
    stream.once('status', ({ code }: { readonly code: number }) => resolve(status[code] ?? ''));
  });
}

/** A DeltaDiscoveryRequest of a node that asks for these names. */
function requestOf(typeUrl: string, names: readonly string[]): Uint8Array {
  const writer = protobuf.Writer.create();
  writer.uint32(10).fork().uint32(10).string('waypoint.default').ldelim().uint32(18).string(typeUrl);
  for (const each of names) writer.uint32(26).string(each);
  return writer.finish();
}

const names = (count: number, length: number, from: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${from + index}`.padStart(length, 'x'));

it('reads nothing of a peer without a certificate', async () => {
  const stream = open(connect());
  stream.write(requestOf(typeUrls.cluster, names(70_000, 100, 0)));
  expect(await end(stream)).toBe('UNAUTHENTICATED');
  expect(admissions).toBe(0);
});

it('reads nothing of a request for a certificate before the token is good, and nothing that is longer than a page of text', async () => {
  const ask = (length: number): Promise<string> =>
    new Promise((resolve) => {
      const metadata = new Metadata();
      metadata.set('authorization', 'Bearer nonsense');
      const done = (error: { readonly code: number } | null): void => resolve(status[error?.code ?? 0] ?? '');
      connect().makeUnaryRequest(
        issuance,
        (bytes: Buffer) => bytes,
        (bytes) => bytes,
        Buffer.alloc(length, 255),
        metadata,
        done,
      );
    });
  // Bytes that are no message at all are not looked at.
  expect(await ask(7_000_000)).toBe('UNAUTHENTICATED');
  expect(await ask(9_000_000)).toBe('RESOURCE_EXHAUSTED');
});

it('takes 70,000 names of a proxy that comes back, and no message above 8 MiB', async () => {
  const client = connect(own);
  const proxy = open(client);
  proxy.write(requestOf(typeUrls.extensionConfig, names(70_000, 100, 0)));
  await waitFor(() => server.status()[0]?.types[typeUrls.extensionConfig]?.subscribed === 70_000, { what: 'admitted' });
  proxy.cancel();
  const other = open(client);
  other.write(requestOf(typeUrls.extensionConfig, names(90_000, 100, 0)));
  expect(await end(other)).toBe('RESOURCE_EXHAUSTED');
  await waitFor(() => server.status().length === 0, { what: 'gone' });
});

it('ends a stream that asks for more than 16 Mi characters of names, or for more than 16 types', async () => {
  const client = connect(own);
  const greedy = open(client);
  const ended = end(greedy);
  for (let part = 0; part < 3; part += 1)
    greedy.write(requestOf(typeUrls.extensionConfig, names(6_000, 1_000, part * 6_000)));
  expect(await ended).toBe('RESOURCE_EXHAUSTED');
  const curious = open(client);
  const over = end(curious);
  for (let type = 0; type < 17; type += 1) curious.write(requestOf(`type.googleapis.com/t${type}`, ['x']));
  expect(await over).toBe('RESOURCE_EXHAUSTED');
  await waitFor(() => server.status().length === 0, { what: 'gone' });
});

it('ends a stream whose request cannot be decoded', async () => {
  const stream = open(connect(own));
  stream.write(Buffer.alloc(100, 255));
  expect(await end(stream)).toBe('INVALID_ARGUMENT');
});

it('serves 16 streams of a peer, over however many connections, and others beside it', async () => {
  const streams = Array.from({ length: 16 }, () => open(connect(own)));
  for (const stream of streams) stream.write(requestOf(typeUrls.cluster, []));
  await waitFor(() => server.status().length === 16, { what: '16 streams' });
  const further = open(connect(own));
  expect(await end(further)).toBe('RESOURCE_EXHAUSTED');
  const other = open(connect(await issueTexts(authority, 'spiffe://cluster.local/ns/default/sa/other')));
  other.write(requestOf(typeUrls.cluster, []));
  await waitFor(() => server.status().length === 17, { what: 'the other' });
  streams[0]?.cancel();
  await waitFor(() => server.status().length === 16, { what: 'one gone' });
  const again = open(connect(own));
  again.write(requestOf(typeUrls.cluster, []));
  await waitFor(() => server.status().length === 17, { what: 'one again' });
  for (const stream of [...streams, other, again]) stream.cancel();
  await waitFor(() => server.status().length === 0, { what: 'all gone' });
});

it('holds 64 connections of an address, before any handshake', async () => {
  for (const client of clients.splice(0)) client.close();
  const sockets = Array.from({ length: 80 }, () => connectTcp({ port, host: '127.0.0.1', localAddress: '127.9.9.9' }));
  let closed = 0;
  for (const socket of sockets) socket.on('error', () => undefined).on('close', () => (closed += 1));
  await waitFor(() => closed === 16, { what: '16 closed' });
  const stream = open(connect(own));
  stream.write(requestOf(typeUrls.cluster, []));
  await waitFor(() => server.status().length === 1, { what: 'another address is served' });
  stream.cancel();
  for (const socket of sockets) socket.destroy();
});

it.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'takes no %s session up again: it would outlive the certificate',
  async (version) => {
    const options: ConnectionOptions = { host: '127.0.0.1', port, ca: authority.rootPem, cert: own.cert, key: own.key };
    const settings = { ...options, servername: name, ALPNProtocols: ['h2'], minVersion: version, maxVersion: version };
    let session: Buffer | undefined;
    const first = connectTls(settings);
    first.on('session', (given: Buffer) => (session = given));
    await once(first, 'secureConnect');
    // TLS 1.3 sends session tickets after the handshake.
    await once(first, 'data');
    session ??= first.getSession();
    first.destroy();
    const second = connectTls({ ...settings, ...(session === undefined ? {} : { session }) });
    await once(second, 'secureConnect');
    expect(second.isSessionReused()).toBe(false);
    second.destroy();
  },
);
