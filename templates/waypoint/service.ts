// The Service of a waypoint: its address for clients.

import { gatewayNameLabel, trafficDistributionAnnotation } from '../../mesh/index.ts';
import type { TemplateObject } from '../object.ts';
import type { WaypointDeployment } from './deployment-input.ts';
import { renderMeta } from './metadata.ts';
import { resolveWaypointNames } from './names.ts';
import { podPorts } from './pod.ts';

type Json = Readonly<Record<string, unknown>>;

/** Labels that select the pods of a waypoint, and no others in their namespace. */
export function renderSelector({ gateway }: WaypointDeployment): Readonly<Record<string, string>> {
  return { [gatewayNameLabel]: gateway.name };
}

/** The Service; a requested address has an effect only for a load balancer. */
export function renderService(deployment: WaypointDeployment): TemplateObject {
  const { gateway } = deployment;
  const { serviceType } = resolveWaypointNames(gateway);
  const address = gateway.spec.addresses?.[0]?.value;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: renderMeta(deployment, { [trafficDistributionAnnotation]: 'PreferClose' }),
    spec: {
      type: serviceType,
      ipFamilyPolicy: 'PreferDualStack',
      ports: renderPorts(deployment),
      selector: renderSelector(deployment),
      ...(serviceType === 'LoadBalancer' && address !== undefined ? { loadBalancerIP: address } : {}),
    },
  };
}

function renderPorts({ gateway }: WaypointDeployment): readonly Json[] {
  const taken = new Set<number>([podPorts.health]);
  const ports: Json[] = [renderPort('status-port', podPorts.health, 'tcp')];
  for (const { name, port, protocol } of gateway.spec.listeners ?? []) {
    if (taken.has(port)) continue;
    taken.add(port);
    ports.push(renderPort(name.replaceAll('.', '-').slice(0, 63), port, protocol.toLowerCase()));
  }
  return ports;
}

function renderPort(name: string, port: number, appProtocol: string): Json {
  return { name, port, protocol: 'TCP', appProtocol };
}
