// The one error type of this room: every failure has a code that a server can map to a status and a person can look up.

/** What went wrong with an authority, a certificate, a token or a certificate request. */
export type CertificateErrorCode =
  | 'AuthorityIncomplete'
  | 'AuthorityUnreadable'
  | 'AuthorityInvalid'
  | 'AuthorityExpired'
  | 'KeyMismatch'
  | 'IdentityInvalid'
  | 'RequestInvalid'
  | 'TtlInvalid'
  | 'TokenInvalid'
  | 'TokenExpired'
  | 'TokenAudience'
  | 'Unauthenticated'
  | 'PermissionDenied'
  | 'Unavailable';

/** A failure of the world outside (files, requests, tokens), never of this code. */
export class CertificateError extends Error {
  readonly code: CertificateErrorCode;

  constructor(code: CertificateErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CertificateError';
    this.code = code;
  }
}
