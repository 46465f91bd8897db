// The traffic matrix: the effect of each feature on requests, and its opposite, on a real Envoy
// over HBONE. The cases are data, in `cases/`: manifests around a service of each case's own, all
// in one waypoint. `features.yaml` names the proof of each feature, here or in another test that is
// data too: test/oracle (routing and policies as Istio does them), test/differential (policies at
// random), and in test/integration: gateway-route (Gateway API), traffic-policy (DestinationRule),
// authentication (tokens, external authorizers), authorization (every policy field),
// tcp-and-entries (TCP rules, ServiceEntry, protocols), waypoint (identities, TCP at the CONNECT).

import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpResponse, isHboneRefusal, requestThrough } from '../support/hbone-client.ts';
import type { EchoedRequest } from '../support/workload.ts';
import { type Exchange, type Expectation, type MatrixCase, readCases } from './case.ts';
import { markHeader, type Matrix, netOf, startMatrix } from './mesh.ts';
import { waitFor } from '../support/wait.ts';

const cases = readCases();
let matrix: Matrix;
let sent = 0;

beforeAll(async () => {
  matrix = await startMatrix(cases);
}, 120_000);
afterAll(() => matrix.stop());

/** Long enough for an answer on a busy machine, and short of the delays that cases ask for. */
const patience = 10_000;

/** The result of one request: the answer, or undefined when there was none. */
async function ask(index: number, of: MatrixCase, exchange: Exchange, mark: string): Promise<HttpResponse | undefined> {
  const { as = 'client', from, method, path = '/', authority = of.name, headers = {}, body, expect: wanted } = exchange;
  const connection = await matrix.waypoint.connectAs(as, from === undefined ? {} : { localAddress: from });
  try {
    const stream = await connection.connect(targetOf(index, exchange));
    return await requestThrough(stream, {
      path,
      authority,
      headers: { ...headers, [markHeader]: mark },
      timeout: wanted.status === 'none' ? 2000 : patience,
      ...(method === undefined ? {} : { method }),
      ...(body === undefined ? {} : { body }),
    });
  } catch (error) {
    if (wanted.status === 'none') return undefined;
    throw error;
  } finally {
    await connection.close();
  }
}

function targetOf(index: number, { to = '$NET.1:80' }: Exchange): string {
  return to.replace('$NET', netOf(index));
}

/** The first line that comes back on a TCP connection. */
async function hear(index: number, exchange: Exchange): Promise<string> {
  const { as = 'client', from, say } = exchange;
  const connection = await matrix.waypoint.connectAs(as, from === undefined ? {} : { localAddress: from });
  try {
    const stream = await connection.connect(targetOf(index, exchange));
    if (say !== undefined) stream.write(say);
    return await firstLine(stream);
  } catch (error) {
    return isHboneRefusal(error) ? `refused ${error.status}` : 'closed';
  } finally {
    await connection.close();
  }
}

function firstLine(stream: Duplex): Promise<string> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('silence'), patience);
    const end = (text: string): void => {
      clearTimeout(timer);
      resolve(text);
    };
    stream.once('data', (chunk: Buffer) => end(chunk.toString('utf8').replace(/\n.*/s, '')));
    for (const event of ['end', 'close', 'error']) stream.once(event, () => end('closed'));
  });
}

function receivedBy(workloads: Matrix['echoes'], mark: string): number {
  const isMarked = ({ headers }: EchoedRequest): boolean =>
    headers.some(([name, value]) => name.toLowerCase() === markHeader && value === mark);
  return workloads.flatMap((workload) => workload.requests()).filter(isMarked).length;
}

function readEcho({ body }: HttpResponse): EchoedRequest | undefined {
  return body.startsWith('{') ? (JSON.parse(body) as EchoedRequest) : undefined;
}

function compare(wanted: Expectation, response: HttpResponse | undefined): void {
  expect(response?.status ?? 'none').toBe(wanted.status ?? 200);
  for (const [name, value] of Object.entries(wanted.answered ?? {})) {
    expect(response?.headers[name] ?? null, name).toBe(value);
  }
  const echoed = response === undefined ? undefined : readEcho(response);
  const seen = new Map(echoed?.headers.map(([name, value]) => [name.toLowerCase(), value]));
  for (const [name, value] of Object.entries(wanted.headers ?? {})) expect(seen.get(name) ?? null, name).toBe(value);
  for (const field of ['path', 'method', 'httpVersion'] as const) {
    if (wanted[field] !== undefined) expect(echoed?.[field], field).toBe(wanted[field]);
  }
  if (wanted.host !== undefined) expect(seen.get('host')).toBe(wanted.host);
}

/**
 * `a` is every answer's, `[a, b]` of each at least one answer when there are many, `same` one and
 * the same.
 */
function compareWorkloads(wanted: string | readonly string[], names: readonly (string | undefined)[]): void {
  const found = [...new Set(names.map(String))].sort((a, b) => (a < b ? -1 : 1));
  if (wanted === 'same') expect(found.length, found.join()).toBe(1);
  else if (names.length === 1) expect([wanted].flat()).toContain(names[0]);
  else expect(found).toEqual([wanted].flat());
}

async function run(index: number, of: MatrixCase, exchange: Exchange): Promise<void> {
  const { expect: wanted, times = 1 } = exchange;
  if (wanted.heard !== undefined) {
    expect(wanted.heard.split('|')).toContain(await hear(index, exchange));
    return;
  }
  sent += 1;
  const mark = `${of.name}-${sent}`;
  const responses: (HttpResponse | undefined)[] = [];
  for (let count = 0; count < times; count++) responses.push(await ask(index, of, exchange, mark));
  for (const response of responses) compare(wanted, response);
  if (wanted.by !== undefined) {
    compareWorkloads(
      wanted.by,
      responses.map((response) => (response === undefined ? undefined : readEcho(response)?.name)),
    );
  }
  if (wanted.attempts !== undefined) expect(receivedBy(matrix.echoes, mark), 'attempts').toBe(wanted.attempts);
  if (wanted.mirrored === true) await waitFor(() => receivedBy([matrix.sink], mark) === 1, { timeout: patience });
  if (wanted.mirrored === false) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(receivedBy([matrix.sink], mark), 'mirrored').toBe(0);
  }
}

describe.each(cases.map((each, index) => [each.name, index] as const))('%s', (_, index) => {
  const of = cases[index];
  const exchanges = of?.exchanges ?? [];
  it.each(exchanges.map(({ shows, ...rest }, at) => [shows, JSON.stringify(rest), at] as const))(
    '%s: %s',
    { timeout: 60_000 },
    async (_shows, _rest, at) => {
      const exchange = exchanges[at];
      if (of === undefined || exchange === undefined) throw new Error('no such case');
      await run(index, of, exchange);
    },
  );
});
