// The effect of Gateway API routes on requests: on a real Envoy, over HBONE. Each case is a service
// of its own with the rules of its HTTPRoute, all in one waypoint. The test checks the request that
// the application received (path, Host, headers) and the client's answer.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomLoopback } from '../support/envoy.ts';
import { connectHttp2Through, type HttpRequest, type HttpResponse } from '../support/hbone-client.ts';
import { waypointManifests } from '../support/mesh.ts';
import { startWaypoint, type TestWaypoint } from '../support/waypoint.ts';
import { type EchoedRequest, type EchoWorkload, startEcho } from '../support/workload.ts';
import { waitFor } from '../support/wait.ts';

/** One request, and its expected result; only named fields are compared. */
interface Exchange {
  /** `a`'s and `b`'s application answer with their name. */
  readonly by?: 'a' | 'b' | 'far';
  readonly status?: number;
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Client: a service account of namespace shop, or `<namespace>/<account>`. */
  readonly as?: string;
  readonly seen?: {
    readonly path?: string;
    readonly host?: string;
    readonly headers?: Readonly<Record<string, string | undefined>>;
  };
  readonly answered?: Readonly<Record<string, string | undefined>>;
}

interface Case {
  /** The rules of an HTTPRoute `<name>` in namespace shop on Service `<name>`. */
  readonly rules?: string;
  /** Further objects; `$NAME` is the name of the case. */
  readonly beside?: string;
  readonly exchanges: readonly Exchange[];
}

const toA = 'backendRefs: [{ name: a, port: 80 }]';
const toB = 'backendRefs: [{ name: b, port: 80 }]';

