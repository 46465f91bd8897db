// Policies as a real Envoy enforces them. Requests are written as bytes, since these are requests
// that clients do not normally send.

import { connect, type Socket } from 'node:net';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Operation, PathNormalization, Rule } from '../../mesh/index.ts';
import { randomLoopback, type RunningEnvoy, startEnvoy } from '../support/envoy.ts';
import { freePort } from '../support/loopback.ts';
import { type Level, type PolicyCase, renderBootstrap } from './authorization-envoy.ts';
import { waitFor } from '../support/wait.ts';

/** The policies of each case; every case is a service of its own. */
const cases: Record<string, PolicyCase> = {};

function defineCase(
  name: string,
  policies: PolicyCase['policies'],
  level: Level = 'http',
  pathNormalization?: PathNormalization,
): void {
  cases[name] = { policies, level, ...(pathNormalization === undefined ? {} : { pathNormalization }) };
}
const role = (name: string): string => `request.headers[${name}]`;
const denyOne = (name: string, rule: Rule): void => defineCase(name, [{ action: 'DENY', rules: [rule] }]);
const allowOne = (name: string, rule: Rule): void => defineCase(name, [{ rules: [rule] }]);

defineCase('open', []);
defineCase('closed', [{}]);
defineCase('any', [{ rules: [{}] }]);
defineCase('both', [
  { action: 'DENY', rules: [{ to: [{ operation: { methods: ['DELETE'] } }] }] },
  { rules: [{ from: [{ source: { principals: ['cluster.local/ns/default/sa/sleep'] } }] }] },
]);
allowOne('namespace', { from: [{ source: { namespaces: ['foo', '*-ops', 'team-*'] } }] });
allowOne('not-namespace', { from: [{ source: { notNamespaces: ['foo'] } }] });
allowOne('service-account', { from: [{ source: { serviceAccounts: ['foo/a.b', 'own'] } }] });
allowOne('principal', { from: [{ source: { principals: ['*/sa/suffix', 'cluster.local/ns/prefix*'] } }] });
allowOne('anyone', { from: [{ source: { principals: ['*'] } }] });
allowOne('trust-domain', { from: [{ source: { trustDomains: ['cluster.local'] } }] });
denyOne('ip-deny', { from: [{ source: { ipBlocks: ['127.9.0.0/16'] } }] });
allowOne('ip-not', { from: [{ source: { notIpBlocks: ['127.9.0.0/16'] } }] });
allowOne('ip-when', { when: [{ key: 'remote.ip', values: ['127.9.0.1'] }] });
denyOne('host-deny', { to: [{ operation: { hosts: ['admin.example.com', '*.internal'] } }] });
allowOne('host-allow', { to: [{ operation: { hosts: ['app.example.com', '*.public', 'exact:80'] } }] });
denyOne('path-deny', { to: [{ operation: { paths: ['/admin'] } }] });
denyOne('path-prefix', { to: [{ operation: { paths: ['/admin/*', '*.key'] } }] });
denyOne('path-escaped', { to: [{ operation: { paths: ['/é', '/a|b'] } }] });
/** The settings of path normalization, each in cases of its own: `<name> <normalization>`. */
const normalizations = [undefined, 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] as const;
const readAs = (name: string, normalization: PathNormalization | undefined): string =>
  normalization === undefined ? name : `${name}-${normalization.toLowerCase().replaceAll('_', '-')}`;
