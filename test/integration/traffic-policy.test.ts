// The effect of a DestinationRule on traffic, on a real Envoy: one waypoint with a service for each
// case, and for each case its opposite.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority } from '../../certificates/index.ts';
import { connectHttp2Through, type HttpRequest, type HttpResponse, requestThrough } from '../support/hbone-client.ts';
import { type HboneServer, startHboneServer } from '../support/hbone-server.ts';
import { type AddressBlock, allocateBlock } from '../support/loopback.ts';
import { issueTexts, writeTestCertificates } from '../support/test-certificates.ts';
import { waitFor } from '../support/wait.ts';
import { startWaypoint, type TestWaypoint } from '../support/waypoint.ts';
import { type EchoedRequest, type EchoOptions, type EchoWorkload, startEcho } from '../support/workload.ts';

let block: AddressBlock;
let waypoint: TestWaypoint;
const folder = mkdtempSync(join(tmpdir(), 'cairn-traffic-policy-'));
const closing: (() => Promise<void>)[] = [];
const echoes = new Map<string, EchoWorkload>();
let hbone: HboneServer;

/** Workloads by name: their places, and their behaviour. */
interface Workload {
  readonly app: string;
  readonly locality?: string;
  readonly version?: string;
  readonly captured?: boolean;
  readonly reply?: EchoOptions['reply'];
}

const many: Readonly<Record<string, Workload>> = {
  'many-1': { app: 'many', locality: 'r1/z1/a', version: 'v1' },
  'many-2': { app: 'many', locality: 'r1/z1/a', version: 'v2' },
  'many-3': { app: 'many', locality: 'r1/z1/b', version: 'v1' },
  'many-4': { app: 'many', locality: 'r1/z2', version: 'v1' },
  'many-5': { app: 'many', locality: 'r2/z1', version: 'v1' },
};

let flaky = 0;
const workloads: Readonly<Record<string, Workload>> = {
  ...many,
  good: { app: 'half', locality: 'r2/z1' },
  bad: { app: 'half', locality: 'r1/z1/a', version: 'bad', reply: () => ({ status: 500 }) },
  limited: { app: 'limited', reply: () => ({ status: 429 }) },
  slow: { app: 'slow', reply: () => ({ delayMs: 300 }) },
  once: { app: 'once' },
  keep: { app: 'keep' },
  brief: { app: 'brief' },
  flaky: { app: 'flaky', reply: () => ({ status: flaky++ % 2 === 0 ? 503 : 200 }) },
  tunnelled: { app: 'tunnelled', captured: true },
};

/**
 * Services by name: the workloads behind them, and the traffic policy of their rule, in YAML;
 * `rule` replaces the rest of the rule.
 */
interface Service {
  readonly app: string;
  readonly policy?: string;
  readonly subsets?: string;
  readonly port?: string;
  readonly targetPort?: number;
  readonly more?: string;
  readonly address?: string;
}

const hash = (settings: string): Service => ({
  app: 'many',
  policy: `{ loadBalancer: { consistentHash: ${settings} } }`,
});
const outlier = (settings: string): string => `outlierDetection: { ${settings}, interval: 1s, baseEjectionTime: 60s }`;
const near = 'outlierDetection: { consecutive5xxErrors: 5 }';

