// The statuses of a mesh, and of the part of it that a control plane reports on beside another one.

import { describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../../../kubernetes/index.ts';
import {
  defaultMeshSettings,
  type Finding,
  formatRef,
  type MeshSettings,
  MeshStore,
  type ObjectRef,
  parseManifest,
} from '../../../mesh/index.ts';
import { resolveStatus } from './resolve-status.ts';
import { StatusPlanner } from './status-planner.ts';
import type { WantedStatus } from './status.ts';
import type { StatusView } from './view.ts';

const manifest = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/use-waypoint: waypoint}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: shop, generation: 3}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: odd, namespace: shop}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: web, port: 80, protocol: HTTP}]}
---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {clusterIP: 10.0.0.1, selector: {app: reviews}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: alone, namespace: shop, labels: {istio.io/use-waypoint: none}}
spec: {clusterIP: 10.0.0.2, selector: {app: alone}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: guest, namespace: far, labels: {istio.io/use-waypoint: waypoint, istio.io/use-waypoint-namespace: shop}}
spec: {clusterIP: 10.0.0.3, selector: {app: guest}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: lost, namespace: shop, labels: {istio.io/use-waypoint: absent}}
spec: {clusterIP: 10.0.0.4, selector: {app: lost}, ports: [{name: http, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: canary, namespace: shop, labels: {istio.io/rev: canary}}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
---
apiVersion: v1
kind: Service
metadata: {name: tried, namespace: shop, labels: {istio.io/use-waypoint: canary}}
spec: {clusterIP: 10.0.0.5, selector: {app: tried}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: tried, namespace: shop}
spec: {host: tried}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: anything, namespace: shop, generation: 5}
spec: {hosts: ["*.example.com"], resolution: DYNAMIC_DNS, ports: [{number: 80, name: http, protocol: HTTP}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: unserved, namespace: shop, generation: 5, labels: {istio.io/use-waypoint: none}}
spec: {hosts: ["*.example.com"], resolution: DYNAMIC_DNS, ports: [{number: 80, name: http, protocol: HTTP}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: racing
  namespace: shop
  labels: {istio.io/use-waypoint: absent}
  annotations: {istio.io/connect-strategy: RACE_FIRST_TCP_CONNECT}
spec: {hosts: [db.example.com], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mixed, namespace: shop, generation: 2}
spec:
  targetRefs:
    - {group: "", kind: Service, name: reviews}
    - {group: "", kind: Service, name: alone}
    - {group: "", kind: Service, name: gone}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: class, namespace: shop}
spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: GatewayClass, name: istio-waypoint}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop, generation: 4}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}
`;

interface World {
  readonly addresses?: boolean;
  readonly findings?: readonly Finding[];
  readonly settings?: Partial<StatusView['settings']>;
  readonly mesh?: Partial<MeshSettings>;
}

function viewOf({ addresses = true, findings = [], settings = {}, mesh: meshSettings = {} }: World = {}): StatusView {
  const mesh = new MeshStore({ ...defaultMeshSettings, ...meshSettings });
  mesh.apply(parseManifest('mesh.yaml', manifest).objects.map((object) => ({ type: 'put', object })));
  const status = addresses ? { addresses: [{ type: 'IPAddress', value: '10.0.0.9' }] } : {};
  return {
    settings: {
      controllerName: 'istio.io/mesh-controller',
      gatewayClass: 'istio-waypoint',
      clusterDomain: 'cluster.local',
      revision: '',
      ...settings,
    },
    mesh,
    object: (kind, namespace, name): KubernetesObject | undefined =>
      mesh.list(kind as 'Gateway').some((each) => each.metadata.name === name && each.metadata.namespace === namespace)
        ? { kind, metadata: { namespace, name }, ...(kind === 'Gateway' ? { status } : {}) }
        : undefined,
    findings: (ref) => findings.filter((finding) => formatRef(finding.ref) === formatRef(ref)),
    deploymentFindings: () => [],
  };
}

function statusOf(kind: string, name: string, world: World = {}, namespace = 'shop'): WantedStatus | undefined {
  return resolveStatus(viewOf(world), { kind, namespace, name });
}

function conditionsOf(status: WantedStatus | undefined): readonly unknown[] {
  if (status === undefined || status.kind === 'route' || status.kind === 'policy')
    throw new Error('there are no conditions');
  return status.conditions;
}

describe('the binding of a service', () => {
  it.each([
    ['reviews', 'shop', {}, { status: 'True', reason: 'WaypointAccepted' }],
    ['reviews', 'shop', { addresses: false }, { status: 'False', reason: 'WaypointIsNotReady' }],
    ['guest', 'far', {}, { status: 'False', reason: 'AttachmentDenied' }],
    ['lost', 'shop', {}, { status: 'False', message: 'waypoint "shop/absent" is not ready' }],
  ])('of %s in %s (%j) is %j', (name, namespace, world, expected) => {
    expect(conditionsOf(statusOf('Service', name, world, namespace))).toMatchObject([expected]);
  });

  it('is not spoken of where none is asked for', () => {
    expect(conditionsOf(statusOf('Service', 'alone'))).toEqual([]);
  });
});

describe('a ServiceEntry that only a waypoint can serve', () => {
  const missing = (name: string, world: World = {}): readonly unknown[] =>
    conditionsOf(statusOf('ServiceEntry', name, world)).filter(
      (condition) => (condition as { readonly type: string }).type === 'istio.io/WaypointMissing',
    );

  it('says so while it has none, whether it asks for one or not', () => {
    expect(missing('unserved')).toMatchObject([
      { status: 'True', reason: 'NoWaypointForWildcardService', observedGeneration: 5 },
    ]);
    expect(missing('racing')).toMatchObject([{ status: 'True', reason: 'NoWaypointForConnectStrategy' }]);
    expect(missing('anything')).toEqual([]);
  });

  it('is left to the other control plane beside which this one runs', () => {
    const settings = { controllerName: 'cairn.dev/waypoint-controller', gatewayClass: 'cairn-waypoint' };
    expect(missing('unserved', { settings })).toEqual([]);
    expect(missing('racing', { settings })).toEqual([]);
  });
});

it('of a Gateway of another revision, and of its services, is not ours to speak', () => {
  const canary: World = { mesh: { revision: 'canary' }, settings: { revision: 'canary' } };
  expect(statusOf('Gateway', 'waypoint', canary)).toBeUndefined();
  expect(conditionsOf(statusOf('Service', 'reviews', canary))).toEqual([]);
  expect(conditionsOf(statusOf('AuthorizationPolicy', 'mixed', canary))).toEqual([]);
  expect(conditionsOf(statusOf('VirtualService', 'reviews', canary))).toEqual([]);
  // The default revision judges objects that belong to nobody.
  expect(conditionsOf(statusOf('Service', 'lost', canary))).toEqual([]);
  const others: World = { mesh: { revision: 'default' }, settings: { revision: 'default' } };
  for (const world of [others, canary]) {
    for (const kind of ['Service', 'DestinationRule']) {
      const status = statusOf(kind, 'tried', world);
      if (world === canary) expect(conditionsOf(status)).toHaveLength(1);
      else expect(status).toBeUndefined();
    }
  }
  expect(conditionsOf(statusOf('Service', 'lost', others))).toMatchObject([{ status: 'False' }]);
});

describe('a policy', () => {
  it('with several targets names those that it does not reach', () => {
    expect(conditionsOf(statusOf('AuthorizationPolicy', 'mixed'))).toEqual([
      {
        type: 'WaypointAccepted',
        status: 'True',
        reason: 'PartiallyInvalid',
        message: 'Invalid targetRefs: Service.core:shop/alone, Service.core:shop/gone',
        observedGeneration: 2,
      },
    ]);
  });

  it('for a class must be in the root namespace', () => {
    const [condition] = conditionsOf(statusOf('AuthorizationPolicy', 'class'));
    const message = 'AuthorizationPolicy must be in the root namespace `istio-system` when referencing a GatewayClass';
    expect(condition).toMatchObject({ status: 'False', reason: 'Invalid', message });
  });

  it('that is enforced otherwise than written says so', () => {
    const ref: ObjectRef = { kind: 'AuthorizationPolicy', namespace: 'shop', name: 'mixed' };
    const path = ['spec', 'rules', 0];
    const finding: Finding = { code: 'PolicyFailsClosed', severity: 'error', ref, path, message: 'it denies' };
    const [, effect] = conditionsOf(statusOf('AuthorizationPolicy', 'mixed', { findings: [finding] }));
    expect(effect).toMatchObject({
      type: 'cairn.dev/Accepted',
      status: 'False',
      reason: 'PolicyFailsClosed',
      message: 'spec.rules[0]: it denies',
    });
  });
});

describe('a Gateway', () => {
  it('of another shape is not accepted by its listener, and not Programmed', () => {
    const status = statusOf('Gateway', 'odd');
    if (status?.kind !== 'gateway') throw new Error('it is no Gateway');
    const [listener] = status.listeners;
    expect(listener?.conditions[0]).toMatchObject({ status: 'False', reason: 'UnsupportedProtocol' });
    expect(status.conditions).toMatchObject([{ type: 'Accepted' }, { type: 'Programmed', status: 'False' }]);
  });

  it('without a Service is not Programmed, and keeps the addresses that it had', () => {
    const status = statusOf('Gateway', 'waypoint');
    expect(status).toMatchObject({ addresses: [{ value: '10.0.0.9' }] });
    expect(conditionsOf(status)).toMatchObject([
      { type: 'Accepted', status: 'True', observedGeneration: 3 },
      {
        type: 'Programmed',
        reason: 'AddressNotUsable',
        message: 'Failed to assign to any requested addresses: hostname "waypoint.shop.svc.cluster.local" not found',
      },
    ]);
  });
});

describe('a control plane beside another', () => {
  const guest: World = {
    settings: { controllerName: 'cairn.dev/waypoint-controller', gatewayClass: 'cairn-waypoint' },
    mesh: { waypointClass: 'cairn-waypoint', waypointController: 'cairn.dev/waypoint-controller' },
  };

  it('says nothing of what is bound to the other’s Gateways, or to none', () => {
    expect(statusOf('Gateway', 'waypoint', guest)).toBeUndefined();
    for (const name of ['reviews', 'lost', 'alone']) {
      expect(conditionsOf(statusOf('Service', name, guest)), name).toEqual([]);
    }
    for (const name of ['mixed', 'class']) {
      expect(conditionsOf(statusOf('AuthorizationPolicy', name, guest)), name).toEqual([]);
    }
  });

  it('says nothing of rules that reach none of its Gateways', () => {
    const ref: ObjectRef = { kind: 'VirtualService', namespace: 'shop', name: 'reviews' };
    const finding: Finding = { code: 'NotServed', severity: 'warning', ref, path: [], message: 'nobody serves it' };
    expect(conditionsOf(statusOf('VirtualService', 'reviews', { ...guest, findings: [finding] }))).toEqual([]);
    const [condition] = conditionsOf(statusOf('VirtualService', 'reviews', { findings: [finding] }));
    expect(condition).toMatchObject({ status: 'True', message: 'nobody serves it' });
    // Nor those without Findings.
    expect(conditionsOf(statusOf('DestinationRule', 'tried', guest))).toEqual([]);
  });
});

describe('the planner', () => {
  it('looks again at exactly what was computed from what changed', () => {
    const planner = new StatusPlanner(viewOf());
    const ref = (kind: string, name: string): ObjectRef => ({ kind, namespace: 'shop', name });
    for (const name of ['reviews', 'alone', 'lost']) planner.resolve(ref('Service', name));
    planner.resolve(ref('AuthorizationPolicy', 'mixed'));
    const dirty = (changed: readonly ObjectRef[], touched: readonly string[] = []): readonly string[] =>
      planner
        .dirty({ changed, touched: new Set(touched) })
        .map(formatRef)
        .sort((a, b) => (a < b ? -1 : 1));

    // The status of a Gateway alone: its services, and no object that asks for another or for none.
    expect(dirty([ref('Gateway', 'waypoint')])).toEqual(['Gateway shop/waypoint', 'Service shop/reviews']);
    expect(dirty([], ['get:Service/shop/gone'])).toEqual(['AuthorizationPolicy shop/mixed']);
    expect(dirty([], ['get:Service/elsewhere/gone'])).toEqual([]);
  });

  it('notices a Finding that is new, another, or gone, and nothing else', () => {
    const planner = new StatusPlanner(viewOf());
    const ref: ObjectRef = { kind: 'VirtualService', namespace: 'shop', name: 'reviews' };
    planner.resolve(ref);
    const finding: Finding = { code: 'HostNotFound', severity: 'error', ref, path: [], message: 'one' };
    expect(planner.compareFindings([finding])).toEqual([ref]);
    expect(planner.compareFindings([finding])).toEqual([]);
    expect(planner.compareFindings([{ ...finding, message: 'two' }])).toEqual([ref]);
    expect(planner.compareFindings([])).toEqual([ref]);
  });
});