const routeOf = (namespace: string, name: string, rules: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  parentRefs: [{ group: '', kind: Service, name: $NAME, namespace: shop }]
  rules:
${rules}
`;

const cases: Readonly<Record<string, Case>> = {
  'no-route': { exchanges: [{ path: '/', status: 503 }] },
  paths: {
    rules: `
    - { matches: [{ path: { value: /a } }], ${toA} }
    - { matches: [{ path: { value: /a/b/ } }], ${toB} }
    - { matches: [{ path: { type: Exact, value: /a/exact } }], ${toB} }
    - { matches: [{ path: { type: RegularExpression, value: '/r[0-9]' } }], ${toB} }`,
    exchanges: [
      { path: '/a', by: 'a' },
      { path: '/a/', by: 'a' },
      { path: '/a?x=1', by: 'a' },
      { path: '/ab', status: 404 },
      { path: '/a/b', by: 'b' },
      { path: '/a/b/c', by: 'b' },
      { path: '/a/bc', by: 'a' },
      { path: '/a/exact', by: 'b' },
      { path: '/a/exact/', by: 'a' },
      { path: '/r1', by: 'b' },
      { path: '/r1x', status: 404 },
      { path: '/', status: 404 },
    ],
  },
  conditions: {
    rules: `
    - { matches: [{ headers: [{ name: Version, value: two }] }], ${toB} }
    - { matches: [{ headers: [{ name: version, value: two }, { name: color, type: RegularExpression, value: 'b[a-z]+' }] }], ${toA} }
    - { matches: [{ queryParams: [{ name: animal, value: whale }] }, { path: { value: /m }, method: POST }], ${toB} }
    - { matches: [{ headers: [{ name: Host, value: other.example }] }], ${toA} }`,
    exchanges: [
      { path: '/', headers: { version: 'two' }, by: 'b' },
      { path: '/', headers: { version: 'two', color: 'blue' }, by: 'a' },
      { path: '/', headers: { version: 'two', color: 'b' }, by: 'b' },
      { path: '/', headers: { version: 'twofold' }, status: 404 },
      { path: '/?animal=whale', by: 'b' },
      { path: '/?animal=whales', status: 404 },
      { path: '/m', method: 'POST', by: 'b' },
      { path: '/m', status: 404 },
      { path: '/', headers: { host: 'other.example' }, by: 'a' },
    ],
  },
  'header-edits': {
    rules: `
    - filters:
        - type: RequestHeaderModifier
          requestHeaderModifier:
            set: [{ name: X-Set, value: new }]
            add: [{ name: X-Add, value: more }]
            remove: [X-Gone]
        - type: ResponseHeaderModifier
          responseHeaderModifier: { set: [{ name: x-back, value: yes }], remove: [content-type] }
      backendRefs:
        - name: a
          port: 80
          filters:
            - { type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: x-of, value: backend }] } }
            - { type: ResponseHeaderModifier, responseHeaderModifier: { add: [{ name: x-from, value: backend }] } }`,
    exchanges: [
      {
        path: '/',
        headers: { 'x-set': 'old', 'x-add': 'some', 'x-gone': 'here', 'x-kept': 'kept' },
        by: 'a',
        seen: { headers: { 'x-set': 'new', 'x-gone': undefined, 'x-kept': 'kept', 'x-of': 'backend' } },
        answered: { 'x-back': 'yes', 'x-from': 'backend', 'content-type': undefined },
      },
      { path: '/', by: 'a', seen: { headers: { 'x-set': 'new', 'x-add': 'more' } } },
    ],
  },
  rewrite: {
    rules: `
    - matches: [{ path: { value: /host } }]
      filters: [{ type: URLRewrite, urlRewrite: { hostname: new.example } }]
      ${toA}
    - matches: [{ path: { value: /full } }]
      filters: [{ type: URLRewrite, urlRewrite: { path: { type: ReplaceFullPath, replaceFullPath: /one } } }]
      ${toA}
    - matches: [{ path: { value: /prefix/ } }]
      filters: [{ type: URLRewrite, urlRewrite: { path: { type: ReplacePrefixMatch, replacePrefixMatch: /two/ } } }]
      ${toA}
    - matches: [{ path: { value: /strip.me } }]
      filters: [{ type: URLRewrite, urlRewrite: { path: { type: ReplacePrefixMatch, replacePrefixMatch: / } } }]
      ${toA}
    - filters: [{ type: URLRewrite, urlRewrite: { path: { type: ReplacePrefixMatch, replacePrefixMatch: /under } } }]
      ${toA}`,
    exchanges: [
      { path: '/host', by: 'a', seen: { path: '/host', host: 'new.example' } },
      { path: '/full/x?q=1', by: 'a', seen: { path: '/one?q=1', host: 'rewrite' } },
      { path: '/prefix', by: 'a', seen: { path: '/two' } },
      { path: '/prefix/', by: 'a', seen: { path: '/two/' } },
      { path: '/prefix/x?q=1', by: 'a', seen: { path: '/two/x?q=1' } },
      { path: '/prefixed', by: 'a', seen: { path: '/under/prefixed' } },
      { path: '/strip.me', by: 'a', seen: { path: '/' } },
      { path: '/strip.me/', by: 'a', seen: { path: '/' } },
      { path: '/strip.me/x?q=1', by: 'a', seen: { path: '/x?q=1' } },
      { path: '/stripxme/x', by: 'a', seen: { path: '/under/stripxme/x' } },
    ],
  },
  redirect: {
    rules: (
      [
        ['scheme', '{ scheme: https }'],
        ['host', '{ hostname: example.org, statusCode: 301 }'],
        ['port', '{ port: 8083, statusCode: 307 }'],
        ['both', '{ hostname: example.org, port: 80, statusCode: 308 }'],
        ['full', '{ path: { type: ReplaceFullPath, replaceFullPath: /new }, statusCode: 303 }'],
        ['prefix', '{ path: { type: ReplacePrefixMatch, replacePrefixMatch: /new } }'],
        ['strip', '{ path: { type: ReplacePrefixMatch, replacePrefixMatch: / } }'],
      ] as const
    )
      .map(
        ([name, redirect]) => `
    - { matches: [{ path: { value: /${name} } }], filters: [{ type: RequestRedirect, requestRedirect: ${redirect} }] }`,
      )
      .join(''),
    exchanges: [
      { path: '/scheme', status: 302, answered: { location: 'https://redirect/scheme' } },
      { path: '/host?q=1', status: 301, answered: { location: 'http://example.org/host?q=1' } },
      { path: '/port', status: 307, answered: { location: 'http://redirect:8083/port' } },
      { path: '/both', status: 308, answered: { location: 'http://example.org/both' } },
      { path: '/full/x', status: 303, answered: { location: 'http://redirect/new' } },
      { path: '/prefix/x', status: 302, answered: { location: 'http://redirect/new/x' } },
      { path: '/strip/x', status: 302, answered: { location: 'http://redirect/x' } },
      { path: '/strip', status: 302, answered: { location: 'http://redirect/' } },
    ],
  },
  timeouts: {
    rules: `
    - { matches: [{ path: { value: /request } }], timeouts: { request: 300ms }, ${toA} }
    - { matches: [{ path: { value: /attempt } }], timeouts: { backendRequest: 300ms }, ${toA} }
    - { matches: [{ path: { value: /none } }], timeouts: { request: 0s }, ${toA} }`,
    exchanges: [
      { path: '/request', headers: { 'x-delay': '1500' }, status: 504 },
      { path: '/attempt', headers: { 'x-delay': '1500' }, status: 504 },
      { path: '/none', headers: { 'x-delay': '600' }, by: 'a' },
      { path: '/request', by: 'a' },
    ],
  },
  'virtual-service-timeout': {
    beside: `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: timeout, namespace: shop }