function services(): Readonly<Record<string, Service>> {
  const files = (name: string): string => join(folder, name);
  const pki = `caCertificates: ${files('root-cert.pem')}`;
  const own = `clientCertificate: ${files('cert-chain.pem')}, privateKey: ${files('key.pem')}`;
  const tls = (settings: string): Service => ({ app: 'keep', targetPort: 8443, policy: `{ tls: { ${settings} } }` });
  return {
    default: { app: 'many' },
    header: hash('{ httpHeaderName: X-User }'),
    maglev: hash('{ httpHeaderName: x-user, maglev: { tableSize: 1009 } }'),
    query: hash('{ httpQueryParameterName: user }'),
    cookie: hash('{ httpCookie: { name: session, ttl: 60s, path: /shop } }'),
    'cookie-read': hash('{ httpCookie: { name: session } }'),
    source: hash('{ useSourceIp: true }'),
    'source-tcp': { ...hash('{ useSourceIp: true }'), port: 'tcp' },
    'header-tcp': { ...hash('{ httpHeaderName: x-user }'), port: 'tcp' },
    'cookie-tcp': { ...hash('{ httpCookie: { name: session, ttl: 60s } }'), port: 'tcp' },
    'query-tcp': { ...hash('{ httpQueryParameterName: user }'), port: 'tcp' },
    'idle-tcp': { app: 'keep', port: 'tcp', policy: '{ connectionPool: { tcp: { idleTimeout: 300ms } } }' },
    'short-tcp': { app: 'keep', port: 'tcp', policy: '{ connectionPool: { tcp: { maxConnectionDuration: 300ms } } }' },
    'endless-tcp': { app: 'keep', port: 'tcp' },
    'default-tcp': { app: 'many', port: 'tcp' },
    'source-of-port': {
      app: 'many',
      policy:
        '{ loadBalancer: { simple: RANDOM }, portLevelSettings: [{ port: { number: 80 }, loadBalancer: { consistentHash: { httpHeaderName: x-user } } }] }',
    },
    versions: {
      app: 'many',
      policy: '{ loadBalancer: { consistentHash: { httpHeaderName: x-user } } }',
      subsets: '[{ name: v2, labels: { version: v2 } }]',
      more: 'http: [{ route: [{ destination: { host: versions, subset: v2 } }] }]',
    },
    near: { app: 'many', policy: `{ ${near} }` },
    'near-off': { app: 'many', policy: `{ ${near}, loadBalancer: { localityLbSetting: { enabled: false } } }` },
    distributed: {
      app: 'many',
      policy:
        '{ loadBalancer: { localityLbSetting: { distribute: [{ from: r1/z1/*, to: { r1/z2: 70, "r2/*": 30 } }] } } }',
    },
    'distributed-elsewhere': {
      app: 'many',
      policy: '{ loadBalancer: { localityLbSetting: { distribute: [{ from: r9/*, to: { r2: 100 } }] } } }',
    },
    'distributed-hash': {
      app: 'many',
      policy:
        '{ loadBalancer: { consistentHash: { httpHeaderName: x-user }, localityLbSetting: { distribute: [{ from: r1, to: { r1/z2: 50, r2: 50 } }] } } }',
    },
    preferred: {
      app: 'many',
      policy: `{ ${near}, loadBalancer: { localityLbSetting: { failoverPriority: [version=v2] } } }`,
    },
    'fails-over': { app: 'half', policy: `{ ${outlier('consecutive5xxErrors: 2, maxEjectionPercent: 100')} }` },
    'stays-failed': {
      app: 'half',
      policy: `{ ${outlier('consecutive5xxErrors: 0, consecutiveGatewayErrors: 2, maxEjectionPercent: 100')} }`,
    },
    'counts-429': {
      app: 'limited',
      policy: `{ ${outlier('consecutive5xxErrors: 2, maxEjectionPercent: 100, outlierDetectionHttpErrorCodes: [429, 503]')} }`,
    },
    'ignores-429': { app: 'limited', policy: `{ ${outlier('consecutive5xxErrors: 2, maxEjectionPercent: 100')} }` },
    'ignores-500': {
      app: 'half',
      policy: `{ ${outlier('consecutive5xxErrors: 2, maxEjectionPercent: 100, outlierDetectionHttpErrorCodes: [429]')} }`,
    },
    'all-ejected': {
      app: 'half',
      policy: `{ ${outlier('consecutive5xxErrors: 2, maxEjectionPercent: 100')} }`,
      subsets: '[{ name: bad, labels: { version: bad } }]',
      more: 'http: [{ route: [{ destination: { host: all-ejected, subset: bad } }], retries: { attempts: 0 } }]',
    },
    panicking: {
      app: 'half',
      policy: `{ ${outlier('consecutive5xxErrors: 2, maxEjectionPercent: 100, minHealthPercent: 50')} }`,
      subsets: '[{ name: bad, labels: { version: bad } }]',
      more: 'http: [{ route: [{ destination: { host: panicking, subset: bad } }], retries: { attempts: 0 } }]',
    },
    wide: { app: 'slow' },
    narrow: {
      app: 'slow',
      policy: '{ connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1 } } }',
      more: 'http: [{ route: [{ destination: { host: narrow } }], retries: { attempts: 0 } }]',
    },
    once: { app: 'once', policy: '{ connectionPool: { http: { maxRequestsPerConnection: 1 } } }' },
    keep: { app: 'keep' },
    brief: { app: 'brief', policy: '{ connectionPool: { http: { idleTimeout: 100ms } } }' },
    upgraded: {
      app: 'keep',
      policy: '{ connectionPool: { http: { h2UpgradePolicy: UPGRADE, maxConcurrentStreams: 10 } } }',
    },
    'as-client': { app: 'keep', policy: '{ connectionPool: { http: { useClientProtocol: true } } }' },
    'not-as-client': { app: 'keep' },
    'retries-free': {
      app: 'flaky',
      more: 'http: [{ route: [{ destination: { host: retries-free } }], retries: { attempts: 2, retryOn: 5xx } }]',
    },
    'retries-spent': {
      app: 'flaky',
      policy: '{ retryBudget: { percent: 0, minRetryConcurrency: 0 } }',
      more: 'http: [{ route: [{ destination: { host: retries-spent } }], retries: { attempts: 2, retryOn: 5xx } }]',
    },
    'tls-right-name': tls(`mode: SIMPLE, ${pki}, subjectAltNames: ["spiffe://cluster.local/ns/shop/sa/app"]`),
    'tls-wrong-name': tls(`mode: SIMPLE, ${pki}, subjectAltNames: ["spiffe://cluster.local/ns/shop/sa/other"]`),
    'tls-host-unchecked': tls(`mode: SIMPLE, ${pki}, sni: app.example`),
    'tls-host-checked': tls(`mode: SIMPLE, ${pki}`),
    'tls-system-roots': tls('mode: SIMPLE, sni: app.example'),
    'tls-skip-verify': tls('mode: SIMPLE, insecureSkipVerify: true'),
    'tls-mutual': { ...tls(`mode: MUTUAL, ${own}, ${pki}, sni: app.example`), targetPort: 8444 },
    'tls-mutual-without': { ...tls(`mode: SIMPLE, ${pki}, sni: app.example`), targetPort: 8444 },
    'tls-none': tls('mode: DISABLE'),
    'tls-h2': {
      ...tls(`mode: SIMPLE, ${pki}, sni: app.example`),
      policy: `{ tls: { mode: SIMPLE, ${pki}, sni: app.example }, connectionPool: { http: { h2UpgradePolicy: UPGRADE } } }`,
    },
    'tls-tunnelled': { ...tls(`mode: SIMPLE, ${pki}, sni: app.example`), app: 'tunnelled' },
    tunnelled: { app: 'tunnelled' },
    'tunnelled-keepalive': {
      app: 'tunnelled',
      policy: '{ connectionPool: { tcp: { tcpKeepalive: { probes: 3, time: 30s, interval: 5s } } } }',
    },
    keepalive: {
      app: 'keep',
      policy: '{ connectionPool: { tcp: { tcpKeepalive: { probes: 3, time: 30s, interval: 5s } } } }',
    },
    'proxied-v1': { app: 'keep', targetPort: 8090, policy: '{ proxyProtocol: { version: V1 } }' },
    'proxied-v2': { app: 'keep', targetPort: 8090, policy: '{ proxyProtocol: { version: V2 } }' },
    'proxied-tcp': { app: 'keep', targetPort: 8090, port: 'tcp', policy: '{ proxyProtocol: {} }' },
    'proxied-tunnelled': { app: 'tunnelled', targetPort: 8090, policy: '{ proxyProtocol: { version: V1 } }' },
    'not-proxied': { app: 'keep', targetPort: 8090 },
    passing: { app: 'many', policy: '{ loadBalancer: { simple: PASSTHROUGH } }', address: block.address(9, 9) },
  };
}

