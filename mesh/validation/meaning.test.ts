import { expect, it } from 'vitest';
import { formatPath } from '../finding.ts';
import { parseManifest } from '../reading/manifest.ts';

/** Reads one object and returns its faults as `Code path`. */
function problemsOf(apiVersion: string, kind: string, spec: object, name = 'a'): readonly string[] {
  const { findings } = parseManifest('a.json', JSON.stringify({ apiVersion, kind, metadata: { name }, spec }));
  return findings.map(({ code, path }) => `${code} ${formatPath(path)}`);
}

const route = [{ destination: { host: 'a' } }];

it.each<readonly [string, object, readonly string[]]>([
  ['route and redirect', { route, redirect: { uri: '/' } }, ['InvalidValue spec.http[0].redirect']],
  ['redirect and rewrite', { redirect: { uri: '/' }, rewrite: { uri: '/' } }, ['InvalidValue spec.http[0].rewrite']],
  [
    'a redirect of 200',
    { redirect: { uri: '/', redirectCode: 200 } },
    ['InvalidValue spec.http[0].redirect.redirectCode'],
  ],
  ['a direct response of 99', { directResponse: { status: 99 } }, ['InvalidValue spec.http[0].directResponse.status']],
  ['a delay without time', { route, fault: { delay: {} } }, ['MissingField spec.http[0].fault.delay.fixedDelay']],
  ['an abort without code', { route, fault: { abort: {} } }, ['MissingField spec.http[0].fault.abort.httpStatus']],
  [
    'an abort with 700',
    { route, fault: { abort: { httpStatus: 700 } } },
    ['InvalidValue spec.http[0].fault.abort.httpStatus'],
  ],
  ['a negative weight', { route: [{ ...route[0], weight: -1 }] }, ['WeightsInvalid spec.http[0].route[0].weight']],
  [
    'a port of 0',
    { route: [{ destination: { host: 'a', port: { number: 0 } } }] },
    ['InvalidValue spec.http[0].route[0].destination.port.number'],
  ],
  [
    'a bad header pattern',
    { route, match: [{ headers: { 'end-user': { regex: '(' } } }] },
    ['RegexInvalid spec.http[0].match[0].headers.end-user.regex'],
  ],
  [
    'two ways to rewrite',
    { route, rewrite: { uri: '/', uriRegexRewrite: { match: '[' } } },
    ['InvalidValue spec.http[0].rewrite.uriRegexRewrite', 'RegexInvalid spec.http[0].rewrite.uriRegexRewrite.match'],
  ],
  [
    'line breaks in the names of headers',
    { route, match: [{ headers: { 'a\nb': {} }, withoutHeaders: { 'a\rb': {} } }] },
    [
      'InvalidValue spec.http[0].match[0].headers["a\\nb"]',
      'InvalidValue spec.http[0].match[0].withoutHeaders["a\\rb"]',
    ],
  ],
  [
    'line breaks in a rewrite',
    { route, rewrite: { uri: '/a\nb', authority: 'a\rb' } },
    ['InvalidValue spec.http[0].rewrite.uri', 'InvalidValue spec.http[0].rewrite.authority'],
  ],
  [
    'line breaks in a redirect',
    { redirect: { uri: '/a\nb', authority: 'a\rb' } },
    ['InvalidValue spec.http[0].redirect.uri', 'InvalidValue spec.http[0].redirect.authority'],
  ],
  ['a redirect to nowhere', { redirect: { redirectCode: 302 } }, ['MissingField spec.http[0].redirect']],
  ['a redirect to FTP', { redirect: { scheme: 'ftp' } }, ['InvalidValue spec.http[0].redirect.scheme']],
  ['a redirect to a port', { redirect: { derivePort: 'FROM_REQUEST_PORT' } }, []],
  ['a fault that is none', { route, fault: {} }, ['MissingField spec.http[0].fault']],
  [
    'a delay of no time',
    { route, fault: { delay: { fixedDelay: '0s', percentage: { value: 100 } } } },
    ['InvalidValue spec.http[0].fault.delay.fixedDelay'],
  ],
  ['a rewrite that is none', { route, rewrite: {} }, ['MissingField spec.http[0].rewrite']],
  [
    'a rewrite of nothing',
    { route, rewrite: { uriRegexRewrite: { rewrite: '/' } } },
    ['MissingField spec.http[0].rewrite.uriRegexRewrite.match'],
  ],
  ['a timeout below a millisecond', { route, timeout: '500us' }, ['InvalidValue spec.http[0].timeout']],
  ['a timeout of nothing', { route, timeout: '0s' }, ['InvalidValue spec.http[0].timeout']],
  ['a timeout of a millisecond', { route, timeout: '1ms' }, []],
  [
    'tries that are no time',
    { route, retries: { attempts: 1, perTryTimeout: '10us', backoff: '10us' } },
    ['InvalidValue spec.http[0].retries.perTryTimeout', 'InvalidValue spec.http[0].retries.backoff'],
  ],
  [
    'conditions that mean nothing',
    { route, retries: { attempts: 3, retryOn: 'gateway_error,5xx,99,600' } },
    [0, 1, 2].map(() => 'InvalidValue spec.http[0].retries.retryOn'),
  ],
  [
    'no attempts on a condition',
    { route, retries: { attempts: 0, retryOn: '5xx' } },
    ['InvalidValue spec.http[0].retries.retryOn'],
  ],
  ['no attempts', { route, retries: { attempts: 0 } }, []],
  ['every condition', { route, retries: { attempts: 1, retryOn: '5xx, reset-before-request,cancelled,503' } }, []],
  [
    'a mirrored share of nothing',
    { route, mirrorPercentage: { value: 1 } },
    ['MissingField spec.http[0].mirrorPercentage'],
  ],
  [
    'CORS for methods in small letters',
    { route, corsPolicy: { allowOrigins: [{ exact: 'https://a.test' }], allowMethods: ['get', 'PATCH'] } },
    ['InvalidValue spec.http[0].corsPolicy.allowMethods[0]'],
  ],
  [
    'CORS that no browser can ask for',
    { route, corsPolicy: { allowOrigins: [{}, { exact: '' }], allowHeaders: ['a b', '*'], maxAge: '1500ms' } },
    [
      'InvalidValue spec.http[0].corsPolicy.allowOrigins[0]',
      'InvalidValue spec.http[0].corsPolicy.allowOrigins[1]',
      'InvalidValue spec.http[0].corsPolicy.allowHeaders[0]',
      'InvalidValue spec.http[0].corsPolicy.maxAge',
    ],
  ],
  ['CORS for no origin', { route, corsPolicy: {} }, ['MissingField spec.http[0].corsPolicy']],
  ['one destination without weight', { route }, []],
  ['a delegate', { delegate: { name: 'b' } }, []],
])('VirtualService with %s', (_, http, expected) => {
  expect(problemsOf('networking.istio.io/v1', 'VirtualService', { hosts: ['a'], http: [http] })).toEqual(expected);
});

