// The authority of a cluster: the one that the operator supplied as the Secret `cacerts`, else one
// that the first replica makes and keeps in a Secret. Two replicas that start together agree, since
// a Secret is created once.

import { createAuthority, openAuthority, CertificateError } from '../../../certificates/index.ts';
import type { Authority, AuthorityPems } from '../../../certificates/index.ts';
import { ApiError, resources } from '../../../kubernetes/index.ts';
import type { ApiClient, KubernetesObject } from '../../../kubernetes/index.ts';
import { authoritySecret, pluggedAuthoritySecret } from '../../../templates/index.ts';

/**
 * Opens the authority that is in the namespace, or makes it. Throws CertificateError that names the
 * Secret and what to do.
 */
export async function loadClusterAuthority(
  client: ApiClient,
  { namespace, trustDomain, now }: { readonly namespace: string; readonly trustDomain: string; readonly now: Date },
): Promise<Authority> {
  const plugged = await client.get(resources.Secret, namespace, pluggedAuthoritySecret);
  if (plugged !== undefined) return openSecret(plugged, { trustDomain, now });
  const own = await client.get(resources.Secret, namespace, authoritySecret);
  if (own !== undefined) return openSecret(own, { trustDomain, now });
  const created = await createAuthority({ trustDomain, now });
  try {
    await client.create(resources.Secret, formatSecret(namespace, created.pems));
    return created;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 409) throw error;
  }
  const winner = await client.get(resources.Secret, namespace, authoritySecret);
  if (winner !== undefined) return openSecret(winner, { trustDomain, now });
  throw new CertificateError(
    'AuthorityUnreadable',
    `the Secret ${namespace}/${authoritySecret} was there and is gone; try again`,
  );
}

function formatSecret(namespace: string, { rootCert, caCert, caKey }: AuthorityPems): KubernetesObject {
  return {
    metadata: { name: authoritySecret, namespace, labels: { 'app.kubernetes.io/managed-by': 'cairn' } },
    type: 'istio.io/ca-root',
    stringData: { 'root-cert.pem': rootCert, 'ca-cert.pem': caCert, 'ca-key.pem': caKey },
  };
}

function openSecret(secret: KubernetesObject, input: { readonly trustDomain: string; readonly now: Date }): Authority {
  const place = `the Secret ${secret.metadata.namespace ?? ''}/${secret.metadata.name}`;
  const data = (secret['data'] ?? {}) as Readonly<Record<string, string>>;
  const read = (key: string): string | undefined =>
    data[key] === undefined || data[key] === '' ? undefined : Buffer.from(data[key], 'base64').toString('utf8');
  const signer = read('ca-cert.pem');
  const caKey = read('ca-key.pem');
  // A self-signed authority is its own root, and has no chain.
  const rootCert = read('root-cert.pem') ?? signer;
  if (signer === undefined || caKey === undefined || rootCert === undefined) {
    const message = `${place} lacks ${signer === undefined ? 'ca-cert.pem' : 'ca-key.pem'}`;
    throw new CertificateError(
      'AuthorityIncomplete',
      `${message}; put it there, or delete the Secret to have a new authority made`,
    );
  }
  const caCert = withChain(signer, read('cert-chain.pem'));
  try {
    return openAuthority({ ...input, pems: { rootCert, caCert, caKey } });
  } catch (cause) {
    if (!(cause instanceof CertificateError)) throw cause;
    throw new CertificateError(
      cause.code,
      `${place}: ${cause.message}; correct it, or delete it to have a new authority made`,
      cause,
    );
  }
}

/** Istio's chain file repeats the signing certificate or begins after it. */
function withChain(signer: string, chain: string | undefined): string {
  if (chain === undefined) return signer;
  return chain.trim().startsWith(signer.trim()) ? chain : `${signer.trimEnd()}\n${chain}`;
}
