// Policies that reach nothing: a policy that is written closed and is open is an error, wherever it
// stands.

import { describe, expect, it } from 'vitest';
import { formatRef } from '../../../mesh/index.ts';
import { readMesh } from '../../../test/support/mesh.ts';
import { analyzeMesh } from '../../whole/waypoint.ts';

const plain = `
apiVersion: v1
kind: Namespace
metadata: { name: plain }
---
apiVersion: v1
kind: Service
metadata: { name: p, namespace: plain }
spec: { clusterIP: 10.0.0.1, selector: { app: p }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: p, namespace: plain, annotations: { ambient.istio.io/redirection: enabled } }
spec: { address: 10.1.0.1, labels: { app: p }, serviceAccount: p }
---`;

const waypoint = (trafficType: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: wp, namespace: plain, labels: { istio.io/waypoint-for: ${trafficType} } }
spec: { gatewayClassName: istio-waypoint, listeners: [{ name: mesh, port: 15008, protocol: HBONE }] }
---
apiVersion: v1
kind: Service
metadata: { name: bound, namespace: plain, labels: { istio.io/use-waypoint: wp } }
spec: { clusterIP: 10.0.0.2, selector: { app: p }, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: headless, namespace: plain, labels: { istio.io/use-waypoint: wp } }
spec: { clusterIP: None, selector: { app: p }, ports: [{ name: http, port: 80 }] }
---`;

const policy = (
  spec: string,
  { namespace = 'plain', kind = 'AuthorizationPolicy', annotations = '{}' } = {},
): string => `
apiVersion: security.istio.io/v1
kind: ${kind}
metadata: { name: policy, namespace: ${namespace}, annotations: ${annotations} }
spec: ${spec}
---`;

/** Severity and code of the Findings about policies. */
function said(...texts: readonly string[]): readonly string[] {
  const { store, findings } = readMesh({ 'in.yaml': texts.join('') });
  return [...findings, ...analyzeMesh(store)]
    .filter(({ ref }) => formatRef(ref).includes('/policy'))
    .map(({ severity, code }) => `${severity} ${code}`);
}

const selector = 'selector: { matchLabels: { app: p } }';
const rule = '{ from: [{ source: { namespaces: [plain] } }] }';
const target = (kind: string, name: string): string => {
  const group = kind === 'Gateway' ? 'gateway.networking.k8s.io' : '""';
  return `{ targetRefs: [{ kind: ${kind}, group: ${group}, name: ${name} }], action: DENY, rules: [${rule}] }`;
};

describe('a policy without targets', () => {
  it.each([
    ['allow nothing', '{}', 'error'],
    ['an empty list of rules', '{ rules: [] }', 'error'],
    ['DENY everything', `{ action: DENY, ${selector}, rules: [{}] }`, 'error'],
    ['DENY something', `{ action: DENY, rules: [${rule}] }`, 'error'],
    ['ALLOW something, which closes the rest', `{ ${selector}, rules: [${rule}] }`, 'error'],
    ['ALLOW everything', '{ rules: [{}] }', 'warning'],
    ['ALLOW something or everything', `{ rules: [${rule}, {}] }`, 'warning'],
    ['AUDIT', `{ action: AUDIT, rules: [${rule}] }`, 'warning'],
  ])('%s: %s is an %s', (_, spec, severity) => {
    expect(said(plain, policy(spec))).toEqual([`${severity} PolicyNotAttached`]);
    expect(said(plain, waypoint('service'), policy(spec))).toEqual([`${severity} PolicyNotAttached`]);
    expect(said(plain, policy(spec, { namespace: 'istio-system' }))).toEqual([`${severity} PolicyNotAttached`]);
  });

  it('that is a dry run closes nothing', () => {
    expect(said(plain, policy('{}', { annotations: '{ istio.io/dry-run: "true" }' }))).toEqual([
      'warning PolicyNotAttached',
    ]);
  });

  it('of another kind', () => {
    expect(said(plain, policy('{ jwtRules: [{ issuer: a }] }', { kind: 'RequestAuthentication' }))).toContain(
      'warning PolicyNotAttached',
    );
    const peers = (mtls: string): readonly string[] => said(plain, policy(mtls, { kind: 'PeerAuthentication' }));
    expect(peers('{ mtls: { mode: STRICT } }')).toEqual(['error PolicyNotAttached']);
    expect(peers('{ portLevelMtls: { "80": { mode: STRICT } } }')).toEqual(['error PolicyNotAttached']);
    expect(peers('{ mtls: { mode: PERMISSIVE } }')).toEqual(['info PolicyNotAttached']);
  });

  it('for proxies of others is no error: those of a gateway, and sidecars', () => {
    expect(said(plain, policy('{ selector: { matchLabels: { istio: ingressgateway } } }'))).toEqual([
      'info PolicyNotAttached',
    ]);
    const injected = plain.replace('{ name: plain }', '{ name: plain, labels: { istio-injection: enabled } }');
    expect(said(injected, policy('{}'))).toEqual(['info PolicyNotAttached']);
    const ambient = injected.replace('enabled', 'enabled, istio.io/dataplane-mode: ambient');
    expect(said(ambient, policy('{}'))).toEqual(['error PolicyNotAttached']);
  });
});

describe('a policy whose target no traffic reaches through a waypoint', () => {
  it.each([
    ['a Service without a waypoint', 'service', 'p', 'error PolicyTargetNotBound'],
    ['a Service whose waypoint serves workloads', 'workload', 'bound', 'error PolicyTargetNotBound'],
    ['a Service without an address', 'service', 'headless', 'error NotServed'],
  ])('%s', (_, trafficType, name, expected) => {
    expect(said(plain, waypoint(trafficType), policy(target('Service', name)))).toEqual([expected]);
  });

  it('a waypoint that serves nothing', () => {
    expect(said(plain, waypoint('none'), policy(target('Gateway', 'wp')))).toEqual(['error PolicyTargetNotBound']);
    expect(said(plain, waypoint('service'), policy(target('Gateway', 'wp')))).toEqual([]);
    expect(said(plain, waypoint('service'), policy(target('Service', 'bound')))).toEqual([]);
  });
});
