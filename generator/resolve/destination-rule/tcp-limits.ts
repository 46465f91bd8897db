// DestinationRule `connectionPool.tcp.idleTimeout` and `maxConnectionDuration`, for connections
// that are proxied as TCP. They belong to the client's connection, so the first destination of a
// route decides for all of them.

import { parseDuration } from '../../../mesh/index.ts';
import type { ClusterKey } from '../../model/cluster.ts';
import type { TcpLimits } from '../../model/tcp-route.ts';
import { findBackendService } from '../waypoint/served.ts';
import type { ResolveContext } from '../context.ts';
import { declaredSubsets, findDestinationRules } from './selection.ts';
import { withMeshPolicy } from './mesh-policy.ts';
import { resolveTrafficPolicy } from './policy.ts';
import type { GatewayKey } from '../waypoint/gateway.ts';

/** The limits of connections to a cluster; none when it is not known. */
export function resolveTcpLimits(
  { mesh }: Pick<ResolveContext, 'mesh'>,
  gateway: GatewayKey,
  cluster: ClusterKey | undefined,
): TcpLimits {
  const service = cluster === undefined ? undefined : findBackendService(mesh, gateway, cluster);
  if (cluster === undefined || service === undefined) return {};
  const rules = findDestinationRules(mesh, gateway, service);
  const declared = declaredSubsets(rules).find(({ subset }) => subset.name === cluster.subset);
  const tcp = withMeshPolicy(mesh, resolveTrafficPolicy(rules, cluster.port, declared)).connectionPool?.value.tcp;
  const idleTimeout = tcp?.idleTimeout === undefined ? undefined : parseDuration(tcp.idleTimeout);
  const maxDuration = tcp?.maxConnectionDuration === undefined ? undefined : parseDuration(tcp.maxConnectionDuration);
  return {
    ...(idleTimeout === undefined ? {} : { idleTimeout }),
    ...(maxDuration === undefined ? {} : { maxDuration }),
  };
}