spec: { hosts: [$NAME], http: [{ route: [{ destination: { host: a } }], timeout: 300ms }] }
`,
    exchanges: [
      { path: '/', headers: { 'x-delay': '1500' }, status: 504 },
      { path: '/', by: 'a' },
    ],
  },
  invalid: {
    rules: `
    - { matches: [{ path: { value: /missing } }], backendRefs: [{ name: missing, port: 80 }] }
    - { matches: [{ path: { value: /zero } }], backendRefs: [{ name: a, port: 80, weight: 0 }] }
    - { matches: [{ path: { value: /empty } }] }
    - matches: [{ path: { value: /filter } }]
      filters: [{ type: ExtensionRef, extensionRef: { group: example.com, kind: Magic, name: wand } }]
      ${toA}
    - ${toA}`,
    exchanges: [
      { path: '/missing', status: 500 },
      { path: '/zero', status: 500 },
      { path: '/empty', status: 404 },
      { path: '/filter', status: 500 },
      { path: '/', by: 'a' },
    ],
  },
  cors: {
    rules: `
    - filters: [{ type: CORS, cors: { allowOrigins: ['https://*.example.com'], allowMethods: [PUT] } }]
      ${toA}`,
    exchanges: [
      {
        path: '/',
        method: 'OPTIONS',
        headers: { origin: 'https://x.example.com', 'access-control-request-method': 'PUT' },
        status: 200,
        answered: {
          'access-control-allow-origin': 'https://x.example.com',
          'access-control-allow-methods': 'PUT',
          'access-control-max-age': '5',
        },
      },
      {
        path: '/',
        headers: { origin: 'https://x.example.org' },
        by: 'a',
        answered: { 'access-control-allow-origin': undefined },
      },
      {
        path: '/',
        headers: { origin: 'https://x.example.com.evil.org' },
        by: 'a',
        answered: { 'access-control-allow-origin': undefined },
      },
    ],
  },
  'other-namespaces': {
    rules: `
    - { matches: [{ path: { value: /granted } }], backendRefs: [{ name: far, namespace: store, port: 80 }] }
    - { matches: [{ path: { value: /withheld } }], backendRefs: [{ name: near, namespace: store, port: 80 }] }`,
    exchanges: [
      { path: '/granted', by: 'far' },
      { path: '/withheld', status: 500 },
    ],
  },
  consumers: {
    rules: `
    - { matches: [{ path: { value: /producer } }], ${toA} }`,
    beside: routeOf(
      'buyer',
      'consumers',
      `
    - matches: [{ path: { value: /consumer } }]
      filters: [{ type: ResponseHeaderModifier, responseHeaderModifier: { set: [{ name: x-by, value: buyer }] } }]
      backendRefs: [{ name: $NAME, namespace: shop, port: 80 }]`,
    ),
    exchanges: [
      { as: 'buyer/any', path: '/consumer', status: 503, answered: { 'x-by': 'buyer' } },
      { as: 'buyer/any', path: '/producer', status: 404 },
      { as: 'buyers/any', path: '/consumer', status: 404 },
      { as: 'buyers/any', path: '/producer', by: 'a' },
      { as: 'client', path: '/producer', by: 'a' },
      {
        as: 'client',
        path: '/consumer',
        status: 404,
        headers: { 'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/buyer/sa/any' },
      },
    ],
  },
  'two-routes': {
    rules: `
    - { matches: [{ path: { value: /same } }], ${toA} }`,
    beside: routeOf(
      'shop',
      'zz-second',
      `
    - { matches: [{ path: { value: /same } }], ${toB} }
    - { matches: [{ path: { value: /same/longer } }], ${toB} }`,
    ),
    exchanges: [
      { path: '/same', by: 'a' },
      { path: '/same/longer', by: 'b' },
    ],
  },
  'with-virtual-service': {
    rules: `
    - { matches: [{ path: { value: /route } }], ${toA} }`,
    beside: `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: beside, namespace: shop }
