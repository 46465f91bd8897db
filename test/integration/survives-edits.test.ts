// A waypoint keeps running while connection managers change, services are added and removed, and
// the listener of tunnels becomes another. Envoy crashes when ECDS updates a connection manager in
// a chain that an older version of its listener built.

import { afterEach, expect, it } from 'vitest';
import type { AnyMeshObject, MeshChange } from '../../mesh/index.ts';
import { randomLoopback } from '../support/envoy.ts';
import { type HboneConnection, requestThrough } from '../support/hbone-client.ts';
import { makeObject, makeWaypoint } from '../support/objects.ts';
import { type ServedWaypoint, startServedWaypoint } from '../support/served-waypoint.ts';
import { waitFor } from '../support/wait.ts';

const service = (name: string, digit: number): AnyMeshObject =>
  makeObject('Service', 'bench', name, {
    clusterIP: `10.9.0.${digit}`,
    ports: [
      { name: 'http', port: 80 },
      { name: 'tcp', port: 90 },
    ],
  });

const put = (object: AnyMeshObject): MeshChange => ({ type: 'put', object });
const remove = ({ kind, metadata: { namespace, name } }: AnyMeshObject): MeshChange => ({
  type: 'delete',
  ref: { kind, namespace, name },
});

const paths = (normalization: string): AnyMeshObject =>
  makeObject('MeshConfig', 'istio-system', 'istio', {
    accessLogFile: '/dev/stdout',
    pathNormalization: { normalization },
  });

const accessLogFormat = (format: string): AnyMeshObject =>
  makeObject('MeshConfig', 'istio-system', 'istio', { accessLogFile: '/dev/stdout', accessLogFormat: format });

/**
 * Trust in another domain makes another listener; it and the access log return to what they were.
 */
const trustAndLog = (round: number): AnyMeshObject =>
  makeObject('MeshConfig', 'istio-system', 'istio', {
    accessLogFile: '/dev/stdout',
    accessLogFormat: `${Math.floor(round / 3) % 2}\n`,
    trustDomainAliases: round % 2 === 0 ? [] : ['old.example'],
  });

let waypoint: ServedWaypoint;
afterEach(() => waypoint.stop());

const edits: readonly (readonly [string, number, (round: number) => readonly MeshChange[]])[] = [
  [
    'what paths mean changes and services come',
    60,
    (round) => [put(service(`s${round}`, round + 10)), put(paths(round % 2 === 0 ? 'BASE' : 'MERGE_SLASHES'))],
  ],
  [
    'the access log changes and services are edited',
    150,
    (round) => [put(service('s', (round % 3) + 10)), put(accessLogFormat(`${round % 2}\n`))],
  ],
  ['trust and the access log change in turns', 150, (round) => [put(trustAndLog(round))]],
  [
    'a service goes and comes back before its connections have ended',
    150,
    (round) => [
      round % 2 === 0 ? put(service('s', 10)) : remove(service('s', 10)),
      ...(round % 8 === 0 ? [put(service(`t${round}`, round + 20))] : []),
    ],
  ],
];

it.each(edits)(
  '%s',
  async (_, rounds, edit) => {
    const host = randomLoopback();
    const objects = [...makeWaypoint('bench', host), service('web', 1), paths('BASE')];
    waypoint = await startServedWaypoint(objects, host, { args: ['--drain-time-s', '2'] });
    await waypoint.synced();
    const kept: HboneConnection[] = [];
    for (let round = 0; round < rounds; round += 1) {
      waypoint.apply(edit(round));
      await waitFor(() => waypoint.status()?.state === 'SYNCED', {
        timeout: 30_000,
        interval: 2,
        what: `an answer to edit ${round}`,
        hopeless: () => (waypoint.envoy.exited() ? 'Envoy has ended' : undefined),
      });
      const connection = await waypoint.connectAs('client');
      await requestThrough(await connection.connect('10.9.0.1:80'), { path: '/' });
      // Some connections stay, so that chains drain with them.
      if (round % 10 === 0) kept.push(connection);
      else await connection.close();
    }
    for (const connection of kept) await connection.close();
    expect(waypoint.refusals).toEqual([]);
  },
  120_000,
);
