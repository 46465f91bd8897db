// The order between resources: which kinds there are, and for each what its resources may name. A
// type of the protocol is one kind, except those of which one part leads to another: routes and
// scopes of tunnels (CONNECT) stand before those of the requests inside.

import { type EncodedResource, encodeResource, typeUrls } from '../envoy-api/index.ts';

/** One kind of resource, which is ordered and answered by itself. */
export interface Kind {
  /** As in statuses of tests; unique. */
  readonly id: string;
  readonly typeUrl: string;
  /** True if its names begin with `tunnelPrefix`; undefined if it has all names of its type. */
  readonly isOfTunnels?: boolean;
  /** A resource of this kind is sent when all that it may name is accepted: resources of these. */
  readonly after: readonly Kind[];
  /**
   * The client asks for resources of that kind because it has one of this, which therefore is sent
   * before what it names: at once, under the same name, or when it needs them.
   */
  readonly asksFor?: { readonly kind: Kind; readonly isAtOnce: boolean };
}

/** The beginning of the names of tunnels' scopes and routes. */
const tunnelPrefix = 'connect|';

const endpoints: Kind = { id: 'endpoints', typeUrl: typeUrls.clusterLoadAssignment, after: [] };
const cluster: Kind = {
  id: 'cluster',
  typeUrl: typeUrls.cluster,
  after: [],
  asksFor: { kind: endpoints, isAtOnce: true },
};
/** The routes of requests; those inside of tunnels have a scope of their name. */
const requestRoutes: Kind = {
  id: 'request routes',
  typeUrl: typeUrls.routeConfiguration,
  isOfTunnels: false,
  after: [cluster, endpoints],
};
const requestScope: Kind = {
  id: 'request scope',
  typeUrl: typeUrls.scopedRoute,
  isOfTunnels: false,
  after: [],
  asksFor: { kind: requestRoutes, isAtOnce: true },
};
/** A client that has these lets tunnels in, whose requests need all that is behind them at once. */
const tunnelRoutes: Kind = {
  id: 'tunnel routes',
  typeUrl: typeUrls.routeConfiguration,
  isOfTunnels: true,
  after: [cluster, endpoints, requestScope, requestRoutes],
};
const tunnelScope: Kind = {
  id: 'tunnel scope',
  typeUrl: typeUrls.scopedRoute,
  isOfTunnels: true,
  after: [],
  asksFor: { kind: tunnelRoutes, isAtOnce: false },
};
/**
 * Envoy would ask for a missing extension configuration and wait, but not for one that it still has
 * from a listener that it drains. So these come before listeners.
 */
const extension: Kind = {
  id: 'extension',
  typeUrl: typeUrls.extensionConfig,
  after: [cluster, endpoints, requestRoutes],
};
const listener: Kind = {
  id: 'listener',
  typeUrl: typeUrls.listener,
  after: [cluster, endpoints, requestRoutes, extension],
};

/** The kinds by which the session asks for one. */
export const kinds: Readonly<Record<'cluster' | 'endpoints' | 'requestScope' | 'tunnelRoutes', Kind>> = {
  cluster,
  endpoints,
  requestScope,
  tunnelRoutes,
};

/** In the order in which they are sent. */
export const ordered: readonly Kind[] = [
  cluster,
  endpoints,
  requestScope,
  tunnelScope,
  requestRoutes,
  tunnelRoutes,
  extension,
  listener,
];

/**
 * The kinds of a type. Resources of a type that is not listed name nothing, and nothing names them.
 */
export function kindsOf(typeUrl: string): readonly Kind[] {
  const found = ordered.filter((kind) => kind.typeUrl === typeUrl);
  return found.length > 0 ? found : [{ id: typeUrl, typeUrl, after: [] }];
}

/** True if a name of its type is one of this kind. */
export function isOfKind({ isOfTunnels }: Kind, name: string): boolean {
  return isOfTunnels === undefined || isOfTunnels === name.startsWith(tunnelPrefix);
}

/** The routes of tunnels that do not exist: a tunnel that finds none is answered with 404. */
export function closedRoutes(name: string): EncodedResource {
  return encodeResource({ typeUrl: typeUrls.routeConfiguration, name, json: { name } });
}

/** The kind that a client asks for at once, under the same name, when it gets one of this. */
export function askedBy({ asksFor }: Kind): Kind | undefined {
  return asksFor?.isAtOnce === true ? asksFor.kind : undefined;
}

/** The reverse. */
export function askerOf(kind: Kind): Kind | undefined {
  return ordered.find((other) => askedBy(other) === kind);
}

/**
 * The kinds whose resources may name one of this, by themselves or by others: what they have named
 * is removed after they are settled. Found by kind.
 */
export const namersOf: ReadonlyMap<Kind, readonly Kind[]> = new Map(
  ordered.map((kind) => [kind, ordered.filter((other) => other !== kind && mayLeadTo(other, kind))]),
);

function mayLeadTo(from: Kind, to: Kind): boolean {
  const named = from.asksFor === undefined ? from.after : [...from.after, from.asksFor.kind];
  return named.some((next) => next === to || mayLeadTo(next, to));
}