spec: { hosts: [$NAME], http: [{ route: [{ destination: { host: b } }] }] }
`,
    exchanges: [
      { path: '/route', by: 'a' },
      { path: '/else', by: 'b' },
    ],
  },
};

const names = Object.keys(cases);
const address = randomLoopback();
const targetOf = (name: string): string => `10.0.1.${names.indexOf(name) + 1}:80`;

const service = (namespace: string, name: string, ip: string, app: string, port: number): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { clusterIP: ${ip}, selector: { app: ${app} }, ports: [{ name: http, port: 80, targetPort: ${port} }] }
---
`;
const workload = (namespace: string, app: string): string => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${app}, namespace: ${namespace} }
spec: { address: ${address}, labels: { app: ${app} } }
---
`;

const manifests = `
${waypointManifests('shop', '$ADDRESS')}
---
${service('shop', 'a', '10.0.0.1', 'a', 8001)}${service('shop', 'b', '10.0.0.2', 'b', 8002)}
${service('store', 'far', '10.0.0.3', 'far', 8003)}${service('store', 'near', '10.0.0.4', 'far', 8003)}
${workload('shop', 'a')}${workload('shop', 'b')}${workload('store', 'far')}
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: { name: far, namespace: store }
spec:
  from: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop }]
  to: [{ group: '', kind: Service, name: far }]
---
${names.map((name) => service('shop', name, targetOf(name).replace(':80', ''), 'nobody', 80)).join('')}
${Object.entries(cases)
  .flatMap(([name, { rules, beside }]) =>
    [rules === undefined ? '' : routeOf('shop', name, rules), beside ?? ''].map((text) =>
      text.replaceAll('$NAME', name),
    ),
  )
  .join('\n---\n')}
---
apiVersion: v1
kind: Service
metadata: { name: ports, namespace: shop }
spec:
  clusterIP: 10.0.2.1
  selector: { app: b }
  ports: [{ name: http, port: 80, targetPort: 8002 }, { name: http-alt, port: 8080, targetPort: 8002 }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ports, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: ports, port: 80 }]
  rules: [{ ${toA} }]
---
${service('shop', 'split', '10.0.2.2', 'nobody', 80)}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: split, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: split }]
  rules:
    - matches: [{ path: { value: /split } }]
      backendRefs: [{ name: a, port: 80, weight: 70 }, { name: b, port: 80, weight: 30 }, { name: missing, port: 80, weight: 0 }]
    - matches: [{ path: { value: /half } }]
      backendRefs: [{ name: a, port: 80 }, { name: missing, port: 80 }]
    - matches: [{ path: { value: /mirror } }]
      filters:
        - type: RequestMirror
          requestMirror: { backendRef: { name: b, port: 80 }, fraction: { numerator: 1, denominator: 2 } }
      ${toA}
    - matches: [{ path: { value: /retry } }]
      retry: { codes: [502], attempts: 2, backoff: 1ms }
      ${toA}
---
${['raw', 'raw-split', 'raw-lost']
  .map((name, index) => service('shop', name, `10.0.2.${10 + index}`, 'b', 8002).replace('name: http', 'name: tcp'))
  .join('')}
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: { name: raw, namespace: buyer }
spec:
  parentRefs: [{ group: '', kind: Service, name: raw, namespace: shop }]
  rules: [{ backendRefs: [{ name: own, port: 80 }] }]
