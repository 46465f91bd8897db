// Fetches keys from real servers: what arrives, what is refused, and what stays when the server is
// away.

import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { KeyFetcher } from './key-fetcher.ts';
import type { KeyFetcherOptions } from './key-fetcher.ts';
import { createIssuer } from '../../test/support/tokens.ts';
import { waitFor } from '../../test/support/wait.ts';

const ends: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

interface Server {
  readonly uri: string;
  answer: Answer;
  requests: number;
}

async function serve(answer: Answer): Promise<Server> {
  const server: Server = { uri: '', answer, requests: 0 };
  const http = createServer((request, response) => {
    server.requests += 1;
    server.answer(request, response);
  });
  await new Promise<void>((done) => http.listen(0, '127.0.0.1', done));
  const address = http.address();
  ends.push(
    () =>
      new Promise<void>((done) => {
        http.close(() => done());
        http.closeAllConnections();
      }),
  );
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return Object.assign(server, { uri: `http://127.0.0.1:${port}` });
}

const text =
  (body: string): Answer =>
  (_, response) =>
    void response.end(body);

function fetcher(options: Partial<KeyFetcherOptions> = {}): {
  readonly keys: KeyFetcher;
  readonly until: (
    holds: (spec: { readonly jwks?: string; readonly problem?: string } | undefined) => boolean,
  ) => Promise<void>;
} {
  let changed = (): void => undefined;
  const keys = new KeyFetcher({ allowsPrivate: true, retryInterval: 5, onChange: () => changed(), ...options });
  ends.push(() => keys.stop());
  return {
    keys,
    until: (holds) =>
      new Promise((done) => {
        changed = () => {
          if (holds(keys.documents()[0]?.spec)) done();
        };
        changed();
      }),
  };
}

const [first, second] = [createIssuer('someone'), createIssuer('someone')];
const isDiscovery = false;

it('gets a key set, and its successor when the issuer rotates its keys', async () => {
  const server = await serve(text(first.jwks));
  const { keys, until } = fetcher({ refreshInterval: 5 });
  keys.want([{ uri: server.uri, isDiscovery }]);
  expect(keys.documents()).toEqual([]);
  await until((spec) => spec?.jwks === first.jwks);
  server.answer = text(second.jwks);
  await until((spec) => spec?.jwks === second.jwks);
  expect(keys.documents()[0]?.spec).toEqual({ uri: server.uri, jwks: second.jwks });
  expect(keys.keep()).toEqual({ [server.uri]: second.jwks });
});

it('finds the keys of an issuer by its OpenID configuration', async () => {
  const server = await serve((request, response) =>
    response.end(
      request.url === '/keys' ? first.jwks : JSON.stringify({ jwks_uri: `http://${request.headers.host}/keys` }),
    ),
  );
  const { keys, until } = fetcher();
  keys.want([{ uri: `${server.uri}/.well-known/openid-configuration`, isDiscovery: true }]);
  await until((spec) => spec?.jwks === first.jwks);
});

it('keeps what it has while the issuer is away, says so, and recovers', async () => {
  const server = await serve(text(first.jwks));
  const { keys, until } = fetcher({ refreshInterval: 5 });
  keys.want([{ uri: server.uri, isDiscovery }]);
  await until((spec) => spec?.jwks === first.jwks);
  for (const [answer, problem] of [
    [(_, response) => void response.writeHead(500).end(), 'it was answered with 500'],
    [text('<html>'), 'it is not a JSON Web Key Set'],
    [text('{"keys": []}'), 'it has no key'],
    [
      text('{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'),
      'key 0 is of type "oct"; types are RSA, EC P-256, EC P-384, EC P-521, OKP Ed25519',
    ],
    [(_, response) => void response.destroy(), 'the connection was reset'],
  ] as readonly (readonly [Answer, string])[]) {
    server.answer = answer;
    await until((spec) => spec?.problem === problem);
    expect(keys.documents()[0]?.spec.jwks).toBe(first.jwks);
  }
  server.answer = text(second.jwks);
  await until((spec) => spec?.jwks === second.jwks && spec.problem === undefined);
});

