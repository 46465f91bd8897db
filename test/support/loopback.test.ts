// Two tests at once must not get the same addresses.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { allocateBlock, freePort } from './loopback.ts';

test('a block is not given out twice while it is held, and again after its release', async () => {
  const [first, second] = await Promise.all([allocateBlock(), allocateBlock()]);
  expect(first.cidr).not.toBe(second.cidr);
  expect(first.cidr).toMatch(/^127\.\d+\.0\.0\/16$/);
  expect(first.address(3, 4)).toBe(first.cidr.replace('0.0/16', '3.4'));
  await Promise.all([first.release(), second.release()]);
  const again = await allocateBlock();
  expect([first.cidr, second.cidr]).toContain(again.cidr);
  await again.release();
});

test('a free port can be listened on at once', async () => {
  const block = await allocateBlock();
  const host = block.address(1, 1);
  const server = createServer().listen(await freePort(host), host);
  await once(server, 'listening');
  server.close();
  await block.release();
});
