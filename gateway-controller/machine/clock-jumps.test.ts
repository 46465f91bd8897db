// A control plane renews its certificates and tokens in time after its machine has slept, and after
// its clock was set: the wall clock moves, and the timers do not.

import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAuthority, createTokenSigner } from '../../certificates/index.ts';
import { KeyFetcher } from '../keys/key-fetcher.ts';
import { ProxyTokens } from './proxy-tokens.ts';
import { ServerCertificate } from '../serving/server-certificate.ts';
import { statePaths } from './state.ts';
import { waitFor } from '../../test/support/wait.ts';

const day = 86_400_000;
const begin = Date.parse('2026-03-01T12:00:00Z');

beforeEach(() => void vi.useFakeTimers({ now: begin, toFake: ['Date', 'setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** The clock moves, and half a minute passes. */
async function jump(ms: number): Promise<void> {
  vi.setSystemTime(Date.now() + ms);
  await vi.advanceTimersByTimeAsync(31_000);
}

const jumps: readonly (readonly [string, number])[] = [
  ['a sleep of two days', 2 * day],
  ['a clock that was set back by a day', -day],
];

describe.each(jumps)('after %s', (_, ms) => {
  it('the server certificate is valid', async () => {
    const authority = await createAuthority({ trustDomain: 'cluster.local', now: new Date(begin - 30 * day) });
    const onError = vi.fn();
    const identity = 'spiffe://cluster.local/ns/cairn-system/sa/cairn';
    const certificate = new ServerCertificate({ authority, identity, dnsNames: ['cairn'], onError });
    await certificate.start();
    const renewed = new Promise<void>((resolve) => void certificate.onRenew(resolve));
    await jump(ms);
    await renewed;
    const { validFrom, validTo } = new X509Certificate(certificate.current().certificate);
    expect([Date.parse(validFrom) <= Date.now(), Date.parse(validTo) > Date.now()]).toEqual([true, true]);
    expect(onError).not.toHaveBeenCalled();
    certificate.stop();
  });

  it('the tokens of a run are valid', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cairn-tokens-'));
    const signer = createTokenSigner();
    const tokens = new ProxyTokens(signer, statePaths(folder), (error) => expect(error).toBeUndefined());
    const path = await tokens.provide('waypoint', { namespace: 'default', serviceAccount: 'waypoint' });
    tokens.start();
    const before = await readFile(path, 'utf8');
    await jump(ms);
    await waitFor(async () => (await readFile(path, 'utf8')) !== before);
    expect(signer.verifyToken((await readFile(path, 'utf8')).trim(), new Date())).toMatchObject({
      namespace: 'default',
    });
    tokens.stop();
    await rm(folder, { recursive: true });
  });

  it('the keys of issuers are asked for again', async () => {
    let questions = 0;
    const issuer = createServer((_request, response) => {
      questions += 1;
      response.end('{"keys":[]}');
    });
    issuer.listen(0, '127.0.0.1');
    await once(issuer, 'listening');
    const onChange = vi.fn();
    const keys = new KeyFetcher({ allowsPrivate: true, onChange, retryInterval: day });
    keys.want([{ uri: `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/keys`, isDiscovery: false }]);
    await waitFor(() => onChange.mock.calls.length > 0);
    await jump(ms);
    await waitFor(() => questions === 2, { seen: () => questions });
    keys.stop();
    issuer.close();
  });
});
