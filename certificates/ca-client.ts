// Asks a certificate service for a certificate, as an agent does. Each call has a connection of its
// own, so that an old connection never hides a change of the service's address or certificate.

import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { createCertificateMethod, impersonatedIdentity, type CertificateResponse } from './ca-protocol.ts';
import { CertificateError, type CertificateErrorCode } from './error.ts';

/** One request for a certificate. */
export interface CertificateCall {
  /** `host:port`. */
  readonly address: string;
  /** The roots that verify the service's own certificate. */
  readonly rootPem: string;
  /** The DNS name that the service's certificate must carry. */
  readonly serverName: string;
  readonly token: string;
  readonly csrPem: string;
  readonly ttlSeconds: number;
  /** `spiffe://…` of another workload, for callers that may have it. */
  readonly impersonate?: string;
  /** 10 s by default. */
  readonly timeoutMs?: number;
}

const codeByStatus: ReadonlyMap<number, CertificateErrorCode> = new Map([
  [status.UNAUTHENTICATED, 'Unauthenticated'],
  [status.PERMISSION_DENIED, 'PermissionDenied'],
  [status.INVALID_ARGUMENT, 'RequestInvalid'],
]);

/**
 * PEM certificates: the leaf first, root bundle last. Throws CertificateError; `Unavailable` is
 * worth another try soon.
 */
export async function requestCertificate(call: CertificateCall): Promise<readonly string[]> {
  const client = new Client(call.address, credentials.createSsl(Buffer.from(call.rootPem)), {
    'grpc.ssl_target_name_override': call.serverName,
    'grpc.default_authority': call.serverName,
    'grpc.enable_retries': 0,
  });
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${call.token}`);
  const request = {
    csr: call.csrPem,
    validitySeconds: call.ttlSeconds,
    metadata: call.impersonate === undefined ? {} : { [impersonatedIdentity]: call.impersonate },
  };
  try {
    const response = await new Promise<CertificateResponse>((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = createCertificateMethod;
      const deadline = Date.now() + (call.timeoutMs ?? 10_000);
      const done = (error: ServiceError | null, value?: CertificateResponse): void =>
        value === undefined ? reject(error ?? new Error('no response')) : resolve(value);
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, { deadline }, done);
    });
    if (response.certificateChain.length < 2) {
      throw new CertificateError('Unavailable', `${call.address} answered without a leaf and a root certificate`);
    }
    return response.certificateChain;
  } catch (cause) {
    if (cause instanceof CertificateError) throw cause;
    throw asCertificateError(cause, call.address);
  } finally {
    client.close();
  }
}

function asCertificateError(cause: unknown, address: string): CertificateError {
  const grpcStatus =
    cause instanceof Error && 'code' in cause && typeof cause.code === 'number' ? cause.code : status.UNKNOWN;
  const code = codeByStatus.get(grpcStatus) ?? 'Unavailable';
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new CertificateError(code, `no certificate from ${address}: ${reason}`, cause);
}
