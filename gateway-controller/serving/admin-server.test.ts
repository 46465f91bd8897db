import { request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AdminServer } from './admin-server.ts';

let level = 'info';
const server = new AdminServer({
  api: { findings: () => [] },
  unready: () => Promise.resolve([]),
  metrics: () => Promise.resolve(''),
  logLevel: { get: () => level, set: (wanted) => (level = wanted) },
});
let port: number;
beforeAll(async () => void (port = await server.start(0)));
afterAll(() => server.stop());

function ask(method: string, path: string, headers: Readonly<Record<string, string>>, body = ''): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    call.once('error', reject);
    call.end(body);
  });
}

it.each([
  [{}, 200],
  [{ host: 'localhost' }, 200],
  [{ host: 'localhost:9', origin: 'http://localhost:9', 'sec-fetch-site': 'same-origin' }, 200],
  [{ 'sec-fetch-site': 'none' }, 200],
  // A name of another site that resolves to this machine.
  [{ host: 'evil.example' }, 403],
  [{ host: 'localhost.evil.example' }, 403],
  [{ host: '127.0.0.1@evil.example' }, 403],
  // A page of another site, or of another port of this machine.
  [{ origin: 'https://evil.example' }, 403],
  [{ origin: 'http://localhost.evil.example' }, 403],
  [{ origin: 'null' }, 403],
  [{ 'sec-fetch-site': 'cross-site' }, 403],
  [{ origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' }, 403],
] as const)('answers a request with %j by %i', async (headers, expected) => {
  expect(await ask('GET', '/api/findings', headers)).toBe(expected);
  expect(await ask('PUT', '/api/log-level', headers, 'debug')).toBe(expected);
});

it('changes nothing for a page of another site', async () => {
  level = 'info';
  await ask('PUT', '/api/log-level', { origin: 'https://evil.example' }, 'debug');
  expect(level).toBe('info');
});