let addresses: ReadonlyMap<string, string>;

function manifestsOf(): string {
  const all = Object.entries(services());
  addresses = new Map(all.map(([name, { address }], index) => [name, address ?? `10.0.0.${index + 1}`]));
  const documents = [
    `apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { istio.io/use-waypoint: waypoint } }`,
    `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: waypoint
  namespace: shop
  annotations: { cairn.dev/listen-address: $ADDRESS, cairn.dev/locality: r1/z1/a }
spec: { gatewayClassName: istio-waypoint, listeners: [{ name: mesh, port: 15008, protocol: HBONE }] }`,
    `apiVersion: v1
kind: Service
metadata: { name: close, namespace: shop }
spec:
  clusterIP: 10.0.1.1
  trafficDistribution: PreferClose
  selector: { app: many }
  ports: [{ name: http, port: 80, targetPort: 8080 }]`,
    ...Object.entries(workloads).map(
      ([name, { app, locality, version = 'v1', captured }], index) => `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata:
  name: ${name}
  namespace: shop
  annotations: { ambient.istio.io/redirection: ${captured === true ? 'enabled' : '"no"'} }
spec: { address: ${workloadAddress(index)}, labels: { app: ${app}, version: ${version} }${locality === undefined ? '' : `, locality: ${locality}`} }`,
    ),
    ...all.flatMap(([name, { app, policy, subsets, port = 'http', targetPort = 8080, more }]) => [
      `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: ${addresses.get(name) ?? ''}, selector: { app: ${app} }, ports: [{ name: ${port}, port: 80, targetPort: ${targetPort} }] }`,
      ...(policy === undefined
        ? []
        : [
            `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: shop }
spec: { host: ${name}, trafficPolicy: ${policy}, subsets: ${subsets ?? '[]'} }`,
          ]),
      ...(more === undefined
        ? []
        : [
            `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec: { hosts: [${name}], ${more} }`,
          ]),
    ]),
  ];
  return documents.join('\n---\n');
}

