// The meaning of a policy for one frontend: each field's predicate, and above all that no
// inexpressible field ever opens anything.

import * as fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, it } from 'vitest';
import { defaultMeshSettings, MeshStore } from '../../../mesh/index.ts';
import type {
  AnyMeshObject,
  AuthorizationPolicySpec,
  Condition,
  Finding,
  MeshSettings,
  Operation,
  Rule,
  Source,
} from '../../../mesh/index.ts';
import type { Authorization, ClientPredicate, Combined, OperationPredicate } from '../../model/authorization.ts';
import type { StringMatcher } from '../../model/condition.ts';
import { reportPolicyAttachment, resolveAuthorization } from './authorization.ts';
import type { AuthorizationTarget } from './authorization.ts';
import { not } from './predicate.ts';
import { complementRegex, listElementRegex, quoteRegex } from './pattern.ts';

const toReviews = { kind: 'Service', name: 'reviews' };

const target: AuthorizationTarget = {
  gateway: {
    namespace: 'default',
    name: 'waypoint',
    className: 'istio-waypoint',
    trafficType: 'service',
    listenAddress: '0.0.0.0',
  },
  service: { kind: 'Service', namespace: 'default', name: 'reviews' },
  port: 9080,
  protocol: 'http',
  addresses: ['10.96.0.10', '2001:db8::10'],
};

function meta(namespace: string, name: string, labels = {}, annotations = {}): AnyMeshObject['metadata'] {
  return { namespace, name, labels, annotations };
}

function policy(
  spec: AuthorizationPolicySpec,
  { name = 'p', namespace = 'default', annotations = {} } = {},
): Extract<AnyMeshObject, { kind: 'AuthorizationPolicy' }> {
  return {
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: meta(namespace, name, {}, annotations),
    spec: { targetRefs: [toReviews], ...spec },
  };
}

function resolve(
  objects: readonly AnyMeshObject[],
  to: Partial<AuthorizationTarget> = {},
  settings: Partial<MeshSettings> = {},
): { readonly authorization: Authorization; readonly findings: readonly Finding[] } {
  const mesh = new MeshStore({ ...defaultMeshSettings, ...settings });
  mesh.apply(objects.map((object) => ({ type: 'put', object })));
  const findings: Finding[] = [];
  const report = (finding: Finding): void => {
    findings.push(finding);
  };
  return { authorization: resolveAuthorization({ mesh, report }, { ...target, ...to }), findings };
}

/** The one rule of a policy. */
function ruleOf(action: 'ALLOW' | 'DENY', rule: Rule, settings: Partial<MeshSettings> = {}): object[] {
  const { authorization, findings } = resolve([policy({ action, rules: [rule] })], {}, settings);
  expect(findings.filter(({ code }) => code !== 'TokensNotVerified' && code !== 'PathsRefused')).toEqual([]);
  const [first] = action === 'ALLOW' ? (authorization.allow ?? []) : authorization.deny;
  return first === undefined ? [] : [first.operation, first.source];
}

/** re2js has no `\C`: a byte, which is any character here. */
const isRegexMatch = (pattern: string, text: string): boolean =>
  RE2JS.compile(pattern.replaceAll('\\C', '(?s:.)')).matches(text);

const always: Combined<never> = { all: [] };
const identity = (value: StringMatcher): ClientPredicate => ({ identity: value });

