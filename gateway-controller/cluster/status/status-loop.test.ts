// A status that names a generation says that everything that follows from that version is known, so
// it is not written before.

import { expect, it } from 'vitest';
import type { ApiClient, KubernetesObject } from '../../../kubernetes/index.ts';
import { MeshStore, parseManifest, refOf } from '../../../mesh/index.ts';
import { clusterSettings } from '../../../test/support/cluster-mesh.ts';
import type { ClusterContext } from '../cluster-context.ts';
import { StatusLoop } from './status-loop.ts';
import { waitFor } from '../../../test/support/wait.ts';

const manifest = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop, generation: 7}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}
`;

it('writes nothing of an object before everything that follows from its newest version is known', async () => {
  const mesh = new MeshStore();
  const { objects } = parseManifest('mesh.yaml', manifest);
  mesh.apply(objects.map((object) => ({ type: 'put', object })));
  const [rules] = objects;
  if (rules === undefined) throw new Error('the manifest has no object');
  const written: KubernetesObject[] = [];
  let isSettled = false;
  const context: ClusterContext = {
    client: {
      apply: (_resource: unknown, object: KubernetesObject) => {
        written.push(object);
        return Promise.resolve(object);
      },
    } as unknown as ApiClient,
    settings: clusterSettings('one'),
    log: () => undefined,
    mesh,
    waypoints: () => [],
    findings: () => [],
    isSettled: () => isSettled,
    object: () => rules as unknown as KubernetesObject,
    objects: () => [],
    proxies: () => [],
    serving: {
      rootPem: () => '',
      certificate: () => ({ certificate: Buffer.alloc(0), privateKey: Buffer.alloc(0) }),
      onRenew: () => () => undefined,
    },
  };
  const loop = new StatusLoop(context, { findingsOf: () => [], onChange: () => () => undefined });
  loop.start();
  await waitFor(() => loop.pending === 0);
  expect(written).toEqual([]);
  isSettled = true;
  loop.onStep({ changed: [refOf(rules)], touched: new Set() });
  await waitFor(() => loop.pending === 0);
  expect(written).toMatchObject([
    { kind: 'VirtualService', status: { conditions: [{ type: 'cairn.dev/Accepted', observedGeneration: 7 }] } },
  ]);
  await loop.stop();
});