function workloadAddress(index: number): string {
  return block.address(1, index + 1);
}

/** Passes on to the echo server of the same host whatever arrives inside of TLS. */
async function startTls(host: string, port: number, options: Parameters<typeof createTlsServer>[0]): Promise<void> {
  const server = createTlsServer({ ...options, ALPNProtocols: ['h2', 'http/1.1'] }, (socket: TLSSocket) => {
    socket.on('error', () => {});
    socket.pipe(connect({ host, port: 8080 }).on('error', () => {})).pipe(socket);
  });
  server.on('tlsClientError', () => {});
  server.listen({ host, port });
  await once(server, 'listening');
  closing.push(async () => void server.close());
}

/** Records the PROXY header of each connection to an echo server, and passes on the rest. */
const proxyHeaders: string[] = [];

async function startProxyProtocol(host: string): Promise<void> {
  const server = createServer((socket: Socket) => {
    socket.on('error', () => {});
    socket.once('data', (chunk: Buffer) => {
      const [source, rest] = readProxyHeader(chunk);
      proxyHeaders.push(source);
      const inner = connect({ host, port: 8080 }).on('error', () => {});
      inner.write(rest);
      socket.pipe(inner).pipe(socket);
    });
  });
  server.listen({ host, port: 8090 });
  await once(server, 'listening');
  closing.push(async () => void server.close());
}

