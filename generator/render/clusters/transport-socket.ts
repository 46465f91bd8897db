// The layers below a cluster's HTTP: TLS to the application and the PROXY protocol, inside the
// tunnel if an endpoint has one.

import { type Any, encodeOnce, type MessageTypes, typed } from '../../../envoy-api/index.ts';
import type { ServiceCluster, UpstreamTls } from '../../model/cluster.ts';
import { originalDestinationMetadata } from '../names.ts';

type TlsContext = MessageTypes['envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'];
type ValidationContext = MessageTypes['envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext'];

interface TransportSocket {
  readonly name: string;
  readonly typed_config: Any;
}

const rawBuffer: TransportSocket = {
  name: 'raw_buffer',
  typed_config: typed('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer', {}),
};

/**
 * The transport socket of a service's cluster. The outermost layer passes the destination to
 * `connect_originate`; for plain endpoints it has no effect.
 */
export function renderTransportSocket({ tls, proxyProtocol }: ServiceCluster): TransportSocket {
  if (tls === undefined && proxyProtocol === undefined) return plainSocket;
  const inner = tls === undefined ? rawBuffer : renderTls(tls);
  return carryDestination(proxyProtocol === undefined ? inner : renderProxyProtocol(proxyProtocol, inner));
}

function carryDestination(inner: TransportSocket): TransportSocket {
  return {
    name: 'internal_upstream',
    typed_config: typed('envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport', {
      passthrough_metadata: [{ kind: { host: {} }, name: originalDestinationMetadata }],
      transport_socket: inner,
    }),
  };
}

const plainSocket: TransportSocket = encodeOnce(carryDestination(rawBuffer));

function renderProxyProtocol(version: 'V1' | 'V2', inner: TransportSocket): TransportSocket {
  return {
    name: 'upstream_proxy_protocol',
    typed_config: typed('envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport', {
      config: { version },
      transport_socket: inner,
    }),
  };
}

function renderTls(tls: UpstreamTls): TransportSocket {
  const context: TlsContext = {
    ...(typeof tls.serverName === 'string' ? { sni: tls.serverName } : {}),
    common_tls_context: {
      // Without the maximum Envoy's client side stops at TLS 1.2.
      tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
      ...(tls.certificate === undefined
        ? {}
        : {
            tls_certificates: [
              {
                certificate_chain: { filename: tls.certificate.chain },
                private_key: { filename: tls.certificate.key },
              },
            ],
          }),
      ...(tls.roots === undefined ? {} : { validation_context: renderValidation(tls, tls.roots) }),
    },
  };
  return { name: 'tls', typed_config: typed('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', context) };
}

function renderValidation(
  { revocations, subjectAltNames }: UpstreamTls,
  roots: NonNullable<UpstreamTls['roots']>,
): ValidationContext {
  return {
    trusted_ca: typeof roots === 'string' ? { filename: roots } : { inline_string: roots.pem },
    ...(revocations === undefined ? {} : { crl: { filename: revocations } }),
    ...(subjectAltNames.length === 0
      ? {}
      : {
          match_typed_subject_alt_names: subjectAltNames.map(({ type, name }) => ({
            san_type: type,
            matcher: { exact: name },
          })),
        }),
  };
}
