// The door of the generator: configuration in, Envoy resources and Findings out.

export { formatProxyKey, Generator } from './generator.ts';
export type { GeneratorUpdate } from './generator.ts';
export type { ResourceChanges, ResourceKey } from './waypoint-state.ts';
export { analyzeCandidate } from './candidate-analysis.ts';
export { analyzeMesh, listWaypoints, translateWaypoint } from './translation.ts';
export type { Translation } from './translation.ts';
export { inlineResources } from './static-form.ts';
export type { SecretFiles, StaticResources } from './static-form.ts';
export {
  findBoundWorkloads,
  gatewayProblem,
  isOfRevision,
  isWaypoint,
  requestedWaypoint,
  resolveBinding,
  resolveGateway,
} from './resolve/binding.ts';
export type { GatewayKey } from './resolve/binding.ts';
export { listKeySources } from './resolve/authentication/key-source.ts';
export type { KeySource } from './resolve/authentication/key-source.ts';
export { readKeys } from './resolve/authentication/jwks.ts';
export { resolveBackendTlsStatus, resolveBackendTlsStatuses } from './resolve/backend-tls-status.ts';
export type { BackendTlsStatus, PolicyCondition } from './resolve/backend-tls-status.ts';
export { listRuleWaypoints } from './resolve/rule-waypoints.ts';
export { resolveRouteStatus, resolveRouteStatuses } from './resolve/route-status.ts';
export type { RouteCondition, RouteParentStatus, RouteStatus } from './resolve/route-status.ts';
export { translateNode } from './node-translation.ts';
