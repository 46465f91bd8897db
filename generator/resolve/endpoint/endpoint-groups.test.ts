// The priorities of endpoints, and their shares when localities have none, or several.

import { describe, expect, it } from 'vitest';
import { type EndpointPreference, groupEndpoints, resolvePreference } from './endpoint-groups.ts';
import type { ResolvedEndpoint } from './endpoint.ts';
import { isLocalityMatch, parseLocality, resolveLocality } from './locality.ts';

function endpoint(address: string, locality?: string, weight = 1, labels = {}): ResolvedEndpoint {
  const where = parseLocality(locality);
  return {
    address,
    port: 80,
    transport: 'plain',
    weight,
    workload: { namespace: 'shop', name: address },
    ...(where === undefined ? {} : { locality: where }),
    labels,
  };
}

const here = parseLocality('eu/a/1');
const place = { locality: here, labels: {} };
const addresses = (preference: EndpointPreference, ...endpoints: readonly ResolvedEndpoint[]): readonly string[] =>
  groupEndpoints(endpoints, preference).map(
    ({ priority, weight, endpoints: members }) =>
      `${priority}${weight === undefined ? '' : ` (${weight})`}: ${members.map(({ address }) => address).join(' ')}`,
  );

describe('groupEndpoints', () => {
  it('numbers priorities from 0 without gaps, as Envoy demands, where nothing is near', () => {
    const preference = resolvePreference({}, place, true);
    expect(addresses(preference, endpoint('far', 'us/c'), endpoint('zone', 'eu/b'))).toEqual(['0: zone', '1: far']);
  });

  it('takes an endpoint whose locality nobody knows for a far one', () => {
    const preference = resolvePreference({}, place, true);
    expect(addresses(preference, endpoint('unknown'), endpoint('near', 'eu/a/1'))).toEqual(['0: near', '1: unknown']);
  });

  it('divides a share by the weights of the localities that it fits, and never gives nothing', () => {
    const preference = resolvePreference({ distribute: [{ from: '*', to: { 'eu/*': 99, us: 1 } }] }, place, false);
    expect(
      addresses(
        preference,
        endpoint('a1', 'eu/a', 3),
        endpoint('a2', 'eu/a', 3),
        endpoint('b', 'eu/b', 2),
        endpoint('c', 'us/c'),
        endpoint('d', 'us/d'),
        endpoint('lost'),
      ),
    ).toEqual(['0 (75): a1 a2', '0 (25): b', '0 (1): c', '0 (1): d']);
  });

  it('gives a locality the share of the most exact pattern', () => {
    const to = { '*': 20, 'eu/a': 30, 'eu/*': 50 };
    const preference = resolvePreference({ distribute: [{ from: 'eu', to }] }, place, false);
    expect(addresses(preference, endpoint('a', 'eu/a'), endpoint('b', 'eu/b'), endpoint('c', 'us/c'))).toEqual([
      '0 (30): a',
      '0 (50): b',
      '0 (20): c',
    ]);
  });

  it('prefers by labels in the order of their weight', () => {
    const preference = resolvePreference(
      { failoverPriority: ['tier', 'version=v2'] },
      { ...place, labels: { tier: 'x' } },
      true,
    );
    expect(
      addresses(
        preference,
        endpoint('none'),
        endpoint('second', undefined, 1, { version: 'v2' }),
        endpoint('first', undefined, 1, { tier: 'x', version: 'v1' }),
        endpoint('both', undefined, 1, { tier: 'x', version: 'v2' }),
      ),
    ).toEqual(['0: both', '1: first', '2: none second']);
  });
});

describe('resolvePreference', () => {
  it('fails over only where failed endpoints are left out, and where the waypoint knows its place', () => {
    expect(resolvePreference({}, place, false)).toEqual({ kind: 'none' });
    expect(resolvePreference({}, { ...place, locality: undefined }, true)).toEqual({ kind: 'none' });
    expect(resolvePreference({ enabled: false }, place, true)).toEqual({ kind: 'none' });
  });
});

describe('a locality', () => {
  it('is read from the field, Istio’s label, or the labels of a node', () => {
    const labels = { 'topology.kubernetes.io/region': 'r', 'topology.kubernetes.io/zone': 'z' };
    expect(resolveLocality('eu/a', labels)).toEqual({ region: 'eu', zone: 'a', subzone: '' });
    expect(resolveLocality(undefined, { ...labels, 'istio-locality': 'us.b.2' })).toEqual({
      region: 'us',
      zone: 'b',
      subzone: '2',
    });
    expect(resolveLocality('', labels)).toEqual({ region: 'r', zone: 'z', subzone: '' });
    expect(resolveLocality(undefined, {})).toBeUndefined();
  });

  it.each([
    ['eu', true],
    ['eu/a', true],
    ['eu/a/*', true],
    ['*', true],
    ['*/a', true],
    ['eu/*/1', true],
    ['eu/b', false],
    ['eu/a/2', false],
    ['us', false],
    ['', false],
  ])('eu/a/1 fits %j: %s', (pattern, expected) => {
    expect(here !== undefined && isLocalityMatch(here, pattern)).toBe(expected);
  });
});
