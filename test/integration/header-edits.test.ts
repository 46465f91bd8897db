// Edits of headers have the effect that is written, or a Finding says that they have none: on a
// real Envoy, header by header.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { analyzeMesh } from '../../generator/index.ts';
import { formatPath } from '../../mesh/index.ts';
import { randomLoopback } from '../support/envoy.ts';
import { echoServiceManifests, readMesh, waypointManifests, workloadManifest } from '../support/mesh.ts';
import { startWaypoint, type TestWaypoint } from '../support/waypoint.ts';
import { type EchoedRequest, type EchoWorkload, startEcho } from '../support/workload.ts';

const workloadAddress = randomLoopback();

/** Headers that Envoy has a mind of its own about, and one that it has not. */
const names = {
  response: [
    'server',
    'date',
    'via',
    'content-type',
    'set-cookie',
    'location',
    'proxy-authenticate',
    'x-own',
    'x-request-id',
    'connection',
    'keep-alive',
    'proxy-connection',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    ...['degraded', 'upstream-service-time', 'decorator-operation', 'attempt-count'].map((name) => `x-envoy-${name}`),
  ],
  request: [
    'user-agent',
    'via',
    'te',
    'forwarded',
    'x-own',
    'x-request-id',
    'traceparent',
    'keep-alive',
    'transfer-encoding',
    ...['for', 'proto', 'host', 'client-cert'].map((name) => `x-forwarded-${name}`),
    ...['internal', 'external-address', 'attempt-count', 'original-path'].map((name) => `x-envoy-${name}`),
  ],
} as const;

/** Headers that an application, or a client, cannot send freely. */
const unsendable = new Set(['connection', 'date', 'keep-alive', 'trailer', 'transfer-encoding', 'upgrade']);

const edits = (['request', 'response'] as const).flatMap((direction) =>
  names[direction].flatMap((name) =>
    (['set', 'remove'] as const).map((operation) => ({
      direction,
      name,
      operation,
      path: `/${direction}/${operation}/${name}`,
      field: `headers.${direction}.${operation}${operation === 'set' ? `.${name}` : '[0]'}`,
    })),
  ),
);

const manifests = `
${waypointManifests('shop', '$ADDRESS')}
---
${echoServiceManifests(['web'])}
---
${workloadManifest('echo', workloadAddress)}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web, namespace: shop }
spec: ${JSON.stringify({
  hosts: ['web'],
  http: edits.map(({ direction, name, operation, path }) => ({
    match: [{ uri: { exact: path } }],
    headers: { [direction]: { [operation]: operation === 'set' ? { [name]: 'edited' } : [name] } },
    route: [{ destination: { host: 'web' } }],
  })),
})}
`;

const { store } = readMesh({ 'test.yaml': manifests.replaceAll('$ADDRESS', randomLoopback()) });
const reported = new Set(analyzeMesh(store).map(({ path }) => formatPath(path)));

let waypoint: TestWaypoint;
let echo: EchoWorkload;
beforeAll(async () => {
  echo = await startEcho(workloadAddress, 8080, {
    name: 'echo',
    reply: ({ path }) => {
      const name = /^\/response\/\w+\/(.*)$/.exec(path)?.[1];
      return name === undefined || unsendable.has(name) ? {} : { headers: { [name]: 'own' } };
    },
  });
  waypoint = await startWaypoint(manifests);
}, 60_000);
afterAll(async () => {
  await waypoint.stop();
  await echo.close();
});

it.each(edits.map((edit, index) => ({ ...edit, index })))(
  '$operation of $name of a $direction',
  async ({ direction, name, operation, path, field, index }) => {
    const sent = direction === 'request' && !unsendable.has(name) ? { [name]: 'own' } : {};
    const answer = await waypoint.request('client', '10.0.0.1:80', { path, headers: { host: 'web', ...sent } });
    const seen = direction === 'response' ? answer.rawHeaders : (JSON.parse(answer.body) as EchoedRequest).headers;
    const values = seen.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
    const wanted = operation === 'set' ? ['edited'] : [];
    const isReported =
      reported.has(`spec.http[${index}].${field}`) ||
      reported.has(`spec.http[${index}].headers.${direction}.${operation}["${name}"]`);
    // An edit that Envoy ignores anyway counts as written if it is reported as well.
    if (isReported) expect(values).not.toEqual(['edited']);
    else expect(values).toEqual(wanted);
  },
);