describe('sources', () => {
  const start = 'spiffe://cluster.local/ns/';
  const cases: readonly (readonly [Source, ClientPredicate])[] = [
    [{ principals: ['cluster.local/ns/default/sa/sleep'] }, identity({ exact: `${start}default/sa/sleep` })],
    [{ principals: ['spiffe://cluster.local/ns/a/sa/b'] }, identity({ exact: `${start}a/sa/b` })],
    [{ principals: ['cluster.local/ns/def*'] }, identity({ prefix: `${start}def` })],
    [{ principals: ['*/sa/sleep'] }, identity({ suffix: '/sa/sleep' })],
    [{ principals: ['*'] }, identity({ prefix: 'spiffe://' })],
    [{ notPrincipals: ['*'] }, { not: identity({ prefix: 'spiffe://' }) }],
    [{ namespaces: ['foo'] }, identity({ prefix: `${start}foo/` })],
    [{ namespaces: ['foo*'] }, identity({ prefix: `${start}foo` })],
    [{ namespaces: ['*foo'] }, identity({ regex: 'spiffe://cluster\\.local/ns/[^/]*foo/.*' })],
    [{ namespaces: ['*'] }, identity({ prefix: start })],
    [{ serviceAccounts: ['sleep'] }, identity({ exact: `${start}default/sa/sleep` })],
    [{ serviceAccounts: ['other/sle.p'] }, identity({ exact: `${start}other/sa/sle.p` })],
    [{ trustDomains: ['td'] }, identity({ prefix: 'spiffe://td/' })],
    [{ trustDomains: ['t*'] }, identity({ prefix: 'spiffe://t' })],
    [{ trustDomains: ['*.local'] }, identity({ regex: 'spiffe://[^/]*\\.local/.*' })],
    [{ ipBlocks: ['10.0.0.0/8'] }, { sourceAddress: { address: '10.0.0.0', prefix: 8 } }],
    [{ remoteIpBlocks: ['::1'] }, { sourceAddress: { address: '::1', prefix: 128 } }],
    [
      { namespaces: ['a', 'b'], notIpBlocks: ['10.1.2.3'] },
      {
        all: [
          { any: [identity({ prefix: `${start}a/` }), identity({ prefix: `${start}b/` })] },
          { not: { sourceAddress: { address: '10.1.2.3', prefix: 32 } } },
        ],
      },
    ],
  ];
  it.each(cases)('%j', (source, expected) => {
    expect(ruleOf('ALLOW', { from: [{ source }] })).toEqual([always, expected]);
    expect(ruleOf('DENY', { from: [{ source }] })).toEqual([always, expected]);
  });

  it('reads cluster.local as the mesh’s own trust domain', () => {
    const [, source] = ruleOf(
      'ALLOW',
      { from: [{ source: { principals: ['cluster.local/ns/a/sa/b'] } }] },
      { trustDomain: 'corp' },
    );
    expect(source).toEqual(identity({ exact: 'spiffe://corp/ns/a/sa/b' }));
  });
});