---
apiVersion: v1
kind: Service
metadata: { name: own, namespace: buyer }
spec: { clusterIP: 10.0.3.1, selector: { app: far }, ports: [{ name: tcp, port: 80, targetPort: 8003 }] }
---
${workload('buyer', 'far')}
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TCPRoute
metadata: { name: raw-split, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: raw-split }]
  rules: [{ backendRefs: [{ name: a, port: 80, weight: 1 }, { name: raw, port: 80, weight: 0 }] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: { name: raw-lost, namespace: shop }
spec:
  hostnames: [raw.example]
  parentRefs: [{ group: '', kind: Service, name: raw-lost }]
  rules: [{ backendRefs: [{ name: missing, port: 80 }] }]
---
apiVersion: v1
kind: Service
metadata: { name: calls, namespace: shop }
spec: { clusterIP: 10.0.2.3, selector: { app: a }, ports: [{ name: grpc, port: 7070, targetPort: 8001 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: calls, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: calls }]
  rules:
    - matches: [{ method: { service: shop.Cart, method: Add } }, { method: { service: shop.Stock } }]
      filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: x-set, value: new }] } }]
      backendRefs: [{ name: calls, port: 7070 }]
    - matches: [{ method: { service: shop.Cart }, headers: [{ name: version, value: two }] }]
      backendRefs: [{ name: missing, port: 7070 }]