const deniedPaths = [
  '/items:delete',
  '/user@admin',
  '/x[1]',
  "/a!$&'()+,=~b",
  '/a b',
  '/é|x',
  '/a;b',
  '/deep/er',
  '/api:*',
  '/dir/*',
  '*:lock',
  '*.key',
  '/t/{*}/items:del',
  '/r:x/{**}',
];
for (const normalization of normalizations) {
  const define = (name: string, policy: PolicyCase['policies'][number]): void =>
    defineCase(readAs(name, normalization), [policy], 'http', normalization);
  const to = (operation: Operation): Rule[] => [{ to: [{ operation }] }];
  define('encoded-deny', { action: 'DENY', rules: to({ paths: deniedPaths }) });
  define('encoded-allow-not', { rules: to({ notPaths: deniedPaths }) });
  const header = role(':path');
  define('encoded-header', {
    action: 'DENY',
    rules: [{ when: [{ key: header, values: ['/items:delete', '/a?b:c'] }] }],
  });
  define('encoded-allow', { rules: to({ paths: ['/items:delete', '/@scope/*', '*.png'] }) });
}
denyOne('template-deny', { to: [{ operation: { paths: ['/users/{*}/keys', '/files/{**}'] } }] });
allowOne('template-allow', { to: [{ operation: { paths: ['/users/{*}/keys'] } }] });
allowOne('template-tail', { to: [{ operation: { paths: ['/files/{**}/', '/{**}/img/logo', '/{*}/s/{**}/end'] } }] });
allowOne('template-not', { to: [{ operation: { notPaths: ['/{**}/img/logo'] } }] });
denyOne('header-deny', { when: [{ key: role('X-Role'), values: ['bad', 'pre*', '*fix', 'two,parts'] }] });
denyOne('header-deny-not', { when: [{ key: role('x-role'), notValues: ['good'] }] });
allowOne('header-allow', { when: [{ key: role('x-role'), values: ['good', 'pre*', '*fix'] }] });
allowOne('header-allow-not', { when: [{ key: role('x-role'), notValues: ['bad'] }] });
allowOne('header-present', { when: [{ key: role('x-role'), values: ['*'] }] });
denyOne('host-header-deny', { when: [{ key: role('Host'), values: ['admin.example.com'] }] });
denyOne('authority-deny', { when: [{ key: role(':authority'), values: ['admin.example.com'] }] });
allowOne('authority-allow', { when: [{ key: role(':authority'), values: ['app.example.com'] }] });
denyOne('host-port-deny', { to: [{ operation: { hosts: ['admin:80', 'other:8080'] } }] });
allowOne('host-prefix-allow', { to: [{ operation: { hosts: ['app*', 'x:80*'] } }] });
denyOne('header-utf8', { when: [{ key: role('x-role'), values: ['é'] }] });
defineCase('tcp-identity', [{ rules: [{ from: [{ source: { namespaces: ['default'] } }] }] }], 'tcp');
defineCase('tcp-address', [{ action: 'DENY', rules: [{ from: [{ source: { ipBlocks: ['127.9.0.1'] } }] }] }], 'tcp');
defineCase('chain-allow', [{ rules: [{ from: [{ source: { namespaces: ['default'] } }] }] }], 'chain');
defineCase('chain-deny', [{ action: 'DENY', rules: [{ from: [{ source: { ipBlocks: ['127.9.0.1'] } }] }] }], 'chain');
defineCase('chain-closed', [{}], 'chain');
defineCase('tcp-http-only', [{ rules: [{ to: [{ operation: { methods: ['CONNECT'] } }] }] }], 'tcp');

const address = randomLoopback();
let port = 0;
let envoy: RunningEnvoy;

beforeAll(async () => {
  port = await freePort(address);
  envoy = await startEnvoy({
    config: renderBootstrap(cases, { address, port }),
    logLevel: 'warning',
    args: ['--file-flush-interval-msec', '50'],
  });
}, 40_000);
afterAll(() => envoy.stop());

interface Request {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  /** Lines, as latin1. */
  readonly headers?: readonly string[];
  readonly identity?: string;
  /** The client's own address. */
  readonly from?: string;
}

const sleepIdentity = 'spiffe://cluster.local/ns/default/sa/sleep';

/**
 * The status of a request through the tunnel; `connect <status>` when the tunnel itself is refused.
 */
async function ask(name: string, request: Request = {}): Promise<string> {
  const { method = 'GET', path = '/', host = 'svc', headers = [], identity = sleepIdentity, from = address } = request;
  const socket = connect({ host: address, port, localAddress: from });
  try {
    const tunnel = ['CONNECT ' + name + ':80 HTTP/1.1', `host: ${name}:80`, `x-test-identity: ${identity}`];
    const opened = await exchange(socket, tunnel);
    if (opened !== '200') return `connect ${opened}`;
    return await exchange(socket, [`${method} ${path} HTTP/1.1`, `host: ${host}`, ...headers]);
  } finally {
    socket.destroy();
  }
}

