// Tokens, external authorizers, audits, dry runs and aliases of the trust domain, on a real Envoy:
// requests that must pass, and those that must not.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAuthority } from '../../certificates/index.ts';
import type { JsonObject } from '../../envoy-api/index.ts';
import { startGrpcAuthorizer, startHttpAuthorizer, type TestAuthorizer } from '../support/authorizers.ts';
import { connectHbone, type HttpResponse, requestThrough } from '../support/hbone-client.ts';
import { issueTexts } from '../support/test-certificates.ts';
import { createIssuer, unsignedToken } from '../support/tokens.ts';
import { waitFor } from '../support/wait.ts';
import { startWaypoint, type TestWaypoint } from '../support/waypoint.ts';
import { type EchoedRequest, type EchoWorkload, startEcho } from '../support/workload.ts';
import { issuers, manifests, type ServiceName, targetOf, workload } from './authentication-manifests.ts';

const { one, two, three, impostor, lost, fetched } = issuers;

let waypoint: TestWaypoint;
let echo: EchoWorkload;
let http: TestAuthorizer;
let grpc: TestAuthorizer;

beforeAll(async () => {
  echo = await startEcho(workload, 8080, { name: 'echo' });
  http = await startHttpAuthorizer(workload, 8000);
  grpc = await startGrpcAuthorizer(workload, 9000);
  waypoint = await startWaypoint(manifests);
}, 60_000);
afterAll(async () => {
  await waypoint.stop();
  await Promise.all([echo.close(), http.close(), grpc.close()]);
});

type Headers = Readonly<Record<string, string>>;

function ask(service: ServiceName, path: string, headers: Headers = {}, body?: string): Promise<HttpResponse> {
  return waypoint.request('sleep', targetOf(service), {
    path,
    headers,
    ...(body === undefined ? {} : { method: 'POST', body }),
  });
}

