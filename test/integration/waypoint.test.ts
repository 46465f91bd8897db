// A generated waypoint on a real Envoy, over HBONE, with real certificates: its refusals, its view
// of the client's identity, and attempts to pass its policies.

import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, openAuthority } from '../../certificates/index.ts';
import { listOtherAuthorities } from '../support/authorities.ts';
import { randomLoopback } from '../support/envoy.ts';
import { connectHbone, type HttpRequest, isHboneRefusal, requestThrough } from '../support/hbone-client.ts';
import { echoServiceManifests, waypointManifests, workloadManifest } from '../support/mesh.ts';
import { issueTexts } from '../support/test-certificates.ts';
import { listReached, startWaypoint, type TestWaypoint } from '../support/waypoint.ts';
import {
  type EchoedRequest,
  type EchoWorkload,
  startEcho,
  startTcpBanner,
  type Workload,
} from '../support/workload.ts';
import { waitFor } from '../support/wait.ts';

const workloadAddress = randomLoopback();
const webAddress = '10.0.0.1:80';
const identities = Array.from({ length: 50 }, (_, index) => `client-${index}`);

const manifests = `
${waypointManifests('shop', '$ADDRESS')}
---
${echoServiceManifests(['web', 'admin', 'private', 'routed', 'near', 'plain'])}
---
${['guarded', 'open']
  .map(
    (name, index) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: 10.0.1.${index + 1}, clusterIPs: [10.0.1.${index + 1}, "2001:db8::${index + 1}"], selector: { app: banner }, ports: [{ name: tcp, port: 5432 }, { name: mixed, port: 7000, targetPort: 5432 }] }
---`,
  )
  .join('')}
${workloadManifest('echo', workloadAddress)}
---
${workloadManifest('banner', workloadAddress)}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: web-own-path, namespace: shop }
spec:
  targetRefs: [{ group: "", kind: Service, name: web }]
  rules:
${identities
  .map(
    (name) => `  - from: [{ source: { principals: [cluster.local/ns/shop/sa/${name}] } }]
    to: [{ operation: { paths: [/of/${name}] } }]`,
  )
  .join('\n')}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: admin-closed, namespace: shop }