describe('operations', () => {
  const authority = ':authority';
  const doubt = { path: { regex: expect.any(String) as string } };
  const beyondDoubt = (path: StringMatcher): OperationPredicate => ({ all: [{ path }, { not: doubt }] });
  const cases: readonly (readonly ['ALLOW' | 'DENY', Operation, OperationPredicate])[] = [
    ['ALLOW', { methods: ['GET'] }, { header: ':method', value: { exact: 'GET' } }],
    ['ALLOW', { notMethods: ['DEL*'] }, { not: { header: ':method', value: { prefix: 'DEL' }, ignoreCase: true } }],
    ['DENY', { methods: ['GET'] }, { header: ':method', value: { exact: 'GET' }, ignoreCase: true }],
    ['ALLOW', { paths: ['/a'] }, beyondDoubt({ exact: '/a' })],
    ['ALLOW', { paths: ['/a/*'] }, beyondDoubt({ prefix: '/a/' })],
    ['ALLOW', { paths: ['*.html'] }, beyondDoubt({ regex: '.*/[^/;]*\\.html' })],
    ['ALLOW', { paths: ['*'] }, always],
    ['ALLOW', { paths: ['/a/{*}/c.d'] }, beyondDoubt({ regex: '/a/[^/]+/c\\.d' })],
    ['DENY', { notPaths: ['/a'] }, not(beyondDoubt({ exact: '/a' }))],
    ['DENY', { hosts: ['*'] }, { header: authority, value: 'present' }],
    ['ALLOW', { hosts: ['a.com'] }, { header: authority, value: { regex: '(?i)a\\.com(?::[0-9]+)?' } }],
    ['ALLOW', { hosts: ['a.com:80'] }, { header: authority, value: { regex: '(?i)a\\.com:80' } }],
  ];
  it.each(cases)('%s %j', (action, operation, expected) => {
    expect(ruleOf(action, { to: [{ operation }] })).toEqual([expected, always]);
  });

  it('decides ports when resolving, so that a rule for another port is no rule', () => {
    expect(ruleOf('DENY', { to: [{ operation: { ports: ['9080'] } }] })).toEqual([always, always]);
    expect(ruleOf('DENY', { to: [{ operation: { ports: ['80', '443'] } }] })).toEqual([]);
    expect(ruleOf('DENY', { to: [{ operation: { notPorts: ['9080'] } }] })).toEqual([]);
    expect(ruleOf('ALLOW', { to: [{ operation: { notPorts: ['80'] } }] })).toEqual([always, always]);
  });

  it('says when a policy reads the path', () => {
    const reads = (operation: Operation): boolean =>
      resolve([policy({ rules: [{ to: [{ operation }] }] })]).authorization.readsPath;
    expect(reads({ paths: ['/a'] })).toBe(true);
    expect(reads({ notPaths: ['/a'] })).toBe(true);
    expect(reads({ paths: ['*'] })).toBe(false);
    expect(reads({ methods: ['GET'] })).toBe(false);
  });

  it('says that ambiguous paths are refused, where nobody says how paths are read', () => {
    const reading = [policy({ rules: [{ to: [{ operation: { paths: ['/a'] } }] }] })];
    expect(resolve(reading).findings).toMatchObject([{ code: 'PathsRefused', severity: 'info', ref: { name: 'p' } }]);
    expect(resolve(reading, { pathNormalization: 'BASE' }).findings).toEqual([]);
    expect(resolve([policy({ rules: [{ to: [{ operation: { methods: ['GET'] } }] }] })]).findings).toEqual([]);
  });

  it('reads `host`, `:authority`, `:method` and `:path` as what they are', () => {
    const when = (key: string, ...values: string[]): Rule => ({ when: [{ key: `request.headers[${key}]`, values }] });
    const to = (operation: Operation): Rule => ({ to: [{ operation }] });
    for (const action of ['ALLOW', 'DENY'] as const) {
      expect(ruleOf(action, when('Host', 'a.com'))).toEqual(ruleOf(action, to({ hosts: ['a.com'] })));
      expect(ruleOf(action, when(':authority', '*.a'))).toEqual(ruleOf(action, to({ hosts: ['*.a'] })));
      expect(ruleOf(action, when(':method', 'GET'))).toEqual(ruleOf(action, to({ methods: ['GET'] })));
    }
    expect(resolve([policy({ rules: [when(':path', '/a')] })]).authorization.readsPath).toBe(true);
  });
});

describe('conditions', () => {
  const cases: readonly (readonly [Condition, 0 | 1, ClientPredicate | OperationPredicate])[] = [
    [{ key: 'source.namespace', values: ['a'] }, 1, identity({ prefix: 'spiffe://cluster.local/ns/a/' })],
    [{ key: 'source.ip', notValues: ['::1'] }, 1, { not: { sourceAddress: { address: '::1', prefix: 128 } } }],
    [{ key: 'request.headers[X-A]', values: ['*'] }, 0, { header: 'x-a', value: 'present' }],
    [{ key: 'destination.port', values: ['9080'] }, 0, always],
    [{ key: 'destination.ip', notValues: ['192.168.0.0/16', '2001:db9::/32', '::10.96.0.10'] }, 0, always],
  ];
  it.each(cases)('%j', (condition, side, expected) => {
    expect(ruleOf('ALLOW', { when: [condition] })[side]).toEqual(expected);
  });

  it('joins every condition to every alternative of from and to', () => {
    const [operation, source] = ruleOf('ALLOW', {
      from: [{ source: { namespaces: ['a'] } }, { source: { namespaces: ['b'] } }],
      to: [{ operation: { methods: ['GET'] } }],
      when: [
        { key: 'source.principal', values: ['*'] },
        { key: 'request.headers[a]', values: ['*'] },
      ],
    });
    expect(operation).toEqual({
      all: [
        { header: ':method', value: { exact: 'GET' } },
        { header: 'a', value: 'present' },
      ],
    });
    expect(source).toMatchObject({ all: [{ any: [{}, {}] }, { identity: { prefix: 'spiffe://' } }] });
  });
});

