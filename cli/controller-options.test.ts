// What a control plane listens on, and has its waypoints listen on, in pods of every family of addresses.

import { expect, it } from 'vitest';
import { readControllerSettings } from './controller-options.ts';

it.each([
  ['', '0.0.0.0'],
  ['10.0.0.7', '0.0.0.0'],
  ['10.0.0.7,fd00::7', '0.0.0.0'],
  ['fd00::7,10.0.0.7', '0.0.0.0'],
  ['fd00::7', '::'],
])('with the addresses %j of its pod it is reached at %s', (addresses, expected) => {
  const { settings } = readControllerSettings({}, { POD_IPS: addresses });
  expect(settings).toMatchObject({ listenAddress: expected, waypointAddress: expected });
});

it('is told otherwise by flags, of each of the two', () => {
  const { settings } = readControllerSettings({ waypointAddress: '::' }, { POD_IPS: '10.0.0.7' });
  expect(settings).toMatchObject({ listenAddress: '0.0.0.0', waypointAddress: '::' });
});
