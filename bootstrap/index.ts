// The door of `bootstrap/`: the start-up configuration of a proxy.

export { renderBootstrap, runtimeKeys } from './bootstrap.ts';
export type { AdminAddress, BootstrapInput, ProxyRole, SocketAddress } from './input.ts';
export { ownCertificateSecret, rootSecret } from './names.ts';
