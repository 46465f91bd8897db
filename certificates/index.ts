// The door of `certificates/`: identities, the authority, tokens, and Istio's certificate service,
// client and server.

export { Alarm, isOver, longestWaitMs } from './alarm.ts';
export { CertificateError, type CertificateErrorCode } from './error.ts';
export { formatIdentity } from './identity.ts';
export { createPrivateKey, createRequest, formatPrivateKey } from './request.ts';
export { createAuthority, openAuthority, type Authority, type AuthorityPems, type IssueInput } from './authority.ts';
export { loadOrCreateAuthority } from './authority-files.ts';
export { createTokenSigner, type TokenSigner, type TokenSubject } from './tokens.ts';
export { CertificateServer, type CallerIdentity, type CertificateServerOptions } from './ca-service.ts';
export { requestCertificate, type CertificateCall } from './ca-client.ts';
export { makeFolder, syncFolder, writeDurably } from './folder.ts';