it('lets keys go that the issuer says three times in a row not to have, and nothing else', async () => {
  const server = await serve(text(first.jwks));
  const { keys, until } = fetcher({ refreshInterval: 1, retryInterval: 1 });
  keys.want([{ uri: server.uri, isDiscovery }]);
  await until((spec) => spec?.jwks === first.jwks);
  const answers = ['{"keys": []}', '{"keys": []}', '<html>', '{"keys": [{"kty": "oct"}]}'];
  let asked = 0;
  server.answer = (_, response) => void response.end(answers[asked++ % answers.length]);
  const before = server.requests;
  await waitFor(() => server.requests - before > 6);
  expect(keys.documents()[0]?.spec.jwks).toBe(first.jwks);
  server.answer = text('{"keys": []}');
  await until((spec) => spec?.jwks === undefined);
  expect(keys.documents()[0]?.spec).toEqual({ uri: server.uri, problem: 'it has no key' });
  expect(keys.keep()).toEqual({});
  server.answer = text(second.jwks);
  await until((spec) => spec?.jwks === second.jwks);
});

it('serves what an earlier life fetched until it knows better', async () => {
  const server = await serve(() => undefined);
  const { keys } = fetcher({ kept: { [server.uri]: first.jwks } });
  keys.want([{ uri: server.uri, isDiscovery }]);
  expect(keys.documents()[0]?.spec).toEqual({ uri: server.uri, jwks: first.jwks });
});

it('forgets, and asks no more, what nobody wants', async () => {
  const server = await serve(text(first.jwks));
  const { keys, until } = fetcher({ refreshInterval: 1 });
  keys.want([{ uri: server.uri, isDiscovery }]);
  await until((spec) => spec !== undefined);
  keys.want([]);
  expect(keys.documents()).toEqual([]);
  const before = server.requests;
  await new Promise((done) => setTimeout(done, 50));
  expect(server.requests - before).toBeLessThan(2);
});

it('gives up what is too large or too slow', async () => {
  const large = await serve((_, response) => {
    response.on('error', () => undefined);
    for (let count = 0; count < 40; count += 1) response.write('x'.repeat(10_000));
  });
  const slow = await serve((_, response) => void response.write('{'));
  for (const [server, problem] of [
    [large, 'it has more than 262144 bytes'],
    [slow, 'it took more than 200 ms'],
  ] as const) {
    const { keys, until } = fetcher();
    keys.want([{ uri: server.uri, isDiscovery, ...(server === slow ? { timeout: 200 } : {}) }]);
    await until((spec) => spec?.problem === problem);
    expect(keys.documents()[0]?.spec.jwks).toBeUndefined();
  }
});

it.each([
  ['an address', (port: string) => `http://127.0.0.1:${port}`, '127.0.0.1'],
  ['an address in other clothes', (port: string) => `http://0x7f.1:${port}`, '127.0.0.1'],
  ['an address of IPv6 around it', (port: string) => `http://[::ffff:127.0.0.1]:${port}`, '::ffff:7f00:1'],
])('does not connect to loopback by %s', async (_, uriOf, shown) => {
  const server = await serve(text(first.jwks));
  const { keys, until } = fetcher({ allowsPrivate: false });
  keys.want([{ uri: uriOf(new URL(server.uri).port), isDiscovery }]);
  await until((spec) => spec?.problem === `${shown} is a private address, which the control plane does not connect to`);
  expect(server.requests).toBe(0);
});

it('does not connect to loopback by a name that leads there', async () => {
  const server = await serve(text(first.jwks));
  const { keys, until } = fetcher({ allowsPrivate: false });
  keys.want([{ uri: `http://localhost:${new URL(server.uri).port}`, isDiscovery }]);
  await until(
    (spec) => spec?.problem?.endsWith('is a private address, which the control plane does not connect to') === true,
  );
  expect(server.requests).toBe(0);
});

it('follows a few redirects', async () => {
  const server = await serve((request, response) => {
    const hops = Number(request.url?.slice(1));
    if (hops === 0) response.end(first.jwks);
    else response.writeHead(302, { location: `/${hops - 1}` }).end();
  });
  const { keys, until } = fetcher();
  keys.want([{ uri: `${server.uri}/3`, isDiscovery }]);
  await until((spec) => spec?.jwks === first.jwks);
  const other = fetcher();
  other.keys.want([{ uri: `${server.uri}/4`, isDiscovery }]);
  await other.until((spec) => spec?.problem === 'it was redirected more than 3 times');
});

it('asks few at a time, and everyone in the end', async () => {
  let open = 0;
  let most = 0;
  const server = await serve((_, response) => {
    most = Math.max(most, ++open);
    setTimeout(() => {
      open -= 1;
      response.end(first.jwks);
    }, 5);
  });
  const { keys, until } = fetcher();
  keys.want(Array.from({ length: 40 }, (_, index) => ({ uri: `${server.uri}/${index}`, isDiscovery })));
  await until(() => keys.documents().length === 40);
  expect(most).toBeLessThanOrEqual(8);
});
