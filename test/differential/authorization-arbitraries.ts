// Random policies and random requests for the differential of authorization.

import * as fc from 'fast-check';
import type { CarriedToken } from '../support/authentication-evaluator.ts';
import type { AskedRequest, WrittenRule } from '../support/authorization-evaluator.ts';
import { type IssuerName, issuers, tokens } from './authorization-tokens.ts';

/** `<namespace>/<service account>` of those who ask. */
export const clients: readonly string[] = [
  'shop/sleep',
  'shop/notsleep',
  'other/sleep',
  'shopping/cart',
  'shop/sleep-2',
];

/** A request, and its `x-forwarded-for`. */
export interface RandomRequest extends NonNullable<AskedRequest['http']> {
  readonly token: CarriedToken | undefined;
  readonly forged: string | undefined;
}

const pick = fc.constantFrom;

const accounts = fc
  .tuple(pick('cluster.local', 'cluster.local', 'old.example', 'mesh.example'), pick(...clients))
  .map(([trustDomain, client]) => `${trustDomain}/ns/${client.replace('/', '/sa/')}`);
const requestPrincipals = pick(
  '*',
  `${issuers.one.issuer}/anna`,
  `${issuers.one.issuer}/*`,
  `${issuers.two.issuer}/anna`,
  `${issuers.two.issuer}/a/b`,
  'https://two.example/*',
  '*/anna',
  '*anna',
  'three*',
  'three/b*',
  'anna',
);
const claimConditions = {
  'request.auth.principal': requestPrincipals,
  'request.auth.audiences': pick('shop', 'bank', 's*', '*'),
  'request.auth.presenter': pick('client', '*ient', '*'),
  'request.auth.claims[groups]': pick('admins', 'dev', 'dev-*', '*s', '*', '7', 'true'),
  'request.auth.claims[realm][roles]': pick('owner', 'o*', '*'),
  'request.auth.claims[realm]': pick('owner', '*'),
  'request.auth.claims[scope]': pick('read', 'write', 'w*', 'read write', '*'),
  'request.auth.claims[level]': pick('7', '70', 'true', '*'),
};
const sourceFields = {
  principals: fc.oneof(
    accounts,
    pick('*', 'cluster.local/ns/shop/*', '*/sa/sleep', 'old.example/ns/shop/sa/sleep*', 'old*'),
  ),
  namespaces: pick('shop', 'other', 'shop*', '*ping', '*', 'nowhere'),
  trustDomains: pick('cluster.local', 'old.example', 'mesh.example', 'other.example', '*', 'old*', '*.example'),
  requestPrincipals,
  ipBlocks: pick('127.99.0.0/16', '127.99.1.1', '127.98.0.0/15', '10.0.0.0/8', '0.0.0.0/0'),
};
/** Paths before they are disguised. */
export const paths: readonly string[] = [
  '/',
  '/admin',
  '/admin/',
  '/admin/x',
  '/api/v1/items',
  '/api/v2',
  '/public',
  '/public/a/b',
  '/a.b',
  '/ADMIN',
  '/items:delete',
  '/user@admin/x',
];
const operationFields = {
  methods: pick('GET', 'POST', 'DELETE', 'P*', '*'),
  paths: fc.oneof(
    pick(...paths),
    pick(
      '/admin*',
      '/api/*',
      '/items:*',
      '*/x',
      '*:delete',
      '*',
      '/api/{*}/items',
      '/public/{**}',
      '/api/{**}/items',
      '/{**}/x',
      '/{*}',
    ),
  ),
  hosts: pick('web.example', '*.example', 'web*', 'WEB.example', 'web.example:8080', '*'),
  ports: pick('80', '5432', '8080'),
};
const headerKeys = ['x-role', 'x-team'];
const headerValues = pick('admin', 'admin', 'dev', 'dev', 'a*', '*v', '*', 'chef-*', '*-f');
/**
 * Values that applications that split a list at its commas, or read letters, might take for one of
 * them.
 */
const oddHeaders = [
  '\xff',
  'admin\xff',
  '\xff,admin',
  'admin,\xff',
  '\xffdev',
  'chef-\xc3\xa9',
  'chef-\xc3\xa9,dev',
  'chef-\xe9',
  '\xc3\xa9',
  '\xc3',
];

const negatable = (fields: Record<string, fc.Arbitrary<string>>): fc.Arbitrary<Record<string, string[]>> =>
  fc
    .uniqueArray(
      fc
        .tuple(pick(...Object.keys(fields)), fc.boolean())
        .chain(([name, negated]) =>
          fc
            .uniqueArray(fields[name] ?? fc.constant(''), { minLength: 1, maxLength: 2 })
            .map((values): [string, string[]] => [
              negated ? `not${(name[0] ?? '').toUpperCase()}${name.slice(1)}` : name,
              values,
            ]),
        ),
      { minLength: 1, maxLength: 2, selector: ([name]) => name },
    )
    .map((entries) => Object.fromEntries(entries));

const source = fc.oneof(
  { weight: 4, arbitrary: negatable(sourceFields) },
  { weight: 1, arbitrary: pick('shop/sleep', 'sleep', 'other/sleep').map((value) => ({ serviceAccounts: [value] })) },
);
const headerCondition = pick(...headerKeys).chain((name) =>
  headerValues.map((value): readonly [string, string] => [`request.headers[${name}]`, value]),
);
const toCondition = ([[key, value], negated]: [readonly [string, string], boolean]): NonNullable<
  WrittenRule['when']