const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` });

function received({ body }: HttpResponse): ReadonlyMap<string, string> {
  return new Map((JSON.parse(body) as EchoedRequest).headers.map(([name, value]) => [name.toLowerCase(), value]));
}

type Case = readonly [says: string, service: ServiceName, path: string, headers: Headers, status: number];

const now = Math.floor(Date.now() / 1000);
const anna = one.sign({ sub: 'anna' });
const preflight = { origin: 'http://x', 'access-control-request-method': 'GET' };

const cases: readonly Case[] = [
  ['no token passes', 'tokens', '/', {}, 200],
  ['a good token passes', 'tokens', '/', bearer(one.sign({ aud: 'shop' })), 200],
  ['a token in the query passes', 'tokens', `/?access_token=${one.sign({ aud: ['x', 'shop'] })}`, {}, 200],
  ['a token for another audience', 'tokens', '/', bearer(one.sign({ aud: 'bank' })), 403],
  ['a token for no audience', 'tokens', '/', bearer(one.sign()), 403],
  ['a token of an impostor', 'tokens', '/', bearer(impostor.sign({ aud: 'shop' })), 401],
  ['a token of an unknown issuer', 'tokens', '/', bearer(two.sign({ aud: 'shop' })), 401],
  ['a token that is over', 'tokens', '/', bearer(one.sign({ aud: 'shop', exp: now - 7200 })), 401],
  ['a token that is not yet', 'tokens', '/', bearer(one.sign({ aud: 'shop', nbf: now + 7200 })), 401],
  ['a token without a signature', 'tokens', '/', bearer(unsignedToken({ iss: one.issuer, aud: 'shop' })), 401],
  ['a token that is none', 'tokens', '/', bearer('nonsense'), 401],
  ['a bad token on a preflight', 'tokens', '/', { ...bearer('nonsense'), ...preflight }, 401],

  ['a member', 'members', '/', bearer(one.sign()), 200],
  ['nobody', 'members', '/', {}, 403],
  ['nobody who names a payload', 'members', '/', { 'x-payload': 'e30' }, 403],
  ['a member without a subject', 'members', '/', bearer(one.sign({ sub: undefined })), 403],

  ['the named subject of the first issuer', 'several', '/', bearer(anna), 200],
  ['another subject of the first issuer', 'several', '/', bearer(one.sign({ sub: 'bob' })), 403],
  ['any subject of the second, in its header', 'several', '/', { 'x-token': `Token ${two.sign()}` }, 200],
  ['any subject of the second, in its parameter', 'several', `/?token=${two.sign()}`, {}, 200],
  ['the second issuer where only the first may be', 'several', '/', bearer(two.sign()), 401],
  ['the third, in its cookie', 'several', '/', { cookie: `session=${three.sign({ sub: 'carl' })}` }, 200],
  ['another subject of the third', 'several', '/', { cookie: `session=${three.sign({ sub: 'anna' })}` }, 403],
  ['a subject that contains the one named', 'several', '/', bearer(one.sign({ sub: 'x/anna' })), 403],

  ['a token of an issuer without keys', 'lost', '/', bearer(lost.sign()), 401],
  ['no token of an issuer without keys', 'lost', '/', {}, 200],
  ['a token of an issuer with a broken key', 'broken', '/', bearer(lost.sign()), 401],
  ['a token of an issuer whose keys were fetched', 'fetched', '/', bearer(fetched.sign()), 200],
  ['a token of another with that name', 'fetched', '/', bearer(createIssuer(fetched.issuer, 'RS256').sign()), 401],

  ['a claim in a list', 'claims', '/group', bearer(one.sign({ groups: ['x', 'admins'] })), 200],
  ['a claim as text', 'claims', '/group', bearer(one.sign({ groups: 'admins' })), 200],
  ['a claim by prefix', 'claims', '/group', bearer(one.sign({ groups: ['dev-a'] })), 200],
  ['another claim', 'claims', '/group', bearer(one.sign({ groups: ['admins2'] })), 403],
  ['a claim one level too deep', 'claims', '/group', bearer(one.sign({ groups: { groups: 'admins' } })), 403],
  ['a claim without a token', 'claims', '/group', {}, 403],
  ['a claim inside another', 'claims', '/nested', bearer(one.sign({ realm: { roles: ['owner'] } })), 200],
  ['the same claim outside', 'claims', '/nested', bearer(one.sign({ roles: ['owner'] })), 403],
  ['a word of the scope', 'claims', '/scope', bearer(one.sign({ scope: 'read write' })), 200],
  ['no word of the scope', 'claims', '/scope', bearer(one.sign({ scope: 'read rewrite' })), 403],
  ['a word of a claim that is a list', 'claims', '/roles', bearer(one.sign({ 'roles-text': 'a b' })), 200],
  ['no word of it', 'claims', '/roles', bearer(one.sign({ 'roles-text': 'ab' })), 403],
  ['the audience', 'claims', '/audience', bearer(one.sign({ aud: ['x', 'shop'] })), 200],
  ['another audience', 'claims', '/audience', bearer(one.sign({ aud: 'x' })), 403],
  ['the presenter', 'claims', '/presenter', bearer(one.sign({ azp: 'client' })), 200],
  ['another presenter', 'claims', '/presenter', bearer(one.sign({ azp: 'x' })), 403],
  ['not the excluded principal', 'claims', '/principal', bearer(anna), 200],
  ['the excluded principal', 'claims', '/principal', bearer(one.sign({ sub: 'mallory' })), 403],
  ['not the excluded group', 'claims', '/not-group', bearer(one.sign({ groups: ['a'] })), 200],
  ['the excluded group', 'claims', '/not-group', bearer(one.sign({ groups: ['a', 'banned'] })), 403],
  ['what no filter says', 'claims', '/filter', bearer(anna), 403],
  ['a server name', 'claims', '/sni', bearer(anna), 403],

  ['a claim that is not banned', 'denied', '/', bearer(one.sign({ banned: false, level: 70 })), 200],
  ['a banned truth value', 'denied', '/', bearer(one.sign({ banned: true })), 403],
  ['a banned text', 'denied', '/', bearer(one.sign({ banned: 'true' })), 403],
  ['a banned list', 'denied', '/', bearer(one.sign({ banned: ['x', 'true'] })), 403],
  ['a banned number in a list', 'denied', '/', bearer(one.sign({ level: [6, 7] })), 403],
  ['a banned truth value in a list', 'denied', '/', bearer(one.sign({ banned: [true] })), 403],
  ['other numbers in a list', 'denied', '/', bearer(one.sign({ level: [70, 8] })), 200],
  ['a banned number', 'denied', '/', bearer(one.sign({ level: 7 })), 403],
  ['a banned principal with a slash in its name', 'denied', '/', bearer(one.sign({ sub: 'a/b' })), 403],
  ['another principal', 'denied', '/', bearer(one.sign({ sub: 'a/c' })), 200],

  ['a route by a claim', 'routes', '/', bearer(one.sign({ group: 'gold' })), 201],
  ['a route by a claim in a list', 'routes', '/', bearer(one.sign({ group: ['x', 'gold'] })), 201],
  ['a route by a claim inside another', 'routes', '/', bearer(one.sign({ realm: { tier: 'silver-2' } })), 202],
  ['a route for those without a claim', 'routes', '/outside', {}, 203],
  ['that route for those with it', 'routes', '/outside', bearer(anna), 200],
  ['a claim as a header', 'routes', '/', { group: 'gold' }, 200],
  ['a claim of an impostor', 'routes', '/', bearer(impostor.sign({ group: 'gold' })), 401],

  ['HTTP: allowed', 'asked-http', '/asked', { 'x-decide': 'allow' }, 200],
  ['HTTP: denied', 'asked-http', '/asked/more', { 'x-decide': 'deny' }, 403],
  ['HTTP: no answer', 'asked-http', '/asked', { 'x-decide': 'hang' }, 403],
  ['HTTP: not asked', 'asked-http', '/other', { 'x-decide': 'deny' }, 200],
  ['HTTP: allowed, and denied by a policy', 'asked-http', '/asked/never', { 'x-decide': 'allow' }, 403],
  ['gRPC: allowed', 'asked-grpc', '/', { 'x-decide': 'allow' }, 200],
  ['gRPC: denied', 'asked-grpc', '/', {}, 403],
  ['gRPC: no answer', 'asked-grpc', '/', { 'x-decide': 'hang' }, 403],
  ['gRPC: not asked', 'asked-grpc', '/open', {}, 200],
  ['no answer, failing open', 'asked-open', '/', { 'x-decide': 'hang' }, 200],
  ['denied, failing open', 'asked-open', '/', { 'x-decide': 'deny' }, 403],
  ['no answer, with a status of its own', 'asked-mute', '/', { 'x-decide': 'hang' }, 503],
  ['a provider that does not exist', 'asked-nobody', '/asked', { 'x-decide': 'allow' }, 403],
  ['what it would not be asked', 'asked-nobody', '/other', {}, 200],
  ['the first of two providers', 'asked-two', '/a', { 'x-decide': 'allow' }, 403],
  ['the second of two providers', 'asked-two', '/b', { 'x-decide': 'allow' }, 403],
  ['what neither would be asked', 'asked-two', '/c', {}, 200],

  ['an audited request', 'audited', '/audited', {}, 200],
  ['what a dry run would deny', 'audited', '/tried', {}, 200],
  ['what the root namespace denies', 'everyone', '/forbidden-in-the-mesh', {}, 403],
  ['what it does not', 'everyone', '/', {}, 200],
];

describe('answers', () => {
  it.each(cases)('%s: %s', async (_says, service, path, headers, status) => {
    expect((await ask(service, path, headers)).status).toBe(status);
  });
});

describe('what becomes of a token', () => {
  it('is taken out, and its claims become headers that nobody can forge', async () => {
    const forged = { 'x-sub': 'root', 'x-deep': 'root' };
    const token = one.sign({ aud: 'shop', sub: 'anna', nested: { key: 'inside' } });
    const verified = received(await ask('tokens', '/', { ...bearer(token), ...forged }));
    expect(verified.get('authorization')).toBeUndefined();
    expect([verified.get('x-sub'), verified.get('x-deep')]).toEqual(['anna', 'inside']);
    const none = received(await ask('tokens', '/', forged));
    expect([none.get('x-sub'), none.get('x-deep')]).toEqual([undefined, undefined]);
  });

  it('is passed on, with its payload, where that is asked for', async () => {
    const token = one.sign({ sub: 'anna' });
    const seen = received(await ask('members', '/', { ...bearer(token), 'x-payload': 'forged' }));
    expect(seen.get('authorization')).toBe(`Bearer ${token}`);
    const payload: unknown = JSON.parse(Buffer.from(seen.get('x-payload') ?? '', 'base64url').toString());
    expect(payload).toMatchObject({ sub: 'anna' });
  });
});

describe('an external authorizer', () => {
  it('over HTTP is told what its provider says, and tells what it may', async () => {
    const headers = { 'x-decide': 'allow', 'x-shown-a': '1', 'x-hidden': '2' };
    const allowed = received(await ask('asked-http', '/asked/body', headers, 'hello'));
    const question = http.questions().at(-1);
    expect(question).toMatchObject({ method: 'POST', path: '/check/asked/body', body: 'hello' });
    expect(question?.headers).toMatchObject({ 'x-shown-a': '1', 'x-fixed': '100%' });
    expect(question?.headers).not.toHaveProperty('x-hidden');
    expect([allowed.get('x-authorizer'), allowed.get('x-secret')]).toEqual(['allowed', undefined]);
    const denied = await ask('asked-http', '/asked', { 'x-decide': 'deny' });
    expect(denied).toMatchObject({ body: 'denied by the HTTP authorizer', headers: { 'x-authorizer': 'denied' } });
    expect(denied.headers).not.toHaveProperty('x-secret');
  });

  it('over gRPC is told the request, and gives headers', async () => {
    const allowed = received(await ask('asked-grpc', '/path?query', { 'x-decide': 'allow' }));
    expect(grpc.questions().at(-1)).toMatchObject({ method: 'GET', path: '/path?query' });
    expect(allowed.get('x-authorizer')).toBe('allowed');
    const denied = await ask('asked-grpc', '/');
    expect(denied).toMatchObject({ body: 'denied by gRPC', headers: { 'x-authorizer': 'denied' } });
  });
});

describe('policies that decide nothing', () => {
  const lineOf = async (path: string): Promise<Readonly<Record<string, unknown>>> =>
    waitFor(
      () =>
        waypoint.envoy
          .logs()
          .split('\n')
          .filter((line) => line.startsWith('{') && line.endsWith('}'))
          .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
          .find((line) => line['path'] === path),
      { what: `the log of ${path}` },
    );

  it('are in the access log', async () => {
    await ask('audited', '/audited?logged');
    await ask('audited', '/tried?logged', {}, 'x');
    expect(await lineOf('/audited?logged')).toMatchObject({
      audit_policy: 'ns[shop]-policy[audit]-rule[0]',
      dry_run_deny: 'allowed',
      dry_run_allow: 'allowed',
    });
    expect(await lineOf('/tried?logged')).toMatchObject({
      audit_policy: null,
      dry_run_deny: 'denied',
      dry_run_deny_policy: 'ns[shop]-policy[try-deny]-rule[0]',
      dry_run_allow: 'denied',
    });
  });
});

describe('identities of an alias of the trust domain', () => {
  const as = async (trustDomain: string, account: string): Promise<number> => {
    const authority = openAuthority({ pems: waypoint.authority.pems, trustDomain, now: new Date() });
    const certificate = await issueTexts(authority, `spiffe://${trustDomain}/ns/${account}`);
    const connection = await connectHbone({ waypoint: waypoint.hbone, certificate, timeout: 3000 });
    try {
      return (await requestThrough(await connection.connect(targetOf('aliases')), { path: '/' })).status;
    } finally {
      await connection.close();
    }
  };

  it.each([
    ['old.example', 'shop/sa/sleep', 200],
    ['cluster.local', 'shop/sa/sleep', 200],
    ['old.example', 'far/sa/other', 200],
    ['old.example', 'shop/sa/other', 403],
  ] as const)('spiffe://%s/ns/%s: %i', async (trustDomain, account, status) => {
    expect(await as(trustDomain, account)).toBe(status);
  });

  it('are refused from any other trust domain', async () => {
    await expect(as('other.example', 'shop/sa/sleep')).rejects.toThrow();
  });
});

describe('routes without the filters that they should bring', () => {
  it('are closed, whatever their policies and authorizers would say', async () => {
    const closed = await startWaypoint(manifests, {
      alter: (resources) =>
        resources.map((resource) => {
          if (resource.name !== 'inbound-vip|80|http|asked-http.shop.svc.cluster.local') return resource;
          const { virtual_hosts: hosts } = resource.json as { readonly virtual_hosts?: readonly JsonObject[] };
          const bare = (hosts ?? []).map(({ typed_per_filter_config: _filters, ...host }) => host);
          return { ...resource, json: hosts === undefined ? resource.json : { ...resource.json, virtual_hosts: bare } };
        }),
    });
    try {
      const statusOf = async (path: string): Promise<number> =>
        (await closed.request('sleep', targetOf('asked-http'), { path, headers: { 'x-decide': 'allow' } })).status;
      expect(await statusOf('/asked')).toBe(403);
      expect(await statusOf('/other')).toBe(403);
    } finally {
      await closed.stop();
    }
  }, 30_000);
});