function readProxyHeader(chunk: Buffer): readonly [source: string, rest: Buffer] {
  if (chunk.subarray(0, 6).toString() === 'PROXY ') {
    const end = chunk.indexOf('\r\n');
    return [`v1 ${chunk.subarray(0, end).toString().split(' ')[2] ?? ''}`, chunk.subarray(end + 2)];
  }
  if (chunk.readUInt32BE(0) === 0x0d0a0d0a) {
    return [`v2 ${[...chunk.subarray(16, 20)].join('.')}`, chunk.subarray(16 + chunk.readUInt16BE(14))];
  }
  return ['none', chunk];
}

beforeAll(async () => {
  block = await allocateBlock();
  const authority = await createAuthority({ trustDomain: 'cluster.local', now: new Date() });
  const { cert, key, ca } = await issueTexts(authority, 'spiffe://cluster.local/ns/shop/sa/app');
  await writeTestCertificates(folder, 'spiffe://cluster.local/ns/shop/sa/waypoint', authority);
  for (const [index, [name, { reply }]] of Object.entries(workloads).entries()) {
    const options = { name, ...(reply === undefined ? {} : { reply }) };
    echoes.set(name, await startEcho(workloadAddress(index), 8080, options));
  }
  const names = Object.keys(workloads);
  for (const name of ['keep', 'tunnelled']) {
    const host = workloadAddress(names.indexOf(name));
    await startTls(host, 8443, { cert, key });
    await startTls(host, 8444, { cert, key, ca, requestCert: true, rejectUnauthorized: true });
    await startProxyProtocol(host);
  }
  // Roots that no server of this test has a certificate of.
  const systemRoots = join(folder, 'system.pem');
  const stranger = await createAuthority({ trustDomain: 'stranger.example', now: new Date() });
  writeFileSync(systemRoots, stranger.rootPem);
  waypoint = await startWaypoint(manifestsOf(), { settings: { systemRoots } });
  echoes.set('passing', await startEcho(block.address(9, 9), 80, { name: 'passing' }));
  hbone = await startHboneServer(
    workloadAddress(names.indexOf('tunnelled')),
    await issueTexts(waypoint.authority, 'spiffe://cluster.local/ns/shop/sa/app'),
  );
}, 30_000);

afterAll(async () => {
  await waypoint.stop();
  await hbone.close();
  for (const echo of echoes.values()) await echo.close();
  for (const close of closing) await close();
  await block.release();
  rmSync(folder, { recursive: true });
});

const targetOf = (service: string): string => `${service === 'close' ? '10.0.1.1' : (addresses.get(service) ?? '')}:80`;

/** `count` requests to a service, one after the other over one tunnel. */
async function ask(
  service: string,
  count: number,
  request: (index: number) => Partial<HttpRequest> = () => ({}),
  localAddress?: string,
): Promise<readonly HttpResponse[]> {
  const connection = await waypoint.connectAs('sleep', localAddress === undefined ? {} : { localAddress });
  try {
    const stream = await connection.connect(targetOf(service));
    const responses: HttpResponse[] = [];
    for (let index = 0; index < count; index += 1) {
      responses.push(await requestThrough(stream, { path: '/', ...request(index) }));
    }
    return responses;
  } finally {
    await connection.close();
  }
}

const echoOf = ({ status, body }: HttpResponse): EchoedRequest | undefined =>
  status === 200 ? (JSON.parse(body) as EchoedRequest) : undefined;

/** The workloads that answered, each once, sorted. */
async function reached(...parameters: Parameters<typeof ask>): Promise<readonly string[]> {
  const names = (await ask(...parameters)).map((response) => echoOf(response)?.name ?? `status ${response.status}`);
  return [...new Set(names)].sort();
}

const statuses = async (...parameters: Parameters<typeof ask>): Promise<readonly number[]> =>
  (await ask(...parameters)).map(({ status }) => status);