describe('failing closed', () => {
  const never: Rule = { to: [{ operation: { ports: ['1'] } }] };
  const broken: readonly (readonly [string, Rule, string])[] = [
    ['a claim without a name', { when: [{ key: 'request.auth.claims', values: ['b'] }] }, 'InvalidValue'],
    ['a claim with half a name', { when: [{ key: 'request.auth.claims[a][', values: ['b'] }] }, 'InvalidValue'],
    ['a filter without a key', { when: [{ key: 'experimental.envoy.filters.a', values: ['d'] }] }, 'InvalidValue'],
    ['an unknown attribute', { when: [{ key: 'source.labels', values: ['d'] }] }, 'InvalidValue'],
    ['a condition without values', { when: [{ key: 'source.ip' }] }, 'MissingField'],
    ['a bad header name', { when: [{ key: 'request.headers[a b]', values: ['c'] }] }, 'InvalidValue'],
    ['an empty from', { from: [] }, 'InvalidValue'],
    ['an empty from entry', { from: [{}] }, 'InvalidValue'],
    ['an empty source', { from: [{ source: {} }] }, 'InvalidValue'],
    ['an empty operation', { to: [{ operation: {} }] }, 'InvalidValue'],
    ['an empty value list', { from: [{ source: { principals: [] } }] }, 'InvalidValue'],
    ['an empty value', { from: [{ source: { principals: [''] } }] }, 'InvalidValue'],
    ['a misspelt rule field', { form: [{ source: { namespaces: ['a'] } }] } as Rule, 'UnknownField'],
    ['a misspelt entry', { from: [{ sources: { namespaces: ['a'] } } as object] }, 'UnknownField'],
    ['a misspelt source field', { from: [{ source: { namespace: ['a'] } as Source }] }, 'UnknownField'],
    [
      'an inherited name',
      { from: [{ source: JSON.parse('{"__proto__":["a"],"constructor":["a"]}') as Source }] },
      'UnknownField',
    ],
    ['a bad address', { from: [{ source: { ipBlocks: ['10.0.0.0/33'] } }] }, 'AddressInvalid'],
    ['a wildcard service account', { from: [{ source: { serviceAccounts: ['a/*'] } }] }, 'InvalidValue'],
    ['a bad port', { to: [{ operation: { ports: ['http'] } }] }, 'InvalidValue'],
    ['a bad template', { to: [{ operation: { paths: ['/a{*}'] } }] }, 'InvalidValue'],
    ['an operator after {**}', { to: [{ operation: { paths: ['/{**}/{*}'] } }] }, 'InvalidValue'],
    ['a path with a query', { to: [{ operation: { paths: ['/a?b'] } }] }, 'InvalidValue'],
    ['a path that is never normal', { to: [{ operation: { paths: ['/%61dmin'] } }] }, 'InvalidValue'],
    [
      'a partly matching destination',
      { when: [{ key: 'destination.ip', values: ['10.96.0.0/16'] }] },
      'FieldNotSupported',
    ],
  ];
  it.each(broken)('%s: an allow rule is dropped, a deny rule denies', (_, rule, code) => {
    const allowed = resolve([policy({ rules: [rule] })]);
    expect(allowed.authorization).toMatchObject({ deny: [], allow: [], allowPolicies: ['default/p'] });
    expect(new Set(allowed.findings.map((finding) => finding.code))).toContain(code);

    const denied = resolve([policy({ action: 'DENY', rules: [rule] })]);
    expect(denied.authorization).toMatchObject({ deny: [{ operation: always, source: always }] });
    expect(new Set(denied.findings.map((finding) => finding.code))).toContain(code);
  });

  it('leaves only the inexpressible condition out of a deny rule', () => {
    const rule: Rule = { from: [{ source: { namespaces: ['a'], ipBlocks: ['10.0.0.0/33'] } }] };
    expect(resolve([policy({ action: 'DENY', rules: [rule] })]).authorization.deny).toMatchObject([
      { operation: always, source: identity({ prefix: 'spiffe://cluster.local/ns/a/' }) },
    ]);
  });

  it('treats what exists in HTTP only the same way on a TCP port', () => {
    const rule: Rule = { from: [{ source: { namespaces: ['a'] } }], to: [{ operation: { methods: ['GET'] } }] };
    const tcp = { protocol: 'tcp' } as const;
    const allowed = resolve([policy({ rules: [rule] })], tcp);
    expect(allowed.authorization.allow).toEqual([]);
    const denied = resolve([policy({ action: 'DENY', rules: [rule] })], tcp);
    expect(denied.authorization.deny).toMatchObject([{ operation: always, source: { identity: {} } }]);
    for (const { findings } of [allowed, denied])
      expect(findings).toMatchObject([{ code: 'PolicyTcpField', severity: 'warning' }]);
    const elsewhere: Rule = { to: [{ operation: { methods: ['GET'], ports: ['80'] } }] };
    expect(resolve([policy({ action: 'DENY', rules: [elsewhere] })], tcp)).toMatchObject({
      authorization: { deny: [] },
      findings: [],
    });
  });

  it('distinguishes no rules, an empty rule and no policy', () => {
    expect(resolve([]).authorization).toEqual({ deny: [], allowPolicies: [], readsPath: false });
    expect(resolve([policy({})]).authorization).toMatchObject({ allow: [] });
    expect(resolve([policy({ rules: [never] })]).authorization).toMatchObject({ allow: [] });
    expect(resolve([policy({ rules: [{}] })]).authorization.allow).toMatchObject([
      { operation: always, source: always },
    ]);
    expect(resolve([policy({ action: 'DENY' })]).authorization).toEqual({
      deny: [],
      allowPolicies: [],
      readsPath: false,
    });
  });

  it('takes a request principal apart at the last slash to allow, and at every slash to deny', () => {
    const rule: Rule = { from: [{ source: { requestPrincipals: ['https://a/b'] } }] };
    const claim = (key: string, exact: string, form: 'text' | 'anything'): object => ({
      metadata: 'claims',
      keys: [key],
      anyOf: [{ text: { exact } }, ...(form === 'text' ? [] : [{ element: { text: { exact } } }])],
    });
    const [, allowed] = ruleOf('ALLOW', rule);
    expect(allowed).toEqual({ all: [claim('iss', 'https://a', 'text'), claim('sub', 'b', 'text')] });
    const [, denied] = ruleOf('DENY', rule);
    expect(denied).toEqual({
      any: [
        { all: [claim('iss', 'https:', 'anything'), claim('sub', '/a/b', 'anything')] },
        { all: [claim('iss', 'https:/', 'anything'), claim('sub', 'a/b', 'anything')] },
        { all: [claim('iss', 'https://a', 'anything'), claim('sub', 'b', 'anything')] },
      ],
    });
    expect(ruleOf('ALLOW', { from: [{ source: { requestPrincipals: ['no-slash', '/', 'a/', '/a'] } }] })).toEqual([]);
  });

  it('gives an identity of an alias what the trust domain has, and nothing to one that is no alias', () => {
    const settings = { trustDomainAliases: ['old.example'] };
    const ofBoth = (rest: string): object => ({
      any: [
        { identity: { exact: `spiffe://cluster.local/${rest}` } },
        { identity: { exact: `spiffe://old.example/${rest}` } },
      ],
    });
    const sourceOf = (source: Source): unknown => ruleOf('ALLOW', { from: [{ source }] }, settings)[1];
    expect(sourceOf({ principals: ['old.example/ns/a/sa/b'] })).toEqual(ofBoth('ns/a/sa/b'));
    expect(sourceOf({ principals: ['cluster.local/ns/a/sa/b'] })).toEqual(ofBoth('ns/a/sa/b'));
    expect(sourceOf({ serviceAccounts: ['a/b'] })).toEqual(ofBoth('ns/a/sa/b'));
    expect(sourceOf({ principals: ['other.example/ns/a/sa/b'] })).toEqual({
      identity: { exact: 'spiffe://other.example/ns/a/sa/b' },
    });
  });

  it('makes CUSTOM without a provider a denial, an unknown action a denial of everything, and lets AUDIT and dry runs be', () => {
    const rules: Rule[] = [{ from: [{ source: { namespaces: ['a'] } }] }];
    expect(resolve([policy({ action: 'CUSTOM', rules })])).toMatchObject({
      authorization: { deny: [{ source: { identity: {} } }] },
      findings: [{ code: 'ProviderInvalid' }],
    });
    const unknown: object = { action: 'Allow', rules };
    expect(resolve([policy(unknown)])).toMatchObject({
      authorization: { deny: [{ operation: always, source: always }] },
      findings: [{ code: 'PolicyFailsClosed' }],
    });
    const open = { deny: [], allowPolicies: [], readsPath: false };
    const dryRun = { annotations: { 'istio.io/dry-run': 'true' } };
    const tcp = { protocol: 'tcp' } as const;
    for (const spoken of [policy({ action: 'AUDIT', rules }), policy({ rules }, dryRun)]) {
      const http = resolve([spoken]);
      expect(http.findings).toEqual([]);
      expect(http.authorization).toMatchObject(open);
      expect(http.authorization.allow).toBeUndefined();
      expect(http.authorization.observed).toBeDefined();
      expect(resolve([spoken], tcp)).toMatchObject({
        authorization: open,
        findings: [{ code: 'FieldNotSupported' }],
      });
    }
  });

  it('reports a star that is no wildcard', () => {
    expect(resolve([policy({ rules: [{ to: [{ operation: { hosts: ['a*b'] } }] }] })]).findings).toMatchObject([
      { code: 'InvalidValue', severity: 'warning', path: ['spec', 'rules', 0, 'to', 0, 'operation', 'hosts', 0] },
    ]);
  });
});

