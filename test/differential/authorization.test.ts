// Random policies and random requests: what a real Envoy decides with Cairn's configuration against a second evaluator that only reads
// the manifests. CAIRN_SEED sets the seed (`random`: another each time); a disagreement prints the policies and the request, and belongs into test/golden/cases.

import type { Duplex } from 'node:stream';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import {
  type AskedRequest,
  evaluate,
  type WrittenPolicy,
  type WrittenRule,
} from '../support/authorization-evaluator.ts';
import { randomLoopback } from '../support/envoy.ts';
import { type HboneConnection, isHboneRefusal, requestThrough } from '../support/hbone-client.ts';
import { startWaypoint, type TestWaypoint } from '../support/waypoint.ts';
import { type EchoWorkload, startEcho, startTcpBanner, type Workload } from '../support/workload.ts';

const given = process.env['CAIRN_SEED'] ?? '20000';
const seed = given === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(given);
const httpServices = 50;
const tcpServices = 30;
const requestsOfOneClient = 28;

const clients = ['shop/sleep', 'shop/notsleep', 'other/sleep', 'shopping/cart', 'shop/sleep-2'];
const sourceAddresses = ['127.99.1.1', '127.99.2.9', '127.98.1.1'];
const pick = fc.constantFrom;

const accounts = pick(
  ...clients.map((client) => client.replace('/', '/sa/')).map((tail) => `cluster.local/ns/${tail}`),
);
const sourceFields = {
  principals: fc.oneof(accounts, pick('*', 'cluster.local/ns/shop/*', '*/sa/sleep', 'cluster.local/ns/shop/sa/sleep*')),
  namespaces: pick('shop', 'other', 'shop*', '*ping', '*', 'nowhere'),
  ipBlocks: pick('127.99.0.0/16', '127.99.1.1', '127.98.0.0/15', '10.0.0.0/8', '0.0.0.0/0'),
};
const paths = [
  '/',
  '/admin',
  '/admin/',
  '/admin/x',
  '/api/v1/items',
  '/api/v2',
  '/public',
  '/public/a/b',
  '/a.b',
  '/ADMIN',
];
const operationFields = {
  methods: pick('GET', 'POST', 'DELETE', 'P*', '*'),
  paths: fc.oneof(pick(...paths), pick('/admin*', '/api/*', '*/x', '*', '/api/{*}/items', '/public/{**}', '/{*}')),
  hosts: pick('web.example', '*.example', 'web*', 'WEB.example', 'web.example:8080', '*'),
  ports: pick('80', '5432', '8080'),
};
const headerKeys = ['x-role', 'x-team'];
const headerValues = pick('admin', 'dev', 'a*', '*v', '*');

const negatable = (fields: Record<string, fc.Arbitrary<string>>): fc.Arbitrary<Record<string, string[]>> =>
  fc
    .uniqueArray(
      fc
        .tuple(pick(...Object.keys(fields)), fc.boolean())
        .chain(([name, negated]) =>
          fc
            .uniqueArray(fields[name] ?? fc.constant(''), { minLength: 1, maxLength: 2 })
            .map((values): [string, string[]] => [
              negated ? `not${(name[0] ?? '').toUpperCase()}${name.slice(1)}` : name,
              values,
            ]),
        ),
      { minLength: 1, maxLength: 2, selector: ([name]) => name },
    )
    .map((entries) => Object.fromEntries(entries));

const source = fc.oneof(
  { weight: 4, arbitrary: negatable(sourceFields) },
  { weight: 1, arbitrary: pick('shop/sleep', 'sleep', 'other/sleep').map((value) => ({ serviceAccounts: [value] })) },
);
const condition = fc
  .tuple(
    fc.oneof(
      pick(...headerKeys).chain((name) => headerValues.map((value) => [`request.headers[${name}]`, value] as const)),
      sourceFields.namespaces.map((value) => ['source.namespace', value] as const),
      sourceFields.ipBlocks.map((value) => ['source.ip', value] as const),
      operationFields.ports.map((value) => ['destination.port', value] as const),
    ),
    fc.boolean(),
  )
  .map(([[key, value], negated]) => (negated ? { key, notValues: [value] } : { key, values: [value] }));

