// The plan for a Gateway's objects: nothing when they are as rendered, and never a change of
// others' objects.

import { describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../../../kubernetes/index.ts';
import type { TemplateObject } from '../../../templates/index.ts';
import { readApplied } from './applied.ts';
import { type DeploymentPlan, planDeployment, type PlanInput } from './plan.ts';

const managedBy = 'istio.io-mesh-controller';
const labels = { 'gateway.istio.io/managed': managedBy, 'gateway.networking.k8s.io/gateway-name': 'waypoint' };
const owner = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name: 'waypoint', uid: 'g' };
const rendered: TemplateObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'waypoint', namespace: 'shop', labels, ownerReferences: [owner] },
  spec: { template: { spec: { containers: [{ name: 'proxy', resources: { limits: { cpu: '2000m' } } }] } } },
};

function plan(objects: readonly KubernetesObject[], input: Partial<PlanInput> = {}): DeploymentPlan {
  return planDeployment({
    gateway: { ref: { kind: 'Gateway', namespace: 'shop', name: 'waypoint' }, uid: 'g' },
    managedBy,
    rendered: [rendered],
    find: (kind, name) => objects.find((object) => object.kind === kind && object.metadata.name === name),
    owned: objects,
    remember: () => undefined,
    ...input,
  });
}

/** The objects of the API after the plan for an empty namespace was carried out. */
function deployed(changes: (object: KubernetesObject) => KubernetesObject = (object) => object): KubernetesObject {
  const [first] = plan([]).apply;
  if (first === undefined) throw new Error('nothing is planned');
  const { object } = first;
  return changes({ ...object, metadata: { ...object.metadata, uid: 'd', resourceVersion: '1' } });
}

describe('the plan', () => {
  it('makes what is not there, and nothing once it is', () => {
    expect(plan([]).apply).toHaveLength(1);
    expect(plan([deployed()])).toEqual({ apply: [], remove: [], findings: [] });
  });

  it('leaves the fields of others alone, and restores its own', () => {
    const scaled = deployed((object) => ({ ...object, spec: { ...(object['spec'] as object), replicas: 3 } }));
    expect(plan([scaled]).apply).toEqual([]);
    const injected = deployed((object) => ({
      ...object,
      spec: { template: { spec: { containers: [{ name: 'other' }, ...containersOf(object)] } } },
    }));
    expect(plan([injected]).apply).toEqual([]);
    const edited = deployed((object) => ({
      ...object,
      spec: { template: { spec: { containers: [{ name: 'proxy', resources: { limits: { cpu: '1' } } }] } } },
    }));
    expect(plan([edited]).apply).toMatchObject([{ uid: 'd' }]);
  });

  it('notices that a field is no longer rendered', () => {
    const { spec: _spec, ...rest } = rendered;
    expect(plan([deployed()], { rendered: [{ ...rest, spec: {} }] }).apply).toHaveLength(1);
  });

  it('applies once what the API writes in another form', () => {
    const normalized = deployed((object) => ({
      ...object,
      spec: { template: { spec: { containers: [{ name: 'proxy', resources: { limits: { cpu: '2' } } }] } } },
    }));
    const [again] = plan([normalized]).apply;
    if (again === undefined) throw new Error('it must be applied once by whoever has no memory of it');
    const memory = { digest: again.digest, answer: readApplied(normalized, again.object) };
    expect(plan([normalized], { remember: () => memory }).apply).toEqual([]);
  });

  it('never takes over what another made, and says so', () => {
    const bare = deployed((object) => ({ ...object, metadata: { name: 'waypoint', namespace: 'shop', uid: 'x' } }));
    const foreign = deployed((object) => ({
      ...object,
      metadata: { ...object.metadata, labels: { ...labels, 'gateway.istio.io/managed': 'other' } },
    }));
    const twin = deployed((object) => ({
      ...object,
      metadata: { ...object.metadata, labels: { ...labels, 'gateway.networking.k8s.io/gateway-name': 'twin' } },
    }));
    for (const object of [bare, foreign, twin]) {
      const { apply, remove, findings } = plan([object]);
      expect({ apply, remove, codes: findings.map(({ code }) => code) }).toEqual({
        apply: [],
        remove: [],
        codes: ['ObjectNotOurs'],
      });
    }
  });

  it('removes what is not rendered any more, but only its own, and nothing when nothing could be rendered', () => {
    const budget = { ...deployed(), kind: 'PodDisruptionBudget' };
    const others = { ...budget, metadata: { ...budget.metadata, ownerReferences: [{ ...owner, uid: 'another' }] } };
    expect(plan([deployed(), budget]).remove).toEqual([budget]);
    expect(plan([deployed(), others]).remove).toEqual([]);
    expect(plan([deployed(), budget], { rendered: [] }).remove).toEqual([]);
  });
});

function containersOf(object: KubernetesObject): readonly object[] {
  const { template } = object['spec'] as {
    readonly template: { readonly spec: { readonly containers: readonly object[] } };
  };
  return template.spec.containers;
}