describe('attachment', () => {
  const gateway = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'waypoint' };
  const classRef = { group: 'gateway.networking.k8s.io', kind: 'GatewayClass', name: 'istio-waypoint' };
  const names = (...objects: AnyMeshObject[]): readonly string[] => resolve(objects).authorization.allowPolicies;

  it('takes policies of the service, its Gateway and its class, each once, from their own namespaces only', () => {
    const all = [
      policy({}, { name: 'service' }),
      policy({ targetRefs: [gateway, toReviews] }, { name: 'both' }),
      policy({ targetRefs: [classRef] }, { name: 'class', namespace: 'istio-system' }),
    ];
    expect(names(...all)).toEqual(['default/both', 'default/service', 'istio-system/class']);
    expect(
      names(
        policy({}, { namespace: 'other' }),
        policy({ targetRefs: [{ ...toReviews, namespace: 'default' }] }, { namespace: 'other' }),
        policy({ targetRefs: [gateway] }, { namespace: 'other' }),
        policy({ targetRefs: [classRef] }),
        policy({ targetRefs: [{ ...toReviews, group: 'apps' }] }, { name: 'group' }),
        policy({ targetRefs: [{ ...toReviews, name: 'ratings' }] }, { name: 'name' }),
      ),
    ).toEqual([]);
  });

  function codes(...objects: AnyMeshObject[]): readonly string[] {
    const mesh = new MeshStore();
    mesh.apply(objects.map((object) => ({ type: 'put', object })));
    const found: string[] = [];
    for (const object of mesh.list('AuthorizationPolicy')) {
      reportPolicyAttachment({ mesh, report: ({ code }) => found.push(code) }, object);
    }
    return found;
  }
  const service = (labels = {}): AnyMeshObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta('default', 'reviews', labels),
    spec: {},
  });
  const waypoint: AnyMeshObject = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: meta('default', 'waypoint'),
    spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
  };
  const bound = service({ 'istio.io/use-waypoint': 'waypoint' });

  it('is silent about a policy that is in effect', () => {
    expect(codes(policy({}), bound, waypoint)).toEqual([]);
    expect(codes(policy({ targetRefs: [gateway] }), waypoint)).toEqual([]);
    expect(codes(policy({ targetRefs: [classRef] }, { namespace: 'istio-system' }))).toEqual([]);
  });

  it('says why a policy is not in effect', () => {
    expect(codes(policy({}))).toEqual(['PolicyTargetNotFound']);
    expect(codes(policy({}), service(), waypoint)).toEqual(['PolicyTargetNotBound']);
    expect(codes(policy({}), bound)).toEqual(['PolicyTargetNotBound']);
    expect(codes(policy({ targetRefs: [gateway] }))).toEqual(['PolicyTargetNotFound']);
    expect(codes(policy({ targetRefs: [{ ...gateway, group: '' }] }), waypoint)).toEqual(['PolicyTargetNotFound']);
    expect(codes(policy({ targetRefs: [classRef] }))).toEqual(['PolicyTargetNotFound']);
    expect(codes(policy({ targetRefs: [{ kind: 'Pod', name: 'a' }] }))).toEqual(['PolicyTargetNotFound']);
    expect(codes(policy({ targetRefs: [], selector: {} }), bound, waypoint)).toEqual(['PolicyNotAttached']);
    expect(codes(policy({ targetRefs: [], selector: {} }), service())).toEqual(['PolicyNotAttached']);
  });
});