it('VirtualService without rules, or with a host that is none', () => {
  expect(problemsOf('networking.istio.io/v1', 'VirtualService', { hosts: ['a b'] })).toEqual([
    'MissingField spec.http',
    'InvalidValue spec.hosts[0]',
  ]);
});

it.each<readonly [string, object, readonly string[]]>([
  ['a subset twice', { subsets: [{ name: 'v1' }, { name: 'v1' }] }, ['InvalidValue spec.subsets[1].name']],
  ['a subset without a name', { subsets: [{ labels: {} }] }, ['MissingField spec.subsets[0].name']],
  [
    'a bad time in a subset',
    { subsets: [{ name: 'v1', trafficPolicy: { outlierDetection: { interval: '5' } } }] },
    ['InvalidValue spec.subsets[0].trafficPolicy.outlierDetection.interval'],
  ],
  [
    'times below a millisecond',
    {
      trafficPolicy: {
        connectionPool: { tcp: { idleTimeout: '10us' }, http: { idleTimeout: '0s' } },
        retryBudget: { budgetInterval: '1ns' },
        loadBalancer: { warmupDurationSecs: '999us' },
      },
    },
    [
      'InvalidValue spec.trafficPolicy.connectionPool.tcp.idleTimeout',
      'InvalidValue spec.trafficPolicy.retryBudget.budgetInterval',
      'InvalidValue spec.trafficPolicy.loadBalancer.warmupDurationSecs',
    ],
  ],
  [
    'an unknown balancer',
    { trafficPolicy: { loadBalancer: { simple: 'ROUND_ROBINS' } } },
    ['InvalidValue spec.trafficPolicy.loadBalancer.simple'],
  ],
  [
    'two balancers',
    { trafficPolicy: { loadBalancer: { simple: 'RANDOM', consistentHash: { useSourceIp: true } } } },
    ['InvalidValue spec.trafficPolicy.loadBalancer.consistentHash'],
  ],
])('DestinationRule with %s', (_, spec, expected) => {
  expect(problemsOf('networking.istio.io/v1', 'DestinationRule', { host: 'a', ...spec })).toEqual(expected);
});

it('Service that the API server would refuse', () => {
  const ports = [{ port: 80 }, { port: 80, name: 'http' }, { port: 0, name: 'x' }];
  expect(problemsOf('v1', 'Service', { ports })).toEqual(['InvalidValue spec.ports[2].port']);
  expect(problemsOf('v1', 'Service', { ports: ports.slice(0, 2), clusterIP: 'x' }).toSorted()).toEqual([
    'AddressInvalid spec.clusterIP',
    'InvalidValue spec.ports[1].port',
    'MissingField spec.ports[0].name',
  ]);
  expect(problemsOf('v1', 'Service', { clusterIP: 'None' }, 'a.b')).toEqual(['InvalidValue metadata.name']);
});

it('WorkloadEntry with an address that is no name either', () => {
  for (const address of ['10.0.0', 'a b', 'unix://', 'unix://run/app.sock', 'unix:///run/']) {
    const problems = problemsOf('networking.istio.io/v1', 'WorkloadEntry', { address });
    expect(problems, address).toEqual(['AddressInvalid spec.address']);
  }
  for (const address of ['vm.example', 'unix:///run/app.sock', 'unix://@app']) {
    expect(problemsOf('networking.istio.io/v1', 'WorkloadEntry', { address }), address).toEqual([]);
  }
  expect(problemsOf('networking.istio.io/v1', 'WorkloadEntry', { labels: { app: 'a' } })).toEqual([]);
});

it('ServiceEntry whose endpoints and resolution disagree', () => {
  const entry = { hosts: ['a.example'], ports: [{ number: 80, name: 'http' }], endpoints: [{ address: 'b.example' }] };
  const check = (resolution: string): readonly string[] =>
    problemsOf('networking.istio.io/v1', 'ServiceEntry', { ...entry, resolution });
  expect(check('DNS')).toEqual([]);
  expect(check('STATIC')).toEqual(['AddressInvalid spec.endpoints[0].address']);
  expect(check('NONE').toSorted()).toEqual(['AddressInvalid spec.endpoints[0].address', 'InvalidValue spec.endpoints']);
});
