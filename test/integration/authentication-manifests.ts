// The mesh of the authentication tests: a service for each situation, issuers of tokens, and
// external authorizers.

import { randomLoopback } from '../support/envoy.ts';
import { echoServiceManifests, waypointManifests, workloadManifest } from '../support/mesh.ts';
import { createIssuer, type TestIssuer } from '../support/tokens.ts';

/** Where the application and the authorizers listen. */
export const workload: string = randomLoopback();

/**
 * The issuers of tokens. The impostor has the name of the first; the keys of `lost` are nowhere,
 * those of `fetched` are a document.
 */
export const issuers: Readonly<Record<'one' | 'two' | 'three' | 'impostor' | 'lost' | 'fetched', TestIssuer>> = {
  one: createIssuer('https://one.example'),
  two: createIssuer('https://two.example/deep', 'RS256'),
  three: createIssuer('three', 'EdDSA'),
  impostor: createIssuer('https://one.example'),
  lost: createIssuer('https://lost.example'),
  fetched: createIssuer('https://fetched.example', 'RS256'),
};
const { one, two, three, lost, fetched } = issuers;

const services = [
  'tokens', // one issuer, nothing else
  'members', // a verified token is needed
  'several', // three issuers, each in places of its own
  'lost', // an issuer whose keys are not there
  'broken', // an issuer whose keys are not keys
  'fetched', // an issuer whose keys were fetched
  'claims', // policies on claims
  'routes', // routes on claims
  'denied', // a DENY on claims
  'asked-http',
  'asked-grpc',
  'asked-open', // an authorizer that does not answer, failing open
  'asked-mute', // the same, failing closed
  'asked-nobody', // a provider that does not exist
  'asked-two', // two providers
  'audited',
  'aliases',
  'everyone', // only what the GatewayClass policy says
] as const;

export type ServiceName = (typeof services)[number];

/** The authority of a client's tunnel. */
export function targetOf(service: ServiceName): string {
  return `10.0.0.${services.indexOf(service) + 1}:80`;
}

function attached(kind: string, name: string, service: ServiceName, spec: string, more = ''): string {
  return `
apiVersion: security.istio.io/v1
kind: ${kind}
metadata: { name: ${name}, namespace: shop${more} }
spec:
  targetRefs: [{ group: "", kind: Service, name: ${service} }]
${spec}
---`;
}

const policy = (name: string, service: ServiceName, spec: string, more?: string): string =>
  attached('AuthorizationPolicy', name, service, spec, more);
const custom = (name: string, service: ServiceName, provider: string, rule: string): string =>
  policy(name, service, `  action: CUSTOM\n  provider: { name: ${provider} }\n  rules: [${rule}]`);
const tokens = (service: ServiceName, ...rules: readonly string[]): string =>
  attached(
    'RequestAuthentication',
    service,
    service,
    `  jwtRules:\n${rules.map((rule) => `  - { ${rule} }`).join('\n')}`,
  );
const keys = (issuer: { readonly issuer: string; readonly jwks: string }): string =>
  `issuer: "${issuer.issuer}", jwks: ${JSON.stringify(issuer.jwks)}`;
const paths = (...list: readonly string[]): string => `{ to: [{ operation: { paths: [${list.join(', ')}] } }] }`;
const claimRule = (path: string, ...conditions: readonly string[]): string =>
  `  - { to: [{ operation: { paths: [${path}] } }], when: [${conditions.map((condition) => `{ ${condition} }`).join(', ')}] }`;

const anyPrincipal = 'key: request.auth.principal, values: ["*"]';
const dryRun = ', annotations: { istio.io/dry-run: "true" }';
const authorizer = 'service: authorizer.shop.svc.cluster.local, port: 8000';