const users = ['ann', 'ben', 'cas', 'dot', 'eve', 'fay', 'gus', 'hal', 'ida', 'jon', 'kim', 'leo'];

/** Which workloads the users are sent to, and whether every one of them always to the same. */
async function spread(
  service: string,
  request: (user: string) => Partial<HttpRequest>,
): Promise<{ readonly sticky: boolean; readonly workloads: number }> {
  const found = await Promise.all(users.map((user) => reached(service, 6, () => request(user))));
  return { sticky: found.every(({ length }) => length === 1), workloads: new Set(found.flat()).size };
}

describe('consistent hashing', () => {
  const byHeader = (user: string): Partial<HttpRequest> => ({ headers: { 'x-user': user } });

  it.each([
    ['header', byHeader],
    ['maglev', byHeader],
    ['source-of-port', byHeader],
    ['query', (user: string) => ({ path: `/?user=${user}` })],
    ['cookie', (user: string) => ({ headers: { cookie: `session=${user}` } })],
    ['cookie-read', (user: string) => ({ headers: { cookie: `session=${user}` } })],
  ])('by %s sends a user always to the same workload, and several users to several', async (service, request) => {
    const { sticky, workloads: count } = await spread(service, request);
    expect(sticky).toBe(true);
    expect(count).toBeGreaterThan(1);
  });

  it.each([
    ['header', (user: string) => ({ path: `/?user=${user}` })],
    ['query', byHeader],
    ['cookie-read', byHeader],
    ['default', byHeader],
  ])('by %s does not look at anything else', async (service, request) => {
    expect((await spread(service, request)).sticky).toBe(false);
  });

  it('gives a cookie with a time to live to who has none, and follows it', async () => {
    const [first] = await ask('cookie', 1);
    const cookie = first?.headers['set-cookie'] ?? '';
    expect(cookie).toMatch(/^session="[0-9a-f]+"; Max-Age=60; Path=\/shop; HttpOnly$/);
    const owner = first === undefined ? '' : (echoOf(first)?.name ?? '');
    expect(await reached('cookie', 8, () => ({ headers: { cookie: cookie.split(';')[0] ?? '' } }))).toEqual([owner]);
    expect((await ask('cookie-read', 1))[0]?.headers).not.toHaveProperty('set-cookie');
  });

  it.each(['source', 'source-tcp'])(
    'by source address (%s) follows the client over all its connections',
    async (service) => {
      const sources = users.map((_, index) => block.address(7, index + 1));
      const found: string[] = [];
      for (const source of sources) {
        const answers = await Promise.all([1, 2, 3, 4].map(() => reached(service, 2, undefined, source)));
        const names = [...new Set(answers.flat())];
        expect(names).toHaveLength(1);
        found.push(...names);
      }
      expect(new Set(found).size).toBeGreaterThan(1);
    },
  );

  it('is the only thing that keeps a client’s TCP connections together', async () => {
    const answers = await Promise.all(users.map(() => reached('default-tcp', 1, undefined, block.address(7, 1))));
    expect(new Set(answers.flat()).size).toBeGreaterThan(1);
  });

  it.each(['header-tcp', 'cookie-tcp', 'query-tcp'])(
    'by what a TCP connection has not (%s) is at random',
    async (service) => {
      const answers = await Promise.all(users.map(() => reached(service, 1, () => byHeader('ann'))));
      expect(new Set(answers.flat()).size).toBeGreaterThan(1);
    },
  );

  it('by source address is not moved by x-forwarded-for', async () => {
    const source = block.address(7, 1);
    const forged = (index: number): Partial<HttpRequest> => ({ headers: { 'x-forwarded-for': `8.8.8.${index}` } });
    expect(await reached('source', 12, forged, source)).toEqual(await reached('source', 1, undefined, source));
  });

  it('stays within a subset', async () => {
    expect(await reached('versions', 12, (index) => byHeader(users[index] ?? ''))).toEqual(['many-2']);
  });
});

