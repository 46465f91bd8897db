// Random VirtualServices for the differential of routing.

import * as fc from 'fast-check';
import type {
  WrittenHeaders,
  WrittenMatch,
  WrittenRule,
  WrittenStringMatch,
  WrittenVirtualService,
} from '../support/virtual-service-evaluator.ts';
import { ages, edited, few, maybe, paths, pick, some } from './routing-arbitraries.ts';

const uri: fc.Arbitrary<WrittenStringMatch> = fc.oneof(
  pick(...paths).map((exact) => ({ exact })),
  pick('/', '/a', '/a/', '/api', '/api/', '/API/v1', '/static').map((prefix) => ({ prefix })),
  pick('/a.*', '/api/v[0-9]+(/.*)?', '/(a|ab)', '.*[.]css', '/').map((regex) => ({ regex })),
);
const headerNames = ['x-role', 'X-Team', 'x-empty'];
const headerMatch: fc.Arbitrary<WrittenStringMatch> = fc.oneof(
  pick('admin', 'dev', '', 'admin,dev').map((exact) => ({ exact })),
  pick('a', 'dev').map((prefix) => ({ prefix })),
  pick('*', 'a.*', 'dev|ops', '[a-z]+', '.*').map((regex) => ({ regex })),
  fc.constant({}),
);
const named = (
  names: readonly string[],
  value: fc.Arbitrary<WrittenStringMatch>,
): fc.Arbitrary<Record<string, WrittenStringMatch>> =>
  fc.dictionary(pick(...names), value, { minKeys: 1, maxKeys: 2, noNullPrototype: true });
const queryMatch: fc.Arbitrary<WrittenStringMatch> = fc.oneof(
  pick('1', '2', '').map((exact) => ({ exact })),
  pick('1').map((prefix) => ({ prefix })),
  pick('[0-9]+', '*', '1.*').map((regex) => ({ regex })),
  fc.constant({}),
);

const match: fc.Arbitrary<WrittenMatch> = fc
  .tuple(
    some<Pick<WrittenMatch, 'uri'>>({ uri }, 4),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant<WrittenMatch>({}) },
      { weight: 2, arbitrary: named(headerNames, headerMatch).map((headers) => ({ headers })) },
      { weight: 2, arbitrary: named(headerNames, headerMatch).map((withoutHeaders) => ({ withoutHeaders })) },
      { weight: 2, arbitrary: named(['v', 'w'], queryMatch).map((queryParams) => ({ queryParams })) },
      {
        weight: 1,
        arbitrary: pick({ exact: 'GET' }, { prefix: 'P' }, { regex: 'GET|DELETE' }).map((method) => ({ method })),
      },
      {
        weight: 1,
        arbitrary: pick({ exact: 'web.example' }, { prefix: 'web' }, { regex: '[Ww]eb.*' }).map((authority) => ({
          authority,
        })),
      },
      { weight: 1, arbitrary: pick('http', 'https').map((exact) => ({ scheme: { exact } })) },
      { weight: 1, arbitrary: pick('shop', 'other', 'thir').map((sourceNamespace) => ({ sourceNamespace })) },
      { weight: 1, arbitrary: pick(80, 8080).map((port) => ({ port })) },
      { weight: 1, arbitrary: fc.constant({ sourceLabels: { app: 'sleep' } }) },
      { weight: 1, arbitrary: pick(['mesh'], ['gateway'], ['gateway', 'mesh']).map((gateways) => ({ gateways })) },
    ),
    fc.integer({ min: 0, max: 5 }),
  )
  .map(([path, rest, dice]) => ({
    ...path,
    ...rest,
    ...(dice === 0 && path.uri !== undefined ? { ignoreUriCase: true } : {}),
  }));

const values = (limit: number): fc.Arbitrary<Record<string, string>> =>
  fc.dictionary(pick(...edited), pick('one', 'two words', '50%', 'a,b'), {
    minKeys: 1,
    maxKeys: limit,
    noNullPrototype: true,
  });
