import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createAuthority, type Authority } from '../certificates/index.ts';
import { CertificateSource, type IssuedCertificate } from './certificate-source.ts';

const own = 'spiffe://cluster.local/ns/default/sa/waypoint';
const start = Date.parse('2026-03-01T12:00:00Z');

let authority: Authority;
let now: number;
let published: { identity: string; certificate: IssuedCertificate; at: number }[];
let requests: { identity: string; at: number }[];
let fail: (identity: string) => Error | undefined;
let sleepers: { until: number; wake: () => void }[];
let source: CertificateSource;

beforeEach(async () => {
  authority = await createAuthority({ trustDomain: 'cluster.local', now: new Date(start) });
  now = start;
  published = [];
  requests = [];
  sleepers = [];
  fail = () => undefined;
  source = createSource(own);
});
afterEach(() => source.stop());

/** `issuedFor` overrides the identity, for an authority that gives out the wrong one. */
function createSource(issuedFor?: string): CertificateSource {
  return new CertificateSource({
    request: async (identity, csr) => {
      requests.push({ identity, at: now });
      const error = fail(identity);
      if (error !== undefined) throw error;
      const given = issuedFor === own ? identity : (issuedFor ?? identity);
      return authority.issue({ identity: given, csr, now: new Date(now), ttlSeconds: 3600 });
    },
    publish: (identity, certificate) => published.push({ identity, certificate, at: now }),
    clock: {
      now: () => new Date(now),
      wait: (ms, signal) =>
        new Promise((resolve, reject) => {
          const refuse = (): void => reject(new Error('aborted'));
          signal.addEventListener('abort', refuse, { once: true });
          const wake = (): void => {
            signal.removeEventListener('abort', refuse);
            resolve();
          };
          sleepers.push({ until: now + ms, wake });
        }),
    },
    random: () => 0.5,
    log: () => undefined,
  });
}

/** Lets the test's time pass until the condition holds; fails after ten real seconds. */
async function passUntil(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end && !condition();) {
    await new Promise(setImmediate);
    const next = sleepers.sort((a, b) => a.until - b.until)[0];
    if (condition() || next === undefined) continue;
    sleepers.shift();
    now = Math.max(now, next.until);
    next.wake();
  }
  expect(condition()).toBe(true);
}

it('renews at half of the life, with a new key each time', async () => {
  source.start(own);
  await passUntil(() => published.length === 3);
  expect(published.map(({ at }) => (at - start) / 1000)).toEqual([0, 1800, 3600]);
  expect(new Set(published.map(({ certificate }) => certificate.keyPem)).size).toBe(3);
});

it('gives Envoy the chain without the root, and the root by itself', async () => {
  source.start(own);
  await passUntil(() => published.length === 1);
  const { chainPem, rootPem } = published[0]?.certificate ?? { chainPem: '', rootPem: '' };
  expect(new X509Certificate(chainPem).subjectAltName).toBe(`URI:${own}`);
  expect(rootPem).toBe(authority.rootPem);
  expect(chainPem).not.toContain(rootPem);
});

it('tries again, less and less often, and goes on as before when the service is back', async () => {
  source.start(own);
  await passUntil(() => published.length === 1);
  fail = () => new Error('down');
  await passUntil(() => requests.length === 10);
  const pauses = requests.slice(1).map(({ at }, index) => at - (requests[index]?.at ?? 0));
  expect(pauses.slice(1)).toEqual(pauses.slice(1).sort((a, b) => a - b));
  expect(Math.max(...pauses.slice(1))).toBeLessThanOrEqual(30_000);
  fail = () => undefined;
  await passUntil(() => published.length === 2);
  const back = published[1]?.at ?? 0;
  expect(back - start).toBeLessThan(3_600_000);
  await passUntil(() => published.length === 3);
  // Certificates count whole seconds.
  expect(Math.abs((published[2]?.at ?? 0) - back - 1_800_000)).toBeLessThan(1000);
});

it.each([
  ["that a computer's sleep has outlasted the certificate", 7_200_000],
  ['that the clock was set back to before the certificate began', -7_200_000],
])('notices at once %s', async (_, jump) => {
  source.start(own);
  await passUntil(() => published.length === 1 && sleepers.length > 0);
  now += jump;
  const jumped = now;
  // A sleeper wakes when its time has passed, whatever the clock says.
  for (const sleeper of sleepers) sleeper.until = Math.min(sleeper.until, jumped + 30_000);
  await passUntil(() => published.length === 2);
  expect((published[1]?.at ?? 0) - jumped).toBeLessThanOrEqual(30_000);
});

it('never hands on a certificate for another identity', async () => {
  source = createSource('spiffe://cluster.local/ns/default/sa/other');
  source.start(own);
  await passUntil(() => requests.length === 3);
  expect(published).toEqual([]);
});

it('renews each identity by itself until it is stopped', async () => {
  const other = 'spiffe://cluster.local/ns/default/sa/reviews';
  source.start(own);
  source.start(other);
  source.start(other);
  await passUntil(() => published.length === 2);
  expect(published.map(({ identity }) => identity).sort()).toEqual([other, own]);
  await source.stop(other);
  await passUntil(() => published.length === 4);
  expect(published.slice(2).map(({ identity }) => identity)).toEqual([own, own]);
});
