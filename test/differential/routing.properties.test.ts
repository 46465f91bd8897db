// Random routes and random requests: the destinations that a real Envoy chooses with Cairn's
// configuration, and the requests that arrive there, against a second evaluator that only reads the
// manifests. A disagreement prints the rules and the request, and belongs into test/golden/cases.

import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { countOf, seed } from '../support/counts.ts';
import { randomLoopback } from '../support/envoy.ts';
import { type HboneConnection, type HttpResponse, requestThrough } from '../support/hbone-client.ts';
import { evaluateRouting } from '../support/routing-evaluator.ts';
import { editHeaders, type Headers, headerValues, type Outcome, type RoutedRequest } from '../support/routing-terms.ts';
import { startColdWaypoint } from '../support/cold-waypoint.ts';
import { startWaypoint, type TestWaypoint } from '../support/waypoint.ts';
import { type EchoedRequest, type EchoWorkload, startEcho } from '../support/workload.ts';
import { clients, randomMesh, serviceCount, vipOf, workloads, writeManifests } from './routing-mesh.ts';

const requestsOfOneClient = countOf('routingRequests');
const { written, requests } = randomMesh(seed);
const addresses = [randomLoopback(), randomLoopback()] as const;
/** The answer of every workload, for response edits to change. */
const said: Headers = [
  ['x-role', 'app'],
  ['x-app', 'yes'],
];
const compared = ['x-role', 'x-team', 'x-new', 'x-empty', 'x-other', 'x-app'];

/** One that has everything, and one whose first clients are those of this test. */
let waypoints: readonly Pick<TestWaypoint, 'connectAs' | 'stop'>[] = [];
let echoes: readonly EchoWorkload[];

beforeAll(async () => {
  echoes = await Promise.all(
    workloads.map(({ name, address, port }) =>
      startEcho(addresses[address], port, { name, reply: () => ({ headers: Object.fromEntries(said) }) }),
    ),
  );
  const manifests = writeManifests(written, addresses);
  waypoints = await Promise.all([startWaypoint(manifests), startColdWaypoint(manifests)]);
}, 120_000);

afterAll(async () => {
  await Promise.all(waypoints.map((waypoint) => waypoint.stop()));
  await Promise.all(echoes.map((echo) => echo.close()));
});

it(`sends every request where the second evaluator does, the first ones to a service too`, async () => {
  const disagreements: { readonly request: RoutedRequest; readonly due: unknown; readonly got: unknown }[] = [];
  const counts: Record<string, number> = {};
  const judge = (request: RoutedRequest, response: HttpResponse): void => {
    const due = evaluateRouting(written, request).map(describeOutcome);
    const got = describeResponse(response);
    const kind = 'workload' in got ? 'forwarded' : `answered ${response.status}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
    if (!due.some((outcome) => isEqual(outcome, got))) disagreements.push({ request, due, got });
  };
  const askEverything = async (waypoint: Pick<TestWaypoint, 'connectAs'>): Promise<unknown> =>
    Promise.all(
      clients.map(async (client) => {
        const connection = await waypoint.connectAs(client);
        for (let service = 0; service < serviceCount; service++) {
          const streams = new Map<string, Duplex>();
          for (const request of requests(client, service, requestsOfOneClient)) {
            const target = `${vipOf(service)}:${request.port}`;
            const stream = streams.get(target) ?? (await openStream(connection, target));
            streams.set(target, stream);
            const { method, path, host, headers } = request;
            const response = await requestThrough(stream, { method, path, authority: host, headers });
            judge(request, response);
            if (response.headers['connection'] === 'close') {
              stream.destroy();
              streams.delete(target);
            }
          }
          for (const stream of streams.values()) stream.destroy();
        }
        await connection.close();
      }),
    );
  await Promise.all(waypoints.map(askEverything));
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  console.log(`routing differential: ${total} requests, ${JSON.stringify(counts)}`);
  const told = disagreements
    .slice(0, 5)
    .map((each) => JSON.stringify({ ...each, rules: rulesOf(each.request.service) }));
  expect(told, `${disagreements.length} disagreements`).toEqual([]);
  expect(total).toBeGreaterThan(120 * requestsOfOneClient);
  expect(counts['forwarded'] ?? 0).toBeGreaterThan(total / 10);
  for (const status of [301, 400, 404, 418, 500, 503]) expect(counts[`answered ${status}`] ?? 0).toBeGreaterThan(0);
});

type Description = Readonly<Record<string, unknown>>;

function describeOutcome(outcome: Outcome): Description {
  if ('status' in outcome) {
    const { status, body, location } = outcome;
    return {
      status,
      ...(body === undefined ? {} : { body }),
      ...(location === undefined ? {} : { location: urlOf(location) }),
    };
  }
  const { destination, path, host, headers, response } = outcome;
  // A rewrite can take the slash that every path begins with; then the workload refuses it.
  if (!path.startsWith('/')) return { status: 400 };
  return {
    workload: destination.replace(/^(?:shop|wild)\/s\d+:/, 'own:'),
    path,
    host,
    headers: pickHeaders(headers),
    response: pickHeaders(response.reduce(editHeaders, said)),
  };
}

function describeResponse(response: HttpResponse): Description {
  const { status, headers, rawHeaders, body } = response;
  if (headers['content-type'] !== 'application/json' || headers['x-envoy-upstream-service-time'] === undefined) {
    const { location } = headers;
    return {
      status,
      body,
      ...(location === undefined ? {} : { location: urlOf(location) }),
    };
  }
  const echoed = JSON.parse(body) as EchoedRequest;
  return {
    workload: echoed.name,
    path: echoed.path,
    host: headerValues(echoed.headers, 'host')[0],
    headers: pickHeaders(echoed.headers),
    response: pickHeaders(rawHeaders),
  };
}

/** A URL as its parts are; as written, when it is none. */
function urlOf(location: string): string {
  return URL.canParse(location) ? new URL(location).href : location;
}

/** The headers that rules look at or change; those that are empty are there, too. */
function pickHeaders(headers: Headers): Readonly<Record<string, string>> {
  return Object.fromEntries(
    compared.flatMap((name) => {
      const values = headerValues(headers, name);
      return values.length === 0 ? [] : [[name, values.join(',')]];
    }),
  );
}

/**
 * Whether the observed outcome is expected: each expected field is compared, and any subset passes
 * if none is expected.
 */
function isEqual(due: Description, got: Description): boolean {
  return Object.entries(due).every(([field, value]) => {
    const found = got[field];
    if (field === 'workload') return found === value || String(found).startsWith(`${String(value)}/`);
    return JSON.stringify(value) === JSON.stringify(found);
  });
}

function rulesOf(service: string): unknown {
  const name = service.split('/')[1] ?? '';
  const isOwn = ({ metadata }: { readonly metadata: { readonly name: string } }): boolean =>
    metadata.name.startsWith(`${name}-`) || (service.startsWith('wild/') && metadata.name.startsWith('wildcard-'));
  return [
    ...written.virtualServices.filter(isOwn),
    ...written.httpRoutes.filter(isOwn),
    ...written.grpcRoutes.filter(isOwn),
  ];
}

async function openStream(connection: HboneConnection, target: string): Promise<Duplex> {
  const stream = await connection.connect(target);
  stream.on('error', () => undefined);
  return stream;
}
