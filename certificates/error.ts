// The one error type of this room. Every failure has a code that a server can map to a status, and
// that a person can look up.

/** The code of a failure of an authority, a certificate, a token or a certificate request. */
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

/** A failure of the environment (files, requests, tokens), never of this code. */
export class CertificateError extends Error {
  readonly code: CertificateErrorCode;

  constructor(code: CertificateErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CertificateError';
    this.code = code;
  }
}
