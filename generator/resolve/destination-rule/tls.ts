// DestinationRule `tls`: the TLS to the application. DISABLE and ISTIO_MUTUAL add nothing, since
// the tunnel to a workload of the mesh is encrypted already, and both ends of it are verified.

import type { ClientTlsSettings, MeshSettings } from '../../../mesh/index.ts';
import type { CertificateName, ClusterKey, UpstreamTls } from '../../model/cluster.ts';

/** This value of `caCertificates` means the roots of the system, as an absent one does. */
const system = 'system';

/**
 * The TLS of a cluster, or undefined for none. Certificates that cannot be checked never make it
 * weaker: roots are never left out. Without a configured name, a request has one in its Host, and a
 * connection that is passed on as TCP has none.
 */
export function resolveTls(
  tls: ClientTlsSettings | undefined,
  { systemRoots }: Pick<MeshSettings, 'systemRoots'>,
  protocol: ClusterKey['protocol'],
): UpstreamTls | undefined {
  if (tls?.mode !== 'SIMPLE' && tls?.mode !== 'MUTUAL') return undefined;
  const { sni, clientCertificate, privateKey, caCertificates = '', caCrl = '' } = tls;
  const subjectAltNames = (tls.subjectAltNames ?? []).filter((name) => name !== '');
  const checked = tls.insecureSkipVerify !== true;
  const checksHost = checked && tls.mode === 'SIMPLE' && subjectAltNames.length === 0;
  return {
    ...(sni !== undefined && sni !== ''
      ? { serverName: sni }
      : protocol === 'http'
        ? { serverName: { ofRequest: checksHost ? ('checked' as const) : ('unchecked' as const) } }
        : {}),
    ...(tls.mode === 'MUTUAL' && clientCertificate !== undefined && privateKey !== undefined
      ? { certificate: { chain: clientCertificate, key: privateKey } }
      : {}),
    ...(checked ? { roots: caCertificates === '' || caCertificates === system ? systemRoots : caCertificates } : {}),
    ...(checked && caCrl !== '' ? { revocations: caCrl } : {}),
    subjectAltNames: checked ? subjectAltNames.map((name) => ({ type: typeOf(name), name })) : [],
  };
}

/** Istio writes names without their types. */
function typeOf(name: string): CertificateName['type'] {
  if (name.includes('://')) return 'URI';
  if (name.includes('@')) return 'EMAIL';
  return /^[0-9.]+$|:/.test(name) ? 'IP_ADDRESS' : 'DNS';
}
