// TLS of HBONE, both directions: TLS 1.3, HTTP/2, certificates from the agent by SDS, and only
// peers of our trust domain.

import { trustDomainPrefix } from '../../mesh/index.ts';
import { type Any, encodeOnce, type MessageTypes, typed } from '../../envoy-api/index.ts';
import { secrets } from './names.ts';

type CommonTlsContext = MessageTypes['envoy.extensions.transport_sockets.tls.v3.CommonTlsContext'];
type ConfigSource = MessageTypes['envoy.config.core.v3.ConfigSource'];

/** The source of secrets: the agent's Unix socket, which the bootstrap names as a cluster. */
export const secretSource: ConfigSource = {
  resource_api_version: 'V3',
  initial_fetch_timeout: '0s',
  api_config_source: {
    api_type: 'DELTA_GRPC',
    transport_api_version: 'V3',
    set_node_on_first_message_only: true,
    grpc_services: [{ envoy_grpc: { cluster_name: secrets.cluster } }],
  },
};

/** The source of everything else: the aggregated stream. */
export const aggregatedSource: ConfigSource = encodeOnce({
  ads: {},
  resource_api_version: 'V3',
  initial_fetch_timeout: '0s',
});

/**
 * The TLS context of an HBONE endpoint: `certificate` names its secret, `peers` the allowed SPIFFE
 * URIs of the other side.
 */
export function renderHboneTls(
  certificate: string,
  peers: readonly ({ readonly exact: string } | { readonly prefix: string })[],
): CommonTlsContext {
  return {
    tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
    alpn_protocols: ['h2'],
    tls_certificate_sds_secret_configs: [{ name: certificate, sds_config: secretSource }],
    combined_validation_context: {
      default_validation_context: {
        match_typed_subject_alt_names: peers.map((matcher) => ({ san_type: 'URI', matcher })),
      },
      validation_context_sds_secret_config: { name: secrets.roots, sds_config: secretSource },
    },
  };
}

/**
 * The transport socket of the server side: a client certificate is required. No session is resumed:
 * it would outlive the certificate.
 */
export function renderServerTls(common: CommonTlsContext): { readonly name: string; readonly typed_config: Any } {
  return {
    name: 'tls',
    typed_config: typed('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
      require_client_certificate: true,
      disable_stateless_session_resumption: true,
      disable_stateful_session_resumption: true,
      common_tls_context: common,
    }),
  };
}

/** The transport socket of the client side. */
export function renderClientTls(common: CommonTlsContext): { readonly name: string; readonly typed_config: Any } {
  return {
    name: 'tls',
    typed_config: typed('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', { common_tls_context: common }),
  };
}

/** Any peer of one of the trust domains. */
export function trustDomainPeers(trustDomains: readonly string[]): readonly { readonly prefix: string }[] {
  return trustDomains.map((trustDomain) => ({ prefix: trustDomainPrefix(trustDomain) }));
}
