// Finds resources that Envoy would refuse on arrival before they are sent, and leaves good ones
// alone.

import { describe, expect, test } from 'vitest';
import { checkMessage, checkResource } from './constraints.ts';
import { constraintsText } from './generated/constraints.ts';
import type { JsonObject } from './json.ts';
import { typed, typeUrls } from './resource.ts';

const goodRoute = { match: { prefix: '/' }, route: { cluster: 'a' } };
const route = (json: JsonObject): JsonObject => ({ virtual_hosts: [{ name: 'a', domains: ['*'], routes: [json] }] });

function pathsOf(json: JsonObject): readonly string[] {
  return checkResource({ typeUrl: typeUrls.routeConfiguration, name: 'r', json }).map(({ path }) => path);
}

const hash = (minimum: number): JsonObject => ({ minimum_ring_size: minimum });

describe('broken rules are reported at their path', () => {
  test.each<[string, JsonObject, string]>([
    ['an empty required text', { virtual_hosts: [{ domains: ['*'] }] }, 'virtual_hosts[0].name'],
    ['a list with too few items', { virtual_hosts: [{ name: 'a' }] }, 'virtual_hosts[0].domains'],
    ['a required message', route({ route: { cluster: 'a' } }), 'virtual_hosts[0].routes[0].match'],
    ['a required oneof', route({ match: { prefix: '/' } }), 'virtual_hosts[0].routes[0]'],
    ['a header name with a line feed', { internal_only_headers: ['a\nb'] }, 'internal_only_headers[0]'],
    [
      'a header value with a line feed',
      { response_headers_to_add: [{ header: { key: 'a', value: 'b\nc' } }] },
      'response_headers_to_add[0].header.value',
    ],
    [
      'a status out of range',
      route({ match: { prefix: '/' }, direct_response: { status: 700 } }),
      'virtual_hosts[0].routes[0].direct_response.status',
    ],
    [
      'an extension inside a map',
      {
        typed_per_filter_config: {
          fault: typed('envoy.extensions.filters.http.fault.v3.HTTPFault', { delay: { fixed_delay: '0s' } }),
        },
      },
      'typed_per_filter_config.fault.delay.fixed_delay',
    ],
    [
      'policies without principals',
      {
        typed_per_filter_config: {
          rbac: typed('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', {
            rbac: { rules: { policies: { p: { permissions: [{ any: true }] } } } },
          }),
        },
      },
      'typed_per_filter_config.rbac.rbac.rules.policies.p.principals',
    ],
  ])('%s', (_name, json, path) => {
    expect(pathsOf(json)).toEqual([path]);
  });

  test('numbers above a limit, and what the limit is', () => {
    const violations = checkMessage('envoy.config.cluster.v3.Cluster.RingHashLbConfig', hash(8_388_609));
    expect(violations).toEqual([{ path: 'minimum_ring_size', message: 'must be at most 8388608' }]);
  });
});

test('a good resource breaks no rule', () => {
  expect(pathsOf(route(goodRoute))).toEqual([]);
  expect(
    pathsOf(route({ ...goodRoute, route: { cluster: 'a', timeout: '0s', retry_policy: { retry_on: '5xx' } } })),
  ).toEqual([]);
});

test('rules that Envoy has dropped since are not applied', () => {
  expect(checkMessage('envoy.config.core.v3.RuntimeUInt32', { default_value: 400 })).toEqual([]);
});

test('every pattern in the rules is one that this engine can run', () => {
  const patterns = [...constraintsText.matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)].map(
    (match) => JSON.parse(match[1] ?? '""') as string,
  );
  expect(patterns.length).toBeGreaterThan(0);
  for (const pattern of patterns) expect(() => new RegExp(pattern, 'u')).not.toThrow();
});