describe('regular expressions from user text', () => {
  const text = fc.string({
    minLength: 1,
    maxLength: 12,
    unit: fc.constantFrom(...'ab.*+?()[]{}|^$\\,-%/@ "'.split('')),
  });
  const kinds = fc.constantFrom('exact', 'prefix', 'suffix');
  const holds = (kind: 'exact' | 'prefix' | 'suffix', pattern: string, value: string): boolean =>
    kind === 'exact' ? value === pattern : kind === 'prefix' ? value.startsWith(pattern) : value.endsWith(pattern);

  it('match the text and nothing else', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(isRegexMatch(quoteRegex(a), a)).toBe(true);
        expect(isRegexMatch(quoteRegex(a), b)).toBe(a === b);
      }),
    );
  });

  it('are the exact complement of a pattern', () => {
    const near = fc
      .tuple(text, text, fc.nat(3))
      .map(([a, b, how]) => [a, how === 0 ? a : how === 1 ? a + b : how === 2 ? b + a : b] as const);
    fc.assert(
      fc.property(kinds, near, (kind, [pattern, value]) => {
        expect(isRegexMatch(complementRegex(kind, pattern), value)).toBe(!holds(kind, pattern, value));
        expect(isRegexMatch(complementRegex(kind, pattern), '')).toBe(true);
      }),
    );
  });

  it('find an element of a list wherever it stands', () => {
    const word = fc.string({ minLength: 1, maxLength: 5, unit: fc.constantFrom(...'ab.*"'.split('')) });
    fc.assert(
      fc.property(kinds, word, fc.array(word), fc.array(word), (kind, element, before, after) => {
        const own = kind === 'exact' ? element : kind === 'prefix' ? `${element}x` : `x${element}`;
        expect(isRegexMatch(listElementRegex(kind, element), [...before, own, ...after].join(', '))).toBe(true);
        expect(isRegexMatch(listElementRegex(kind, element), before.join(','))).toBe(
          before.some((other) => holds(kind, element, other)),
        );
      }),
    );
  });
});