function exchange(socket: Socket, lines: readonly string[]): Promise<string> {
  socket.write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'));
  return new Promise((resolve, reject) => {
    socket.once('data', (chunk: Buffer) => resolve(chunk.toString('latin1').slice(9, 12)));
    socket.once('end', () => resolve('closed'));
    socket.once('error', reject);
  });
}

const as = (namespace: string, account: string): Request => ({
  identity: `spiffe://cluster.local/ns/${namespace}/sa/${account}`,
});
const path = (value: string): Request => ({ path: value });
const roles = (...values: string[]): Request => ({ headers: values.map((value) => `x-role: ${value}`) });

/** Every request and the status that it gets. */
const expectations: readonly (readonly [string, Request, string])[] = [
  ['open', {}, '200'],
  ['closed', {}, '403'],
  ['any', {}, '200'],
  ['both', {}, '200'],
  ['both', { method: 'DELETE' }, '403'],
  ['both', as('default', 'notsleep'), '403'],

  ['namespace', as('foo', 'a'), '200'],
  ['namespace', as('foobar', 'a'), '403'],
  ['namespace', as('a', 'foo'), '403'],
  ['namespace', as('db-ops', 'a'), '200'],
  ['namespace', as('a', 'db-ops'), '403'],
  ['namespace', as('team-1', 'a'), '200'],
  ['not-namespace', as('foo', 'a'), '403'],
  ['not-namespace', as('bar', 'a'), '200'],
  ['service-account', as('foo', 'a.b'), '200'],
  ['service-account', as('foo', 'aXb'), '403'],
  ['service-account', as('default', 'own'), '200'],
  ['service-account', as('other', 'own'), '403'],
  ['principal', as('x', 'suffix'), '200'],
  ['principal', as('prefixed', 'x'), '200'],
  ['principal', as('x', 'prefix'), '403'],
  ['anyone', {}, '200'],
  ['anyone', { identity: '' }, '403'],
  ['trust-domain', {}, '200'],
  ['trust-domain', { identity: 'spiffe://cluster.local.evil/ns/a/sa/b' }, '403'],

  ['ip-deny', { from: '127.9.0.1' }, '403'],
  ['ip-deny', { from: '127.9.0.1', headers: ['x-forwarded-for: 127.8.0.1'] }, '403'],
  ['ip-deny', { from: '127.8.0.1', headers: ['x-forwarded-for: 127.9.0.1'] }, '200'],
  ['ip-not', { from: '127.8.0.1' }, '200'],
  ['ip-not', { from: '127.9.0.1', headers: ['x-forwarded-for: 127.8.0.1'] }, '403'],
  ['ip-when', { from: '127.9.0.1' }, '200'],
  ['ip-when', { from: '127.8.0.1', headers: ['x-forwarded-for: 127.9.0.1'] }, '403'],

  ...[
    'admin.example.com',
    'ADMIN.example.COM',
    'admin.example.com:9080',
    'admin.example.com:',
    'admin.example.com.',
  ].map((host) => ['host-deny', { host }, '403'] as const),
  ...['admin.example.com.:80', 'u@admin.example.com', 'a.internal', 'A.Internal:1', 'a.internal.'].map(
    (host) => ['host-deny', { host }, '403'] as const,
  ),
  ...['adminXexample.com', 'x.admin.example.com', 'internal'].map((host) => ['host-deny', { host }, '200'] as const),
  ...['app.example.com', 'APP.example.com:9080', 'a.public', 'a.public:80', 'exact:80'].map(
    (host) => ['host-allow', { host }, '200'] as const,
  ),
  ...[
    'app.example.com:@evil',
    'app.example.com:80@evil',
    'app.example.com:',
    'app.example.com,evil',
    'evil,a.public',
  ].map((host) => ['host-allow', { host }, '403'] as const),
  ...['evil@a.public', 'a.public:@evil', '%61pp.example.com', 'app.example.com:80:80', 'app.example.com.'].map(
    (host) => ['host-allow', { host }, '403'] as const,
  ),
  ...[
    '%61dmin.example.com',
    'x,admin.example.com',
    'admin.example.com,x',
    'admin.example.com:80@x',
    'a%2einternal',
  ].map((host) => ['host-deny', { host }, '403'] as const),
  ...['host-header-deny', 'authority-deny'].flatMap((name) => [
    ...[
      'admin.example.com',
      'ADMIN.example.com',
      'admin.example.com:9080',
      'admin.example.com.',
      'u@admin.example.com',
    ].map((host) => [name, { host }, '403'] as const),
    [name, { host: 'x.admin.example.com' }, '200'] as const,
  ]),
  ['authority-allow', { host: 'App.example.com:8080' }, '200'],
  ['authority-allow', { host: 'app.example.com:@evil' }, '403'],
  ...['admin:80', 'admin', 'admin:0080', 'other:8080', 'other.:08080'].map(
    (host) => ['host-port-deny', { host }, '403'] as const,
  ),
  ...['admin:81', 'other', 'other:80801'].map((host) => ['host-port-deny', { host }, '200'] as const),
  ...['app', 'app.x:80', 'x:80', 'x:8080'].map((host) => ['host-prefix-allow', { host }, '200'] as const),
  ...['app@evil', 'app:@evil', 'app:80,evil', 'x:80@evil', 'x'].map(
    (host) => ['host-prefix-allow', { host }, '403'] as const,
  ),
  ...['app.example.com.evil', 'u@app.example.com', 'public', 'a.public.evil', 'exact', 'exact:81'].map(
    (host) => ['host-allow', { host }, '403'] as const,
  ),

  ...['/admin', '/admin?a=b', '//admin', '/./admin', '/x/../admin', '/%2e/admin', '/x/%2E%2e/admin'].map(
    (value) => ['path-deny', path(value), '403'] as const,
  ),
  ...['/%61dmin', '/adm%69n', '/x\\..\\admin', 'http://svc/admin', '/../admin'].map(
    (value) => ['path-deny', path(value), '403'] as const,
  ),
  ...['/admin#fragment', '/admin%00', '/admin\xff', '\\admin', '/%2Fx', '/x%5c', '/other;x'].map(
    (value) => ['path-deny', path(value), '400'] as const,
  ),
  ...['/%2Fadmin', '/x%2f..%2fadmin', '/%5Cadmin', '/admin;x', '/;x/admin'].map(
    (value) => ['path-deny', path(value), '400'] as const,
  ),
  ...['//host/admin', '/%61dm%69n'].map((value) => ['path-deny', path(value), '403'] as const),
  // A path that is encoded twice is another path, and so is one in another case, longer or deeper.
  ...['/ADMIN', '/admin/', '/admin%3Bx', '/admin%23', '/%2561dmin', '/admin%20', '/admin/../x'].map(
    (value) => ['path-deny', path(value), '200'] as const,
  ),
  ['path-prefix', path('/admin/x'), '403'],
  ['path-prefix', path('/x/%2e%2e//admin//x'), '403'],
  ['path-prefix', path('/a/b.key'), '403'],
  ['path-prefix', path('/a/b.ke%79'), '403'],
  ['path-prefix', path('/b.key?x'), '403'],
  ['path-prefix', path('/b?x.key'), '200'],
  ...['/%C3%A9', '/%c3%a9', '/%c3%A9', '/a|b', '/a%7cb', '/a%7Cb'].map(
    (value) => ['path-escaped', path(value), '403'] as const,
  ),
  ...[
    '/users/1/keys',
    '/users/a[b/keys',
    '/users/a]/keys',
    '/users/a=b*c/keys?x',
    '/files/',
    '/files/a/b',
    '/files/[',
  ].map((value) => ['template-deny', path(value), '403'] as const),
  ...['/users/keys', '/users/1/2/keys', '/users/1/keys/', '/files'].map(
    (value) => ['template-deny', path(value), '200'] as const,
  ),
  ['template-allow', path('/users/1/keys'), '200'],
  ['template-allow', path('/users/1/2/keys'), '403'],
  ...['/files/a/', '/files/x/y/', '/a/img/logo', '/a/b/img/logo', '/a/s/b/end', '/a/s/b/c/end'].map(
    (value) => ['template-tail', path(value), '200'] as const,
  ),
  ...['/files/a', '/files/', '/files', '/secret', '/a/img/logo/x', '/a/s/b', '/a/b/s/c/end'].map(
    (value) => ['template-tail', path(value), '403'] as const,
  ),
  ['template-not', path('/a/b/img/logo'), '403'],
  ['template-not', path('/a/b/img/logo2'), '200'],

  ...[
    ['bad'],
    ['a', 'bad'],
    ['bad', 'a'],
    ['a,bad'],
    ['a, bad ,c'],
    ['prefix'],
    ['a,prefix'],
    ['a-fix'],
    ['a-fix, b'],
  ].map((values) => ['header-deny', roles(...values), '403'] as const),
  ...[['two,parts'], ['two', 'parts'], ['two, parts'], ['\xff,bad'], ['', 'bad']].map(
    (values) => ['header-deny', roles(...values), '403'] as const,
  ),
  ...[[], [''], ['badly'], ['a', 'b'], ['two'], ['BAD']].map(
    (values) => ['header-deny', roles(...values), '200'] as const,
  ),
  ['header-deny-not', roles('good'), '200'],
  ...[[], [''], ['bad'], ['good', 'bad'], ['bad', 'good'], ['good,bad'], ['good', '\xff']].map(
    (values) => ['header-deny-not', roles(...values), '403'] as const,
  ),
  ...[['good'], ['good', 'good'], ['prefix'], ['a-fix'], ['pre-fix']].map(
    (values) => ['header-allow', roles(...values), '200'] as const,
  ),
  ...[
    [],
    [''],
    ['bad'],
    ['bad', 'good'],
    ['good', 'bad'],
    ['good,bad'],
    ['goo', 'good'],
    ['good', ''],
    ['good', '\xff'],
  ].map((values) => ['header-allow', roles(...values), '403'] as const),
  ['header-allow-not', roles(), '200'],
  ['header-allow-not', roles('good'), '200'],
  ...[['bad'], ['good', 'bad'], ['good,bad']].map((values) => ['header-allow-not', roles(...values), '403'] as const),
  ['header-present', roles('x'), '200'],
  ['header-present', roles(), '403'],
  ['header-utf8', roles('a,\xc3\xa9'), '403'],
  ['header-utf8', roles('a,\xc3\xa8'), '200'],

  ['tcp-identity', {}, '200'],
  ['tcp-identity', as('other', 'a'), 'connect 403'],
  ['tcp-address', {}, '200'],
  ['tcp-address', { from: '127.9.0.1' }, 'connect 403'],
  ['tcp-http-only', {}, 'connect 403'],
  ['chain-allow', {}, '200'],
  ['chain-allow', as('other', 'a'), 'connect 503'],
  ['chain-deny', {}, '200'],
  ['chain-deny', { from: '127.9.0.1' }, 'connect 503'],
  ['chain-closed', {}, 'connect 503'],
];

