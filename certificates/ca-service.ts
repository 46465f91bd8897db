// The certificate service on gRPC. It authenticates the caller by its token, decides which identity
// the caller may have, and issues the certificate. The caller has no certificate yet, so it has
// only the token, which travels over TLS that the client verifies. The service reads nothing else
// of a call before the token is found good.

import {
  Server,
  status,
  type handleUnaryCall,
  type sendUnaryData,
  type ServerCredentials,
  type ServerUnaryCall,
  type StatusObject,
} from '@grpc/grpc-js';
import type { Authority } from './authority.ts';
import {
  createCertificateMethod,
  decodeCertificateRequest,
  impersonatedIdentity,
  type CertificateRequest,
  type CertificateResponse,
} from './ca-protocol.ts';
import { CertificateError, type CertificateErrorCode } from './error.ts';
import { parseIdentity, type WorkloadIdentity } from '../mesh/identity.ts';
import { formatIdentity } from './identity.ts';

/** The caller, and the node that it runs on if its token says so. */
export interface CallerIdentity extends WorkloadIdentity {
  readonly nodeName?: string;
}

/** The functions that the server uses. */
export interface CertificateServerOptions {
  readonly authority: Authority;
  /**
   * Rejects when the token is not good (`Unavailable` as code of a CertificateError: could not be
   * checked now).
   */
  readonly authenticate: (token: string) => Promise<CallerIdentity>;
  /** Whether the caller may have a certificate of another identity. */
  readonly mayImpersonate: (caller: CallerIdentity, identity: WorkloadIdentity) => boolean | Promise<boolean>;
  readonly now?: () => Date;
  /** Called for every answer; never with a token or key. */
  readonly log?: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

const statusByCode: Readonly<Partial<Record<CertificateErrorCode, status>>> = {
  Unauthenticated: status.UNAUTHENTICATED,
  PermissionDenied: status.PERMISSION_DENIED,
  IdentityInvalid: status.PERMISSION_DENIED,
  RequestInvalid: status.INVALID_ARGUMENT,
  TtlInvalid: status.INVALID_ARGUMENT,
  Unavailable: status.UNAVAILABLE,
};

/** A request for a certificate is a page of text. */
const maximumRequestBytes = 65_536;
/** A caller needs one call at a time, and no connection in between; milliseconds. */
const callsPerConnection = 16;
const idleMs = 60_000;

type Call = ServerUnaryCall<Uint8Array, CertificateResponse>;

/** The method with requests that stay bytes until their sender is known. */
const method = { ...createCertificateMethod, requestDeserialize: (bytes: Uint8Array): Uint8Array => bytes };

/** Serves Istio's `CreateCertificate`. */
export class CertificateServer {
  readonly #options: CertificateServerOptions;
  #server: Server | undefined;

  constructor(options: CertificateServerOptions) {
    this.#options = options;
  }

  /** Listens on `host:port` (or `unix:path`) and resolves to the port; port 0 takes a free one. */
  async start(address: string, credentials: ServerCredentials): Promise<number> {
    const server = new Server({
      'grpc.max_receive_message_length': maximumRequestBytes,
      'grpc.max_concurrent_streams': callsPerConnection,
      'grpc.max_connection_idle_ms': idleMs,
    });
    this.addTo(server);
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.bindAsync(address, credentials, (error, port) => (error === null ? resolve(port) : reject(error)));
    });
  }

  /** Adds the service to another server, which begins and ends it. */
  addTo(server: Server): void {
    const handler: handleUnaryCall<Uint8Array, CertificateResponse> = (call, callback) => {
      void this.#reply(call, callback);
    };
    server.addService({ createCertificate: method }, { createCertificate: handler });
  }

  /** Lets calls in flight finish for a second, then closes everything. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => server.forceShutdown(), 1000);
      server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  async #reply(call: Call, callback: sendUnaryData<CertificateResponse>): Promise<void> {
    try {
      callback(null, await this.#answer(call));
    } catch (error) {
      callback(this.#refusal(error, call.getPeer()));
    }
  }

  async #answer(call: Call): Promise<CertificateResponse> {
    const { authority, now = () => new Date() } = this.#options;
    const caller = await this.#authenticate(call);
    const request = readRequest(call.request);
    const identity = await this.#identityFor(caller, request.metadata[impersonatedIdentity]);
    const certificateChain = await authority.issue({
      identity,
      csr: request.csr,
      ttlSeconds: request.validitySeconds,
      now: now(),
    });
    this.#options.log?.('certificate issued', { identity, caller: formatIdentity(caller) });
    return { certificateChain };
  }

  async #authenticate(call: Call): Promise<CallerIdentity> {
    const values = call.metadata.get('authorization');
    const match = /^Bearer ([\x21-\x7e]+)$/i.exec(values.length === 1 ? String(values[0]) : '');
    if (match === null) throw new CertificateError('Unauthenticated', 'exactly one bearer token is needed');
    try {
      return await this.#options.authenticate(match[1] ?? '');
    } catch (cause) {
      if (cause instanceof CertificateError && cause.code === 'Unavailable') throw cause;
      const reason = cause instanceof CertificateError ? cause.message : 'the token could not be verified';
      throw new CertificateError('Unauthenticated', reason, cause);
    }
  }

  async #identityFor(caller: CallerIdentity, wanted: string | undefined): Promise<string> {
    const own = formatIdentity(caller);
    if (wanted === undefined || wanted === own) return own;
    const identity = parseIdentity(wanted);
    if (identity === undefined)
      throw new CertificateError('RequestInvalid', `${impersonatedIdentity} is not a workload identity`);
    if (await this.#options.mayImpersonate(caller, identity)) return wanted;
    throw new CertificateError('PermissionDenied', `${own} may not have a certificate of ${wanted}`);
  }

  #refusal(error: unknown, peer: string): Partial<StatusObject> {
    const known = error instanceof CertificateError ? error : undefined;
    const code = (known && statusByCode[known.code]) ?? status.INTERNAL;
    this.#options.log?.('certificate refused', { code: status[code], reason: String(error), peer });
    // Internal errors are not told to callers.
    return { code, details: code === status.INTERNAL ? 'the certificate could not be issued' : (known?.message ?? '') };
  }
}

/** The service may share a port with another whose messages are longer. */
function readRequest(bytes: Uint8Array): CertificateRequest {
  if (bytes.length > maximumRequestBytes)
    throw new CertificateError('RequestInvalid', 'the certificate request is too long');
  try {
    return decodeCertificateRequest(bytes);
  } catch (cause) {
    throw new CertificateError('RequestInvalid', 'the certificate request cannot be decoded', cause);
  }
}
