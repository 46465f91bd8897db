// What there is to say about each object on its own, whether or not a waypoint ever looks at it: the questions that configuration
// which silently does nothing would otherwise leave open.

import {
  exportToAnnotation,
  type FieldPath,
  type FindingCode,
  formatRef,
  isWildcardHost,
  type Kind,
  type MeshObject,
  type ObjectRef,
  refOf,
  resolveHost,
  listenAddressAnnotation,
  waypointForLabel,
} from '../../mesh/index.ts';
import { reportEmptyAuthentication } from '../resolve/authentication/authentication.ts';
import { reportNeverAccepted } from '../resolve/authentication/never.ts';
import { reportAccessLog } from '../resolve/frontend/access-log.ts';
import { isSharedAbroad, reportLostAddresses } from '../resolve/service/address-book.ts';
import { reportBackendTls } from '../resolve/backend/backend-tls.ts';
import { reportNeverMatching, reportPolicyAttachment } from '../resolve/authorization/authorization.ts';
import {
  gatewayProblem,
  isWaypoint,
  listenAddressOf,
  reportLostHost,
  requestedWaypoint,
  resolveBinding,
  resolveGateway,
} from '../resolve/waypoint/binding.ts';
import type { ResolveContext } from '../resolve/context.ts';
import { declaredSubsets, findDestinationRules } from '../resolve/destination-rule/selection.ts';
import { reportDestinationRuleFields, reportMissingPorts } from '../resolve/destination-rule/report.ts';
import { reportRefusedAddresses, reportResolution } from '../resolve/backend/discovery.ts';
import { resolveEndpoints } from '../resolve/endpoint/endpoints.ts';
import { reportUnsupportedFields } from '../resolve/fields/catalogue.ts';
import { reportRouteAttachment } from '../resolve/gateway-route/analysis.ts';
import type { PortProtocol } from '../resolve/service/protocol.ts';
import { reportNeverMatches } from '../resolve/virtual-service/never.ts';
import { findService, type ResolvedService, resolveServices } from '../resolve/service/service.ts';
import { isBoundToMesh } from '../resolve/virtual-service/selection.ts';
import { isExportedTo } from '../resolve/waypoint/visibility.ts';
import { reportWorkloadAddress } from '../resolve/endpoint/workload-address.ts';
import { reportWrittenValues } from '../resolve/fields/written-values.ts';

/** The kinds whose objects are reported on by themselves. */
export const analyzedKinds: readonly AnalyzedKind[] = [
  'AuthorizationPolicy',
  'BackendTLSPolicy',
  'DestinationRule',
  'Gateway',
  'GatewayClass',
  'GRPCRoute',
  'HTTPRoute',
  'MeshConfig',
  'RequestAuthentication',
  'Service',
  'ServiceEntry',
  'TCPRoute',
  'TLSRoute',
  'VirtualService',
  'WorkloadEntry',
];

type AnalyzedKind = Exclude<Kind, 'ConfigMap' | 'JwksDocument' | 'Namespace' | 'ReferenceGrant'>;

/** Reports on every object of a configuration. */
export function analyzeObjects(context: ResolveContext): void {
  for (const kind of analyzedKinds) for (const object of context.mesh.list(kind)) analyzeObject(context, refOf(object));
}

/** Whether objects of a kind are reported on by themselves. */
export function isAnalyzedKind(kind: string): kind is AnalyzedKind {
  return analyzedKinds.some((known) => known === kind);
}

/** Reports on one object, named by its reference; nothing when it is gone. */
export function analyzeObject(context: ResolveContext, { kind, namespace, name }: ObjectRef): void {
  if (!isAnalyzedKind(kind)) return;
  const object = context.mesh.get(kind, namespace, name);
  if (object === undefined) return;
  if (isOurs(context, object)) {
    reportUnsupportedFields(context, object);
    reportWrittenValues(context, object);
  }
  switch (kind) {
    case 'AuthorizationPolicy':
      reportNeverMatching(context, object as MeshObject<'AuthorizationPolicy'>);
      return reportPolicyAttachment(context, object as MeshObject<'AuthorizationPolicy'>);
    case 'MeshConfig':
      return analyzeMeshConfig(context, object as MeshObject<'MeshConfig'>);
    case 'RequestAuthentication':
      return analyzeAuthentication(context, object as MeshObject<'RequestAuthentication'>);
    case 'BackendTLSPolicy':
      return reportBackendTls(context, object as MeshObject<'BackendTLSPolicy'>);
    case 'DestinationRule':
      return analyzeDestinationRule(context, object as MeshObject<'DestinationRule'>);
    case 'Gateway':
      return analyzeGateway(context, object as MeshObject<'Gateway'>);
    case 'GRPCRoute':
    case 'HTTPRoute':
    case 'TCPRoute':
    case 'TLSRoute':
      return reportRouteAttachment(context, object as Parameters<typeof reportRouteAttachment>[1]);
    case 'Service':
    case 'ServiceEntry':
      return analyzeService(context, object as MeshObject<'Service'> | MeshObject<'ServiceEntry'>);
    case 'VirtualService':
      return analyzeVirtualService(context, object as MeshObject<'VirtualService'>);
    case 'WorkloadEntry':
      reportWorkloadAddress(context, object as MeshObject<'WorkloadEntry'>);
      return reportRefusedAddresses(context, object as MeshObject<'WorkloadEntry'>);
    case 'GatewayClass':
      return undefined;
  }
}

