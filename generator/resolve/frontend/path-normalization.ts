// How the paths of requests are normalized before routes and policies read them, if it is
// configured. Precedence: the annotation of the service, that of the Gateway, MeshConfig.

import {
  type MeshObject,
  type MeshSettings,
  type PathNormalization,
  pathNormalizationAnnotation,
  readPathNormalization,
} from '../../../mesh/index.ts';
import type { Authorization } from '../../model/authorization.ts';
import { everyRequest, noRoute } from '../../model/http-match.ts';
import type { HttpRoute } from '../../model/http-route.ts';
import type { PathHandling } from '../../model/judgement.ts';
import type { WaypointGateway } from '../../model/waypoint.ts';

/**
 * The normalization for the ports of a service, or for the workloads of a waypoint; undefined when
 * none is configured.
 */
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

/**
 * The normalization in an object's annotation; undefined when there is none, or none that can be
 * read.
 */
export function annotatedNormalization({ metadata }: MeshObject): PathNormalization | undefined {
  return readPathNormalization(metadata.annotations[pathNormalizationAnnotation]);
}

const kept = { mergeSlashes: false, escapedSlashes: 'keep' } as const;

const handlings: Readonly<Record<PathNormalization, PathHandling>> = {
  NONE: { normalize: false, ...kept },
  BASE: { normalize: true, ...kept },
  MERGE_SLASHES: { normalize: true, mergeSlashes: true, escapedSlashes: 'keep' },
  DECODE_AND_MERGE_SLASHES: { normalize: true, mergeSlashes: true, escapedSlashes: 'decode' },
};

/** The treatment of paths; BASE if none is configured. */
export function resolvePathHandling(said: PathNormalization | undefined): PathHandling {
  return handlings[said ?? 'BASE'];
}

/**
 * The routes of a frontend with these policies. If they read the path and its normalization is not
 * configured, a route refuses paths that applications read in several ways: `/admin;x` and
 * `/x%2Fadmin` are `/admin` and `/x/admin` to some and not to others. It is a route, so that it
 * arrives and leaves together with the policies.
 */
export function closeRoutes<R>(
  routes: readonly R[],
  said: PathNormalization | undefined,
  { readsPath }: Pick<Authorization, 'readsPath'>,
): readonly (HttpRoute | R)[] {
  return [...(said === undefined && readsPath ? [ambiguousPathRefused] : []), ...routes, noRoute];
}

/** Refuses paths that applications read in several ways. */
export const ambiguousPathRefused: HttpRoute = {
  name: 'ambiguous-path-refused',
  match: { ...everyRequest, path: { regex: '.*(?:;|%2[fF]|%5[cC]).*' } },
  isUnjudged: true,
  action: {
    kind: 'respond',
    status: 400,
    body: { text: 'a policy reads the path, so it must not contain ";", "%2F" or "%5C"' },
  },
};
