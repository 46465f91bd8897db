// Paths of requests through a waypoint, over HBONE and with a real Envoy: the path that the
// application gets, with and without a configured normalization, and with and without policies that
// read paths.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { typeUrls } from '../../envoy-api/index.ts';
import { analyzeMesh, Generator, translateWaypoint } from '../../generator/index.ts';
import { randomLoopback } from '../support/envoy.ts';
import { readMesh, waypointManifests, workloadManifest } from '../support/mesh.ts';
import { startWaypoint, type TestWaypoint } from '../support/waypoint.ts';
import { type EchoedRequest, type EchoWorkload, startEcho } from '../support/workload.ts';

const workload = randomLoopback();

interface Port {
  readonly address: string;
  readonly annotation?: string;
  /** Of an AuthorizationPolicy for the service. */
  readonly policy?: string;
}

const noAdmin = 'action: DENY, rules: [{ to: [{ operation: { paths: [/admin, "/items:delete"] } }] }]';
const onlyPublic = 'rules: [{ to: [{ operation: { paths: ["/public/*", "/cart;v=1"] } }] }]';
const services: Readonly<Record<string, Port>> = {
  plain: { address: '10.5.0.1' },
  routed: { address: '10.5.0.2' },
  guarded: { address: '10.5.0.3', policy: noAdmin },
  set: { address: '10.5.0.4', policy: noAdmin, annotation: 'BASE' },
  merging: { address: '10.5.0.5', policy: noAdmin, annotation: 'MERGE_SLASHES' },
  decoding: { address: '10.5.0.6', policy: noAdmin, annotation: 'DECODE_AND_MERGE_SLASHES' },
  raw: { address: '10.5.0.7', policy: noAdmin, annotation: 'NONE' },
  open: { address: '10.5.0.8', policy: onlyPublic, annotation: 'DEFAULT' },
};

const routes = `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: routed, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: routed }]
  rules:
    - matches: [{ path: { type: PathPrefix, value: '/cart;v=1' } }]
      filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: x-rule, value: cart }] } }]
      backendRefs: [{ name: routed, port: 80 }]
    - matches: [{ path: { type: Exact, value: '/a;b' } }]
      filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: x-rule, value: exact }] } }]
      backendRefs: [{ name: routed, port: 80 }]
    - matches: [{ path: { type: RegularExpression, value: '/item(;[^/]*)?' } }]
      filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: x-rule, value: regex }] } }]
      backendRefs: [{ name: routed, port: 80 }]
    - backendRefs: [{ name: routed, port: 80 }]
`;

function serviceText(name: string, { address, annotation, policy }: Port): string {
  const annotations = annotation === undefined ? '' : `, annotations: { cairn.dev/path-normalization: ${annotation} }`;
  const written = `---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop${annotations} }
spec: { clusterIP: ${address}, selector: { app: echo }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
`;
  return policy === undefined ? written : written + policyText(name, policy);
}

function policyText(name: string, policy: string): string {
  return `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: shop }
spec: { targetRefs: [{ group: '', kind: Service, name: ${name} }], ${policy} }
`;
}

function manifests(gatewayAnnotation?: string): string {
  const base = waypointManifests('shop', '$ADDRESS');
  const text =
    gatewayAnnotation === undefined
      ? base
      : base.replace('annotations: {', `annotations: { cairn.dev/path-normalization: ${gatewayAnnotation},`);
  return `${text}
---
${workloadManifest('echo', workload)}
${routes}${Object.entries(services)
    .map(([name, port]) => serviceText(name, port))
    .join('')}`;
}

const meshConfig = (normalization: string): string => `---
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: 'pathNormalization: { normalization: ${normalization} }' }
`;

let silent: TestWaypoint;
let merging: TestWaypoint;
let decoding: TestWaypoint;
let echo: EchoWorkload;

beforeAll(async () => {
  echo = await startEcho(workload, 8080, { name: 'echo' });
  [silent, merging, decoding] = await Promise.all([
    startWaypoint(manifests()),
    startWaypoint(manifests() + meshConfig('MERGE_SLASHES')),
    startWaypoint(manifests('DECODE_AND_MERGE_SLASHES') + meshConfig('NONE')),
  ]);
}, 120_000);

afterAll(async () => {
  await Promise.all([silent.stop(), merging.stop(), decoding.stop()]);
  await echo.close();
});

/**
 * The path that the application got, with the rule that took it; or the status of an earlier
 * answer.
 */
async function ask(waypoint: TestWaypoint, service: string, path: string): Promise<string | number> {
  const { status, body } = await waypoint.request('client', `${services[service]?.address ?? ''}:80`, { path });
  if (status !== 200) return status;
  const { path: got, headers } = JSON.parse(body) as EchoedRequest;
  const rule = headers.find(([name]) => name.toLowerCase() === 'x-rule')?.[1];
  return rule === undefined ? got : `${rule} ${got}`;
}