describe('localities', () => {
  const everywhere = Object.keys(many);

  it.each([
    ['default', everywhere],
    ['near', ['many-1', 'many-2']],
    ['near-off', everywhere],
    ['distributed', ['many-4', 'many-5']],
    ['distributed-elsewhere', everywhere],
    ['preferred', ['many-2']],
    ['close', ['many-1', 'many-2', 'many-3']],
  ])('%s reaches %j', async (service, expected) => {
    expect(await reached(service, 80)).toEqual(expected);
  });

  it('share requests as `distribute` says', async () => {
    const answers = await ask('distributed', 300);
    const share = answers.filter((answer) => echoOf(answer)?.name === 'many-4').length / answers.length;
    expect(share).toBeGreaterThan(0.55);
    expect(share).toBeLessThan(0.85);
  });

  it('are distributed under consistent hashing too', async () => {
    const by = (index: number): Partial<HttpRequest> => ({ headers: { 'x-user': `user-${index}` } });
    expect(await reached('distributed-hash', 40, by)).toEqual(['many-4', 'many-5']);
    expect(await reached('distributed-hash', 8, () => by(1))).toHaveLength(1);
  });
});

describe('outlier detection', () => {
  /**
   * The kinds of answers in order, each once; of 30, or of as many as it takes until `last` comes:
   * an ejection takes its time to reach every thread.
   */
  const phases = async (service: string, last?: number): Promise<readonly number[]> => {
    const seen: number[] = [];
    const isOver = async (): Promise<boolean> => {
      seen.push(...(await statuses(service, 10)));
      return last === undefined || seen.at(-1) === last;
    };
    await waitFor(isOver, { timeout: 20_000, seen: () => `${last} of ${service}, after ${seen.length} answers` });
    seen.push(...(await statuses(service, 20)));
    return seen.filter((status, index, all) => status !== all[index - 1]);
  };

  it('leaves out the nearest workload once it failed, and goes to the next locality', async () => {
    expect(await phases('fails-over', 200)).toEqual([500, 200]);
  });

  it('does not count what it is told not to count', async () => {
    expect(await phases('stays-failed')).toEqual([500]);
    expect(await phases('ignores-429')).toEqual([429]);
    expect(await phases('ignores-500')).toEqual([500]);
  });

  it('counts the answers that it is told to count', async () => {
    expect(await phases('counts-429', 503)).toEqual([429, 503]);
  });

  it('uses nothing when everything is ejected, unless a minimum is to stay in use', async () => {
    expect(await phases('all-ejected', 503)).toEqual([500, 503]);
    expect(await phases('panicking')).toEqual([500]);
  });
});

describe('a connection pool', () => {
  const together = async (service: string): Promise<readonly number[]> =>
    (await Promise.all(Array.from({ length: 8 }, () => statuses(service, 1)))).flat();

  it('refuses what is over its limits', async () => {
    expect(await together('wide')).toEqual(Array(8).fill(200));
    const limited = await together('narrow');
    expect(limited).toContain(200);
    expect(limited).toContain(503);
  });

  it('gives each request a connection of its own when told so', async () => {
    const opened = async (service: string): Promise<number> => {
      const before = echoes.get(service)?.connectionCount() ?? 0;
      await ask(service, 5);
      return (echoes.get(service)?.connectionCount() ?? 0) - before;
    };
    expect(await opened('once')).toBe(5);
    expect(await opened('keep')).toBeLessThanOrEqual(1);
  });

  it('closes connections that are idle', async () => {
    await ask('brief', 1);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await ask('brief', 1);
    expect(echoes.get('brief')?.connectionCount()).toBe(2);
  });

  it.each([
    ['upgraded', '2.0'],
    ['as-client', '1.1'],
    ['not-as-client', '1.1'],
  ])('%s speaks HTTP/%s to the application for a client of HTTP/1.1', async (service, version) => {
    const [answer] = await ask(service, 1);
    expect(answer === undefined ? '' : echoOf(answer)?.httpVersion).toBe(version);
  });

  it.each([
    ['as-client', '2.0'],
    ['not-as-client', '1.1'],
  ])('%s speaks HTTP/%s to the application for a client of HTTP/2', async (service, version) => {
    const connection = await waypoint.connectAs('sleep');
    const http2 = connectHttp2Through(await connection.connect(targetOf(service)));
    const answer = await http2.request({ path: '/' });
    expect(echoOf(answer)?.httpVersion).toBe(version);
    http2.close();
    await connection.close();
  });

  it.each(['keepalive', 'tunnelled-keepalive'])('%s works with TCP keepalive', async (service) => {
    expect(await statuses(service, 2)).toEqual([200, 200]);
  });
});

