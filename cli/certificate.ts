// `cairn certificate`: a client certificate of a run's own authority, for people and tests.

import { resolve } from 'node:path';
import { formatIdentity, loadOrCreateAuthority } from '../certificates/index.ts';
import { lastTrustDomain, statePaths } from '../gateway-controller/index.ts';

import { writeCertificate } from './certificate-files.ts';
import { CommandError, exitCodes } from './io.ts';
import type { ExitCode, Io } from './io.ts';

/** The options of `cairn certificate`. */
export interface CertificateOptions {
  /** `namespace/name` */
  readonly serviceAccount: string;
  readonly out: string;
  readonly state: string;
  /** Milliseconds. */
  readonly ttl: number;
}

/**
 * Writes cert-chain.pem, key.pem and root-cert.pem. It needs the authority's key in the state
 * directory.
 */
export async function runCertificate(options: CertificateOptions, io: Io): Promise<ExitCode> {
  const [namespace, serviceAccount, ...rest] = options.serviceAccount.split('/');
  if (namespace === undefined || serviceAccount === undefined || rest.length > 0) {
    throw new CommandError(`--service-account must be NAMESPACE/NAME, not ${options.serviceAccount}`);
  }
  const trustDomain = await lastTrustDomain(statePaths(options.state));
  const identity = formatIdentity({ trustDomain, namespace, serviceAccount });
  const authority = await loadOrCreateAuthority(statePaths(options.state).authority, { trustDomain, now: new Date() });
  await writeCertificate(resolve(options.out), { authority, identity, ttlSeconds: options.ttl / 1000 });
  io.stdout.write(`${identity} in ${resolve(options.out)}\n`);
  return exitCodes.success;
}
