import { describe, expect, it } from 'vitest';
import { formatPath } from '../finding.ts';
import type { ParsedManifest } from './manifest.ts';
import { combineManifests, parseManifest } from './manifest.ts';

/** `line:column severity code path | hint` of every Finding. */
function problemsOf({ findings }: Pick<ParsedManifest, 'findings'>): readonly string[] {
  return findings.map(({ position, severity, code, path, hint }) =>
    [`${position?.line}:${position?.column} ${severity} ${code} ${formatPath(path)}`.trimEnd(), hint]
      .filter(Boolean)
      .join(' | '),
  );
}

function read(text: string): ParsedManifest {
  return parseManifest('mesh.yaml', text);
}

function virtualService(rules: string): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
${rules}`;
}

const namespaceText = 'apiVersion: v1\nkind: Namespace\nmetadata: {name: bookinfo}\n';

describe('what is wrong is shown where it stands', () => {
  const cases: Readonly<Record<string, readonly [string, readonly string[]]>> = {
    'a misspelt field': [
      virtualService('  - route:\n    - destination: {host: reviews, subet: v1}'),
      ['8:36 error UnknownField spec.http[0].route[0].destination.subet | did you mean `subset`?'],
    ],
    'a field one level too far out': [
      virtualService('  - route:\n    - destination: {host: reviews}\n      subset: v1'),
      ['9:7 error UnknownField spec.http[0].route[0].subset | it belongs one level deeper, in `destination`'],
    ],
    'a field one level too deep': [
      virtualService('  - route:\n    - destination: {host: reviews, weight: 5}'),
      ['8:36 error UnknownField spec.http[0].route[0].destination.weight | it belongs one level further out'],
    ],
    'a snake_case field': [
      virtualService('  - mirror_percent: 3\n    route: [{destination: {host: a}}]'),
      ['7:5 error UnknownField spec.http[0].mirror_percent | did you mean `mirrorPercent`?'],
    ],
    'a number in quotes': [
      virtualService('  - route:\n    - destination: {host: reviews}\n      weight: "90"'),
      ['9:15 error InvalidType spec.http[0].route[0].weight | remove the quotes'],
    ],
    'a duration without its unit': [
      virtualService('  - timeout: 5\n    route: [{destination: {host: a}}]'),
      ['7:14 error InvalidType spec.http[0].timeout | write it with its unit: 5s'],
    ],
    'a duration that is none': [
      virtualService('  - timeout: "5"\n    route: [{destination: {host: a}}]'),
      ['7:14 error InvalidValue spec.http[0].timeout | did you mean `5s`?'],
    ],
    'the yes of YAML 1.1': [
      virtualService('  - retries: {retryRemoteLocalities: yes}\n    route: [{destination: {host: a}}]'),
      ['7:38 error InvalidType spec.http[0].retries.retryRemoteLocalities | write true, without quotes'],
    ],
    'a value that is not one of a list': [
      virtualService('  - redirect: {derivePort: FROM_REQUST_PORT}'),
      ['7:28 error InvalidValue spec.http[0].redirect.derivePort | did you mean `FROM_REQUEST_PORT`?'],
    ],
    'two of a choice': [
      virtualService('  - match: [{uri: {exact: /a, prefix: /b}}]\n    route: [{destination: {host: a}}]'),
      ['7:39 error InvalidValue spec.http[0].match[0].uri.prefix | keep one of them'],
    ],
    'a missing field, at what should hold it': [
      virtualService('  - route:\n    - destination:\n        subset: v1'),
      ['8:7 error MissingField spec.http[0].route[0].destination.host'],
    ],
    'an empty field': [virtualService('  - route:'), ['7:5 error MissingField spec.http[0].route']],
    'a rule that leads nowhere': [virtualService('  - name: a'), ['7:5 error MissingField spec.http[0].route']],
    'a pattern that RE2 refuses': [
      virtualService('  - match: [{uri: {regex: "(?=a)"}}]\n    route: [{destination: {host: a}}]'),
      ['7:27 error RegexInvalid spec.http[0].match[0].uri.regex'],
    ],
    'a percentage over 100': [
      virtualService(
        '  - fault: {delay: {fixedDelay: 5s, percentage: {value: 101}}}\n    route: [{destination: {host: a}}]',
      ),
      ['7:57 error InvalidValue spec.http[0].fault.delay.percentage.value'],
    ],
    'weights of nothing': [
      virtualService('  - route:\n    - destination: {host: a}\n    - destination: {host: b}'),
      ['7:5 error WeightsInvalid spec.http[0].route | give every destination a weight, 100 in all'],
    ],
    'bytes that are not UTF-8': [
      virtualService('  - match: [{uri: {exact: /caf\ufffd}}]\n    route: [{destination: {host: a}}]'),
      ['7:27 error InvalidValue spec.http[0].match[0].uri.exact | remove it, or save the file as UTF-8'],
    ],
    'half of a character': [
      virtualService('  - match: [{uri: {exact: "/\\ud800"}}]\n    route: [{destination: {host: a}}]'),
      ['7:27 error InvalidValue spec.http[0].match[0].uri.exact | remove it, or save the file as UTF-8'],
    ],
    'a host that is none': [
      'apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: a}\nspec: {hosts: ["a.example%"]}',
      ['4:16 error InvalidValue spec.hosts[0]'],
    ],
    'an unclosed quote': ['a: b\nc: "d\n', ['3:1 error SyntaxError']],
    'a key given twice': ['a: 1\nb: 2\na: 3\n', ['3:1 error SyntaxError | remove one of them']],
    'what cannot be merged': ['a: &a [1]\nb:\n  <<: *a\n', ['3:3 error SyntaxError']],
    'text instead of an object': ['\nhello\n', ['2:1 error NotAnObject']],
    'no kind': ['apiVersion: v1\nmetadata: {name: a}', ['1:1 error MissingField kind']],
    'no name': ['apiVersion: v1\nkind: Namespace\nmetadata: {}', ['3:1 error MissingField metadata.name']],
    'a misspelt kind': [
      'apiVersion: security.istio.io/v1\nkind: AuthorizationPolcy\nmetadata: {name: a}',
      ['2:7 error UnknownKind kind | did you mean `AuthorizationPolicy`?'],
    ],
    'a version that does not exist': [
      'apiVersion: networking.istio.io/v2\nkind: DestinationRule\nmetadata: {name: a}\nspec: {host: a}',
      [
        '1:13 error UnsupportedVersion apiVersion | write one of networking.istio.io/v1, networking.istio.io/v1beta1, networking.istio.io/v1alpha3',
      ],
    ],
    'a kind that Kubernetes needs and the mesh does not': [
      'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}',
      ['2:7 info UnknownKind kind'],
    ],
    'a kind whose pods alone are read': [
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}',
      ['2:7 info UnknownKind kind | on one machine a WorkloadEntry says where a workload is'],
    ],
    'a kind of the mesh without effect': [
      'apiVersion: gateway.networking.k8s.io/v1\nkind: ListenerSet\nmetadata: {name: a}',
      ['2:7 warning UnknownKind kind'],
    ],
    'kinds that are none of ours': [
      'apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\n---\n' +
        'apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}',
      ['2:7 info UnknownKind kind', '6:7 info UnknownKind kind'],
    ],
    "Istio's own Gateway": [
      'apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a}',
      ['2:7 warning UnknownKind kind'],
    ],
  };
  it.each(Object.entries(cases))('%s', (_, [text, expected]) => {
    expect(problemsOf(read(text))).toEqual(expected);
  });
});

describe('what is right is read', () => {
  it('with merge keys, which give way to what stands beside them, and of which the first holds', () => {
    const text = virtualService(
      [
        '  - timeout: &t 1s',
        '    retries: &r {attempts: 2, perTryTimeout: 1s}',
        '    route: &to [{destination: {host: a}}]',
        '  - retries: {<<: *r, attempts: 3}',
        '    route: *to',
        '  - retries:',
        '      attempts: 4',
        '      <<: [{perTryTimeout: 5s}, *r]',
        '    "<<": quoted',
        '    route: *to',
      ].join('\n'),
    );
    const quoted = read(text);
    expect(problemsOf(quoted)).toEqual(['15:5 error UnknownField spec.http[2]["<<"]']);
    const { objects } = read(text.replace('    "<<": quoted\n', ''));
    const spec = objects[0]?.spec as { readonly http: readonly { readonly retries: unknown }[] };
    expect(spec.http.map(({ retries }) => retries)).toEqual([
      { attempts: 2, perTryTimeout: '1s' },
      { attempts: 3, perTryTimeout: '1s' },
      { attempts: 4, perTryTimeout: '5s' },
    ]);
  });

  it('with mistakes in what is merged shown where it is merged', () => {
    const text = virtualService('  - retries: {<<: {atempts: 2}}\n    route: [{destination: {host: a}}]');
    expect(problemsOf(read(text))).toEqual([
      '7:15 error UnknownField spec.http[0].retries.atempts | did you mean `attempts`?',
    ]);
  });

  it('in every served version, into the default namespace', () => {
    const texts = ['v1', 'v1beta1', 'v1alpha3'].map((version) =>
      virtualService('  - route: [{destination: {host: a}}]').replace('/v1', `/${version}`),
    );
    for (const text of texts) {
      expect(problemsOf(read(text))).toEqual([]);
      expect(read(text).objects[0]?.metadata).toMatchObject({ name: 'reviews', namespace: 'default' });
    }
  });

  it('beside a broken document, a broken object and an object of no interest', () => {
    const text = `${namespaceText}---\na: [1\n---\napiVersion: v1\nkind: Secret\n---\n${namespaceText.replace('bookinfo', 'other')}`;
    const manifest = read(text);
    expect(manifest.objects.map(({ metadata }) => metadata.name)).toEqual(['bookinfo', 'other']);
    expect(manifest.isPartial).toBe(true);
  });

  it('from JSON with tabs, and from lists', () => {
    const json = `{\n\t"apiVersion": "v1",\n\t"kind": "List",\n\t"items": [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}]\n}`;
    expect(read(json).objects.map(({ kind }) => kind)).toEqual(['Namespace']);
    const list = 'apiVersion: v1\nkind: NamespaceList\nitems:\n- metadata: {name: a}\n- metadata: {nam: b}\n';
    expect(read(list).objects.map(({ metadata }) => metadata.name)).toEqual(['a']);
    expect(problemsOf(read(list))).toEqual([
      '5:3 error MissingField metadata.name',
      '5:14 error UnknownField metadata.nam | did you mean `name`?',
    ]);
  });

  it('the same wherever it stands in the text', () => {
    const moved = read(`# a comment\n\n---\n${namespaceText}`);
    expect(moved.objects).toEqual(read(namespaceText).objects);
    expect(moved.locate({ kind: 'Namespace', namespace: '', name: 'bookinfo' }, ['metadata', 'name'])).toEqual({
      file: 'mesh.yaml',
      line: 6,
      column: 18,
    });
  });

  it('with the single targetRef as a list whose places are still found', () => {
    const text = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p, namespace: a}
spec:
  targetRef: {kind: Service, group: "", name: reviews}
`;
    const { objects, locate } = read(text);
    expect(objects[0]?.spec).toEqual({ targetRefs: [{ kind: 'Service', group: '', name: 'reviews' }] });
    const ref = { kind: 'AuthorizationPolicy', namespace: 'a', name: 'p' };
    expect(locate(ref, ['spec', 'targetRefs', 0, 'name'])).toMatchObject({ line: 5, column: 47 });
  });
});

describe('who keeps a last good state', () => {
  it('learns which objects were refused', () => {
    const manifest = read(
      'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p}\nspec: {rulse: []}',
    );
    expect(manifest.objects).toEqual([]);
    expect(manifest.rejected).toEqual([{ kind: 'AuthorizationPolicy', namespace: 'default', name: 'p' }]);
    expect(manifest.isPartial).toBe(false);
  });

  it('learns the object that a misspelt kind meant', () => {
    const manifest = read('apiVersion: security.istio.io/v1\nkind: AuthorizationPolcy\nmetadata: {name: p}');
    expect(manifest.rejected).toEqual([{ kind: 'AuthorizationPolicy', namespace: 'default', name: 'p' }]);
  });

  it('learns that nothing may count as deleted when it is unknown what was meant', () => {
    expect(read('a: [').isPartial).toBe(true);
    expect(read('apiVersion: v1\nkind: Service\nmetadata: {}\nspec: {}').isPartial).toBe(true);
    expect(read(namespaceText).isPartial).toBe(false);
  });
});

describe('historical forms', () => {
  it('of 2022 become a current waypoint', () => {
    const manifest = read(`apiVersion: gateway.networking.k8s.io/v1alpha2
kind: Gateway
metadata:
  name: productpage
  annotations:
    istio.io/service-account: bookinfo-productpage
spec:
  gatewayClassName: istio-mesh
`);
    expect(problemsOf(manifest).map((line) => line.replace(/ \|.*/, ''))).toEqual([
      '1:13 warning HistoricalForm apiVersion',
      '6:31 warning HistoricalForm metadata.annotations["istio.io/service-account"]',
      '8:21 warning HistoricalForm spec.gatewayClassName',
    ]);
    expect(manifest.objects[0]).toMatchObject({
      apiVersion: 'gateway.networking.k8s.io/v1',
      spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
    });
  });

  it('of 2023 listen with HBONE', () => {
    const manifest = read(`apiVersion: gateway.networking.k8s.io/v1beta1
kind: Gateway
metadata: {name: productpage}
spec:
  gatewayClassName: istio-waypoint
  listeners:
  - {name: mesh, port: 15008, protocol: ALL}
`);
    expect(problemsOf(manifest)).toEqual([
      '7:41 warning HistoricalForm spec.listeners[0].protocol | write `protocol: HBONE`',
    ]);
    expect(manifest.objects[0]?.spec).toMatchObject({ listeners: [{ protocol: 'HBONE' }] });
  });
});

describe('a set of texts', () => {
  it('keeps the first of two objects, in the order of file names, and names both places', () => {
    const other = namespaceText.replace('name: bookinfo', 'name: bookinfo, labels: {a: b}');
    const { objects, findings } = combineManifests([
      parseManifest('b.yaml', other),
      parseManifest('a.yaml', namespaceText),
    ]);
    expect(objects.map(({ metadata }) => metadata.labels)).toEqual([{}]);
    expect(findings).toMatchObject([
      {
        code: 'DuplicateObject',
        position: { file: 'b.yaml', line: 3, column: 18 },
        message: 'Namespace bookinfo is already given at a.yaml:3:18; this one has no effect.',
      },
    ]);
  });

  it('reports a second object in the same text at the second', () => {
    expect(problemsOf(read(`${namespaceText}---\n${namespaceText}`))).toEqual([
      '7:12 error DuplicateObject metadata.name | remove or rename one of them',
    ]);
  });
});

describe('hostile text is harmless', () => {
  it('aliases that multiply', () => {
    const levels = Array.from(
      { length: 9 },
      (_, n) => `a${n + 1}: &a${n + 1} [${Array(10).fill(`*a${n}`).join(', ')}]`,
    );
    const started = performance.now();
    expect(problemsOf(read(['a0: &a0 [x]', ...levels].join('\n')))).toMatchObject(
      [/error SyntaxError/].map((each) => expect.stringMatching(each)),
    );
    expect(performance.now() - started).toBeLessThan(500);
  });

  it('an alias of what encloses it', () => {
    expect(problemsOf(read('a: &a [*a]'))).toEqual(['1:8 error SyntaxError']);
  });

  it('nesting', () => {
    expect(read('['.repeat(200) + ']'.repeat(200)).findings[0]?.message).toMatch(/nested more than 100 levels/);
    expect(read('['.repeat(50_000)).findings[0]?.message).toMatch(/nested more than 100 levels|Flow sequence/);
    expect(read('- '.repeat(5000)).findings).toHaveLength(1);
  });

  it('keys that other objects inherit', () => {
    const { objects, findings } = read(
      'apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {__proto__: x, constructor: y}}',
    );
    expect(findings).toEqual([]);
    expect(Object.keys(objects[0]?.metadata.labels ?? {})).toEqual(['__proto__', 'constructor']);
    expect(problemsOf(read('apiVersion: v1\nkind: constructor\nmetadata: {name: a}'))).toEqual([
      '2:7 info UnknownKind kind',
    ]);
    expect(problemsOf(read(`${namespaceText}spec: {__proto__: {finalizers: 3}, toString: 1}`))).toEqual([
      '4:8 error UnknownField spec.__proto__',
      '4:36 error UnknownField spec.toString',
    ]);
  });

  it('a file beyond the limit', () => {
    const refused = ['1:1 error SyntaxError | split it into several files'];
    expect(problemsOf(read(' '.repeat(10 * 1024 * 1024 + 1)))).toEqual(refused);
    // Within the size, but such that a parser would need gigabytes.
    for (const unit of ['\n', '[', 'a,', '- ', '? ', 'a: ', '---\na\n', '# a\n', 'a: "x\n\n']) {
      expect(problemsOf(read(unit.repeat(Math.floor(5_000_000 / unit.length)))), JSON.stringify(unit)).toEqual(refused);
    }
  });
});

it('what is left of a large text that is broken is read in no more time than the text itself', () => {
  const begin = Date.now();
  const lines = 'abc: d\n'.repeat(30_000).replaceAll('abc', () => `k${Math.random()}`);
  expect(parseManifest('', `kind: DestinationRule\ntls: [\n${lines}`).standIns).toHaveLength(1);
  expect(Date.now() - begin).toBeLessThan(5_000);
});

it('a broken text that names very many hosts closes every host, not each of them', () => {
  const hosts = Array.from({ length: 1_000 }, (_, index) => `  - host: h${index}\n`).join('');
  const { standIns } = parseManifest('', `kind: DestinationRule\nspec:\n${hosts}  - tls: "\n`);
  expect(standIns.map(({ object }) => object.spec)).toMatchObject([{ host: '*' }]);
});

it('what stands in for a policy whose name cannot be encoded has a name that can', () => {
  const { standIns } = parseManifest(
    'policy.json',
    JSON.stringify({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'a\ud800', namespace: 'shop' },
      spec: { targetRefs: [{ group: '', kind: 'Service', name: 'web' }], action: 'DENY', rules: [{}] },
    }),
  );
  expect(standIns.map(({ object }) => object.metadata.name)).toEqual(['a\ufffd']);
});