describe('a TCP connection', () => {
  it.each([
    ['idle-tcp', 'closed', 'open'],
    ['short-tcp', 'closed', 'closed'],
    ['endless-tcp', 'open', 'open'],
  ])('of %s is %s after a while, and %s when it is used', async (service, unused, used) => {
    const connection = await waypoint.connectAs('sleep');
    const stateOf = async (interval: number): Promise<string> => {
      const stream = await connection.connect(targetOf(service));
      let state = 'open';
      stream.once('close', () => void (state = 'closed'));
      stream.on('error', () => {});
      stream.resume();
      const until = Date.now() + 900;
      stream.write('GET / HTTP/1.1\r\nx-slow: ');
      while (Date.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, interval));
        if (state === 'open') stream.write('x');
      }
      stream.destroy();
      return state;
    };
    expect(await stateOf(900)).toBe(unused);
    expect(await stateOf(100)).toBe(used);
    await connection.close();
  });
});

it('a retry budget that is spent forbids retries', async () => {
  flaky = 0;
  expect(await statuses('retries-free', 2)).toEqual([200, 200]);
  flaky = 0;
  expect(await statuses('retries-spent', 2)).toEqual([503, 200]);
});

describe('TLS to the application', () => {
  it.each([
    ['tls-right-name', 200],
    ['tls-wrong-name', 503],
    ['tls-host-unchecked', 200],
    ['tls-host-checked', 503],
    ['tls-system-roots', 503],
    ['tls-skip-verify', 200],
    ['tls-mutual', 200],
    ['tls-mutual-without', 503],
    ['tls-none', 503],
    ['tls-h2', 200],
    ['tls-tunnelled', 200],
  ])('%s is answered %i', async (service, status) => {
    expect(await statuses(service, 1)).toEqual([status]);
  });

  it('goes through the tunnel of a workload that has one', async () => {
    expect(await statuses('tls-tunnelled', 1)).toEqual([200]);
    expect(hbone.targets()).toContainEqual(expect.stringMatching(/:8443$/));
  });
});

describe('the PROXY protocol', () => {
  it.each([
    ['proxied-v1', 'v1'],
    ['proxied-v2', 'v2'],
    ['proxied-tcp', 'v1'],
    ['proxied-tunnelled', 'v1'],
  ])('%s tells the application the client’s own address, in %s', async (service, version) => {
    for (const source of [block.address(7, 1), block.address(7, 2)]) {
      const before = proxyHeaders.length;
      expect(await statuses(service, 1, undefined, source)).toEqual([200]);
      expect(proxyHeaders.slice(before)).toEqual([`${version} ${source}`]);
    }
  });

  it('is not spoken unless it is asked for', async () => {
    const before = proxyHeaders.length;
    expect(await statuses('not-proxied', 1)).toEqual([200]);
    expect(proxyHeaders.slice(before)).toEqual(['none']);
  });
});

it('PASSTHROUGH goes to the address that the client dialled', async () => {
  expect(await reached('passing', 3)).toEqual(['passing']);
  await waitFor(async () => (await statuses('default', 1))[0] === 200, { what: 'the waypoint is still alive' });
});