spec:
  action: DENY
  targetRefs: [{ group: "", kind: Service, name: admin }]
  rules: [{ to: [{ operation: { paths: [/admin, /admin/*] } }] }, { to: [{ operation: { hosts: [secret.example] } }] }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: private-none, namespace: shop }
spec: { targetRefs: [{ group: "", kind: Service, name: private }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: routed, namespace: shop }
spec: { hosts: [routed], http: [{ match: [{ uri: { prefix: /here } }], route: [{ destination: { host: routed } }] }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: near-only, namespace: shop }
spec:
  targetRefs: [{ group: "", kind: Service, name: near }]
  rules: [{ from: [{ source: { ipBlocks: [127.99.0.0/16] } }] }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: guarded-db, namespace: shop }
spec:
  targetRefs: [{ group: "", kind: Service, name: guarded }]
  rules: [{ from: [{ source: { principals: [cluster.local/ns/shop/sa/friend] } }] }]
`;

let waypoint: TestWaypoint;
let echo: EchoWorkload;
let banner: Workload;

beforeAll(async () => {
  echo = await startEcho(workloadAddress, 8080, { name: 'echo' });
  banner = await startTcpBanner(workloadAddress, 5432, 'welcome\n');
  waypoint = await startWaypoint(manifests);
});
afterAll(async () => {
  await waypoint.stop();
  await echo.close();
  await banner.close();
});

const get = async (account: string, target: string, request: Partial<HttpRequest> = {}): Promise<number> =>
  (await waypoint.request(account, target, { path: '/', ...request })).status;

describe('who is refused', () => {
  const attempt = async (options: Partial<Parameters<typeof connectHbone>[0]>): Promise<string> => {
    const connection = await connectHbone({ waypoint: waypoint.hbone, timeout: 3000, ...options });
    const stream = await connection.connect('10.0.0.6:80');
    const { status } = await requestThrough(stream, { path: '/' });
    await connection.close();
    return String(status);
  };

  it('nobody who shows the right certificate', async () => {
    const certificate = await issueTexts(waypoint.authority, 'spiffe://cluster.local/ns/shop/sa/sleep');
    expect(await attempt({ certificate })).toBe('200');
  });

  it('plaintext', async () => {
    await expect(attempt({ certificate: undefined })).rejects.toThrow();
  });

  it('TLS without a client certificate', async () => {
    await expect(attempt({ certificate: { ca: waypoint.authority.rootPem } })).rejects.toThrow();
  });

  it('a certificate of another authority', async () => {
    const stranger = await createAuthority({ trustDomain: 'cluster.local', now: new Date() });
    const { cert, key } = await issueTexts(stranger, 'spiffe://cluster.local/ns/shop/sa/sleep');
    await expect(attempt({ certificate: { cert, key, ca: waypoint.authority.rootPem } })).rejects.toThrow();
  });

  it('TLS 1.2', async () => {
    const certificate = await issueTexts(waypoint.authority, 'spiffe://cluster.local/ns/shop/sa/sleep');
    await expect(attempt({ certificate, maxVersion: 'TLSv1.2' })).rejects.toThrow();
  });

  it.each([
    ['10.9.9.9:80', 'refused 404'],
    ['10.0.0.6:81', 'refused 404'],
    ['127.0.0.1:8080', 'refused 404'],
    ['plain.shop.svc.cluster.local:80', 'refused 404'],
    ['10.0.0.6:080', 'refused 404'],
    ['010.0.0.6:80', 'refused 404'],
    ['[::ffff:10.0.0.6]:80', 'refused 404'],
  ])('a tunnel to %s, which is not served: %s', async (target, expected) => {
    const before = echo.connectionCount();
    expect(await outcomeOf(target)).toBe(expected);
    expect(echo.connectionCount()).toBe(before);
  });
});

/** The result of a request through a tunnel to `target`. */
async function outcomeOf(target: string): Promise<string> {
  const connection = await waypoint.connectAs('sleep');
  try {
    const stream = await connection.connect(target);
    const { status } = await requestThrough(stream, { path: '/', timeout: 3000 });
    return `answered ${status}`;
  } catch (error) {
    return isHboneRefusal(error) ? `refused ${error.status}` : 'closed';
  } finally {
    await connection.close();
  }
}

it('takes no TLS session up again: it would outlive the client’s certificate', async () => {
  const { host, port } = waypoint.hbone;
  const pair = await issueTexts(waypoint.authority, 'spiffe://cluster.local/ns/shop/sa/sleep');
  const options = { host, port, ...pair, ALPNProtocols: ['h2'], checkServerIdentity: () => undefined };
  const first = connectTls(options);
  let session: Buffer | undefined;
  first.on('session', (given: Buffer) => (session = given));
  // TLS 1.3 sends session tickets after the handshake, and before Envoy's settings of HTTP/2, which
  // answer those of the client.
  first.write(
    Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from('000000040000000000', 'hex')]),
  );
  await once(first, 'data');
  first.destroy();
  const second = connectTls({ ...options, ...(session === undefined ? {} : { session }) });
  await once(second, 'secureConnect');
  expect(second.isSessionReused()).toBe(false);
  second.destroy();
});

describe('a certificate of another trust domain', () => {
  it('is refused, even from the same authority’s key', async () => {
    const foreign = openAuthority({ pems: waypoint.authority.pems, trustDomain: 'other.example', now: new Date() });
    const { cert, key } = await issueTexts(foreign, 'spiffe://other.example/ns/shop/sa/sleep');
    await expect(
      connectHbone({
        waypoint: waypoint.hbone,
        certificate: { cert, key, ca: waypoint.authority.rootPem },
        timeout: 3000,
      }),
    ).rejects.toThrow();
  });
});

describe('a client’s identity', () => {
  it('is never that of another, with 50 identities, 64 connections and 20,000 requests at once', async () => {
    const connections = await Promise.all(
      Array.from({ length: 64 }, async (_, index) => {
        const account = identities[index % identities.length] ?? '';
        return { account, connection: await waypoint.connectAs(account) };
      }),
    );
    const wrong: string[] = [];
    let decisions = 0;
    const work = async ({ account, connection }: (typeof connections)[number], seed: number): Promise<void> => {
      // A few requests on each of several streams: streams of different clients meet at the
      // internal listener all the time.
      for (let round = 0; round < 32; round += 1) {
        const stream = await connection.connect(webAddress);
        for (let step = 0; step < 10; step += 1) {
          const own = (seed + round + step) % 2 === 0;
          const other = identities[(seed + round * 7 + step * 13) % identities.length] ?? '';
          const owner = own ? account : other;
          const { status } = await requestThrough(stream, { path: `/of/${owner}` });
          const expected = owner === account ? 200 : 403;
          decisions += 1;
          if (status !== expected) wrong.push(`${account} asked for ${owner}: ${status}`);
        }
        stream.destroy();
      }
    };
    await Promise.all(connections.map(work));
    await Promise.all(connections.map(({ connection }) => connection.close()));
    expect(wrong).toEqual([]);
    expect(decisions).toBeGreaterThanOrEqual(20_000);
  }, 120_000);
});

describe('a policy on paths', () => {
  const adminAddress = '10.0.0.2:80';

  it('lets other paths through', async () => {
    expect(await get('sleep', adminAddress, { path: '/public?x=/admin' })).toBe(200);
  });

  it.each([
    ['/admin', 403],
    ['/admin?x=1', 403],
    ['//admin', 403],
    ['///admin//x', 403],
    ['/./admin', 403],
    ['/public/../admin', 403],
    ['/public/%2e%2e/admin', 403],
    ['/%2e/admin', 403],
    ['/%61dmin', 403],
    ['/admin%2Fx', 400],
    ['/public%2F..%2Fadmin', 400],
    ['/public%5C..%5Cadmin', 400],
    ['/public%2f..%2fadmin', 400],
    ['/admin;x', 400],
    ['/admin;x=1/y', 400],
    ['/;/admin', 400],
    ['/admin#frag', 400],
    ['/admin/%23', 403],
  ])('is not passed by %s, which is answered %i', async (path, status) => {
    const before = echo.requests().length;
    expect(await get('sleep', adminAddress, { path })).toBe(status);
    expect(echo.requests().slice(before)).toEqual([]);
  });

  it.each(['secret.example', 'SECRET.Example', 'secret.example:80', 'Secret.example:9999'])(
    'or on hosts is not passed by Host %s',
    async (authority) => {
      expect(await get('sleep', adminAddress, { path: '/', authority })).toBe(403);
    },
  );
});

describe('an address block', () => {
  const nearAddress = '10.0.0.5:80';
  const forged = [
    ['x-forwarded-for', '127.99.0.1'],
    ['x-real-ip', '127.99.0.1'],
    ['forwarded', 'for=127.99.0.1'],
  ] as const;

  it('admits a client by the address that its tunnel came from', async () => {
    const { status } = await waypoint.request('sleep', nearAddress, { path: '/' }, { localAddress: '127.99.0.1' });
    expect(status).toBe(200);
  });

  it('is not moved by headers', async () => {
    const { status } = await waypoint.request(
      'sleep',
      nearAddress,
      { path: '/', headers: forged },
      { localAddress: '127.98.0.1' },
    );
    expect(status).toBe(403);
    const inside = await waypoint.request(
      'sleep',
      nearAddress,
      { path: '/', headers: [['x-forwarded-for', '8.8.8.8']] },
      { localAddress: '127.99.0.1' },
    );
    expect(inside.status).toBe(200);
  });

  it('is not moved by headers of the tunnel itself', async () => {
    const connection = await waypoint.connectAs('sleep', { localAddress: '127.98.0.1' });
    const stream = await connection.connect(nearAddress, {
      'x-forwarded-for': '127.99.0.1',
      forwarded: 'for=127.99.0.1',
    });
    expect((await requestThrough(stream, { path: '/' })).status).toBe(403);
    await connection.close();
  });
});

describe('a service', () => {
  it('answers 404, not 403, to a request that no route matches', async () => {
    expect(await get('sleep', '10.0.0.4:80', { path: '/here' })).toBe(200);
    expect(await get('sleep', '10.0.0.4:80', { path: '/elsewhere' })).toBe(404);
  });

  it('whose ALLOW policy has no rules allows nobody, and the log names the policies that were tried', async () => {
    expect(await get('sleep', '10.0.0.3:80')).toBe(403);
    const line = await logLine('shop/private-none');
    expect(line).toMatchObject({
      response_code: 403,
      response_code_details: expect.stringContaining('rbac_access_denied'),
      allow_policies: 'shop/private-none',
      source_principal: 'spiffe://cluster.local/ns/shop/sa/sleep',
    });
  });

  it('whose DENY policy decided has that policy in the log', async () => {
    await get('sleep', '10.0.0.2:80', { path: '/admin?deciding' });
    expect(await logLine('?deciding')).toMatchObject({
      response_code_details: 'rbac_access_denied_matched_policy[ns[shop]-policy[admin-closed]-rule[0]]',
    });
  });

  it('does not see a client certificate header that the client made up', async () => {
    const { body } = await waypoint.request('sleep', '10.0.0.6:80', {
      path: '/forged',
      headers: [['x-forwarded-client-cert', 'URI=spiffe://cluster.local/ns/shop/sa/admin']],
    });
    const { headers } = JSON.parse(body) as EchoedRequest;
    expect(headers.filter(([name]) => name.toLowerCase() === 'x-forwarded-client-cert')).toEqual([]);
  });
});

describe('a TCP port', () => {
  it('decides on the CONNECT: a client that is denied gets no byte, and the server sees no connection', async () => {
    const before = banner.connectionCount();
    const connection = await waypoint.connectAs('sleep');
    const refusal: unknown = await connection.connect('10.0.1.1:5432').catch((error: unknown) => error);
    expect(isHboneRefusal(refusal) && refusal.status).toBe(403);
    await connection.close();
    expect(banner.connectionCount()).toBe(before);
  });

  it.each(['10.0.1.1', '10.0.1.2', '2001:db8::1', '2001:db8::2'])(
    'is not reached by another spelling of its address %s and port, not even by whom its policy allows',
    async (address) => {
      const before = banner.connectionCount();
      const reached = await listReached(waypoint, 'friend', listOtherAuthorities(address, 5432));
      expect(reached).toEqual([]);
      expect(banner.connectionCount()).toBe(before);
    },
  );

  it.each(['10.0.1.1:5432', '[2001:db8::1]:5432'])('decides where the spelling is canonical: %s', async (target) => {
    expect(await outcomeOf(target)).toBe('refused 403');
  });

  it.each([
    ['friend', '10.0.1.1:5432'],
    ['friend', '[2001:db8::1]:5432'],
    ['sleep', '[2001:db8::2]:5432'],
    ['sleep', '10.0.1.2:5432'],
  ])('lets %s through to %s, whose server speaks first', async (account, target) => {
    expect(await firstBytes(account, target, '')).toBe('welcome\n');
  });

  it.each([
    ['friend', '10.0.1.1:7000', 'welcome\n'],
    ['sleep', '10.0.1.1:7000', ''],
    ['sleep', '10.0.1.2:7000', 'welcome\n'],
  ])('whose protocol is sniffed gives %s at %s: %j', async (account, target, expected) => {
    expect(await firstBytes(account, target, 'hello, not HTTP\n')).toBe(expected);
  });
});

async function firstBytes(account: string, target: string, said: string): Promise<string> {
  const connection = await waypoint.connectAs(account);
  try {
    const stream = await connection.connect(target);
    if (said !== '') stream.write(said);
    return await new Promise<string>((resolve) => {
      stream.once('data', (chunk: Buffer) => resolve(chunk.toString().slice(0, 8)));
      stream.once('close', () => resolve(''));
      stream.once('error', () => resolve(''));
    });
  } finally {
    await connection.close();
  }
}

/** The newest access log line that contains a text. */
async function logLine(text: string): Promise<unknown> {
  const isIt = (line: string): boolean => line.startsWith('{') && line.includes(text);
  const what = `a line of the access log that contains ${text}`;
  return JSON.parse(await waitFor(() => waypoint.envoy.logs().split('\n').findLast(isIt), { what })) as unknown;
}
