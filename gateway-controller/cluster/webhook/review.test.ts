// The webhook's refusals, warnings and passes.

import { describe, expect, it } from 'vitest';
import { MeshStore, parseManifest } from '../../../mesh/index.ts';
import { type AdmissionRequest, type AdmissionResponse, reviewAdmission } from './review.ts';

const mesh = new MeshStore();
mesh.apply(
  parseManifest(
    'mesh.yaml',
    `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/use-waypoint: waypoint}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: shop}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {clusterIP: 10.0.0.1, selector: {app: reviews}, ports: [{name: http, port: 80}]}
`,
  ).objects.map((object) => ({ type: 'put', object })),
);

type Fields = Readonly<Record<string, unknown>>;

function virtualService(spec: Fields, metadata: Fields = {}): Fields {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'reviews', namespace: 'shop', ...metadata },
    spec,
  };
}

function review(object: Fields, request: Partial<AdmissionRequest> = {}): AdmissionResponse {
  return reviewAdmission({ uid: 'u', operation: 'CREATE', object, ...request }, mesh);
}

const good = { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews' } }] }] };
const bad = { hosts: ['reviews'], http: [{ match: [{ uri: { regex: '(' } }], route: good.http[0]?.route }] };

describe('the webhook', () => {
  it('lets a good object pass without a word', () => {
    expect(review(virtualService(good))).toEqual({ uid: 'u', allowed: true });
  });

  it('refuses what is wrong with the object itself, and says where', () => {
    const answer = review(virtualService(bad));
    expect(answer).toMatchObject({ allowed: false, status: { code: 422, reason: 'Invalid' } });
    expect(answer.status?.message).toContain('spec.http[0].match[0].uri.regex');
  });

  it('warns of what may come right when another object does', () => {
    const absent = { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews', subset: 'v2' } }] }] };
    const answer = review(virtualService(absent));
    expect(answer.allowed).toBe(true);
    expect(answer.warnings?.join()).toContain('v2');
  });

  it('judges the new version and not the one in force', () => {
    const elsewhere = { hosts: ['nowhere'], http: good.http };
    expect(review(virtualService(elsewhere)).warnings?.join()).toContain('nowhere');
    expect(mesh.list('VirtualService')).toEqual([]);
  });

  it.each([
    ['a deletion', { operation: 'DELETE' }],
    ['a status', { operation: 'UPDATE', subResource: 'status' }],
    ['an update that changes nothing of meaning', { operation: 'UPDATE', oldObject: virtualService(bad) }],
  ])('never stops %s', (_what, request) => {
    expect(review(virtualService(bad), request)).toEqual({ uid: 'u', allowed: true });
  });

  it('never stops the end of an object that was wrong all along', () => {
    const going = virtualService(bad, { deletionTimestamp: '2026-01-01T00:00:00Z' });
    const oldObject = virtualService(good);
    expect(review(going, { operation: 'UPDATE', oldObject }).allowed).toBe(true);
  });

  it('stops nobody because of fields that are newer than it', () => {
    const answer = review(virtualService({ ...good, newField: true }));
    expect(answer.allowed).toBe(true);
    expect(answer.warnings?.join()).toContain('newField');
  });

  it('passes over kinds that no mesh reads', () => {
    const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'x' }, spec: 7 };
    expect(review(object)).toEqual({ uid: 'u', allowed: true });
  });

  it('cuts what the API would cut', () => {
    const routes = Array.from({ length: 30 }, (_, index) => ({
      match: [{ uri: { exact: `/${index}` } }],
      route: [{ destination: { host: 'reviews', subset: `v${index}-${'x'.repeat(50)}` } }],
    }));
    const { warnings = [] } = review(virtualService({ hosts: ['reviews'], http: routes }));
    expect(warnings.length).toBeLessThan(20);
    expect(Math.max(...warnings.map(({ length }) => length))).toBeLessThanOrEqual(256);
    expect(warnings.at(-1)).toContain('more');
  });
});
