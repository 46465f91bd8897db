import { expect, it } from 'vitest';
import { formatPath } from '../../finding.ts';
import type { AuthorizationPolicySpec } from './spec.ts';
import { checkAuthorizationPolicy } from './checks.ts';

const reviews = [{ kind: 'Service', group: '', name: 'reviews' }];

function pathsOf(spec: AuthorizationPolicySpec): readonly string[] {
  return checkAuthorizationPolicy(spec).map(({ path }) => formatPath(path));
}

const accepted: Readonly<Record<string, AuthorizationPolicySpec>> = {
  'nothing at all, which allows nothing': {},
  'a rule without conditions': { rules: [{}] },
  'every kind of match': {
    targetRefs: [...reviews, { kind: 'Gateway', group: 'gateway.networking.k8s.io', name: 'w' }],
    action: 'DENY',
    rules: [
      {
        from: [
          { source: { principals: ['*'], ipBlocks: ['10.0.0.0/8', '::1'] } },
          { source: { serviceAccounts: ['ns/sleep'] } },
        ],
        to: [
          {
            operation: {
              ports: ['80'],
              paths: ['/a/*', '/{*}/b/{**}', '/files/{**}/', '/{**}/img/logo'],
              notMethods: ['GET'],
            },
          },
        ],
        when: [
          { key: 'request.headers[x-a]', values: ['*'] },
          { key: 'request.auth.claims[a][b]', notValues: ['c'] },
          { key: 'destination.port', values: ['9080'] },
          { key: 'experimental.envoy.filters.network.mysql_proxy[db.table]', values: ['[update]'] },
        ],
      },
    ],
  },
  'an external authorizer': {
    action: 'CUSTOM',
    provider: { name: 'ext' },
    rules: [{ to: [{ operation: { paths: ['/a'] } }] }],
  },
};

it.each(Object.entries(accepted))('accepts %s', (_, spec) => {
  expect(checkAuthorizationPolicy(spec)).toEqual([]);
});

const refused: Readonly<Record<string, readonly [AuthorizationPolicySpec, readonly string[]]>> = {
  'DENY without rules': [{ action: 'DENY' }, ['spec.rules']],
  'a provider without CUSTOM': [{ provider: { name: 'a' } }, ['spec.provider']],
  'CUSTOM without rules and provider': [{ action: 'CUSTOM' }, ['spec.rules', 'spec.provider.name']],
  'CUSTOM that asks for identity': [
    {
      action: 'CUSTOM',
      provider: { name: 'a' },
      rules: [
        { from: [{ source: { notNamespaces: ['a'] } }], when: [{ key: 'request.auth.claims[a]', values: ['b'] }] },
      ],
    },
    ['spec.rules[0].from[0].source.notNamespaces', 'spec.rules[0].when[0].key'],
  ],
  'a selector beside targets': [{ selector: { matchLabels: {} }, targetRefs: reviews }, ['spec.targetRefs']],
  'a target of another kind': [{ targetRefs: [{ kind: 'Pod', name: 'a' }] }, ['spec.targetRefs[0].kind']],
  'a target of another group': [{ targetRefs: [{ kind: 'Gateway', name: 'a' }] }, ['spec.targetRefs[0].group']],
  'a target elsewhere': [
    { targetRefs: [{ kind: 'Service', name: 'a', namespace: 'b' }] },
    ['spec.targetRefs[0].namespace'],
  ],
  'lists that are there and empty': [
    { rules: [{ from: [], to: [{}, { operation: {} }, { operation: { paths: [], methods: ['GET'] } }] }] },
    [
      'spec.rules[0].from',
      'spec.rules[0].to[0].operation',
      'spec.rules[0].to[1].operation',
      'spec.rules[0].to[2].operation.paths',
    ],
  ],
  'empty text': [
    { rules: [{ from: [{ source: { principals: ['a', ''] } }] }] },
    ['spec.rules[0].from[0].source.principals[1]'],
  ],
  'accounts beside namespaces': [
    { rules: [{ from: [{ source: { serviceAccounts: ['a'], namespaces: ['b'] } }] }] },
    ['spec.rules[0].from[0].source.namespaces'],
  ],
  'an address that is none': [
    { rules: [{ from: [{ source: { notIpBlocks: ['10.0.0.0/8', '10.0.0'] } }] }] },
    ['spec.rules[0].from[0].source.notIpBlocks[1]'],
  ],
  'a port that is none': [
    { rules: [{ to: [{ operation: { ports: ['http', '65536'] } }] }] },
    ['spec.rules[0].to[0].operation.ports[0]', 'spec.rules[0].to[0].operation.ports[1]'],
  ],
  'conditions that cannot be matched': [
    {
      rules: [
        {
          when: [
            { key: 'request.header[a]', values: ['b'] },
            { key: 'request.headers[]', values: ['b'] },
            { key: 'destination.labels[a]', values: ['b'] },
            { key: 'source.ip', values: ['b'] },
            { key: 'source.principal' },
          ],
        },
      ],
    },
    [
      'spec.rules[0].when[0].key',
      'spec.rules[0].when[1].key',
      'spec.rules[0].when[2].key',
      'spec.rules[0].when[3].values[0]',
      'spec.rules[0].when[4].values',
    ],
  ],
  'templates that mean nothing': [
    { rules: [{ to: [{ operation: { paths: ['/{*}/*', '/{**}/{*}', '/{**}/a/{**}', '/a{*}', '/{*}/<'] } }] }] },
    [0, 1, 2, 3, 4].map((index) => `spec.rules[0].to[0].operation.paths[${index}]`),
  ],
};

it.each(Object.entries(refused))('refuses %s', (_, [spec, paths]) => {
  expect(pathsOf(spec)).toEqual(paths);
});