/** Gateways and classes of other controllers are theirs to read. */
function isOurs({ mesh }: ResolveContext, object: MeshObject): boolean {
  if (object.kind === 'Gateway') return isWaypoint(mesh, object as MeshObject<'Gateway'>);
  return (
    object.kind !== 'GatewayClass' ||
    (object as MeshObject<'GatewayClass'>).spec.controllerName === mesh.settings.waypointController
  );
}

function analyzeMeshConfig(context: ResolveContext, config: MeshObject<'MeshConfig'>): void {
  reportAccessLog(context, config);
}

function analyzeAuthentication(context: ResolveContext, object: MeshObject<'RequestAuthentication'>): void {
  reportPolicyAttachment(context, object);
  reportEmptyAuthentication(context, object);
  reportNeverAccepted(context, object);
}

function analyzeGateway(context: ResolveContext, gateway: MeshObject<'Gateway'>): void {
  if (!isWaypoint(context.mesh, gateway)) return;
  const ref = refOf(gateway);
  const asked = gateway.metadata.annotations[listenAddressAnnotation];
  if (asked !== undefined && listenAddressOf(gateway) === undefined) {
    context.report({
      code: 'InvalidValue',
      severity: 'error',
      ref,
      path: ['metadata', 'annotations', listenAddressAnnotation],
      message: `"${asked}" is no IP address, so the waypoint listens at every address`,
      hint: 'write one address, such as 127.0.0.9',
    });
  }
  const problem = gatewayProblem(gateway);
  if (problem === undefined) return;
  context.report({
    code: 'GatewayInvalid',
    severity: 'error',
    ref,
    path: ['spec', 'listeners'],
    message: problem,
    hint: 'write one listener: {name: mesh, port: 15008, protocol: HBONE}',
  });
}

function analyzeService(context: ResolveContext, service: MeshObject<'Service'> | MeshObject<'ServiceEntry'>): void {
  resolveBinding(context, service);
  reportRefusedAddresses(context, service);
  for (const each of resolveServices(service, context.mesh.settings.clusterDomain)) {
    reportLostAddresses(context, each);
    reportSharedHost(context, each);
  }
  if (service.kind === 'ServiceEntry') return reportResolution(context, service);
  reportExport(context, service);
  if (requestedWaypoint(context.mesh, service) !== undefined) reportServiceFields(context, service);
}

/** Reports that others are reached under the host of a ServiceEntry: by everybody, or by clients of other namespaces. */
function reportSharedHost(context: ResolveContext, service: ResolvedService): void {
  const { object, namespace } = service;
  if (object.kind === 'Service' || !isExportedTo(object.spec.exportTo, namespace, namespace)) return;
  const own = findService(context.mesh, service.host, service.namespace);
  if (own === undefined) return;
  if (formatRef(own.ref) !== formatRef(service.ref)) return reportLostHost(context, service, own);
  const first = findService(context.mesh, service.host);
  if (first === undefined || first.namespace === service.namespace) return;
  if (!isSharedAbroad(service) || !isSharedAbroad(first)) return;
  context.report({
    code: 'AddressConflict',
    severity: 'info',
    ref: service.ref,
    path: ['spec', 'hosts'],
    message: `"${service.host}" is ${formatRef(first.ref)} already: this declaration of it holds in namespace ${service.namespace}, and others are led to that one`,
    hint: 'set exportTo to "." where that is what is meant',
  });
}

function reportExport(context: ResolveContext, service: MeshObject<'Service'>): void {
  const value = service.metadata.annotations[exportToAnnotation];
  if (value === undefined || value.split(',').some((namespace) => namespace.trim() === '*')) return;
  context.report({
    code: 'FieldNotSupported',
    severity: 'warning',
    ref: refOf(service),
    path: ['metadata', 'annotations', exportToAnnotation],
    message: 'a waypoint serves clients and routes of every namespace, so the annotation hides nothing',
    hint: 'write an AuthorizationPolicy with the namespaces that may use the service',
  });
}

