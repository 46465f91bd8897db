// The place of a waypoint, from which distances to endpoints count. All pods of a waypoint have one
// configuration, so only a place that is common to all of them counts: in several zones of one
// region, the region.

import { formatLabelKey, gatewayNameLabel, localityAnnotation, type MeshSnapshot } from '../../../mesh/index.ts';
import type { Locality } from '../../model/cluster.ts';
import type { GatewayKey } from './gateway.ts';
import { resolveLocality } from '../endpoint/locality.ts';

/** The known place of the waypoint that chooses. */
export interface WaypointPlace {
  /** Parts in which its pods differ are empty. */
  readonly locality: Locality | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * A place that is looked up on demand: most services do not ask, and need not be looked at when a
 * waypoint's pod changes.
 */
export function resolveWaypointPlace(mesh: MeshSnapshot, gateway: GatewayKey): WaypointPlace {
  const object = mesh.get('Gateway', gateway.namespace, gateway.name);
  const own = object?.metadata.labels ?? {};
  return {
    get locality() {
      const stated = resolveLocality(object?.metadata.annotations[localityAnnotation], own);
      return stated ?? combine(findPods(mesh, gateway).map(({ locality }) => locality));
    },
    get labels() {
      const [node, ...others] = new Set(findPods(mesh, gateway).map(({ nodeName }) => nodeName));
      return node === undefined || others.length > 0 ? own : { [hostnameLabel]: node, ...own };
    },
  };
}

/**
 * The places of a waypoint's pods as `region/zone`, if there are several and its Gateway names
 * none; else none.
 */
export function listDifferentPlaces(mesh: MeshSnapshot, gateway: GatewayKey): readonly string[] {
  const object = mesh.get('Gateway', gateway.namespace, gateway.name);
  const { annotations = {}, labels = {} } = object?.metadata ?? {};
  if (resolveLocality(annotations[localityAnnotation], labels) !== undefined) return [];
  const places = new Set(
    findPods(mesh, gateway).map(({ locality }) =>
      locality === undefined ? 'nowhere known' : `${locality.region}/${locality.zone}`,
    ),
  );
  return places.size < 2 ? [] : [...places].sort();
}

const hostnameLabel = 'kubernetes.io/hostname';

interface PodPlace {
  readonly nodeName: string;
  readonly locality: Locality | undefined;
}

/**
 * The places of a waypoint's pods, ready or not: one that is starting will ask for endpoints in a
 * moment.
 */
function findPods(mesh: MeshSnapshot, { namespace, name }: GatewayKey): readonly PodPlace[] {
  return mesh
    .find('Pod/label', formatLabelKey(namespace, gatewayNameLabel, name))
    .flatMap(({ metadata, spec: { nodeName } }): readonly PodPlace[] => {
      if (nodeName === undefined) return [];
      const node = mesh.get('Node', '', nodeName);
      const locality =
        resolveLocality(undefined, metadata.labels) ?? resolveLocality(undefined, node?.metadata.labels ?? {});
      return [{ nodeName, locality }];
    });
}

/** The common part of localities; undefined when there is none. */
function combine([first, ...others]: readonly (Locality | undefined)[]): Locality | undefined {
  if (first === undefined || others.some((each) => each?.region !== first.region)) return undefined;
  const zone = others.every((each) => each?.zone === first.zone) ? first.zone : '';
  const isSameSubzone = zone !== '' && others.every((each) => each?.subzone === first.subzone);
  return { region: first.region, zone, subzone: isSameSubzone ? first.subzone : '' };
}
