// Istio's behaviour, as observations: requests that an Envoy with istiod 1.30.3's configuration
// answered, repeated at an Envoy with Cairn's. Each line of observations.jsonl is a case: objects
// of namespace `oracle`, and exchanges with a service of its own that has two pods, `<service>-v1`
// and `<service>-v2`. Intended differences of Cairn are listed here with their reasons.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { allocateBlock } from '../support/loopback.ts';
import { requestThrough } from '../support/hbone-client.ts';
import { startWaypoint, type TestWaypoint } from '../support/waypoint.ts';
import { type EchoedRequest, type EchoWorkload, startEcho } from '../support/workload.ts';

interface Request {
  readonly as: string;
  readonly ns?: string;
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
}

interface Observation {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly pod?: string;
  readonly path?: string;
  readonly host?: string;
  readonly method?: string;
  readonly sent?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly reached?: boolean;
}

type Operation = Readonly<Record<'paths' | 'notPaths' | 'ports' | 'notPorts', readonly string[] | undefined>>;

interface Case {
  readonly name: string;
  readonly service: string;
  readonly objects: readonly {
    readonly kind: string;
    readonly spec: { readonly rules?: readonly { readonly to?: readonly { readonly operation: Operation }[] }[] };
  }[];
  readonly exchanges: readonly { readonly request: Request; readonly observed: Observation }[];
}

const cases = readFileSync(join(import.meta.dirname, 'observations.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case);

/**
 * Headers that the observations record: those of requests as the application saw them, and those of
 * responses.
 */
const recorded = {
  sent: ['host', 'end-user', 'x-v', 'x-rule', 'x-a', 'x-b', 'x-d', 'origin', 'access-control-request-method'],
  headers: [
    'x-echo',
    'content-type',
    'x-resp',
    'x-resp2',
    'location',
    'access-control-allow-credentials',
    'access-control-allow-origin',
    'access-control-allow-headers',
    'access-control-allow-methods',
    'access-control-max-age',
  ],
};

let waypoint: TestWaypoint;
let pods: readonly EchoWorkload[] = [];
let release: () => Promise<void> | void = () => undefined;

beforeAll(async () => {
  const block = await allocateBlock();
  release = () => block.release();
  const addressOf = (index: number, version: number): string => block.address(100 + version, index);
  pods = await Promise.all(
    cases.flatMap(({ service }, index) =>
      [1, 2].map((version) =>
        startEcho(addressOf(index, version), 9080, {
          name: `${service}-v${version}`,
          reply: () => ({ headers: { 'x-echo': '1' } }),
        }),
      ),
    ),
  );
  const objects = cases.flatMap(({ service, objects: own }, index) => [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: service, namespace: 'oracle' },
      spec: { clusterIP: `10.20.0.${index}`, selector: { app: service }, ports: [{ name: 'http', port: 9080 }] },
    },
    ...[1, 2].map((version) => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'WorkloadEntry',
      metadata: { name: `${service}-v${version}`, namespace: 'oracle' },
      spec: { address: addressOf(index, version), labels: { app: service, version: `v${version}` } },
    })),
    ...own,
  ]);
  const mesh = [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'oracle', labels: { 'istio.io/use-waypoint': 'waypoint' } },
    },
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name: 'waypoint', namespace: 'oracle', annotations: { 'cairn.dev/listen-address': '$ADDRESS' } },
      spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
    },
  ];
  waypoint = await startWaypoint([...mesh, ...objects].map((object) => stringify(object)).join('---\n'));
}, 60_000);

afterAll(async () => {
  await waypoint.stop();
  await Promise.all(pods.map((pod) => pod.close()));
  await release();
});

async function observe(
  index: number,
  { as, ns = 'oracle', method, path, host, headers }: Request,
): Promise<Observation> {
  const connection = await waypoint.connectAs(`${ns}/${as}`);
  try {
    const stream = await connection.connect(`10.20.0.${index}:9080`);
    const response = await requestThrough(stream, { method, path, authority: host, headers });
    const seen = parseEcho(response.body);
    const kept = pick(response.headers, recorded.headers);
    const isFromEcho = response.headers['content-type'] === 'application/json';
    const { 'content-type': _ofTheEcho, ...ownHeaders } = kept;
    if (seen === undefined) {
      return isFromEcho && method === 'HEAD'
        ? { status: response.status, headers: ownHeaders, reached: true }
        : { status: response.status, headers: kept, body: response.body };
    }
    const sent = Object.fromEntries(seen.headers.map(([name, value]) => [name.toLowerCase(), value]));
    return {
      status: response.status,
      headers: ownHeaders,
      pod: seen.name,
      path: seen.path,
      host: sent['host'] ?? '',
      method: seen.method,
      sent: pick(sent, recorded.sent),
    };
  } finally {
    await connection.close();
  }
}

