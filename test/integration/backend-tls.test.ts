// BackendTLSPolicy on a real Envoy, against real TLS servers: the right certificate passes, and
// nothing else does.

import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer, type Server } from 'node:https';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { randomLoopback } from '../support/envoy.ts';
import { waypointManifests } from '../support/mesh.ts';
import { createAuthority } from '../support/throwaway-certificates.ts';
import { startWaypoint, type TestWaypoint } from '../support/waypoint.ts';

const [right, wrong, other] = [randomLoopback(), randomLoopback(), randomLoopback()];
const port = 8443;
const servers: (Server | HttpServer)[] = [];
const names: (string | undefined)[] = [];
let plainRequests = 0;
let waypoint: TestWaypoint;

interface Case {
  readonly backend: string;
  readonly validation: string;
  readonly status: number;
}

const own = (rest = ''): string =>
  `{ hostname: app.example, caCertificateRefs: [{ group: '', kind: ConfigMap, name: roots }]${rest} }`;
const cases: Readonly<Record<string, Case>> = {
  'the right certificate': { backend: right, validation: own(), status: 200 },
  'a certificate of other roots': { backend: wrong, validation: own(), status: 503 },
  'a certificate of another name': { backend: other, validation: own(), status: 503 },
  'another name, as the policy says': {
    backend: other,
    validation: own(', subjectAltNames: [{ type: Hostname, hostname: other.example }]'),
    status: 200,
  },
  'a name that is not in it': {
    backend: right,
    validation: own(", subjectAltNames: [{ type: URI, uri: 'spiffe://cluster.local/ns/shop/sa/app' }]"),
    status: 503,
  },
  'roots of the system': {
    backend: right,
    validation: '{ hostname: app.example, wellKnownCACertificates: System }',
    status: 503,
  },
  'roots that are not there': {
    backend: right,
    validation: "{ hostname: app.example, caCertificateRefs: [{ group: '', kind: ConfigMap, name: lost }] }",
    status: 503,
  },
};
const serviceOf = (index: number): string => `case-${index}`;

beforeAll(async () => {
  const roots = await createAuthority('roots of the servers');
  const strangers = await createAuthority('roots of nobody');
  const serve = async (host: string, authority: typeof roots, name: string): Promise<void> => {
    const { cert, key } = await authority.issue(name);
    const server = createServer({ cert, key }, (request, response) => {
      names.push('servername' in request.socket ? String(request.socket.servername) : undefined);
      response.end('encrypted');
    });
    servers.push(server);
    await new Promise<void>((done) => server.listen(port, host, done));
  };
  await serve(right, roots, 'app.example');
  await serve(wrong, strangers, 'app.example');
  await serve(other, roots, 'other.example');
  const plain = createHttpServer((_, response) => {
    plainRequests += 1;
    response.end('plain');
  });
  servers.push(plain);
  const plainHost = randomLoopback();
  await new Promise<void>((done) => plain.listen(port, plainHost, done));
  const all = [
    ...Object.values(cases),
    { backend: plainHost, validation: own(), status: 503 },
    {
      backend: plainHost,
      validation: "{ hostname: app.example, caCertificateRefs: [{ group: '', kind: ConfigMap, name: lost }] }",
      status: 503,
    },
  ];
  waypoint = await startWaypoint(
    `
${waypointManifests('shop', '$ADDRESS')}
---
apiVersion: v1
kind: ConfigMap
metadata: { name: roots, namespace: shop }
data: { ca.crt: ${JSON.stringify(roots.ca)} }
${all
  .map(
    ({ backend, validation }, index) => `---
apiVersion: v1
kind: Service
metadata: { name: ${serviceOf(index)}, namespace: shop }
spec: { clusterIP: 10.9.0.${index + 1}, selector: { app: ${serviceOf(index)} }, ports: [{ name: http, port: 80, targetPort: ${port} }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${serviceOf(index)}, namespace: shop }
spec: { address: ${backend}, labels: { app: ${serviceOf(index)} } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: { name: ${serviceOf(index)}, namespace: shop }
spec: { targetRefs: [{ group: '', kind: Service, name: ${serviceOf(index)} }], validation: ${validation} }
`,
  )
  .join('')}`,
    { settings: { systemRoots: '/etc/ssl/certs/ca-certificates.crt' } },
  );
}, 60_000);

afterAll(async () => {
  await waypoint.stop();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

it.each(Object.entries(cases).map(([says, { status }], index) => [says, status, index] as const))(
  '%s: %d',
  async (_, status, index) => {
    const answer = await waypoint.request('client', `10.9.0.${index + 1}:80`, { path: '/' });
    expect(answer.status).toBe(status);
    if (status === 200) expect(answer.body).toBe('encrypted');
  },
);

it('asks for the name of the policy, and never speaks plain text', async () => {
  expect(names.length).toBeGreaterThan(0);
  expect(new Set(names)).toEqual(new Set(['app.example']));
  const count = Object.keys(cases).length;
  for (const index of [count, count + 1]) {
    expect((await waypoint.request('client', `10.9.0.${index + 1}:80`, { path: '/' })).status).toBe(503);
  }
  expect(plainRequests).toBe(0);
});
