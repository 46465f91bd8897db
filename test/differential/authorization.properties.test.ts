// Random policies and random requests: the decisions of a real Envoy with Cairn's configuration
// against a second evaluator that only reads the manifests. A disagreement prints the policies and
// the request, and belongs into test/golden/cases.

import type { Duplex } from 'node:stream';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openAuthority } from '../../certificates/index.ts';
import { type AskedRequest, evaluate } from '../support/authorization-evaluator.ts';
import { countOf, seed } from '../support/counts.ts';
import { randomLoopback } from '../support/envoy.ts';
import { connectHbone, type HboneConnection, isHboneRefusal, requestThrough } from '../support/hbone-client.ts';
import { issueTexts } from '../support/test-certificates.ts';
import { startColdWaypoint } from '../support/cold-waypoint.ts';
import { startWaypoint, type TestWaypoint } from '../support/waypoint.ts';
import { type EchoWorkload, startEcho, startTcpBanner, type Workload } from '../support/workload.ts';
import { asked, clients, paths } from './authorization-arbitraries.ts';
import { type RandomMesh, randomMeshes, type RandomService } from './authorization-mesh.ts';

const requestsOfOneClient = countOf('authorizationRequests');
const sourceAddresses = ['127.99.1.1', '127.99.2.9', '127.98.1.1'];

const workloadAddress = randomLoopback();
const meshes = randomMeshes(seed, workloadAddress);

/** Of each mesh one that has everything, and one whose first clients are those of this test. */
let waypoints: readonly (readonly AskedWaypoint[])[] = [];
type AskedWaypoint = Pick<TestWaypoint, 'authority' | 'hbone' | 'stop'>;
let echo: EchoWorkload;
let banner: Workload;

beforeAll(async () => {
  echo = await startEcho(workloadAddress, 8080, { name: 'echo' });
  banner = await startTcpBanner(workloadAddress, 5432, 'welcome\n');
  waypoints = await Promise.all(
    meshes.map(({ manifests, settings }) =>
      Promise.all([startWaypoint, startColdWaypoint].map((start) => start(manifests, { settings, concurrency: 1 }))),
    ),
  );
}, 60_000);

afterAll(async () => {
  await Promise.all(waypoints.flat().map((waypoint) => waypoint.stop()));
  await echo.close();
  await banner.close();
});

interface Disagreement {
  readonly service: RandomService;
  readonly request: AskedRequest;
  readonly due: number;
  readonly got: number;
}

it(`agrees with the second evaluator on every decision, the first ones about a service too`, async () => {
  const disagreements: Disagreement[] = [];
  const counts: Record<number, number> = {};
  const judge = (service: RandomService, request: AskedRequest, got: number): void => {
    const due = evaluate(service.policies, service.surroundings, request);
    counts[due] = (counts[due] ?? 0) + 1;
    if (due === 400 && got === verdictOnAnyPath(service, request)) return;
    if (got !== due) disagreements.push({ service, request, due, got });
  };
  const askAsClient = async (
    connection: HboneConnection,
    { services }: RandomMesh,
    who: Pick<AskedRequest, 'client' | 'trustDomain' | 'sourceAddress'>,
    salt: number,
  ): Promise<void> => {
    for (const [index, service] of services.entries()) {
      const base = { ...who, port: service.port };
      const target = `${service.address}:${service.port}`;
      if (!service.isHttp) {
        judge(service, base, await statusOfTunnel(connection, target));
        continue;
      }
      let stream = await openStream(connection, target);
      const requests = fc.sample(asked, { numRuns: requestsOfOneClient, seed: seed + salt * 1000 + index });
      for (const { forged, ...http } of requests) {
        const { method, path, host, token } = http;
        const headers = [
          ...http.headers,
          ...(token === undefined ? [] : [token.header]),
          ...(forged === undefined ? [] : [['x-forwarded-for', forged] as const]),
        ];
        const response = await requestThrough(stream, { method, path, authority: host, headers });
        judge(service, { ...base, http }, response.status);
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
    meshes.flatMap((mesh, which) =>
      clients.flatMap((client, one) =>
        sourceAddresses.flatMap((sourceAddress, two) =>
          (waypoints[which] ?? []).map(async (waypoint) => {
            const trustDomain = mesh.trustDomains[(one + two) % mesh.trustDomains.length] ?? '';
            const connection = await connectAs(waypoint, client, trustDomain, sourceAddress);
            await askAsClient(connection, mesh, { client, trustDomain, sourceAddress }, which * 100 + one * 10 + two);
            await connection.close();
          }),
        ),
      ),
    ),
  );
  const decisions = Object.values(counts).reduce((sum, count) => sum + count, 0);
  console.log(`authorization differential: ${decisions} decisions, due: ${JSON.stringify(counts)}`);
  const told = disagreements.slice(0, 10).map(({ service: { name, policies, surroundings }, request, due, got }) =>
    JSON.stringify({ due, got, name, request, policies, tokens: surroundings.authentications }, (key, value: unknown) =>
      // Keys and tokens are new in every run; the claims say enough.
      ['jwks', 'text', 'header', 'signedWith'].includes(key) ? undefined : value,
    ),
  );
  expect(told, `${disagreements.length} disagreements`).toEqual([]);
  expect(decisions).toBeGreaterThan(750 * requestsOfOneClient);
  for (const verdict of [200, 400, 401, 403]) expect(counts[verdict] ?? 0).toBeGreaterThan(decisions / 200);
});

/** The verdict if policies name paths without ever deciding by them: then no path is refused. */
function verdictOnAnyPath(
  { policies, surroundings }: RandomService,
  { http, ...base }: AskedRequest,
): number | undefined {
  const verdicts = paths.map((path) =>
    evaluate(policies, surroundings, { ...base, ...(http === undefined ? {} : { http: { ...http, path } }) }),
  );
  const [verdict] = verdicts;
  return new Set(verdicts).size === 1 ? verdict : undefined;
}

async function connectAs(
  { authority, hbone }: AskedWaypoint,
  client: string,
  trustDomain: string,
  localAddress: string,
): Promise<HboneConnection> {
  const issuer = openAuthority({ pems: authority.pems, trustDomain, now: new Date() });
  const certificate = await issueTexts(issuer, `spiffe://${trustDomain}/ns/${client.replace('/', '/sa/')}`);
  return connectHbone({ waypoint: hbone, certificate, localAddress });
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
