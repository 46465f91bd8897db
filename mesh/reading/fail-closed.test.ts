// The stand-ins of policies that cannot be read, if nothing was known of them before.

import { describe, expect, it } from 'vitest';
import { failClosed, parseManifest } from './manifest.ts';

const web = { group: '', kind: 'Service', name: 'web' };

function first(kind: string, spec: Readonly<Record<string, unknown>>): ReturnType<typeof failClosed> {
  const group = kind === 'BackendTLSPolicy' ? 'gateway.networking.k8s.io' : 'security.istio.io';
  const text = JSON.stringify({ apiVersion: `${group}/v1`, kind, metadata: { name: 'it', namespace: 'shop' }, spec });
  return failClosed(parseManifest('', text));
}

describe('a policy that is spoilt when it is first read', () => {
  it.each([
    ['AuthorizationPolicy', { targetRefs: [web], action: 'DENY', rules: 7 }, 'it'],
    ['AuthorizationPolicy', { targetRef: web, action: 'PERHAPS' }, 'it'],
    ['AuthorizationPolicy', { targetRefs: web, action: 'ALLOW' }, 'it'],
    ['RequestAuthentication', { targetRefs: [web], jwtRules: [{ issuer: 7 }] }, 'RequestAuthentication/it'],
    ['RequestAuthentication', { targetRefs: web }, 'RequestAuthentication/it'],
  ])('denies everything to its targets: %s %j', (kind, spec, name) => {
    const { objects, findings } = first(kind, spec);
    expect(objects).toEqual([
      expect.objectContaining({
        kind: 'AuthorizationPolicy',
        metadata: expect.objectContaining({ name, namespace: 'shop' }) as unknown,
        spec: { action: 'DENY', targetRefs: [web], rules: [{}] },
      }),
    ]);
    expect(findings.map(({ message }) => message).join()).toContain('everything to Service shop/web is denied');
  });

  it('sends nothing in plain text: BackendTLSPolicy', () => {
    const { objects, findings } = first('BackendTLSPolicy', { targetRefs: [web], validation: { hostname: 7 } });
    expect(objects).toMatchObject([{ kind: 'BackendTLSPolicy', spec: { targetRefs: [web] } }]);
    expect(findings.map(({ message }) => message).join()).toContain('requests to Service shop/web');
  });

  it.each([
    ['AuthorizationPolicy', { targetRefs: [web], action: 'AUDIT', rules: 7 }],
    ['AuthorizationPolicy', { targetRefs: [], rules: 7 }],
    ['RequestAuthentication', { jwtRules: 7 }],
    ['BackendTLSPolicy', { validation: 7 }],
  ])('closes nothing when it would never have decided, or names no target, and says so: %s %j', (kind, spec) => {
    const { objects, findings } = first(kind, spec);
    expect(objects).toEqual([]);
    expect(findings.map(({ message }) => message).join()).toContain('nothing stands in for it');
  });

  it.each([
    ['AuthorizationPolicy', { targetRefs: [web, 7] }, [web, { group: '', kind: 'Namespace', name: 'shop' }]],
    ['AuthorizationPolicy', { targetRefs: 'web', rules: 7 }, [{ group: '', kind: 'Namespace', name: 'shop' }]],
    [
      'RequestAuthentication',
      { targetRefs: [{ ...web, kind: 'Servise' }] },
      [{ group: '', kind: 'Namespace', name: 'shop' }],
    ],
  ])('closes its namespace where a target cannot be read: %s %j', (kind, spec, targetRefs) => {
    const { objects, findings } = first(kind, spec);
    expect(objects).toMatchObject([{ kind: 'AuthorizationPolicy', spec: { action: 'DENY', targetRefs } }]);
    expect(findings.map(({ message }) => message).join()).toContain('every service of namespace shop is denied');
  });

  it('leaves what can be read of a Namespace and of a waypoint, without which no policy would be enforced', () => {
    const labels = '{ istio.io/use-waypoint: waypoint, team: 7 }';
    const { objects } = failClosed(
      parseManifest(
        '',
        `{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: ${labels}}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: waypoint, namespace: shop}, spec: {gatewayClassName: istio-waypoint, listeners: 7}}`,
      ),
    );
    expect(objects).toMatchObject([
      { kind: 'Namespace', metadata: { labels: { 'istio.io/use-waypoint': 'waypoint' } } },
      { kind: 'Gateway', spec: { listeners: [{ port: 15008, protocol: 'HBONE' }] } },
    ]);
  });

  it('is no different from any other once it can be read', () => {
    expect(first('RequestAuthentication', { targetRefs: [web] }).objects).toMatchObject([
      { kind: 'RequestAuthentication' },
    ]);
  });
});