const operations = some<NonNullable<WrittenHeaders['request']>>({
  set: values(1),
  add: values(2),
  remove: few(pick('x-role', 'X-Team', 'x-app'), 1, 2),
});
const headers: fc.Arbitrary<WrittenHeaders> = some({ request: operations, response: operations });
const hostOf = pick(
  'one',
  'one.shop.svc.cluster.local',
  'two',
  'theirs',
  'theirs.other.svc.cluster.local',
  'theirs.wild.svc.cluster.local',
  'gone',
  's0',
);
const destination = fc.tuple(hostOf, fc.integer({ min: 0, max: 5 })).chain(([host, dice]) => {
  const port = host.startsWith('one') ? pick(80, 81, 82) : host.startsWith('two') ? pick(9000, 80) : pick(80);
  return fc.tuple(port, pick('v1', 'v2', 'v3')).map(([number, subset]) => ({
    host,
    ...(dice < 3 ? { port: { number } } : {}),
    ...(dice % 2 === 0 && host.startsWith('one') ? { subset } : {}),
  }));
});
const weighted = fc.tuple(destination, pick(undefined, 0, 0, 30, 100), maybe(headers)).map(([to, weight, edits]) => ({
  destination: to,
  ...(weight === undefined ? {} : { weight }),
  ...(edits === undefined ? {} : { headers: edits }),
}));
const forward: fc.Arbitrary<WrittenRule> = fc
  .tuple(
    few(weighted, 1, 3).map((route) =>
      // Several that get nothing at all are refused when they are read.
      route.length === 1 || route.some(({ weight = 0 }) => weight > 0)
        ? route
        : route.map((each) => ({ ...each, weight: 7 })),
    ),
    maybe(
      fc.oneof(
        pick('/new', '/', '/new/').map((to) => ({ uri: to })),
        pick('app.example', 'APP').map((authority) => ({ authority })),
        fc.constant({ uri: '/both', authority: 'app.example' }),
        pick(
          { match: '/api/v([0-9]+)', rewrite: '/v\\1/api' },
          { match: 'a', rewrite: 'z' },
          { match: '^/(.)', rewrite: '/\\1\\1' },
          { match: '[/]([^/]*)$', rewrite: '/end/\\1' },
          { match: '/(?P<first>[a-z]+)/([a-z0-9]+)', rewrite: '/\\2/\\1' },
          { match: '(/a)?/b', rewrite: '\\1/c' },
          { match: 'x*', rewrite: '-' },
        ).map((uriRegexRewrite) => ({ uriRegexRewrite })),
      ),
    ),
    maybe(headers),
    fc.integer({ min: 0, max: 11 }),
  )
  .map(([route, rewrite, edits, dice]) => ({
    route,
    ...(rewrite === undefined ? {} : { rewrite }),
    ...(edits === undefined ? {} : { headers: edits }),
    ...(dice < 2 ? { fault: { abort: { httpStatus: 418, percentage: { value: dice * 100 } } } } : {}),
    ...(dice === 2 && rewrite === undefined ? { headers: { request: { set: { Host: 'set.example' } } } } : {}),
  }));
const answer: fc.Arbitrary<WrittenRule> = fc.oneof(
  some<NonNullable<WrittenRule['redirect']>>({
    uri: pick('/moved', '/', '%PREFIX()%/moved', '%PREFIX()%/moved/', '%PREFIX()%'),
    prefixRewrite: pick('/part', '/part/', '/'),
    authority: pick('elsewhere.example', 'elsewhere.example:81'),
    scheme: pick('http', 'https'),
    redirectCode: pick(301, 302, 307, 308),
  }).chain((redirect) =>
    pick({}, { port: 80 }, { port: 443 }, { port: 9999 }, { derivePort: 'FROM_REQUEST_PORT' as const }).map((port) => {
      const { redirectCode, ...target } = { ...redirect, ...port };
      // One that says nowhere to go to is refused.
      const somewhere = Object.keys(target).length === 0 ? { uri: '/moved' } : target;
      return { redirect: { ...somewhere, ...(redirectCode === undefined ? {} : { redirectCode }) } };
    }),
  ),
  fc
    .tuple(pick(200, 404, 503), pick(undefined, 'said', ''))
    .map(([status, string]) => ({ directResponse: { status, ...(string === undefined ? {} : { body: { string } }) } })),
);
const rule: fc.Arbitrary<WrittenRule> = fc
  .tuple(maybe(few(match, 1, 3), 9), fc.oneof({ weight: 3, arbitrary: forward }, { weight: 1, arbitrary: answer }))
  .map(([matches, rest]) => (matches === undefined ? rest : { match: matches, ...rest }));

