// The Gateways for which this controller deploys objects, and their overlays.

import { gatewayProblem, isWaypoint } from '../../../generator/index.ts';
import type { KubernetesObject } from '../../../kubernetes/index.ts';
import { isCoreGroup, type MeshObject, type MeshSnapshot } from '../../../mesh/index.ts';
import { classDefaultsLabel, type DeployedGateway, type Overlay } from '../../../templates/index.ts';

/**
 * Whether this controller deploys a Gateway: it is of its class and revision, has a waypoint's
 * shape, and is not about to go.
 */
export function isManaged(mesh: MeshSnapshot, gateway: MeshObject<'Gateway'>, object: KubernetesObject): boolean {
  if (object.metadata.deletionTimestamp !== undefined) return false;
  return isWaypoint(mesh, gateway) && gatewayProblem(gateway) === undefined;
}

/** The Gateway as the templates take it. */
export function describeGateway(gateway: MeshObject<'Gateway'>, uid: string): DeployedGateway {
  const { name, namespace, labels, annotations } = gateway.metadata;
  return { name, namespace, uid, labels, annotations, spec: gateway.spec };
}

/**
 * The ConfigMap that a Gateway's `infrastructure.parametersRef` names; undefined when it names
 * none.
 */
export function parametersOf({ metadata, spec }: MeshObject<'Gateway'>): string | undefined {
  const reference = spec.infrastructure?.parametersRef;
  if (reference === undefined || !isCoreGroup(reference.group) || reference.kind !== 'ConfigMap') return undefined;
  return `${metadata.namespace}/${reference.name}`;
}

/** The overlays of a Gateway: those of its class by name, then its own. */
export function listOverlays(
  gateway: MeshObject<'Gateway'>,
  defaults: readonly KubernetesObject[],
  parameters: KubernetesObject | undefined,
): readonly Overlay[] {
  const ofClass = defaults
    .filter(({ metadata }) => metadata.labels?.[classDefaultsLabel] === gateway.spec.gatewayClassName)
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  return [...ofClass, ...(parameters === undefined ? [] : [parameters])].map(({ metadata, ...rest }) => ({
    ref: { kind: 'ConfigMap', namespace: metadata.namespace ?? '', name: metadata.name },
    data: readData(rest['data']),
  }));
}

function readData(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
