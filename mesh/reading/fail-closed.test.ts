// What stands in for a policy that cannot be read, where nothing was known of it before.

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
    ['AuthorizationPolicy', { targetRefs: [web, 7] }, 'it'],
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
    expect(findings.map(({ message }) => message).join()).toContain("everything to the policy's targets is denied");
  });

  it('sends nothing in plain text: BackendTLSPolicy', () => {
    const { objects, findings } = first('BackendTLSPolicy', { targetRefs: [web], validation: { hostname: 7 } });
    expect(objects).toMatchObject([{ kind: 'BackendTLSPolicy', spec: { targetRefs: [web] } }]);
    expect(findings.map(({ message }) => message).join()).toContain("requests to the policy's targets");
  });

  it.each([
    ['AuthorizationPolicy', { targetRefs: [web], action: 'AUDIT', rules: 7 }],
    ['AuthorizationPolicy', { targetRefs: 'web', rules: 7 }],
    ['RequestAuthentication', { jwtRules: 7 }],
    ['BackendTLSPolicy', { validation: 7 }],
  ])(
    'closes nothing when it would never have decided, or says nowhere for what it is, and says so: %s %j',
    (kind, spec) => {
      const { objects, findings } = first(kind, spec);
      expect(objects).toEqual([]);
      expect(findings.map(({ message }) => message).join()).toContain('nothing stands in for it');
    },
  );

  it('is no different from any other once it can be read', () => {
    expect(first('RequestAuthentication', { targetRefs: [web] }).objects).toMatchObject([
      { kind: 'RequestAuthentication' },
    ]);
  });
});