/** Texts that are a slash to some reader; the first slash of a path is always there. */
const slashes = ['/', '/', '//', '%2F', '%2f', '\\', '%5C', ';v=1/', '/;/'];
const encodings = fc.infiniteStream(fc.nat(3));
const instances: readonly string[] = deniedPaths.map((value) =>
  value.replace(/^\*/, '/some').replace('{*}', 'one').replace('{**}', 'two/three').replace(/\*$/, 'more'),
);

/** A path whose characters, as chosen, are as they are, or escaped in one of three ways. */
function encode(path: string, choices: Iterator<number>): string {
  const choose = (): number => Number(choices.next().value);
  return Array.from(path)
    .map((character, index) => {
      const digits = [...new TextEncoder().encode(character)].map((byte) => byte.toString(16).padStart(2, '0'));
      const escape = (upper: boolean): string => digits.map((pair) => `%${upper ? pair.toUpperCase() : pair}`).join('');
      if (character === '/') {
        const slash = slashes[choose() * 2 + (choose() % 2)] ?? '/';
        return index === 0 ? `/${slash === '/' ? '' : slash}` : slash;
      }
      const choice = choose();
      const mustBeEscaped = character <= ' ' || character > '~';
      return choice === 0 && !mustBeEscaped ? character : escape(choice % 2 === 0);
    })
    .join('');
}