>[number] => (negated ? { key, notValues: [value] } : { key, values: [value] });
const condition = fc
  .tuple(
    fc.oneof(
      headerCondition,
      pick('request.headers[Host]', 'request.headers[:authority]').chain((name) =>
        operationFields.hosts.map((value): readonly [string, string] => [name, value]),
      ),
      sourceFields.namespaces.map((value) => ['source.namespace', value] as const),
      sourceFields.ipBlocks.map((value) => ['source.ip', value] as const),
      sourceFields.trustDomains.map((value) => ['source.trustDomain', value] as const),
      ...Object.entries(claimConditions).map(([key, values]) => values.map((value) => [key, value] as const)),
      operationFields.ports.map((value) => ['destination.port', value] as const),
    ),
    fc.boolean(),
  )
  .map(toCondition);

const richRule: fc.Arbitrary<WrittenRule> = fc
  .record({
    from: fc.option(
      fc.array(
        source.map((each) => ({ source: each })),
        { minLength: 1, maxLength: 2 },
      ),
      { nil: undefined, freq: 2 },
    ),
    to: fc.option(
      fc.array(
        negatable(operationFields).map((each) => ({ operation: each })),
        { minLength: 1, maxLength: 2 },
      ),
      { nil: undefined, freq: 2 },
    ),
    when: fc.option(fc.array(condition, { minLength: 1, maxLength: 2 }), { nil: undefined, freq: 2 }),
  })
  .map((parts) => Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== undefined)));

/** Rules with a single condition decide more often. */
const rule: fc.Arbitrary<WrittenRule> = fc.oneof(
  { weight: 3, arbitrary: richRule },
  { weight: 1, arbitrary: condition.map((each) => ({ when: [each] })) },
  { weight: 2, arbitrary: fc.tuple(headerCondition, fc.boolean()).map((each) => ({ when: [toCondition(each)] })) },
  { weight: 1, arbitrary: negatable({ requestPrincipals }).map((each) => ({ from: [{ source: each }] })) },
);

/** The action of a policy, and whether it is only tried. */
interface WrittenEffect {
  readonly action: 'ALLOW' | 'DENY' | 'AUDIT';
  readonly dryRun: boolean;
}

const effect: fc.Arbitrary<WrittenEffect> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<WrittenEffect>({ action: 'ALLOW', dryRun: false }) },
  { weight: 4, arbitrary: fc.constant<WrittenEffect>({ action: 'DENY', dryRun: false }) },
  { weight: 1, arbitrary: fc.constant<WrittenEffect>({ action: 'AUDIT', dryRun: false }) },
  { weight: 1, arbitrary: fc.constant<WrittenEffect>({ action: 'ALLOW', dryRun: true }) },
  { weight: 1, arbitrary: fc.constant<WrittenEffect>({ action: 'DENY', dryRun: true }) },
);

/** The policies of one target. */
export const policies: fc.Arbitrary<readonly (WrittenEffect & { readonly rules: readonly WrittenRule[] })[]> = fc.array(
  fc
    .record({ effect, rules: fc.array(rule, { minLength: 1, maxLength: 3 }) })
    .map((each) => ({ ...each.effect, rules: each.rules })),
  { minLength: 1, maxLength: 3 },
);

/** The issuers whose tokens a target accepts. The second's are sent in a header of their own. */
export const acceptedIssuers: fc.Arbitrary<readonly IssuerName[]> = fc.subarray<IssuerName>(['one', 'two', 'three'], {
  minLength: 1,
});

const disguises: readonly ((path: string) => string)[] = [
  (path) => path,
  (path) => path,
  (path) => `/${path}`,
  (path) => `/.${path}`,
  (path) => `/public/..${path}`,
  (path) => path.replace('a', '%61'),
  (path) => path.replace('/x', '%2Fx'),
  (path) => path.replace(/(?<=.)\//, '%2f'),
  (path) => path.replace(/[:@]/, (character) => (character === ':' ? '%3a' : '%40')),
  (path) => path.replace(/[a-z:@]/g, (character) => `%${character.charCodeAt(0).toString(16)}`),
  (path) => path.replace(/[A-Za-z:@]$/, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`),
  (path) => `/public/..%2f${path.slice(1)}`,
  (path) => `/api/%2e%2E%5C${path.slice(1)}`,
  (path) => `/;v=1${path}`,
  (path) => `//public${path}`,
  (path) => path.replace(/(?<=.)\//, ';v=1/'),
  (path) => path.replace('a', '%2561'),
  (path) => `${path}%00`,
  (path) => path.replace(/(?<=.)\//, '\\'),
  (path) => `${path};v=1`,
  (path) => `${path}?q=/admin`,
  (path) => `${path}#x`,
  (path) => path.replaceAll('/', '//'),
];

/** A request without the address and the identity that it comes from. */
export const asked: fc.Arbitrary<RandomRequest> = fc.record({
  method: pick('GET', 'POST', 'DELETE', 'PUT'),
  path: fc.tuple(pick(...paths), pick(...disguises)).map(([path, disguise]) => disguise(path)),
  host: pick(
    'web.example',
    'web.example:8080',
    'Web.Example',
    'other.test',
    'websites.test:80',
    'web.example.',
    'web.example:@other.test',
    'other.test@web.example:80',
    'other.test,web.example',
    '%77eb.example:08080',
    '%57eb.example',
  ),
  headers: fc.array(
    fc.tuple(
      pick(...headerKeys),
      fc.oneof(
        { weight: 3, arbitrary: pick('admin', 'dev', 'ops', 'admin,ops', 'dev, admin') },
        { weight: 1, arbitrary: pick(...oddHeaders) },
      ),
    ),
    {
      maxLength: 3,
    },
  ),
  token: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 4, arbitrary: pick(...tokens) }),
  forged: pick(undefined, '127.99.1.1', '10.1.1.1'),
});
