// The bytes that reach Envoy, and the faults that are refused before.

import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EncodeError } from './encode-error.ts';
import { decodeMessage, encodeMessage, encodeResource } from './encoding.ts';
import type { JsonObject } from './json.ts';
import { typed, typeUrls, type EnvoyResource } from './resource.ts';
import type { MessageTypes } from './generated/messages.ts';

type Cluster = MessageTypes['envoy.config.cluster.v3.Cluster'];
type Listener = MessageTypes['envoy.config.listener.v3.Listener'];
type RouteConfiguration = MessageTypes['envoy.config.route.v3.RouteConfiguration'];

function routes(json: JsonObject): EnvoyResource {
  return { typeUrl: typeUrls.routeConfiguration, name: 'reviews', json };
}

function errorOf(work: () => unknown): EncodeError {
  try {
    work();
  } catch (error) {
    if (error instanceof EncodeError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function encodedHex(typeName: string, json: JsonObject): string {
  return hex(encodeMessage(typeName, json));
}

describe('a resource that Envoy would misread is refused', () => {
  const cases: readonly (readonly [name: string, json: JsonObject, code: string, path: string])[] = [
    ['a misspelt field', { virtual_hosts: [{ nmae: 'a' }] }, 'UnknownField', 'virtual_hosts[0].nmae'],
    ['camelCase', { virtualHosts: [] }, 'UnknownField', 'virtualHosts'],
    [
      'an unknown enum value',
      { virtual_hosts: [{ require_tls: 'SOME' }] },
      'UnknownEnumValue',
      'virtual_hosts[0].require_tls',
    ],
    ['a number for a text', { name: 1 }, 'InvalidType', 'name'],
    [
      'a text for a number',
      { max_direct_response_body_size_bytes: '1' },
      'InvalidType',
      'max_direct_response_body_size_bytes',
    ],
    [
      'a negative unsigned number',
      { max_direct_response_body_size_bytes: -1 },
      'InvalidValue',
      'max_direct_response_body_size_bytes',
    ],
    ['one item for a list', { virtual_hosts: {} }, 'InvalidType', 'virtual_hosts'],
    [
      'a duration without a unit',
      { vhds: { config_source: { initial_fetch_timeout: '5' } } },
      'InvalidType',
      'vhds.config_source.initial_fetch_timeout',
    ],
    [
      'two members of a oneof',
      { virtual_hosts: [{ routes: [{ route: {}, redirect: {} }] }] },
      'OneofConflict',
      'virtual_hosts[0].routes[0].redirect',
    ],
    [
      'an extension without a type',
      { typed_per_filter_config: { 'cairn.rbac': {} } },
      'UnknownType',
      'typed_per_filter_config["cairn.rbac"]',
    ],
    [
      'an unknown extension',
      { typed_per_filter_config: { x: { '@type': 'type.googleapis.com/a.B' } } },
      'UnknownType',
      'typed_per_filter_config.x.@type',
    ],
  ];

  test.each(cases)('%s', (_name, json, code, path) => {
    const error = errorOf(() => encodeResource(routes(json)));
    expect([error.code, error.path]).toEqual([code, path]);
    expect(error.message).toContain(`RouteConfiguration reviews: ${path}: `);
  });

  test('a misspelt field inside an extension', () => {
    const fault = { '@type': 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault', delai: {} };
    const error = errorOf(() => encodeResource(routes({ typed_per_filter_config: { fault } })));
    expect(error.path).toBe('typed_per_filter_config.fault.delai');
  });

  test('a message that the schema does not know', () => {
    expect(errorOf(() => encodeMessage('envoy.config.route.v3.Rout', {})).code).toBe('UnknownType');
  });
});

describe('the forms that ProtoJSON writes shortly', () => {
  test.each(['5s', '0.25s', '-1.5s'])('the duration %s comes back as it was', (text) => {
    const json = { connect_timeout: text };
    expect(
      decodeMessage('envoy.config.cluster.v3.Cluster', encodeMessage('envoy.config.cluster.v3.Cluster', json)),
    ).toEqual(json);
  });

  test('a duration and a wrapper have the bytes of protobuf', () => {
    // field 4 (connect_timeout): Duration { seconds (1): 5 }; field 5
    // (per_connection_buffer_limit_bytes): UInt32Value { value (1): 9 }
    const json = { connect_timeout: '5s', per_connection_buffer_limit_bytes: 9 };
    expect(encodedHex('envoy.config.cluster.v3.Cluster', json)).toBe('220208052a020809');
  });

  test('a wrapper of zero is set, a plain zero is not', () => {
    const json = { per_connection_buffer_limit_bytes: 0, alt_stat_name: '' };
    expect(encodedHex('envoy.config.cluster.v3.Cluster', json)).toBe('2a00');
  });

  test('64-bit numbers keep every digit', () => {
    const range = { start: '-9223372036854775808', end: '9223372036854775807' };
    expect(decodeMessage('envoy.type.v3.Int64Range', encodeMessage('envoy.type.v3.Int64Range', range))).toEqual(range);
    expect(errorOf(() => encodeMessage('envoy.type.v3.Int64Range', { end: '9223372036854775808' })).code).toBe(
      'InvalidValue',
    );
  });

  test('JSON inside a Struct comes back as it was', () => {
    const json = { filter_metadata: { cairn: { empty: {}, list: [], nested: { a: [1, 'b', true, null] } } } };
    expect(
      decodeMessage('envoy.config.core.v3.Metadata', encodeMessage('envoy.config.core.v3.Metadata', json)),
    ).toEqual(json);
  });

  test('a wrapper inside an Any is written with value', () => {
    const json = { '@type': 'type.googleapis.com/google.protobuf.StringValue', value: 'chain' };
    expect(decodeMessage('google.protobuf.Any', encodeMessage('google.protobuf.Any', json))).toEqual(json);
  });
});

describe('versions', () => {
  test('are equal for equal meaning, whatever the order of keys', () => {
    const one = {
      name: 'a',
      typed_per_filter_config: { x: typed('google.protobuf.Empty', {}), b: typed('google.protobuf.Empty', {}) },
    };
    const other = {
      typed_per_filter_config: { b: typed('google.protobuf.Empty', {}), x: typed('google.protobuf.Empty', {}) },
      name: 'a',
    };
    expect(encodeResource(routes(one))).toEqual(encodeResource(routes(other)));
  });

  test('never depend on the order of metadata', () => {
    const metadata = (keys: readonly string[]): JsonObject => ({
      metadata: { filter_metadata: { cairn: Object.fromEntries(keys.map((key) => [key, key])) } },
    });
    const keys = fc
      .uniqueArray(fc.string(), { maxLength: 8 })
      .chain((made) => fc.tuple(fc.constant(made), fc.shuffledSubarray(made, { minLength: made.length })));
    fc.assert(
      fc.property(keys, ([one, other]) => {
        expect(encodeResource(routes(metadata(one))).version).toBe(encodeResource(routes(metadata(other))).version);
      }),
    );
  });

  test('differ when a weight differs, and are 16 hex digits', () => {
    const weighted = (weight: number): JsonObject => ({
      virtual_hosts: [{ routes: [{ route: { weighted_clusters: { clusters: [{ name: 'v1', weight }] } } }] }],
    });
    const versions = [90, 80].map((weight) => encodeResource(routes(weighted(weight))).version);
    expect(versions[0]).not.toBe(versions[1]);
    expect(versions[0]).toMatch(/^[0-9a-f]{16}$/);
  });
});

// Constants made with Google's own protobuf library where it knows the fields, by hand where it
// does not.
describe('fields that are newer than the proto files have the numbers of Envoy', () => {
  test.each([
    [
      'RouteMatch.filter_state and FilterStateMatcher.address_match',
      'envoy.config.route.v3.RouteMatch',
      {
        prefix: '/',
        filter_state: [{ key: 'ip', address_match: { ranges: [{ address_prefix: '10.0.0.0', prefix_len: 8 }] } }],
      },
      '0a012f8201160a0269701a100a0e0a0831302e302e302e3012020808',
    ],
    [
      'CheckSettings.http_service',
      'envoy.extensions.filters.http.ext_authz.v3.CheckSettings',
      { http_service: { path_prefix: '/check' } },
      '2a0812062f636865636b',
    ],
    [
      'ConsistentHashingLbConfig.hash_policy',
      'envoy.extensions.load_balancing_policies.common.v3.ConsistentHashingLbConfig',
      { hash_policy: [{ cookie: { name: 'c', ttl: '0s' } }] },
      '1a0712050a01631200',
    ],
    [
      'the stats access logger',
      'envoy.extensions.access_loggers.stats.v3.Config',
      {
        stats_scope: { prefix: 'p' },
        counters: [{ stat: { name: 'n', tags: [{ name: 't', value_format: 'v' }] }, value_fixed: 1 }],
      },
      // counters (4): stat (1): name (1) 'n', tags (2): name (1) 't', value_format (2) 'v';
      // value_fixed (3): UInt64Value 1; stats_scope (6): prefix (5) 'p'
      ['2211', '0a0b', '0a016e', '1206', '0a0174', '120176', '1a020801', '3203', '2a0170'].join(''),
    ],
  ])('%s', (_name, typeName, json, bytes) => {
    expect(encodedHex(typeName, json)).toBe(bytes);
  });
});

describe('decoding', () => {
  test('a type that the schema lacks does not stop a message from being read', () => {
    // Any { type_url (1): "x/y.Z", value (2): 0x01 }
    const any = Buffer.from('0a05782f792e5a120101', 'hex');
    expect(decodeMessage('google.protobuf.Any', any)).toEqual({ '@type': 'x/y.Z', value: 'AQ==' });
  });

  test('bytes that are no message are an error with a code', () => {
    const broken = () =>
      decodeMessage('envoy.service.discovery.v3.DeltaDiscoveryRequest', new Uint8Array([0x0a, 0xff]));
    expect(errorOf(broken).code).toBe('InvalidBytes');
  });
});

test('a waypoint with HBONE, an internal listener, a match tree and RDS encodes and comes back as it was', () => {
  for (const [typeUrl, json] of [
    [typeUrls.listener, terminate],
    [typeUrls.listener, internal],
    [typeUrls.cluster, originate],
    [typeUrls.routeConfiguration, rules],
  ] as const) {
    const { bytes } = encodeResource({ typeUrl, name: 'any', json });
    expect(decodeMessage(typeUrl.slice('type.googleapis.com/'.length), bytes)).toEqual(json);
  }
});

const manager = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const matchPort = typed('envoy.extensions.matching.common_inputs.network.v3.DestinationPortInput', {});

const terminate: Listener = {
  name: 'connect_terminate',
  address: { socket_address: { address: '127.0.0.1', port_value: 15008 } },
  filter_chains: [
    {
      transport_socket: {
        name: 'tls',
        typed_config: typed('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
          require_client_certificate: true,
          common_tls_context: { alpn_protocols: ['h2'], tls_params: { tls_minimum_protocol_version: 'TLSv1_3' } },
        }),
      },
      filters: [
        {
          name: 'hcm',
          typed_config: typed(manager, {
            stat_prefix: 'terminate',
            http2_protocol_options: { allow_connect: true },
            upgrade_configs: [{ upgrade_type: 'CONNECT' }],
            http_filters: [
              {
                name: 'identity',
                typed_config: typed('envoy.extensions.filters.http.set_filter_state.v3.Config', {
                  on_request_headers: [
                    {
                      object_key: 'io.istio.peer_principal',
                      factory_key: 'envoy.hashable_string',
                      format_string: { text_format_source: { inline_string: '%DOWNSTREAM_PEER_URI_SAN%' } },
                      shared_with_upstream: 'ONCE',
                    },
                  ],
                }),
              },
            ],
            route_config: {
              virtual_hosts: [
                {
                  name: 'all',
                  domains: ['*'],
                  routes: [{ match: { connect_matcher: {} }, route: { cluster: 'main_internal' } }],
                },
              ],
            },
          }),
        },
      ],
    },
  ],
};

const internal: Listener = {
  name: 'main_internal',
  internal_listener: {},
  filter_chain_matcher: {
    matcher_tree: {
      input: { name: 'port', typed_config: matchPort },
      exact_match_map: {
        map: {
          '9080': {
            action: { name: 'chain', typed_config: typed('google.protobuf.StringValue', { value: 'reviews' }) },
          },
        },
      },
    },
  },
  filter_chains: [
    {
      name: 'reviews',
      filters: [
        {
          name: 'hcm',
          typed_config: typed(manager, {
            stat_prefix: 'reviews',
            rds: { route_config_name: 'reviews', config_source: { ads: {}, resource_api_version: 'V3' } },
            access_log: [
              {
                name: 'stats',
                typed_config: typed('envoy.extensions.access_loggers.stats.v3.Config', {
                  stats_scope: { prefix: 'istio' },
                  histograms: [{ stat: { name: 'duration' }, unit: 'Milliseconds', value_format: '%DURATION%' }],
                }),
              },
            ],
          }),
        },
      ],
    },
  ],
};

const originate: Cluster = {
  name: 'connect_originate',
  type: 'ORIGINAL_DST',
  lb_policy: 'CLUSTER_PROVIDED',
  connect_timeout: '2s',
  original_dst_lb_config: { upstream_port_override: 15008 },
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      {
        explicit_http_config: { http2_protocol_options: { allow_connect: true } },
      },
    ),
  },
};

const rules: RouteConfiguration = {
  name: 'reviews',
  virtual_hosts: [
    {
      name: 'reviews',
      domains: ['*'],
      typed_per_filter_config: {
        'cairn.rbac.allow': typed('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', {
          rbac: {
            rules: {
              policies: {
                'ns[default]-policy[sleep]-rule[0]': {
                  permissions: [{ header: { name: ':method', string_match: { exact: 'GET' } } }],
                  principals: [
                    {
                      filter_state: { key: 'io.istio.peer_principal', string_match: { exact: 'spiffe://a/ns/b/sa/c' } },
                    },
                  ],
                },
              },
            },
          },
        }),
      },
      routes: [{ match: { prefix: '/' }, direct_response: { status: 404 } }],
    },
  ],
};
