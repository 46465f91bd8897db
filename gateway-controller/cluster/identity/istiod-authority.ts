// Beside istiod the mesh trusts istiod's certificates, so the control plane shows one of these to
// its waypoints. It asks istiod with its own token, and verifies istiod with the root that istiod
// puts into every namespace.

import { readFile } from 'node:fs/promises';
import { CertificateError, createRequest, requestCertificate } from '../../../certificates/index.ts';
import type { Authority } from '../../../certificates/index.ts';
import { resources } from '../../../kubernetes/index.ts';
import type { ApiClient } from '../../../kubernetes/index.ts';
import type { ClusterSettings } from '../cluster-settings.ts';
import { rootConfigMap, rootKey } from './root-certificates.ts';
import { splitHostPort } from '../../../mesh/index.ts';

/** The mounted token, unless the settings name another. */
const defaultTokenFile = '/var/run/secrets/tokens/istio-token';

/** An issuer of certificates to us: the part of an authority that its clients see. */
export type CertificateIssuer = Pick<Authority, 'issue' | 'rootPem'>;

/**
 * Reads the root; the issuer asks istiod at each call. Throws CertificateError `Unavailable` while
 * there is no root.
 */
export async function openIstiodAuthority(
  client: ApiClient,
  { namespace, ca }: Pick<ClusterSettings, 'namespace' | 'ca'>,
): Promise<CertificateIssuer> {
  let rootPem = await readRoot(client, namespace);
  return {
    get rootPem() {
      return rootPem;
    },
    issue: async ({ csr, ttlSeconds = 0 }) => {
      rootPem = await readRoot(client, namespace);
      const token = await readFile(ca.tokenFile ?? defaultTokenFile, 'utf8').catch((cause: unknown) => {
        throw new CertificateError('Unavailable', 'the token for istiod cannot be read', cause);
      });
      const chain = await requestCertificate({
        address: ca.address,
        rootPem,
        serverName: ca.serverName ?? splitHostPort(ca.address)?.host ?? ca.address,
        token: token.trim(),
        csrPem: typeof csr === 'string' ? csr : createRequest(csr),
        ttlSeconds,
      });
      return [...chain];
    },
  };
}

async function readRoot(client: ApiClient, namespace: string): Promise<string> {
  const found = await client.get(resources.ConfigMap, namespace, rootConfigMap);
  const text = (found?.['data'] as Readonly<Record<string, string>> | undefined)?.[rootKey];
  if (text !== undefined) return text;
  throw new CertificateError('Unavailable', `there is no ConfigMap ${namespace}/${rootConfigMap} of istiod yet`);
}
