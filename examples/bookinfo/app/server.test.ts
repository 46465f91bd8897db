// The bookstore by itself, on loopback addresses of this test, without any proxy between its
// services.

import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { startBookinfo } from './server.ts';
import type { BookinfoInstance, BookinfoService } from './server.ts';

const started: BookinfoInstance[] = [];
const urls = new Map<BookinfoService, string>();

afterEach(async () => {
  await Promise.all(started.splice(0).map((instance) => instance.close()));
  urls.clear();
});

async function start(service: BookinfoService, version: string, host: string): Promise<BookinfoInstance> {
  const instance = await startBookinfo(service, version, { host, port: 0, urlOf: (other) => urls.get(other) });
  started.push(instance);
  urls.set(service, `http://${host}:${instance.port}`);
  return instance;
}

async function fetchFrom(
  { host, port }: BookinfoInstance,
  path: string,
  method = 'GET',
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> {
  const call = request({ host, port, path, method, headers, agent: false });
  call.end();
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
}

test('the front page begins as curl | head expects and has the title', async () => {
  const productpage = await start('productpage', 'v1', '127.99.1.1');
  const { status, body } = await fetchFrom(productpage, '/');
  expect(status).toBe(200);
  expect(body.split('\n')[0]).toBe('<!DOCTYPE html>');
  expect(body).toContain('<title>Simple Bookstore App</title>');
});

test.each([
  ['v1', undefined],
  ['v2', 'black'],
  ['v3', 'red'],
])(
  'the product page names the reviews %s pod in exactly one line, with stars of its colour',
  async (version, color) => {
    const productpage = await start('productpage', 'v1', '127.99.1.1');
    await start('details', 'v1', '127.99.1.2');
    await start('ratings', 'v1', '127.99.1.3');
    const reviews = await start('reviews', version, '127.99.1.4');
    const { body } = await fetchFrom(productpage, '/productpage');
    expect(body.split('\n').filter((line) => /reviews-v.-/.test(line))).toEqual([`<u>${reviews.pod}</u>`]);
    expect(reviews.pod).toMatch(new RegExp(`^reviews-${version}-`));
    expect(body).toContain('Robert Louis Stevenson');
    expect(body).not.toContain('127.99.1');
    if (color === undefined) expect(body).not.toContain('★');
    else expect(body).toContain(`<span style="color: ${color}">★★★★★</span>`);
  },
);

test('calls leave from the workload’s own address, under the service’s name, with the request id', async () => {
  const seen: unknown[] = [];
  const productpage = await start('productpage', 'v1', '127.99.1.1');
  const recorder = createServer((incoming, response) => {
    seen.push([incoming.socket.remoteAddress, incoming.headers.host, incoming.url, incoming.headers['x-request-id']]);
    response.end('{}');
  });
  recorder.listen(0, '127.99.2.1');
  await once(recorder, 'listening');
  const port = (recorder.address() as { port: number }).port;
  urls.set('details', `http://127.99.2.1:${port}`);
  await fetchFrom(productpage, '/productpage', 'GET', { 'x-request-id': 'abc' });
  expect(seen).toEqual([['127.99.1.1', `details:${port}`, '/details/0', 'abc']]);
  recorder.closeAllConnections();
  recorder.close();
});

test('a page with a service missing still answers 200 and says which and why', async () => {
  const productpage = await start('productpage', 'v1', '127.99.1.1');
  const gone = await start('reviews', 'v2', '127.99.1.4');
  await gone.close();
  const { status, body } = await fetchFrom(productpage, '/productpage');
  expect(status).toBe(200);
  expect(body).toContain('Reviews are missing: reviews did not answer');
  expect(body).toContain('no address is known for details');
});

test('a call that a route sent to another service shows in the page and breaks nothing', async () => {
  const productpage = await start('productpage', 'v1', '127.99.1.1');
  const ratings = await start('ratings', 'v1', '127.99.1.3');
  const elsewhere = createServer((_request, response) => response.end('{"id":0}'));
  elsewhere.listen(0, '127.99.2.1');
  await once(elsewhere, 'listening');
  urls.set('reviews', `http://127.99.2.1:${(elsewhere.address() as { port: number }).port}`);
  urls.set('details', `http://127.99.1.3:${ratings.port}`);
  const { status, body } = await fetchFrom(productpage, '/productpage');
  expect(status).toBe(200);
  expect(body).toContain('details answered 404');
  expect(body).toContain('what answered for reviews is not reviews');
  elsewhere.closeAllConnections();
  elsewhere.close();
});

test('a DELETE on a known path is answered 200 with the method, any other path 404', async () => {
  const ratings = await start('ratings', 'v1', '127.99.1.3');
  const deleted = await fetchFrom(ratings, '/ratings/0', 'DELETE');
  expect(deleted.status).toBe(200);
  expect(JSON.parse(deleted.body)).toMatchObject({ service: 'ratings', method: 'DELETE', path: '/ratings/0' });
  for (const method of ['GET', 'DELETE']) {
    expect((await fetchFrom(ratings, '/nothing', method)).status).toBe(404);
  }
  expect((await fetchFrom(ratings, '/health')).status).toBe(200);
});

test('/headers shows the request as it arrived, and every answer says whether a request id came', async () => {
  const details = await start('details', 'v1', '127.99.1.2');
  const bare = await fetchFrom(details, '/headers?a=b');
  expect(JSON.parse(bare.body)).toMatchObject({ method: 'GET', path: '/headers?a=b' });
  expect(bare.headers['x-bookinfo-request-id']).toBe('absent');
  const marked = await fetchFrom(details, '/headers', 'GET', { 'X-Request-Id': '7' });
  expect(JSON.parse(marked.body)).toMatchObject({ headers: { 'x-request-id': '7' } });
  expect(marked.headers['x-bookinfo-request-id']).toBe('present');
});

test('close lets an open request finish and then refuses new ones', async () => {
  const details = await start('details', 'v1', '127.99.1.2');
  const productpage = await start('productpage', 'v1', '127.99.1.1');
  const slow = createServer((_request, response) => setTimeout(() => response.end('{}'), 200));
  slow.listen(0, '127.99.2.1');
  await once(slow, 'listening');
  const arrived = once(slow, 'request');
  urls.set('details', `http://127.99.2.1:${(slow.address() as { port: number }).port}`);
  const open = fetchFrom(productpage, '/productpage');
  await arrived;
  const closing = productpage.close();
  expect((await open).status).toBe(200);
  await closing;
  await expect(fetchFrom(productpage, '/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect((await fetchFrom(details, '/health')).status).toBe(200);
  slow.closeAllConnections();
  slow.close();
});