const rule: fc.Arbitrary<WrittenRule> = fc
  .record({
    from: fc.option(
      fc.array(
        source.map((each) => ({ source: each })),
        { minLength: 1, maxLength: 2 },
      ),
      { nil: undefined, freq: 2 },
    ),
    to: fc.option(
      fc.array(
        negatable(operationFields).map((each) => ({ operation: each })),
        { minLength: 1, maxLength: 2 },
      ),
      { nil: undefined, freq: 2 },
    ),
    when: fc.option(fc.array(condition, { minLength: 1, maxLength: 2 }), { nil: undefined, freq: 1 }),
  })
  .map((parts) => Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== undefined)));

const policies = fc.array(
  fc.record({
    action: pick<('ALLOW' | 'DENY')[]>('ALLOW', 'DENY'),
    rules: fc.array(rule, { minLength: 1, maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 3 },
);

const disguises: readonly ((path: string) => string)[] = [
  (path) => path,
  (path) => path,
  (path) => `/${path}`,
  (path) => `/.${path}`,
  (path) => `/public/..${path}`,
  (path) => path.replace('a', '%61'),
  (path) => path.replace('/x', '%2Fx'),
  (path) => `${path};v=1`,
  (path) => `${path}?q=/admin`,
  (path) => `${path}#x`,
  (path) => path.replaceAll('/', '//'),
];
const asked = fc.record({
  method: pick('GET', 'POST', 'DELETE', 'PUT'),
  path: fc.tuple(pick(...paths), pick(...disguises)).map(([path, disguise]) => disguise(path)),
  host: pick('web.example', 'web.example:8080', 'Web.Example', 'other.test', 'websites.test:80'),
  headers: fc.array(fc.tuple(pick(...headerKeys), pick('admin', 'dev', 'ops', 'admin,ops', 'dev, admin')), {
    maxLength: 3,
  }),
  forged: pick(undefined, '127.99.1.1', '10.1.1.1'),
});

const workloadAddress = randomLoopback();
const sample = <T>(arbitrary: fc.Arbitrary<T>, count: number, salt: number): T[] =>
  fc.sample(arbitrary, { numRuns: count, seed: seed + salt });
const policiesOf = sample(policies, httpServices + tcpServices, 0).map((list, index) =>
  list.map((spec, number): WrittenPolicy => ({
    metadata: { name: `policy-${index}-${number}`, namespace: 'shop' },
    spec,
  })),
);

let waypoint: TestWaypoint;
let echo: EchoWorkload;
let banner: Workload;

const vipOf = (index: number): string => `10.30.${Math.floor(index / 200)}.${(index % 200) + 1}`;
const portOf = (index: number): number => (index < httpServices ? 80 : 5432);

beforeAll(async () => {
  echo = await startEcho(workloadAddress, 8080, { name: 'echo' });
  banner = await startTcpBanner(workloadAddress, 5432, 'welcome\n');
  const objects: unknown[] = [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'shop', labels: { 'istio.io/use-waypoint': 'waypoint' } },
    },
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name: 'waypoint', namespace: 'shop', annotations: { 'cairn.dev/listen-address': '$ADDRESS' } },
      spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
    },
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'WorkloadEntry',
      metadata: { name: 'all', namespace: 'shop' },
      spec: { address: workloadAddress, labels: { app: 'all' } },
    },
  ];
  for (const [index, list] of policiesOf.entries()) {
    const isHttp = index < httpServices;
    const port = { name: isHttp ? 'http' : 'tcp', port: portOf(index), targetPort: isHttp ? 8080 : 5432 };
    objects.push({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: `s${index}`, namespace: 'shop' },
      spec: { clusterIP: vipOf(index), selector: { app: 'all' }, ports: [port] },
    });
    for (const { metadata, spec } of list) {
      const targetRefs = [{ group: '', kind: 'Service', name: `s${index}` }];
      objects.push({
        apiVersion: 'security.istio.io/v1',
        kind: 'AuthorizationPolicy',
        metadata,
        spec: { ...spec, targetRefs },
      });
    }
  }
  waypoint = await startWaypoint(
    objects.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n'),
  );
}, 60_000);

