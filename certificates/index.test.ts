import { expect, it } from 'vitest';
import * as certificates from './index.ts';

it('does not load the X.509 library before a certificate is signed: every agent would carry it', async () => {
  expect('getMetadata' in Reflect).toBe(false);
  await certificates.createAuthority({ trustDomain: 'cluster.local', now: new Date() });
  expect('getMetadata' in Reflect).toBe(true);
});
