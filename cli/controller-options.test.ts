// The listen addresses of a control plane and its waypoints, in pods of every family of addresses.

import { Command } from 'commander';
import { expect, it } from 'vitest';
import { withEnvironment } from '../test/support/environment.ts';
import { addControllerOptions, readControllerSettings } from './controller-options.ts';

function readFrom(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): ReturnType<typeof readControllerSettings> {
  const command = new Command();
  addControllerOptions(command);
  return withEnvironment(env, () => readControllerSettings(command.parse([...argv], { from: 'user' }).opts()));
}

it.each([
  ['', '0.0.0.0'],
  ['10.0.0.7', '0.0.0.0'],
  ['10.0.0.7,fd00::7', '0.0.0.0'],
  ['fd00::7,10.0.0.7', '0.0.0.0'],
  ['fd00::7', '::'],
])('with the addresses %j of its pod it is reached at %s', (addresses, expected) => {
  const { settings } = readFrom([], { POD_IPS: addresses });
  expect(settings).toMatchObject({ listenAddress: expected, waypointAddress: expected });
});

it('is told otherwise by flags, of each of the two', () => {
  const { settings } = readFrom(['--waypoint-address=::'], { POD_IPS: '10.0.0.7' });
  expect(settings).toMatchObject({ listenAddress: '0.0.0.0', waypointAddress: '::' });
});

it('goes by the flag, else by the variable, else by the default, which an empty text stands for too', () => {
  const env = { CAIRN_TRUST_DOMAIN: 'of.variable', CAIRN_GATEWAY_CLASS: 'variable', CAIRN_CLUSTER_ID: '' };
  const { settings, logLevel } = readFrom(['--trust-domain=of.flag'], env);
  expect(settings).toMatchObject({ trustDomain: 'of.flag', gatewayClass: 'variable', clusterId: 'Kubernetes' });
  expect(logLevel).toBe('info');
  expect(() => readFrom([], { CAIRN_PRIVATE_JWKS: 'yes' })).toThrow(
    '--private-jwks must be one of deny, allow, not yes',
  );
});