afterAll(async () => {
  await waypoint.stop();
  await echo.close();
  await banner.close();
});

interface Disagreement {
  readonly service: number;
  readonly request: AskedRequest;
  readonly due: number;
  readonly got: number;
}

it(`agrees with the second evaluator on every decision (CAIRN_SEED=${seed})`, async () => {
  const disagreements: Disagreement[] = [];
  const counts: Record<number, number> = {};
  const judge = (service: number, request: AskedRequest, got: number): void => {
    const due = evaluate(policiesOf[service] ?? [], request);
    counts[due] = (counts[due] ?? 0) + 1;
    if (got === 200 && due === 400 && isPathIndependent(policiesOf[service] ?? [], request)) return;
    if (got !== due) disagreements.push({ service, request, due, got });
  };
  const askAsClient = async (
    connection: HboneConnection,
    client: string,
    sourceAddress: string,
    salt: number,
  ): Promise<void> => {
    for (const index of policiesOf.keys()) {
      const base = { client, sourceAddress, port: portOf(index) };
      const target = `${vipOf(index)}:${base.port}`;
      if (index >= httpServices) {
        judge(index, base, await statusOfTunnel(connection, target));
        continue;
      }
      let stream = await openStream(connection, target);
      for (const { forged, ...http } of sample(asked, requestsOfOneClient, salt * 1000 + index)) {
        const headers =
          forged === undefined ? http.headers : [...http.headers, ['x-forwarded-for', forged] as [string, string]];
        const { method, path, host } = http;
        const response = await requestThrough(stream, { method, path, authority: host, headers });
        judge(index, { ...base, http }, response.status);
        // A request that is refused before it is understood ends its connection.
        if (response.headers['connection'] === 'close') {
          stream.destroy();
          stream = await openStream(connection, target);
        }
      }
      stream.destroy();
    }
  };
  await Promise.all(
    clients.flatMap((client, one) =>
      sourceAddresses.map(async (sourceAddress, two) => {
        const connection = await waypoint.connectAs(client, { localAddress: sourceAddress });
        await askAsClient(connection, client, sourceAddress, one * 10 + two);
        await connection.close();
      }),
    ),
  );
  const decisions = Object.values(counts).reduce((sum, count) => sum + count, 0);
  console.log(`authorization differential: ${decisions} decisions, due: ${JSON.stringify(counts)}, seed ${seed}`);
  const told = disagreements
    .slice(0, 10)
    .map(({ service, ...each }) => JSON.stringify({ ...each, policies: policiesOf[service]?.map(({ spec }) => spec) }));
  expect(told, `${disagreements.length} disagreements`).toEqual([]);
  expect(decisions).toBeGreaterThanOrEqual(20_000);
  for (const verdict of [200, 400, 403]) expect(counts[verdict] ?? 0).toBeGreaterThan(200);
}, 240_000);

/** Whether the policies name paths without ever deciding by them; then nobody can pass them with a path parameter. */
function isPathIndependent(list: readonly WrittenPolicy[], { http, ...base }: AskedRequest): boolean {
  const verdicts = paths.map((path) =>
    evaluate(list, { ...base, ...(http === undefined ? {} : { http: { ...http, path } }) }),
  );
  return new Set(verdicts).size === 1;
}

async function openStream(connection: HboneConnection, target: string): Promise<Duplex> {
  const stream = await connection.connect(target);
  stream.on('error', () => undefined);
  return stream;
}

async function statusOfTunnel(connection: HboneConnection, target: string): Promise<number> {
  try {
    const stream = await openStream(connection, target);
    stream.destroy();
    return 200;
  } catch (error) {
    if (isHboneRefusal(error)) return error.status;
    throw error;
  }
}