/** All manifests, with `$ADDRESS` for the waypoint's listen address. */
export const manifests: string = `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |-
    trustDomainAliases: [old.example]
    rootNamespace: mesh-root
    extensionProviders:
    - name: http
      envoyExtAuthzHttp:
        service: authorizer.shop.svc.cluster.local
        port: 8000
        timeout: 2s
        pathPrefix: /check
        includeRequestHeadersInCheck: [x-decide, x-shown-*]
        includeAdditionalHeadersInCheck: { x-fixed: "100%" }
        headersToUpstreamOnAllow: [x-authorizer]
        headersToDownstreamOnDeny: [x-authorizer]
        includeRequestBodyInCheck: { maxRequestBytes: 64, allowPartialMessage: true }
    - name: grpc
      envoyExtAuthzGrpc: { service: shop/authorizer.shop.svc.cluster.local, port: 9000, timeout: 2s }
    - name: open
      envoyExtAuthzHttp: { ${authorizer}, timeout: 0.3s, failOpen: true, includeRequestHeadersInCheck: [x-decide] }
    - name: mute
      envoyExtAuthzHttp: { ${authorizer}, timeout: 0.3s, statusOnError: "503", includeRequestHeadersInCheck: [x-decide] }
---
${waypointManifests('shop', '$ADDRESS')}
---
${echoServiceManifests(services)}
---
apiVersion: v1
kind: Service
metadata: { name: authorizer, namespace: shop }
spec: { clusterIP: 10.0.1.1, selector: { app: authorizer }, ports: [{ name: http, port: 8000 }, { name: grpc, port: 9000 }] }
---
${workloadManifest('echo', workload)}
---
${workloadManifest('authorizer', workload)}
---
apiVersion: cairn.dev/v1alpha1
kind: JwksDocument
metadata: { name: fetched }
spec: { uri: "https://fetched.example/keys", jwks: ${JSON.stringify(fetched.jwks)} }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: whole-mesh, namespace: mesh-root }
spec:
  action: DENY
  targetRefs: [{ group: gateway.networking.k8s.io, kind: GatewayClass, name: istio-waypoint }]
  rules: [${paths('/forbidden-in-the-mesh')}]
---
${tokens('tokens', `${keys(one)}, audiences: [shop], outputClaimToHeaders: [{ header: x-sub, claim: sub }, { header: x-deep, claim: nested.key }]`)}
${tokens('members', `${keys(one)}, forwardOriginalToken: true, outputPayloadToHeader: x-payload`)}
${policy('members-only', 'members', '  action: DENY\n  rules: [{ from: [{ source: { notRequestPrincipals: ["*"] } }] }]')}
${tokens(
  'several',
  keys(one),
  `${keys(two)}, fromHeaders: [{ name: x-token, prefix: "Token " }], fromParams: [token]`,
  `${keys(three)}, fromCookies: [session]`,
)}
${policy('principals', 'several', `  rules: [{ from: [{ source: { requestPrincipals: ["${one.issuer}/anna", "${two.issuer}/*", "*/carl"] } }] }]`)}
${tokens('lost', `issuer: "${lost.issuer}", jwksUri: "https://lost.example/keys"`)}
${tokens('broken', `issuer: "${lost.issuer}", jwks: '{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB"}]}'`)}
${tokens('fetched', `issuer: "${fetched.issuer}", jwksUri: "https://fetched.example/keys"`)}
${tokens('claims', `${keys(one)}, spaceDelimitedClaims: [roles-text]`)}
${policy(
  'on-claims',
  'claims',
  [
    '  rules:',
    claimRule('/group', 'key: "request.auth.claims[groups]", values: [admins, "dev-*"]'),
    claimRule('/nested', 'key: "request.auth.claims[realm][roles]", values: [owner]'),
    claimRule('/scope', 'key: "request.auth.claims[scope]", values: [write]'),
    claimRule('/roles', 'key: "request.auth.claims[roles-text]", values: [b]'),
    claimRule('/audience', 'key: request.auth.audiences, values: [shop]'),
    claimRule('/presenter', 'key: request.auth.presenter, values: [client]'),
    claimRule('/principal', `key: request.auth.principal, notValues: ["${one.issuer}/mallory"]`, anyPrincipal),
    claimRule('/not-group', 'key: "request.auth.claims[groups]", notValues: [banned]', anyPrincipal),
    claimRule('/filter', 'key: "experimental.envoy.filters.http.rbac[cairn_deny_nothing]", values: [x]'),
    claimRule('/sni', 'key: connection.sni, values: ["*"]'),
  ].join('\n'),
)}
${tokens('denied', keys(one))}
${policy(
  'on-denied',
  'denied',
  `  action: DENY
  rules:
  - when: [{ key: "request.auth.claims[banned]", values: ["true"] }]
  - when: [{ key: "request.auth.claims[level]", values: ["7"] }]
  - from: [{ source: { requestPrincipals: ["${one.issuer}/a/b"] } }]`,
)}
${tokens('routes', keys(one))}
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: routes, namespace: shop }
spec:
  hosts: [routes]
  http:
  - { match: [{ headers: { "@request.auth.claims.group": { exact: gold } } }], directResponse: { status: 201 } }
  - { match: [{ headers: { "@request.auth.claims[realm][tier]": { prefix: silver } } }], directResponse: { status: 202 } }
  - { match: [{ uri: { prefix: /outside }, withoutHeaders: { "@request.auth.claims.sub": {} } }], directResponse: { status: 203 } }
  - { route: [{ destination: { host: routes } }] }
---
${custom('ask', 'asked-http', 'http', paths('/asked', '/asked/*'))}
${policy('closed', 'asked-http', `  action: DENY\n  rules: [${paths('/asked/never')}]`)}
${custom('ask-grpc', 'asked-grpc', 'grpc', '{ to: [{ operation: { notPaths: [/open] } }] }')}
${custom('ask-open', 'asked-open', 'open', '{}')}
${custom('ask-mute', 'asked-mute', 'mute', '{}')}
${custom('ask-nobody', 'asked-nobody', 'nobody', paths('/asked'))}
${custom('ask-a', 'asked-two', 'http', paths('/a'))}
${custom('ask-b', 'asked-two', 'grpc', paths('/b'))}
${policy('audit', 'audited', `  action: AUDIT\n  rules: [${paths('/audited')}]`)}
${policy('try-deny', 'audited', `  action: DENY\n  rules: [${paths('/tried')}]`, dryRun)}
${policy('try-allow', 'audited', '  rules: [{ to: [{ operation: { methods: [GET] } }] }]', dryRun)}
${policy('alias', 'aliases', '  rules: [{ from: [{ source: { principals: [old.example/ns/shop/sa/sleep] } }] }, { from: [{ source: { namespaces: [far] } }] }]')}
`;