describe('a denied path', () => {
  const refused = new Set(['400', '403']);
  it.each(normalizations)('is denied in every encoding, with %s said of paths', async (normalization) => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...instances), encodings, async (instance, choices) => {
        const encoded = path(encode(instance, choices));
        for (const name of ['encoded-deny', 'encoded-allow-not']) {
          const answer = await ask(readAs(name, normalization), encoded);
          if (!refused.has(answer)) throw new Error(`${name} ${encoded.path ?? ''}: ${answer}`);
        }
      }),
      { numRuns: 250 },
    );
  });

  it.each(normalizations)('is no other path, with %s said of paths', async (normalization) => {
    for (const other of [
      '/items:deleted',
      '/x[2]',
      '/users@admin',
      '/a%2521b',
      '/t/items:del',
      '/directory',
      '/x.keys',
    ]) {
      expect(await ask(readAs('encoded-deny', normalization), path(other)), other).toBe('200');
      expect(await ask(readAs('encoded-allow-not', normalization), path(other)), other).toBe('200');
    }
  });

  it.each(normalizations)('is denied by the header :path, with %s said of paths', async (normalization) => {
    const name = readAs('encoded-header', normalization);
    for (const denied of ['/items:delete', '/items%3adelete', '//items:delete', '/items:delete?x', '/a?b%3Ac']) {
      expect(await ask(name, path(denied)), denied).toBe('403');
    }
    for (const other of ['/items', '/a?b:cd', '/a', '/?/items:delete', '/x?y=/../z']) {
      expect(await ask(name, path(other)), other).toBe('200');
    }
  });
});

