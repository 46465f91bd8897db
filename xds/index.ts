// The door of the xds room: a cache of encoded resources, and the server that sends it to proxies.

export type { Node } from './messages.ts';
export { type Admission, type Peer, XdsServer, type XdsServerOptions } from './server.ts';
export type { SyncState } from './session.ts';
export { type ResourceName, SnapshotCache, type SnapshotChange } from './snapshot-cache.ts';
export type { ProxyStatus, ProxyTypeStatus } from './stream.ts';
export type { Nack } from './subscription.ts';
