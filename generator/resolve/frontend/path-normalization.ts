// How the paths of requests are normalized before routes and policies read them, where somebody says so: the annotation of the service
// goes before that of the Gateway, and that before MeshConfig.

import {
  type MeshObject,
  type MeshSettings,
  type PathNormalization,
  pathNormalizationAnnotation,
  readPathNormalization,
} from '../../../mesh/index.ts';
import type { WaypointGateway } from '../../model/waypoint.ts';

/** What is said of the ports of a service, or of the workloads of a waypoint; undefined when nobody says anything. */
export function resolvePathNormalization(
  settings: MeshSettings,
  gateway: WaypointGateway,
  service?: MeshObject,
): PathNormalization | undefined {
  return (
    (service === undefined ? undefined : annotatedNormalization(service)) ??
    gateway.pathNormalization ??
    settings.pathNormalization
  );
}

/** What an object's annotation says; undefined when there is none, or none that can be read. */
export function annotatedNormalization({ metadata }: MeshObject): PathNormalization | undefined {
  return readPathNormalization(metadata.annotations[pathNormalizationAnnotation]);
}
