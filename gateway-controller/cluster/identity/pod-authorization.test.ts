import { describe, expect, test } from 'vitest';
import { gatewayNameLabel } from '../../../mesh/index.ts';
import { readMesh } from '../../../test/support/mesh.ts';
import { authorizePod } from './pod-authorization.ts';

type Node = Parameters<typeof authorizePod>[1];

const pod = (name: string, account: string, gateway?: string): string => `
apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  namespace: shop
  labels: ${gateway === undefined ? '{}' : `{ ${gatewayNameLabel}: ${gateway} }`}
spec: { serviceAccountName: ${account}, containers: [] }
---`;

const { store, findings } = readMesh({
  'pods.yaml': [
    pod('gate-1', 'gate', 'gate'),
    pod('borrowed-1', 'robot', 'gate'),
    pod('gone-1', 'gone', 'gone'),
    pod('web-1', 'web'),
  ].join(''),
});

function authorize(identities: readonly string[], id: string, labels?: unknown): unknown {
  const metadata = labels === undefined ? {} : { LABELS: labels };
  const node = { id, cluster: 'c', metadata } as Node;
  return authorizePod({ identities }, node, {
    mesh: store,
    trustDomain: 'cluster.local',
    hasProxy: (key) => key === 'waypoint/shop/gate',
  });
}

const gate = 'spiffe://cluster.local/ns/shop/sa/gate';
const nodeOf = (name: string, namespace = 'shop'): string => `waypoint~10.0.0.1~${name}.${namespace}~x`;

describe('authorizePod', () => {
  test('a pod of a Gateway gets the configuration of that Gateway', () => {
    expect(findings).toEqual([]);
    expect(authorize([gate], nodeOf('gate-1'))).toEqual({ key: 'waypoint/shop/gate' });
    expect(authorize([gate], nodeOf('gate-1'), { [gatewayNameLabel]: 'gate' })).toEqual({ key: 'waypoint/shop/gate' });
  });

  test('a Gateway may run as an account of another name, as istio.io/for-service-account once asked', () => {
    expect(authorize(['spiffe://cluster.local/ns/shop/sa/robot'], nodeOf('borrowed-1'))).toEqual({
      key: 'waypoint/shop/gate',
    });
  });

  test.each([
    ['another account of the namespace', 'spiffe://cluster.local/ns/shop/sa/robot', nodeOf('gate-1')],
    ['the same account of another namespace', 'spiffe://cluster.local/ns/else/sa/gate', nodeOf('gate-1')],
    ['another trust domain', 'spiffe://other.local/ns/shop/sa/gate', nodeOf('gate-1')],
    ['no workload identity', 'spiffe://cluster.local/shop/gate', nodeOf('gate-1')],
    ['a pod of no Gateway', 'spiffe://cluster.local/ns/shop/sa/web', nodeOf('web-1')],
    ['a pod that does not exist', gate, nodeOf('gate-2')],
    ['a pod of a Gateway that is not served', 'spiffe://cluster.local/ns/shop/sa/gone', nodeOf('gone-1')],
    ['a pod that is named in another namespace', gate, nodeOf('gate-1', 'else')],
    ['a node proxy', gate, 'ztunnel~10.0.0.1~gate-1.shop~x'],
    ['a node without a pod', gate, 'waypoint~10.0.0.1~gate-1~x'],
    ['a node of other words', gate, 'gate-1.shop'],
  ])('%s gets nothing, and is told why', (_who, identity, node) => {
    expect(authorize([identity], node)).toEqual({ denied: expect.stringMatching(/\w/) });
  });

  test('nobody without exactly one identity gets anything', () => {
    expect(authorize([], nodeOf('gate-1'))).toHaveProperty('denied');
    expect(authorize([gate, 'spiffe://cluster.local/ns/shop/sa/robot'], nodeOf('gate-1'))).toHaveProperty('denied');
  });

  test('a stream cannot name another Gateway than that of its pod', () => {
    for (const named of ['other', '', 7, ['gate']]) {
      expect(authorize([gate], nodeOf('gate-1'), { [gatewayNameLabel]: named })).toEqual({
        denied: expect.stringContaining('pod shop/gate-1 is of Gateway gate') as string,
      });
    }
  });
});
