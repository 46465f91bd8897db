// Where a waypoint runs, which is what distances to endpoints count from. All pods of a waypoint have one configuration, so that only what
// is true of each of them counts: in several zones of one region, the region.

import { formatLabelKey, gatewayNameLabel, localityAnnotation, type MeshSnapshot } from '../../../mesh/index.ts';
import type { Locality } from '../../model/cluster.ts';
import type { GatewayKey } from './gateway.ts';
import { resolveLocality } from '../endpoint/locality.ts';

/** What is known of the waypoint that chooses. */
export interface WaypointPlace {
  /** Parts in which its pods differ are empty. */
  readonly locality: Locality | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/** A place that is looked for when it is asked for: most services do not ask, and need not be looked at when a waypoint's pod changes. */
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

/** The places of a waypoint's pods as `region/zone`, where they are several and its Gateway names none; else none. */
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

/** Where the pods of a waypoint are, ready or not: one that is starting will ask for endpoints in a moment. */
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

/** What localities have in common; undefined when that is nothing. */
function combine([first, ...others]: readonly (Locality | undefined)[]): Locality | undefined {
  if (first === undefined || others.some((each) => each?.region !== first.region)) return undefined;
  const zone = others.every((each) => each?.zone === first.zone) ? first.zone : '';
  const isSameSubzone = zone !== '' && others.every((each) => each?.subzone === first.subzone);
  return { region: first.region, zone, subzone: isSameSubzone ? first.subzone : '' };
}
