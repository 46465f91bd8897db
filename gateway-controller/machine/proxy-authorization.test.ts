import { describe, expect, test } from 'vitest';
import { authorizeProxy } from './proxy-authorization.ts';

const context = { trustDomain: 'cluster.local', hasProxy: (key: string) => key === 'waypoint/shop/gate' };

function waypointNode(namespace: unknown, name: unknown): Parameters<typeof authorizeProxy>[1] {
  const labels = { 'gateway.networking.k8s.io/gateway-name': name };
  return {
    id: `waypoint~10.0.0.1~pod.${String(namespace)}~x`,
    cluster: 'c',
    metadata: { NAMESPACE: namespace, LABELS: labels },
  } as Parameters<typeof authorizeProxy>[1];
}

function authorize(identities: readonly string[], node: Parameters<typeof authorizeProxy>[1]): unknown {
  return authorizeProxy({ identities }, node, context);
}

const nodeProxy = { id: 'ztunnel~10.0.0.1~node.cairn-system~x', cluster: 'c', metadata: {} };

describe('authorizeProxy', () => {
  test('a waypoint gets the configuration of its own Gateway', () => {
    expect(authorize(['spiffe://cluster.local/ns/shop/sa/gate'], waypointNode('shop', 'gate'))).toEqual({
      key: 'waypoint/shop/gate',
    });
  });

  test.each([
    ['another account of the namespace', 'spiffe://cluster.local/ns/shop/sa/other'],
    ['the same account of another namespace', 'spiffe://cluster.local/ns/else/sa/gate'],
    ['the node proxy', 'spiffe://cluster.local/ns/cairn-system/sa/cairn-node'],
    ['the control plane', 'spiffe://cluster.local/ns/cairn-system/sa/cairn'],
    ['another trust domain', 'spiffe://other.local/ns/shop/sa/gate'],
    ['no workload identity', 'spiffe://cluster.local/shop/gate'],
  ])('%s does not get it, and is told what it asked for', (_who, identity) => {
    const admission = authorize([identity], waypointNode('shop', 'gate'));
    expect(admission).toHaveProperty('denied');
    expect(JSON.stringify(admission)).not.toContain('key');
  });

  test('the reason names the Gateway that was asked for and the identity that asked', () => {
    expect(authorize(['spiffe://cluster.local/ns/shop/sa/other'], waypointNode('shop', 'gate'))).toEqual({
      denied: 'the configuration of Gateway shop/gate was asked for by spiffe://cluster.local/ns/shop/sa/other',
    });
  });

  test('nobody without exactly one identity gets anything', () => {
    expect(authorize([], waypointNode('shop', 'gate'))).toHaveProperty('denied');
    const two = ['spiffe://cluster.local/ns/shop/sa/gate', 'spiffe://cluster.local/ns/shop/sa/other'];
    expect(authorize(two, waypointNode('shop', 'gate'))).toHaveProperty('denied');
  });

  test('a Gateway that does not exist, or that is not named, is refused', () => {
    expect(authorize(['spiffe://cluster.local/ns/shop/sa/gone'], waypointNode('shop', 'gone'))).toEqual({
      denied: 'there is no waypoint shop/gone',
    });
    for (const node of [waypointNode(undefined, 'gate'), waypointNode('shop', 7), waypointNode('shop', undefined)]) {
      expect(authorize(['spiffe://cluster.local/ns/shop/sa/gate'], node)).toHaveProperty('denied');
    }
  });

  test('only the identity of node proxies gets the configuration of the node', () => {
    expect(authorize(['spiffe://cluster.local/ns/cairn-system/sa/cairn-node'], nodeProxy)).toEqual({ key: 'node' });
    expect(authorize(['spiffe://cluster.local/ns/shop/sa/gate'], nodeProxy)).toHaveProperty('denied');
    expect(authorize(['spiffe://cluster.local/ns/shop/sa/cairn-node'], nodeProxy)).toHaveProperty('denied');
  });

  test('a Gateway that is named as the node proxy cannot have its configuration', () => {
    const node = waypointNode('cairn-system', 'cairn-node');
    expect(authorize(['spiffe://cluster.local/ns/cairn-system/sa/cairn-node'], node)).toHaveProperty('denied');
  });
});