const where: fc.Arbitrary<Pick<WrittenVirtualService['spec'], 'gateways' | 'exportTo'>> = pick(
  {},
  {},
  {},
  {},
  { gateways: ['gateway'] },
  { gateways: ['mesh'] },
  { exportTo: ['other'] },
  { exportTo: ['shop'] },
  { exportTo: ['.'] },
);
/** Conditions that delegates may take of a rule, and those that go beyond it. */
const delegating: fc.Arbitrary<WrittenMatch[]> = few(
  pick<WrittenMatch>(
    { uri: { prefix: '/api' } },
    { uri: { prefix: '/a' }, headers: { 'x-role': { exact: 'admin' } } },
    { uri: { exact: '/api/v2' } },
    { uri: { regex: '/api.*' } },
    { method: { exact: 'GET' }, port: 80 },
    { headers: { 'x-role': { prefix: 'a' } } },
    { withoutHeaders: { 'x-role': { prefix: 'a' } } },
    { withoutHeaders: { 'x-role': { exact: 'dev' } } },
  ),
  1,
  2,
);
const delegated: fc.Arbitrary<WrittenRule> = fc
  .tuple(
    forward,
    few(
      pick<WrittenMatch>(
        { uri: { prefix: '/api/v1' } },
        { uri: { exact: '/api/v2' } },
        { uri: { prefix: '/static' } },
        { uri: { regex: '/api/v[0-9]' } },
        { headers: { 'x-role': { exact: 'admin' } } },
        { headers: { 'X-Team': { prefix: 'd' } } },
        { withoutHeaders: { 'x-role': { exact: 'admin' }, 'X-Team': { exact: 'ops' } } },
        { withoutHeaders: { 'x-role': { prefix: 'd' } } },
        { port: 8080 },
        { method: { exact: 'GET' }, sourceNamespace: 'other' },
      ),
      0,
      2,
    ),
    pick({}, {}, {}, {}, {}, {}, {}, { delegate: { name: 'further' } }),
  )
  .map(([rest, matches, further]) => ({
    ...(matches.length === 0 ? {} : { match: matches }),
    ...('delegate' in further ? further : rest),
  }));

/**
 * The VirtualServices that name a service `<namespace>/s<index>`, or all of its namespace, and
 * their delegates.
 */
export const virtualServices = (service: string): fc.Arbitrary<WrittenVirtualService[]> => {
  const [home = '', own = ''] = service.split('/');
  const full = `${own}.${home}.svc.cluster.local`;
  const short = home === 'shop' ? { namespace: 'shop', hosts: [own] } : { namespace: home, hosts: [own, 'gone'] };
  return few(
    fc.record({
      http: few(rule, 1, 4),
      age: pick(...ages),
      host: pick(
        short,
        { namespace: home, hosts: [full] },
        { namespace: 'shop', hosts: [full] },
        ...(home === 'shop'
          ? []
          : [
              { namespace: 'shop', hosts: [own] },
              { namespace: 'other', hosts: [full] },
              { namespace: 'shop', hosts: [full, `*.${home}.svc.cluster.local`] },
            ]),
      ),
      where,
      delegates: fc.boolean(),
      delegating,
      delegate: fc.record({ http: few(delegated, 1, 2), namespace: pick(home, home, 'other'), where }),
    }),
    1,
    3,
  ).map((list) =>
    list.flatMap(({ http, age, host, where: shown, delegates, delegate, ...rest }, number): WrittenVirtualService[] => {
      const { namespace, hosts } = host;
      const name = `${own}-${number}`;
      const target = {
        name: `${name}-delegate`,
        ...(delegate.namespace === namespace ? {} : { namespace: delegate.namespace }),
      };
      const root: WrittenRule = { match: rest.delegating, delegate: target };
      return [
        {
          metadata: { name, namespace, creationTimestamp: age },
          spec: { hosts, ...shown, http: delegates ? [root, ...http] : http },
        },
        ...(delegates
          ? [
              {
                metadata: { name: target.name, namespace: delegate.namespace, creationTimestamp: age },
                spec: {
                  ...(delegate.where.exportTo === undefined ? {} : { exportTo: delegate.where.exportTo }),
                  http: delegate.http,
                },
              },
            ]
          : []),
      ];
    }),
  );
};

/** VirtualServices for every service of namespace wild. */
export const wildcards: fc.Arbitrary<WrittenVirtualService[]> = few(
  fc.record({
    http: few(rule, 1, 2),
    age: pick(...ages),
    namespace: pick('wild', 'shop', 'other'),
    hosts: pick(['*.wild.svc.cluster.local'], ['gone', '*.wild.svc.cluster.local']),
    where,
  }),
  3,
  3,
).map((list) =>
  list.map(({ http, age, namespace, hosts, where: shown }, number) => ({
    metadata: { name: `wildcard-${number}`, namespace, creationTimestamp: age },
    // Never the last word, so that the services still have routes of their own.
    spec: {
      hosts,
      ...shown,
      http: http.map((each) => ({ ...each, match: each.match ?? [{ uri: { prefix: '/a' } }] })),
    },
  })),
);