describe('an allowed path', () => {
  it.each(normalizations)('is allowed as it stands, with %s said of paths', async (normalization) => {
    const name = readAs('encoded-allow', normalization);
    for (const allowed of ['/items:delete', '/items:delete?x=/../%2f;', '/@scope/pkg', '/a/b.png']) {
      expect(await ask(name, path(allowed)), allowed).toBe('200');
    }
    for (const other of [
      '/items%3Adelete',
      '//items:delete',
      '/%40scope/pkg',
      '/admin;a.png',
      '/@scope/..;/x',
      '/@scope/%00',
    ]) {
      if (normalization?.includes('MERGE') === true && other.startsWith('//')) continue;
      expect(['400', '403'], other).toContain(await ask(name, path(other)));
    }
    for (const doubtful of ['/@scope/..%2fadmin', '/@scope/%2e%2e%5Cadmin', '/@scope/a%2F..%2F..%2Fx.png']) {
      // Decoded, it is the path that the application gets.
      if (normalization?.includes('DECODE') === true) continue;
      expect(['400', '403'], doubtful).toContain(await ask(name, path(doubtful)));
    }
    const scoped = await ask(name, path('/@scope/a%2fb'));
    expect(scoped).toBe(normalization === undefined ? '400' : '200');
  });
});

describe('a real Envoy', () => {
  it.each(expectations)('%s %j: %s', async (name, request, expected) => {
    expect(await ask(name, request)).toBe(expected);
  });

  it('names the rule that decided, and the policies that were tried when none allowed', async () => {
    await ask('both', { method: 'DELETE' });
    await ask('both', as('default', 'notsleep'));
    const line = 'rbac_access_denied_matched_policy[none] tried=default/both-1';
    await waitFor(() => envoy.logs().includes(line), { what: line });
    expect(envoy.logs()).toContain('rbac_access_denied_matched_policy[ns[default]-policy[both-0]-rule[0]]');
  });
});
