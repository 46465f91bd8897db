// The Findings about a Service or ServiceEntry on its own.

import { reportRefusedAddresses, reportResolution } from '../resolve/backend/discovery.ts';
import type { ResolveContext } from '../resolve/context.ts';
import { isSharedAbroad, reportLostAddresses } from '../resolve/service/address-book.ts';
import { findService, type ResolvedService, resolveServices } from '../resolve/service/service.ts';
import { requestedWaypoint, resolveBinding } from '../resolve/waypoint/binding.ts';
import { reportLostHost } from '../resolve/waypoint/served.ts';
import { isExportedTo } from '../resolve/waypoint/visibility.ts';
import {
  exportToAnnotation,
  type FindingCode,
  formatRef,
  type MeshObject,
  refOf,
  waypointForLabel,
} from '../../mesh/index.ts';

export function analyzeService(
  context: ResolveContext,
  service: MeshObject<'Service'> | MeshObject<'ServiceEntry'>,
): void {
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

/**
 * Reports that clients reach another service under the host of a ServiceEntry: all of them, or
 * those of other namespaces.
 */
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

/**
 * Reports what a Service of a waypoint asks of the proxy that forwards its connections, which then
 * is the waypoint.
 */
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