describe('where nobody says how paths are read', () => {
  it.each([
    ['/@scope%2fpkg', '/@scope%2fpkg'],
    ['/api/v4/projects/group%2Fproject?x=%2f;', '/api/v4/projects/group%2Fproject?x=%2f;'],
    ['/a;jsessionid=1/b', '/a;jsessionid=1/b'],
    ['/a//b', '/a//b'],
    ['/a%5Cb', '/a%5Cb'],
    ['/a/%2e%2e/%62', '/b'],
  ])('a port without policies gets %s as %s', async (sent, got) => {
    expect(await ask(silent, 'plain', sent)).toBe(got);
  });

  it.each([
    ['/cart;v=1', 'cart /cart;v=1'],
    ['/cart;v=1/x', 'cart /cart;v=1/x'],
    ['/a;b', 'exact /a;b'],
    ['/item;color=red', 'regex /item;color=red'],
    ['/zz;b', '/zz;b'],
    ['/zz%2Fb', '/zz%2Fb'],
  ])('routes match %s as it stands', async (sent, got) => {
    expect(await ask(silent, 'routed', sent)).toBe(got);
  });

  it.each([
    ['/other', '/other'],
    ['/a//b', '/a//b'],
    ['/admin', 403],
    ['//admin', 403],
    ['/items%3Adelete', 403],
    ['/other;x', 400],
    ['/other%2Fx', 400],
    ['/other%5cx', 400],
  ])('a port whose policy reads paths answers %s with %s', async (sent, got) => {
    expect(await ask(silent, 'guarded', sent)).toBe(got);
  });
});

describe('where the service says how paths are read', () => {
  it.each([
    ['set', '/@scope%2fpkg', '/@scope%2fpkg'],
    ['set', '/a;b//c', '/a;b//c'],
    ['set', '/admin;x', 403],
    ['set', '/x%2f..%2fadmin', 403],
    ['merging', '/a//b%2Fc', '/a/b%2Fc'],
    ['merging', '//admin', 403],
    ['decoding', '/a//b%2Fc', '/a/b/c'],
    ['decoding', '/x%2f..%2fadmin', 403],
    ['decoding', '/x%2f..%2fy', '/y'],
    ['raw', '/a//%62', '/a//%62'],
    ['raw', '/%61dmin', 403],
    ['raw', '/x/../admin', 403],
    ['open', '/public/@scope%2fpkg', '/public/@scope%2fpkg'],
    ['open', '/cart;v=1', '/cart;v=1'],
    ['open', '/public/..%2fadmin', 403],
    ['open', '/public%2fx', 403],
  ])('%s answers %s with %s', async (service, sent, got) => {
    expect(await ask(silent, service, sent)).toBe(got);
  });
});

describe('what is said', () => {
  it('by MeshConfig is for every service that says nothing', async () => {
    expect(await ask(merging, 'plain', '/a%2Fb//c')).toBe('/a%2Fb/c');
    expect(await ask(merging, 'guarded', '/a%2Fb//c;d')).toBe('/a%2Fb/c;d');
    expect(await ask(merging, 'guarded', '/x/..%2fadmin')).toBe(403);
    expect(await ask(merging, 'set', '/a//b')).toBe('/a//b');
  });

  it('by the Gateway goes before MeshConfig, and after the service', async () => {
    expect(await ask(decoding, 'plain', '/a%2Fb/../c')).toBe('/a/c');
    expect(await ask(decoding, 'guarded', '/x%2f..%2fadmin')).toBe(403);
    expect(await ask(decoding, 'merging', '/a%2Fb//c')).toBe('/a%2Fb/c');
  });

  it('is reported where it cannot be read, and has no effect', () => {
    const { store } = readMesh({ 'test.yaml': manifests('merge').replace('DEFAULT', 'base') });
    expect(analyzeMesh(store).filter(({ path }) => path.includes('cairn.dev/path-normalization'))).toMatchObject([
      { code: 'InvalidValue', severity: 'error', ref: { kind: 'Gateway', name: 'waypoint' } },
      { code: 'InvalidValue', severity: 'error', ref: { kind: 'Service', name: 'open' } },
    ]);
    const gateway = { namespace: 'shop', name: 'waypoint' };
    const [asWritten, without] = [manifests('merge'), manifests()].map((text) =>
      translateWaypoint(readMesh({ 'test.yaml': text }).store, gateway),
    );
    expect(asWritten?.resources).toEqual(without?.resources);
  });
});

it('a policy that begins to read paths comes with its refusals: its routes are all that changes', () => {
  const { store } = readMesh({ 'test.yaml': manifests() });
  const generator = new Generator(store);
  generator.advance();
  const { objects } = readMesh({ 'policy.yaml': policyText('plain', noAdmin) });
  generator.invalidate(store.apply(objects.map((object) => ({ type: 'put', object }))));
  const upserts = [...generator.advance().proxies.values()].flatMap((changes) => changes.upserts);
  expect(upserts.map(({ typeUrl, name }) => [typeUrl, name])).toEqual([
    [typeUrls.routeConfiguration, 'inbound-vip|80|http|plain.shop.svc.cluster.local'],
  ]);
});
