// The model is the whole meaning: a reader of it that knows no Envoy decides random requests as the
// second evaluators do, which read the manifests alone.

import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { resolveWaypoint, type WaypointModel } from '../../generator/index.ts';
import { evaluate } from '../support/authorization-evaluator.ts';
import { countOf, seed } from '../support/counts.ts';
import { readMesh } from '../support/mesh.ts';
import { type Fate, readFates } from '../support/model-reader.ts';
import { evaluateRouting } from '../support/routing-evaluator.ts';
import { editHeaders, type Headers, headerValues, type Outcome, type RoutedRequest } from '../support/routing-terms.ts';
import { asked, clients } from './authorization-arbitraries.ts';
import { randomMeshes, type RandomService } from './authorization-mesh.ts';
import { clients as routedClients, randomMesh, serviceCount, vipOf, writeManifests } from './routing-mesh.ts';

const requestsOfOneClient = countOf('routingRequests');
/** The answer of every workload, for edits of answers to change. */
const said: Headers = [
  ['x-role', 'app'],
  ['x-app', 'yes'],
];
const sourceAddresses = ['127.99.1.1', '127.98.1.1'];

function modelOf(manifests: string, settings: Parameters<typeof readMesh>[1] = {}): WaypointModel {
  const { store } = readMesh({ 'mesh.yaml': manifests.replaceAll('$ADDRESS', '127.0.0.1') }, settings);
  const model = resolveWaypoint(store, { namespace: 'shop', name: 'waypoint' });
  if (model === undefined) throw new Error('there is no waypoint');
  return model;
}

it('reads from the model alone who is allowed', () => {
  const counts: Record<string, number> = {};
  for (const { manifests, settings, services, trustDomains } of randomMeshes(seed, '127.0.0.9')) {
    const model = modelOf(manifests, settings);
    for (const [index, service] of services.entries()) {
      const requests = fc.sample(asked, { numRuns: requestsOfOneClient, seed: seed + index });
      for (const [one, http] of requests.entries()) {
        const client = clients[(one + index) % clients.length] ?? '';
        const trustDomain = trustDomains[one % trustDomains.length] ?? '';
        const sourceAddress = sourceAddresses[one % sourceAddresses.length] ?? '';
        const { kind, name, address, port, isHttp } = service;
        const request = { client, trustDomain, sourceAddress, port, ...(isHttp ? { http } : {}) };
        const due = verdictOf(service, request, model);
        const [fate] = readFates(model, {
          identity: `spiffe://${trustDomain}/ns/${client.replace('/', '/sa/')}`,
          sourceAddress,
          address,
          port,
          ...(isHttp ? { http } : {}),
        });
        const got = fate !== undefined && typeof fate === 'object' && 'status' in fate ? fate.status : 200;
        counts[due] = (counts[due] ?? 0) + 1;
        expect(got, JSON.stringify({ kind, name, request, policies: service.policies })).toBe(due);
      }
    }
  }
  for (const verdict of [200, 400, 401, 403]) expect(counts[verdict] ?? 0).toBeGreaterThan(0);
});

/** If policies name paths without ever deciding by them, no path is refused. */
function verdictOf(service: RandomService, request: Parameters<typeof evaluate>[2], model: WaypointModel): number {
  const { policies, surroundings } = service;
  const frontend = model.frontends.find(
    ({ address, service: { name } }) => name === service.name && address.port === service.port,
  );
  const refuses = frontend?.http?.routes.some(({ isUnjudged }) => isUnjudged === true) ?? false;
  const said = surroundings.pathNormalization ?? (refuses ? undefined : 'BASE');
  return evaluate(policies, { ...surroundings, pathNormalization: said }, request);
}

it('reads from the model alone where requests go, and what arrives there', () => {
  const { written, requests } = randomMesh(seed);
  const model = modelOf(writeManifests(written, ['127.0.0.9', '127.0.0.10']));
  let forwarded = 0;
  for (const client of routedClients) {
    for (let service = 0; service < serviceCount; service++) {
      for (const request of requests(client, service, requestsOfOneClient)) {
        const fates = readFates(model, dial(request, client, service));
        const due = new Set(evaluateRouting(written, request).map(describeOutcome));
        expect(new Set(fates.map(describeFate)), JSON.stringify(request)).toEqual(due);
        if (fates.some((fate) => typeof fate === 'object' && 'destination' in fate)) forwarded += 1;
      }
    }
  }
  expect(forwarded).toBeGreaterThan((serviceCount * requestsOfOneClient) / 10);
});

function dial(request: RoutedRequest, client: string, service: number): Parameters<typeof readFates>[1] {
  const { port, method, path, host, headers } = request;
  return {
    identity: `spiffe://cluster.local/ns/${client.replace('/', '/sa/')}`,
    sourceAddress: '127.99.1.1',
    address: vipOf(service),
    port,
    http: { method, path, host, headers },
  };
}

function describeFate(fate: Fate): string {
  return typeof fate === 'string' ? fate : describeOutcome(fate);
}

/** An empty body is none, and a URL is as its parts are. */
function describeOutcome(outcome: Outcome): string {
  if ('status' in outcome) {
    const { status, body = '', location } = outcome;
    return JSON.stringify({ status, body, location: location === undefined ? undefined : new URL(location).href });
  }
  const { destination, path, host, headers, response } = outcome;
  const answer = response.reduce(editHeaders, said);
  return JSON.stringify({ destination, path, host, headers: linesOf(headers), answer: linesOf(answer) });
}

/** By name; lines of one name stay in their order. */
function linesOf(headers: Headers): readonly string[] {
  const names = [...new Set(headers.map(([name]) => name.toLowerCase()))].sort();
  return names.map((name) => `${name}: ${headerValues(headers, name).join(',')}`);
}