/** Reports what a Service of a waypoint asks of whoever forwards its connections, which then is the waypoint. */
function reportServiceFields(context: ResolveContext, service: MeshObject<'Service'>): void {
  const { type, clusterIP, internalTrafficPolicy, sessionAffinity, sessionAffinityConfig } = service.spec;
  const report = (code: FindingCode, field: string, message: string, hint: string): void =>
    context.report({ code, severity: 'warning', ref: refOf(service), path: ['spec', field], message, hint });
  if (clusterIP === 'None') {
    report(
      'NotServed',
      'clusterIP',
      'a headless service has no address that leads to its waypoint: clients connect to its workloads themselves',
      `leave clusterIP out, or let a waypoint labelled ${waypointForLabel}: all serve its workloads`,
    );
  }
  if (type === 'ExternalName') {
    report(
      'NotServed',
      'externalName',
      'a service of type ExternalName is a name in DNS, without an address that leads to its waypoint',
      'write a ServiceEntry with that host',
    );
  }
  if (internalTrafficPolicy === 'Local') {
    report(
      'FieldNotSupported',
      'internalTrafficPolicy',
      'a waypoint sends requests to endpoints on every node, not only on the node of the client, so this has no effect',
      'use trafficDistribution, or localityLbSetting of a DestinationRule, to prefer what is near',
    );
  }
  if (sessionAffinity !== 'ClientIP') return;
  const hint = 'write a DestinationRule with loadBalancer.consistentHash.useSourceIp: true';
  report('FieldNotSupported', 'sessionAffinity', 'a waypoint does not keep clients to an endpoint by this field', hint);
  if (sessionAffinityConfig === undefined) return;
  report('FieldNotSupported', 'sessionAffinityConfig', 'this goes with sessionAffinity, which has no effect', hint);
}

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

function findHost(
  context: ResolveContext,
  object: MeshObject<'VirtualService'> | MeshObject<'DestinationRule'>,
  host: string,
  path: readonly (string | number)[],
): ResolvedService | undefined {
  const full = resolveHost(host, object.metadata.namespace, context.mesh.settings.clusterDomain);
  const service = findService(context.mesh, full, object.metadata.namespace) ?? findService(context.mesh, full);
  if (service === undefined) {
    context.report({
      code: 'HostNotFound',
      severity: 'warning',
      ref: refOf(object),
      path,
      message: `no service has the host "${full}", so this has no effect`,
      hint: 'a name without dots is looked up in the namespace of this object; write other names in full',
    });
  }
  return service;
}

function analyzeDestinationRule(context: ResolveContext, object: MeshObject<'DestinationRule'>): void {
  const { host, subsets = [] } = object.spec;
  reportDestinationRuleFields(context, object);
  // What stands in for a rule whose host cannot be read has none; reading said so.
  if (host === '' || isWildcardHost(host)) return;
  const service = findHost(context, object, host, ['spec', 'host']);
  if (service !== undefined) {
    reportUnusedRule(context, object, service);
    reportMissingPorts(context, object, service);
  }
  const [port] = service?.ports ?? [];
  if (service === undefined || port === undefined) return;
  for (const [index, subset] of subsets.entries()) {
    if (resolveEndpoints(context, service, port, subset.labels).length > 0) continue;
    context.report({
      code: 'SubsetWithoutEndpoints',
      severity: 'warning',
      ref: refOf(object),
      path: ['spec', 'subsets', index, 'labels'],
      message: `no endpoint of "${service.host}" has these labels, so requests to subset "${subset.name}" are answered with 503`,
      hint: 'compare with the labels of the workloads',
    });
  }
}

/** Reports what other rules for the same host keep from having an effect. Rules of the root namespace are meant to be overridden. */
function reportUnusedRule(
  context: ResolveContext,
  object: MeshObject<'DestinationRule'>,
  service: ResolvedService,
): void {
  const { mesh } = context;
  const key = requestedWaypoint(mesh, service.object);
  const gateway = key === undefined ? undefined : resolveGateway(mesh, key);
  if (gateway === undefined || object.spec.workloadSelector !== undefined) return;
  const rules = findDestinationRules(mesh, gateway, service);
  const report = (path: FieldPath, reason: string, hint: string): void =>
    context.report({
      code: 'NotServed',
      severity: 'warning',
      ref: refOf(object),
      path,
      message: `${reason}, so this has no effect`,
      hint,
    });
  const merge = 'merge the rules';
  const isOwn = (rule: MeshObject<'DestinationRule'>): boolean => formatRef(refOf(rule)) === formatRef(refOf(object));
  const [first] = rules;
  if (!rules.some(isOwn)) {
    if (object.metadata.namespace === mesh.settings.rootNamespace) return;
    if (first === undefined || ![gateway.namespace, service.namespace].includes(first.metadata.namespace)) {
      const wanted = [...new Set([gateway.namespace, service.namespace])].join(' or ');
      const reason = `only DestinationRules of namespace ${wanted} that are exported to ${gateway.namespace} apply to "${service.host}"`;
      report(['spec', 'host'], reason, `move the rule to namespace ${service.namespace}`);
    } else report(['spec', 'host'], `${formatRef(refOf(first))} goes first for "${service.host}"`, merge);
    return;
  }
  const policy = rules.find(({ spec }) => spec.trafficPolicy !== undefined);
  if (policy !== undefined && object.spec.trafficPolicy !== undefined && !isOwn(policy)) {
    report(['spec', 'trafficPolicy'], `the policy of ${formatRef(refOf(policy))} goes first`, merge);
  }
  const declared = declaredSubsets(rules);
  for (const [index, { name }] of (object.spec.subsets ?? []).entries()) {
    const owner = declared.find(({ subset }) => subset.name === name)?.rule;
    if (owner === undefined || isOwn(owner)) continue;
    report(['spec', 'subsets', index], `${formatRef(refOf(owner))} declares subset "${name}" already`, merge);
  }
}
