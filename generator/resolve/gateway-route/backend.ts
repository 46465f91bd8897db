// Backend references of routes: the cluster of each, or the reason why there is none. A reference
// into another namespace needs that namespace's consent, since the destination's policies do not
// judge requests that go on from a waypoint.

import {
  type BackendObjectRef,
  type FieldPath,
  type FindingCode,
  gatewayGroup,
  isCoreGroup,
  networkingGroup,
} from '../../../mesh/index.ts';
import type { ClusterKey } from '../../model/cluster.ts';
import { isServedBy } from '../waypoint/served.ts';
import { findService, type ResolvedService, serviceHost } from '../service/service.ts';
import { isExportedTo } from '../waypoint/visibility.ts';
import { type ReferenceReason, reportProblem, type RouteContext } from './context.ts';

/**
 * The cluster of a backend; undefined, and reported, when there is none. `consequence` completes
 * "…, so".
 */
export function resolveBackendRef(
  context: RouteContext,
  backend: BackendObjectRef,
  path: FieldPath,
  consequence: string,
  level: ClusterKey['protocol'] = 'http',
): ClusterKey | undefined {
  const fail = (code: FindingCode, reason: ReferenceReason, field: FieldPath, message: string, hint: string): void =>
    reportProblem(context, { code, reason, path: [...path, ...field], message, consequence }, hint);
  const service = findBackend(context, backend, fail);
  if (service === undefined) return undefined;
  if (!isPermitted(context, backend, service)) {
    const { kind, metadata } = context.route;
    fail(
      'ReferenceNotPermitted',
      'RefNotPermitted',
      backend.namespace === undefined ? ['name'] : ['namespace'],
      `backendRef ${backend.name}/${service.namespace} not accessible to a ${kind} in namespace "${metadata.namespace}" (missing a ReferenceGrant?)`,
      `write a ReferenceGrant in namespace ${service.namespace} from ${kind}s of namespace ${metadata.namespace} to ${service.object.kind} ${service.name}`,
    );
    return undefined;
  }
  if (backend.port === undefined) {
    const known = service.ports.map(({ number }) => number).join(', ');
    fail(
      'MissingField',
      'InvalidDestination',
      [],
      'port is required in backendRef',
      `ports of "${service.host}": ${known}`,
    );
    return undefined;
  }
  const port = service.ports.find(({ number, protocol }) => number === backend.port && protocol !== 'udp');
  if (port === undefined) {
    const known = service.ports.map(({ number }) => number).join(', ');
    fail(
      'PortNotFound',
      'BackendNotFound',
      ['port'],
      `backend(${service.host}) has no port ${backend.port}`,
      `ports of the service: ${known}`,
    );
    return undefined;
  }
  return {
    owned: isServedBy(context.mesh, context.gateway, service),
    host: service.host,
    port: port.number,
    // A sniffed port has a cluster for each.
    protocol: port.protocol === 'tcp' || (port.protocol === 'auto' && level === 'tcp') ? 'tcp' : 'http',
  };
}

/**
 * The service that a reference names: a Service by name, or any service by its host (Istio's kind
 * `Hostname`).
 */
function findBackend(
  { mesh, route, gateway }: RouteContext,
  { group = '', kind = 'Service', namespace, name }: BackendObjectRef,
  fail: (code: FindingCode, reason: ReferenceReason, field: FieldPath, message: string, hint: string) => void,
): ResolvedService | undefined {
  const isHostname = group === networkingGroup && kind === 'Hostname';
  if (!isHostname && (!isCoreGroup(group) || kind !== 'Service')) {
    fail(
      'InvalidValue',
      'InvalidKind',
      ['kind'],
      `referencing unsupported backendRef: group "${group}" kind "${kind}"`,
      `name a Service, or a ServiceEntry by its host: {group: ${networkingGroup}, kind: Hostname, name: <host>}`,
    );
    return undefined;
  }
  if (isHostname && namespace !== undefined) {
    const message = 'namespace may not be set with Hostname type';
    fail('InvalidValue', 'InvalidDestination', ['namespace'], message, 'remove the namespace');
    return undefined;
  }
  if (!isHostname && name.includes('.')) {
    const message = 'service name invalid; the name of the Service must be used, not the hostname.';
    const hint = `write the name alone, and its namespace in \`namespace\``;
    fail('InvalidValue', 'InvalidDestination', ['name'], message.replace(/\.$/, ''), hint);
    return undefined;
  }
  const own = route.metadata.namespace;
  const host = isHostname ? name.toLowerCase() : serviceHost(namespace ?? own, name, mesh.settings.clusterDomain);
  // A cluster of the waypoint is made from the objects that its own namespace sees.
  const service = findService(mesh, host, gateway.namespace);
  const isVisible =
    service?.object.kind !== 'ServiceEntry' || isExportedTo(service.object.spec.exportTo, service.namespace, own);
  if (service !== undefined && isVisible && (isHostname || service.object.kind === 'Service')) return service;
  const hint = isHostname
    ? 'name the host of a ServiceEntry that is exported to this namespace'
    : 'create the Service, or name one that exists; `namespace` is the namespace of the route unless given';
  fail('HostNotFound', 'BackendNotFound', ['name'], `backend(${host}) not found`, hint);
  return undefined;
}

/**
 * Whether a route may send to a service: its own namespace's, its parent, a ServiceEntry exported
 * to it, or one with a grant.
 */
function isPermitted(
  { mesh, route, service: parent }: RouteContext,
  backend: BackendObjectRef,
  service: ResolvedService,
): boolean {
  const { namespace } = route.metadata;
  if (service.namespace === namespace || service.object.kind === 'ServiceEntry') return true;
  if (parent.object.kind === 'Service' && parent.namespace === service.namespace && parent.name === service.name) {
    return true;
  }
  return mesh
    .find('ReferenceGrant/namespace', service.namespace)
    .some(
      ({ spec }) =>
        spec.from.some(
          (from) => from.group === gatewayGroup && from.kind === route.kind && from.namespace === namespace,
        ) &&
        spec.to.some(
          (to) => isCoreGroup(to.group) && to.kind === 'Service' && (to.name === undefined || to.name === service.name),
        ),
    );
}
