// The Findings about a VirtualService on its own.

import type { ResolveContext } from '../resolve/context.ts';
import type { PortProtocol } from '../resolve/service/protocol.ts';
import { findService, type ResolvedService } from '../resolve/service/service.ts';
import { reportNeverMatches } from '../resolve/virtual-service/never.ts';
import { isBoundToMesh } from '../resolve/virtual-service/selection.ts';
import { requestedWaypoint } from '../resolve/waypoint/binding.ts';
import { resolveGateway } from '../resolve/waypoint/gateway.ts';
import { isExportedTo } from '../resolve/waypoint/visibility.ts';
import { isWildcardHost, type MeshObject, refOf, resolveHost } from '../../mesh/index.ts';
import { findHost } from './host.ts';
import type { KindAnalysis } from './analysis.ts';
import { destination } from './fields/patterns.ts';

export const virtualService: KindAnalysis<'VirtualService'> = {
  fields: {
    applied: [
      'hosts[]',
      'gateways[]',
      'exportTo[]',
      'http[].name',
      ...['uri', 'scheme', 'method', 'authority', 'headers', 'withoutHeaders', 'queryParams'].map(
        (field) => `http[].match[].${field}.**`,
      ),
      ...['name', 'port', 'gateways[]', 'ignoreUriCase', 'sourceNamespace'].map((field) => `http[].match[].${field}`),
      ...destination('http[].route[].destination'),
      'http[].route[].weight',
      'http[].route[].headers.**',
      'http[].redirect.**',
      'http[].directResponse.**',
      'http[].rewrite.**',
      'http[].timeout',
      'http[].retries.**',
      ...['fixedDelay', 'percentage.value', 'percent'].map((field) => `http[].fault.delay.${field}`),
      ...['httpStatus', 'grpcStatus', 'percentage.value'].map((field) => `http[].fault.abort.${field}`),
      ...destination('http[].mirror'),
      'http[].mirrorPercent',
      'http[].mirrorPercentage.value',
      ...destination('http[].mirrors[].destination'),
      'http[].mirrors[].percentage.value',
      'http[].corsPolicy.**',
      'http[].headers.**',
      'http[].delegate.name',
      'http[].delegate.namespace',
      ...['tcp', 'tls'].flatMap((level) => [
        ...['port', 'gateways[]', 'sourceNamespace', 'destinationSubnets[]'].map(
          (field) => `${level}[].match[].${field}`,
        ),
        ...destination(`${level}[].route[].destination`),
        `${level}[].route[].weight`,
      ]),
      'tcp[].match[].sourceSubnet',
      'tls[].match[].sniHosts[]',
    ],
    reported: ['http', 'tcp', 'tls'].map((level) => `${level}[].match[].sourceLabels.*`),
  },
  report: analyzeVirtualService,
  services: (mesh, { metadata: { namespace }, spec }) =>
    (spec.hosts ?? []).flatMap(
      (host) => findService(mesh, resolveHost(host, namespace, mesh.settings.clusterDomain), namespace) ?? [],
    ),
};

function analyzeVirtualService(context: ResolveContext, object: MeshObject<'VirtualService'>): void {
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
