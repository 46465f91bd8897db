// A real Envoy in a real network with real tokens: the tour against objects of an API server.
// EndpointSlices refuse loopback addresses, so it is walked in a network namespace of its own,
// which ends with its last process.

import { resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { startProcess, stopAll } from '../support/processes.ts';

afterAll(stopAll);

it('a waypoint that stands in for its pod passes the tour, and what changes reaches it', async () => {
  const script = resolve(import.meta.dirname, 'network/main.ts');
  const isRoot = process.getuid?.() === 0;
  const namespace = isRoot ? ['--net'] : ['--net', '--map-root-user'];
  const walked = await startProcess('unshare', [...namespace, process.execPath, '--import', 'tsx', script]);
  const exit = await walked.exited;
  expect(exit.code, walked.output().slice(-8_000)).toBe(0);
  expect(walked.stdout().match(/^held: .*/gm)).toEqual([
    'held: the agent has a certificate by its own token, and Envoy its configuration',
    'held: the Gateway is Programmed',
    'held: 1 a request to the service goes through its waypoint',
    'held: 2 weights between subsets, which pods belong to by their labels',
    'held: 3 faults',
    'held: 4 who may do what, by the identity of a service account',
    'held: 5 another EndpointSlice, another pod',
    'held: 6 an API server that went and came back',
  ]);
}, 300_000);
