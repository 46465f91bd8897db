// What there is to say about a VirtualService on its own.

import type { ResolveContext } from '../resolve/context.ts';
import type { PortProtocol } from '../resolve/service/protocol.ts';
import type { ResolvedService } from '../resolve/service/service.ts';
import { reportNeverMatches } from '../resolve/virtual-service/never.ts';
import { isBoundToMesh } from '../resolve/virtual-service/selection.ts';
import { requestedWaypoint } from '../resolve/waypoint/binding.ts';
import { resolveGateway } from '../resolve/waypoint/gateway.ts';
import { isExportedTo } from '../resolve/waypoint/visibility.ts';
import { isWildcardHost, type MeshObject, refOf } from '../../mesh/index.ts';
import { findHost } from './host.ts';

export function analyzeVirtualService(context: ResolveContext, object: MeshObject<'VirtualService'>): void {
  const { hosts = [], gateways } = object.spec;
  if (!isBoundToMesh(gateways)) return;
  reportNeverMatches(context, object);
  if (hosts.length === 0) return reportUndelegated(context, object);
  for (const [index, host] of hosts.entries()) {
    if (isWildcardHost(host)) continue;
    const service = findHost(context, object, host, ['spec', 'hosts', index]);
    if (service !== undefined) reportUnserved(context, object, service, ['spec', 'hosts', index]);
  }
}

function reportUndelegated(context: ResolveContext, object: MeshObject<'VirtualService'>): void {
  const { namespace, name } = object.metadata;
  if (context.mesh.find('VirtualService/delegate', `${namespace}/${name}`).length > 0) return;
  context.report({
    code: 'MissingField',
    severity: 'warning',
    ref: refOf(object),
    path: ['spec', 'hosts'],
    message: 'without hosts a VirtualService has no effect of its own, and no other one delegates to it',
    hint: 'name the hosts that the rules are for, or delegate to it',
  });
}

function reportUnserved(
  context: ResolveContext,
  object: MeshObject<'VirtualService'>,
  service: ResolvedService,
  path: readonly (string | number)[],
): void {
  const { mesh } = context;
  const key = requestedWaypoint(mesh, service.object);
  const gateway = key === undefined ? undefined : resolveGateway(mesh, key);
  const { namespace } = object.metadata;
  if (gateway === undefined) {
    context.report({
      code: 'NotServed',
      severity: 'warning',
      ref: refOf(object),
      path,
      message: `no waypoint serves "${service.host}", so these rules have no effect`,
      hint: `label Service ${service.namespace}/${service.name} with istio.io/use-waypoint`,
    });
  } else if (namespace !== service.namespace && namespace !== gateway.namespace) {
    context.report({
      code: 'NotServed',
      severity: 'warning',
      ref: refOf(object),
      path,
      message: `only VirtualServices of namespace ${service.namespace} (the service's) or ${gateway.namespace} (its waypoint's) apply to "${service.host}", so these rules have no effect`,
      hint: `move the VirtualService to namespace ${service.namespace}`,
    });
  } else if (!isExportedTo(object.spec.exportTo, namespace, gateway.namespace)) {
    context.report({
      code: 'NotServed',
      severity: 'warning',
      ref: refOf(object),
      path: ['spec', 'exportTo'],
      message: `the rules are not exported to namespace ${gateway.namespace}, where the waypoint of "${service.host}" is, so they have no effect`,
      hint: `add ${gateway.namespace} to exportTo, or leave it out`,
    });
  } else if (object.spec.http !== undefined && service.ports.every(({ protocol }) => !isHttp(protocol))) {
    context.report({
      code: 'NotServed',
      severity: 'warning',
      ref: refOf(object),
      path,
      message: `no port of "${service.host}" is HTTP, so the http rules have no effect`,
      hint: 'give HTTP ports a name that begins with http, http2 or grpc',
    });
  } else if (
    (object.spec.tcp ?? object.spec.tls) !== undefined &&
    service.ports.every(({ protocol }) => protocol !== 'tcp' && protocol !== 'auto')
  ) {
    context.report({
      code: 'NotServed',
      severity: 'warning',
      ref: refOf(object),
      path,
      message: `no port of "${service.host}" is TCP, so the tcp and tls rules have no effect`,
      hint: 'write http rules, or give TCP ports a name that begins with tcp or tls',
    });
  }
}

function isHttp(protocol: PortProtocol): boolean {
  return protocol !== 'tcp' && protocol !== 'udp';
}
