// Tests the writes of a status, and above all what is not written: others' entries, and entries
// that are there already.

import { describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../../../kubernetes/index.ts';
import { findStatusKind, type StatusKind } from './resolve-status.ts';
import type { WantedStatus } from './status.ts';
import { planStatusWrite } from './status-write.ts';

const now = '2026-01-02T03:04:05Z';
const before = '2025-01-01T00:00:00Z';
const controllerName = 'istio.io/gateway-controller';

function kindOf(name: string): StatusKind {
  const kind = findStatusKind(name);
  if (kind === undefined) throw new Error(`${name} has no status`);
  return kind;
}

const fieldManager = 'cairn-status-test';

/** The API's record of the last writer of the conditions. */
const writtenBy = (manager: string): NonNullable<KubernetesObject['metadata']['managedFields']> => [
  { manager, operation: 'Apply', subresource: 'status', fieldsV1: { 'f:status': { 'f:conditions': {} } } },
];

function plan(
  kind: string,
  status: unknown,
  wanted: WantedStatus,
  writer = fieldManager,
  isGuest = writer !== fieldManager,
): KubernetesObject | undefined {
  const object: KubernetesObject = {
    apiVersion: 'example/v1',
    kind,
    metadata: { name: 'it', namespace: 'shop', resourceVersion: '7', managedFields: writtenBy(writer) },
    status,
  };
  return planStatusWrite(object, wanted, { kind: kindOf(kind), fieldManager, isGuest, controllerName, now });
}

const bound = {
  type: 'istio.io/WaypointBound',
  status: 'True',
  reason: 'WaypointAccepted',
  message: 'attached',
} as const;
const others = { type: 'Other', status: 'True', reason: 'Theirs', message: 'not ours', lastTransitionTime: before };

describe('conditions of Services, which the API merges by type', () => {
  it('are written alone, without those of others', () => {
    const written = plan('Service', { conditions: [others] }, { kind: 'conditions', conditions: [bound] });
    expect(written?.['status']).toEqual({ conditions: [{ ...bound, lastTransitionTime: now }] });
    expect(written?.metadata).toEqual({ name: 'it', namespace: 'shop' });
  });

  it('are not written when they say so already, whenever that was', () => {
    const conditions = [others, { ...bound, lastTransitionTime: before }];
    expect(plan('Service', { conditions }, { kind: 'conditions', conditions: [bound] })).toBeUndefined();
  });

  it('keep the time of their last change when only the message is another', () => {
    const conditions = [{ ...bound, message: 'earlier', lastTransitionTime: before }];
    const written = plan('Service', { conditions }, { kind: 'conditions', conditions: [bound] });
    expect(written?.['status']).toEqual({ conditions: [{ ...bound, lastTransitionTime: before }] });
  });

  it('are taken away when there is nothing to say any more, and then left alone', () => {
    const conditions = [others, { ...bound, lastTransitionTime: before }];
    expect(plan('Service', { conditions }, { kind: 'conditions', conditions: [] })?.['status']).toEqual({
      conditions: [],
    });
    expect(plan('Service', { conditions: [others] }, { kind: 'conditions', conditions: [] })).toBeUndefined();
  });

  it.each(['Service', 'ServiceEntry'])('of a %s stay as they are where another control plane wrote them', (kind) => {
    const conditions = [{ ...bound, lastTransitionTime: before }];
    expect(plan(kind, { conditions }, { kind: 'conditions', conditions: [] }, 'istio-ambient-service')).toBeUndefined();
    const { message: _, ...rest } = bound;
    const ours = { ...rest, message: 'to another' };
    const written = plan(kind, { conditions }, { kind: 'conditions', conditions: [ours] }, 'istio-ambient-service');
    expect(written?.['status']).toEqual({ conditions: [{ ...ours, lastTransitionTime: before }] });
  });

  it('of a ServiceEntry are taken away where no other control plane is, whoever wrote the list last', () => {
    const conditions = [others, { ...bound, lastTransitionTime: before }];
    const written = plan('ServiceEntry', { conditions }, { kind: 'conditions', conditions: [] }, 'velero', false);
    expect(written?.['status']).toEqual({ conditions: [others] });
  });

  it('of a ServiceEntry that another control plane wrote stay when only addresses are given', () => {
    const conditions = [{ ...bound, lastTransitionTime: before }];
    const addresses = [{ host: 'a.example', value: '240.240.0.1' }];
    const wanted: WantedStatus = { kind: 'conditions', conditions: [], addresses };
    expect(plan('ServiceEntry', { conditions }, wanted, 'istio-ambient-service')?.['status']).toEqual({
      conditions,
      addresses,
    });
    expect(plan('Service', undefined, { kind: 'conditions', conditions: [] })).toBeUndefined();
  });
});

describe('conditions of Istio’s kinds, whose list is replaced as a whole', () => {
  it('are written with those of others, and only over the version that was read', () => {
    const written = plan('ServiceEntry', { conditions: [others] }, { kind: 'conditions', conditions: [bound] });
    expect(written?.['status']).toEqual({ conditions: [others, { ...bound, lastTransitionTime: now }] });
    expect(written?.metadata.resourceVersion).toBe('7');
  });

  it('are the same whether the generation is text, as Istio writes it, or a number', () => {
    const wanted = { type: 'WaypointAccepted', status: 'True', reason: 'Accepted', message: 'm' } as const;
    const conditions = [{ ...wanted, observedGeneration: '3', lastTransitionTime: before }];
    const again: WantedStatus = { kind: 'conditions', conditions: [{ ...wanted, observedGeneration: 3 }] };
    expect(plan('AuthorizationPolicy', { conditions }, again)).toBeUndefined();
  });

  it('bring along the addresses that a ServiceEntry was given', () => {
    const addresses = [{ host: 'a.example', value: '240.240.0.1' }];
    const wanted: WantedStatus = { kind: 'conditions', conditions: [], addresses };
    expect(plan('ServiceEntry', {}, wanted)?.['status']).toEqual({ conditions: [], addresses });
    expect(plan('ServiceEntry', { addresses }, wanted)).toBeUndefined();
  });
});

describe('parents of routes', () => {
  const parentRef = { group: '', kind: 'Service', name: 'reviews' };
  const accepted = { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'Route was valid' } as const;
  const wanted: WantedStatus = { kind: 'route', parents: [{ parentRef, controllerName, conditions: [accepted] }] };
  const theirs = { parentRef, controllerName: 'example.com/gateway', conditions: [others] };
  const ingress = { parentRef: { name: 'ingress' }, controllerName, conditions: [others] };

  it('keep the entries of other controllers, and those of Gateways under the same name', () => {
    const written = plan('HTTPRoute', { parents: [theirs, ingress] }, wanted);
    const own = { parentRef, controllerName, conditions: [{ ...accepted, lastTransitionTime: now }] };
    expect(written?.['status']).toEqual({ parents: [theirs, ingress, own] });
    expect(plan('HTTPRoute', written?.['status'], wanted)).toBeUndefined();
  });

  it('lose our entry when the route names the service no more', () => {
    const own = { parentRef, controllerName, conditions: [{ ...accepted, lastTransitionTime: before }] };
    const written = plan('HTTPRoute', { parents: [theirs, own] }, { kind: 'route', parents: [] });
    expect(written?.['status']).toEqual({ parents: [theirs] });
  });
});

describe('the status of a Gateway', () => {
  const conditions = [
    { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'Resource accepted', observedGeneration: 1 },
  ] as const;
  const listener = { name: 'mesh', attachedRoutes: 0, supportedKinds: [], conditions };
  const addresses = [{ type: 'IPAddress', value: '10.96.0.9' }] as const;
  const wanted: WantedStatus = { kind: 'gateway', conditions, addresses, listeners: [listener] };

  it('settles: what was written leads to no other write', () => {
    const written = plan('Gateway', {}, wanted);
    expect(plan('Gateway', written?.['status'], wanted)).toBeUndefined();
  });

  it('is written again when an address, a listener or the generation is another', () => {
    const status = plan('Gateway', {}, wanted)?.['status'];
    expect(plan('Gateway', status, { ...wanted, addresses: [] })).toBeDefined();
    expect(plan('Gateway', status, { ...wanted, listeners: [{ ...listener, name: 'other' }] })).toBeDefined();
    const next = conditions.map((condition) => ({ ...condition, observedGeneration: 2 }));
    expect(plan('Gateway', status, { ...wanted, conditions: next })).toBeDefined();
  });
});