function parseEcho(body: string): EchoedRequest | undefined {
  return body.startsWith('{') ? (JSON.parse(body) as EchoedRequest) : undefined;
}

function pick(headers: Readonly<Record<string, string>>, names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])));
}

/**
 * Intended differences of Cairn: whether a difference applies to an exchange, and what must be seen
 * then; `ask` asks Cairn now.
 */
interface Difference {
  readonly reason: string;
  readonly applies: (request: Request, of: Case) => boolean;
  readonly expected: (
    then: Observation,
    request: Request,
    ask: (other: Request) => Promise<Observation>,
  ) => Observation | Promise<Observation>;
}

const differences: readonly Difference[] = [
  {
    reason: 'a policy host without a port means that host on whatever port a request names',
    applies: ({ host }, { objects }) =>
      host.includes(':') && /"(hosts|notHosts)":\[[^\]]*example/.test(JSON.stringify(objects)),
    expected: (_then, request, ask) => ask({ ...request, host: request.host.replace(/:\d+$/, '') }),
  },
  {
    reason:
      'a path that a policy denies is denied in every spelling, and what applications read in several ways is refused',
    applies: ({ path }, { objects }) => plainPath(path) !== path && readsPath(objects),
    expected: async (then, request, ask) => {
      // A rule that names paths and is decided without them reads none.
      if (isAmbiguous(request.path) && (await ask(request)).status === 400) return refusal(request);
      const plain = await ask({ ...request, path: plainPath(request.path) });
      return plain.status === 403 ? plain : then;
    },
  },
  {
    reason: 'sourceNamespace is the namespace of the client, not that of the waypoint',
    applies: ({ ns }, { name }) => name === 'source namespace' && ns !== undefined,
    expected: (then) => ({ ...then, pod: 'c19-v1' }),
  },
];

/** Whether a policy reads the path on the port that is asked; any path is none in particular. */
function readsPath(objects: Case['objects']): boolean {
  return objects.some(({ kind, spec: { rules = [] } }) =>
    kind === 'AuthorizationPolicy'
      ? rules.flatMap(({ to = [] }) => to).some(({ operation }) => isOnPath(operation))
      : false,
  );
}

function isOnPath({ paths, notPaths, ports, notPorts }: Operation): boolean {
  const lists = [paths, notPaths].filter((list) => list !== undefined);
  return (
    lists.some((list) => !list.includes('*')) &&
    ports?.includes('9080') !== false &&
    notPorts?.includes('9080') !== true
  );
}

/** The reading of applications that decode, merge slashes, and know parameters. */
function plainPath(path: string): string {
  return path
    .replace(/%2f/gi, '/')
    .replace(/;[^/]*/g, '')
    .replace(/\/+/g, '/');
}

function isAmbiguous(path: string): boolean {
  return /;|%2f|%5c/i.test(path);
}

function refusal({ method }: Request): Observation {
  const body = method === 'HEAD' ? '' : 'a policy reads the path, so it must not contain ";", "%2F" or "%5C"';
  return { status: 400, headers: { 'content-type': 'text/plain' }, body };
}

/**
 * Leaves out the port of the Host, which some differences change, and which version answered where
 * that was left to chance.
 */
function comparable(observation: Observation, { objects }: Case): Observation {
  const { host, sent, pod, ...rest } = observation;
  if (host === undefined || sent === undefined || pod === undefined) return observation;
  const destinations = [...JSON.stringify(objects).matchAll(/"destination":(\{.*?\})/g)].map(([, text = '']) => text);
  const isChosen = destinations.length > 0 && destinations.every((text) => text.includes('"subset"'));
  const withoutPort = host.replace(/:\d+$/, '');
  return {
    ...rest,
    host: withoutPort,
    sent: { ...sent, host: withoutPort },
    pod: isChosen ? pod : pod.replace(/-v\d$/, ''),
  };
}

describe('the oracle', () => {
  it.each(cases.map((each, index) => [each.name, index] as const))('%s', async (name, index) => {
    const of = cases[index];
    if (of === undefined) throw new Error(`no case ${name}`);
    for (const { request, observed } of of.exchanges) {
      const difference = differences.find(({ applies }) => applies(request, of));
      const ask = (other: Request): Promise<Observation> => observe(index, other);
      const expected = (await difference?.expected(observed, request, ask)) ?? observed;
      const now = await observe(index, request);
      expect(comparable(now, of), JSON.stringify(request)).toEqual(comparable(expected, of));
    }
  });
});