`;

let waypoint: TestWaypoint;
let applications: readonly EchoWorkload[];

beforeAll(async () => {
  const reply = ({ headers }: EchoedRequest): { readonly delayMs?: number; readonly status?: number } => {
    const given = new Map(headers.map(([name, value]) => [name.toLowerCase(), value]));
    return {
      ...(given.has('x-delay') ? { delayMs: Number(given.get('x-delay')) } : {}),
      ...(given.has('x-status') ? { status: Number(given.get('x-status')) } : {}),
    };
  };
  applications = await Promise.all(
    ['a', 'b', 'far'].map((name, index) => startEcho(address, 8001 + index, { name, reply })),
  );
  waypoint = await startWaypoint(manifests);
});
afterAll(async () => {
  await waypoint.stop();
  await Promise.all(applications.map((application) => application.close()));
});

function readEcho({ body }: HttpResponse): EchoedRequest {
  return JSON.parse(body) as EchoedRequest;
}

async function send(name: string, { as = 'client', path, method, headers }: Exchange): Promise<HttpResponse> {
  const request: HttpRequest = {
    path,
    authority: name,
    ...(method === undefined ? {} : { method }),
    ...(headers === undefined ? {} : { headers }),
  };
  return waypoint.request(as, targetOf(name), request);
}

describe.each(names)('HTTPRoute: %s', (name) => {
  it.each((cases[name]?.exchanges ?? []).map((exchange) => [JSON.stringify(exchange), exchange] as const))(
    '%s',
    async (_, exchange) => {
      const response = await send(name, exchange);
      expect(response.status).toBe(exchange.status ?? 200);
      for (const [header, value] of Object.entries(exchange.answered ?? {})) {
        expect(response.headers[header], header).toBe(value);
      }
      if (exchange.by === undefined) return;
      const echoed = readEcho(response);
      expect(echoed.name).toBe(exchange.by);
      const seen = new Map(echoed.headers.map(([header, value]) => [header.toLowerCase(), value]));
      if (exchange.seen?.path !== undefined) expect(echoed.path).toBe(exchange.seen.path);
      if (exchange.seen?.host !== undefined) expect(seen.get('host')).toBe(exchange.seen.host);
      for (const [header, value] of Object.entries(exchange.seen?.headers ?? {})) {
        expect(seen.get(header), header).toBe(value);
      }
    },
  );
});

describe('shares of requests', () => {
  const count = 300;
  const sendMany = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<readonly string[]> => {
    const connection = await waypoint.connectAs('client');
    const http = connectHttp2Through(await connection.connect('10.0.2.2:80'));
    const responses = await Promise.all(Array.from({ length: count }, () => http.request({ path, headers })));
    http.close();
    await connection.close();
    return responses.map((response) => (response.status === 200 ? readEcho(response).name : String(response.status)));
  };
  const shareOf = (answers: readonly string[], answer: string): number =>
    answers.filter((each) => each === answer).length / answers.length;

  it('follow the weights', async () => {
    const answers = await sendMany('/split');
    expect(shareOf(answers, 'a')).toBeGreaterThan(0.58);
    expect(shareOf(answers, 'a')).toBeLessThan(0.82);
    expect(shareOf(answers, 'a') + shareOf(answers, 'b')).toBe(1);
  });

  it('of a backend that does not exist fail with 500', async () => {
    const answers = await sendMany('/half');
    expect(shareOf(answers, '500')).toBeGreaterThan(0.38);
    expect(shareOf(answers, '500')).toBeLessThan(0.62);
    expect(shareOf(answers, '500') + shareOf(answers, 'a')).toBe(1);
  });

  it('are mirrored by their fraction', async () => {
    expect(shareOf(await sendMany('/mirror'), 'a')).toBe(1);
    const mirrored = (): number => (applications[1]?.requests() ?? []).filter(({ path }) => path === '/mirror').length;
    await waitFor(() => mirrored() > count * 0.38, { seen: mirrored });
    expect(mirrored()).toBeLessThan(count * 0.62);
  });

  it('are tried again for the status codes that are named, and for no other', async () => {
    const attempts = (status: string): number =>
      (applications[0]?.requests() ?? []).filter(({ headers }) => headers.some(([, value]) => value === status)).length;
    const request = { path: '/retry', authority: 'split' };
    expect(
      (await waypoint.request('client', '10.0.2.2:80', { ...request, headers: { 'x-status': '502' } })).status,
    ).toBe(502);
    expect(attempts('502')).toBe(3);
    expect(
      (await waypoint.request('client', '10.0.2.2:80', { ...request, headers: { 'x-status': '501' } })).status,
    ).toBe(501);
    expect(attempts('501')).toBe(1);
  });
});

it('a parent by port leaves the other ports of the service alone', async () => {
  const at = async (port: number): Promise<string> =>
    readEcho(await waypoint.request('client', `10.0.2.1:${port}`, { path: '/' })).name;
  expect([await at(80), await at(8080)]).toEqual(['a', 'b']);
});

describe('TCPRoute and TLSRoute', () => {
  const ask = async (account: string, target: string): Promise<string> => {
    try {
      return readEcho(await waypoint.request(account, target, { path: '/', timeout: 3000 })).name;
    } catch {
      return 'closed';
    }
  };

  it.each([
    ['client', '10.0.2.10:80', 'b', 'the service itself, where only a consumer has a route'],
    ['buyer/any', '10.0.2.10:80', 'far', 'the backend of the consumer, for its clients'],
    ['client', '10.0.2.11:80', 'a', 'the backend of the producer'],
    ['buyer/any', '10.0.2.11:80', 'a', 'the backend of the producer, for every namespace'],
    ['client', '10.0.2.12:80', 'closed', 'nothing, where the backend does not exist'],
  ])('lead %s at %s to %s: %s', async (account, target, expected) => {
    expect(await ask(account, target)).toBe(expected);
  });
});

describe('GRPCRoute', () => {
  const call = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<HttpResponse> => {
    const connection = await waypoint.connectAs('client');
    const http = connectHttp2Through(await connection.connect('10.0.2.3:7070'));
    const request = {
      path,
      method: 'POST',
      headers: { 'content-type': 'application/grpc', te: 'trailers', ...headers },
    };
    const response = await http.request(request);
    http.close();
    await connection.close();
    return response;
  };

  it.each(['/shop.Cart/Add', '/shop.Stock/Any'])('forwards %s in HTTP/2, with edited headers', async (path) => {
    const echoed = readEcho(await call(path));
    expect(echoed).toMatchObject({ name: 'a', path, httpVersion: '2.0' });
    expect(echoed.headers).toContainEqual(['x-set', 'new']);
  });

  it.each([
    ['a method that no rule names: UNIMPLEMENTED', '/shop.Cart/Remove', {}, '12'],
    ['a service whose name only begins so', '/shop.Stocks/Any', {}, '12'],
    ['a backend that does not exist: UNAVAILABLE', '/shop.Cart/Remove', { version: 'two' }, '14'],
  ])('answers %s', async (_, path, headers, status) => {
    expect((await call(path, headers)).headers['grpc-status']).toBe(status);
  });
});
