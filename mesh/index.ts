// The door of `mesh`: the vocabulary of the configuration, its readers, and the store that answers
// questions about it.

export { formatPath } from './finding.ts';
export type { FieldPath, Finding, FindingCode, PlacedFinding, Position, Severity } from './finding.ts';
export { serviceAccountOf } from './account.ts';
export { isDeepEqual } from './equality.ts';
export { formatRef, refOf } from './metadata.ts';
export type { ObjectMeta, ObjectRef } from './metadata.ts';
export type { AnyMeshObject, MeshObject } from './object.ts';
export { definitionOf, isKind, kindNames } from './kinds/table.ts';
export type * from './kinds/table.ts';
export { listApiKinds } from './kinds/bystanders.ts';
export type { BystanderName, DefinitionWithApi } from './kinds/bystanders.ts';
export { formatAccountKey, formatLabelKey, formatParentKey } from './kinds/keys.ts';
export { defaultMeshSettings, readPathNormalization } from './settings.ts';
export type { MachineAddresses, MeshSettings, PathNormalization } from './settings.ts';
export type { MeshSnapshot, QueryKey } from './snapshot.ts';
export { kindOfQuery, parseGetKey, ReaderIndex, trackReads } from './query.ts';
export { compareObjects, MeshStore } from './store.ts';
export type { MeshChange } from './store.ts';
export { formatServiceHost, isHostMatch, isWildcardHost, resolveHost } from './host.ts';
export { formatProtoDuration, parseDuration } from './duration.ts';
export * from './labels.ts';
export {
  combineManifests,
  failClosed,
  comparePlaces,
  formatPosition,
  parseManifest,
  placeFindings,
  unreadableManifest,
} from './reading/manifest.ts';
export { ManifestSet } from './reading/manifest-set.ts';
export type { CombinedManifests, Locate, ParsedManifest } from './reading/manifest.ts';
export {
  type AddressBits,
  type AddressRange,
  coversRange,
  formatAddress,
  formatAddressBits,
  formatHostPort,
  isIpAddress,
  isIpRange,
  isUnixAddress,
  parseAddressBits,
  parseAddressRange,
  splitHostPort,
  splitRange,
} from './address.ts';
export {
  formatIdentity,
  identityScheme,
  namespacePrefix,
  parseIdentity,
  trustDomainPrefix,
  type WorkloadIdentity,
} from './identity.ts';
export { findMeshConfig, meshConfigMap } from './reading/mesh-config.ts';
export { readObject } from './reading/object.ts';
export { closedMesh, describeStandIn } from './reading/stand-in.ts';
export type { StandIn } from './reading/stand-in.ts';
export { makesPods } from './reading/workloads.ts';
