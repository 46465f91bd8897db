// The door of the generator: configuration in, Envoy resources and Findings out; or the model of a
// waypoint, for other readers.

export { formatProxyKey, Generator } from './incremental/generator.ts';
export type { GeneratorUpdate } from './incremental/generator.ts';
export type { ResourceChanges, ResourceKey } from './incremental/served-resources.ts';
export { analyzeCandidate } from './analyze/candidate.ts';
export { analyzeMesh, listWaypoints, resolveWaypoint, translateWaypoint } from './whole/waypoint.ts';
export type { Translation } from './whole/waypoint.ts';
export { judgeBinding, requestedWaypoint } from './resolve/waypoint/binding.ts';
export { findBoundWorkloads } from './resolve/waypoint/served.ts';
export { gatewayProblem, isOfRevision, isWaypoint, resolveGateway } from './resolve/waypoint/gateway.ts';
export type { GatewayKey } from './resolve/waypoint/gateway.ts';
export { listKeySources } from './resolve/authentication/key-source.ts';
export type { KeySource } from './resolve/authentication/key-source.ts';
export { readKeys } from './resolve/authentication/jwks.ts';
export { resolvePolicyStatus, resolvePolicyStatuses } from './analyze/ancestors.ts';
export { listRuleWaypoints } from './resolve/waypoint/rule-waypoints.ts';
export { resolveRouteStatus, resolveRouteStatuses } from './resolve/gateway-route/route-status.ts';
export type { RouteCondition, RouteParentStatus, RouteStatus } from './resolve/gateway-route/route-status.ts';
export { translateNode } from './whole/node.ts';
export { judgement } from './model/judgement.ts';
export type * from './model/access-log.ts';
export type * from './model/authentication.ts';
export type * from './model/authorization.ts';
export type * from './model/cluster.ts';
export type * from './model/condition.ts';
export type * from './model/connect.ts';
export type * from './model/direct.ts';
export type * from './model/frontend.ts';
export type * from './model/http-route.ts';
export type * from './model/judgement.ts';
export type * from './model/tcp-route.ts';
export type * from './model/waypoint.ts';
