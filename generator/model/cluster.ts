// Where requests go: the endpoints of a service port, or of a subset of them, and how one of them is chosen.

import type { ObjectRef } from '../../mesh/index.ts';

/** Names one cluster: a service port, optionally one subset of it. */
export interface ClusterKey {
  /** Whether the waypoint serves this host itself; otherwise it is only a destination of one of its routes. */
  readonly owned: boolean;
  readonly host: string;
  readonly port: number;
  readonly protocol: 'http' | 'tcp';
  readonly subset?: string;
}

export type LoadBalancer = 'least_request' | 'round_robin' | 'random';

export interface CircuitBreaker {
  readonly maxConnections?: number;
  readonly maxPendingRequests?: number;
  readonly maxRequests?: number;
  readonly maxRetries?: number;
}

/**
 * How a cluster finds its endpoints. `listed`: they are known. `dns`: by name, connecting to `each` address of each name, to `one` of one
 * name, or to all of one in a `race`. `original`: the address that the client dialled. `by-host`: the name in each request's Host.
 */
export type Discovery =
  | { readonly kind: 'listed' | 'original' | 'by-host' }
  | { readonly kind: 'dns'; readonly connect: 'each' | 'one' | 'race' };

/** A cluster without its endpoints, which change on their own. */
export interface ServiceCluster {
  readonly key: ClusterKey;
  readonly discovery: Discovery;
  /** Labels of the endpoints that belong to it; absent for the default cluster. */
  readonly subsetLabels?: Readonly<Record<string, string>>;
  readonly loadBalancer: LoadBalancer;
  /** Milliseconds. */
  readonly connectTimeout: number;
  /** Speak HTTP/2 to the application; `client`: what the client spoke. */
  readonly upstreamProtocol: 'http1' | 'http2' | 'client';
  readonly circuitBreaker: CircuitBreaker;
  /** DestinationRules that shaped it. */
  readonly origin: readonly ObjectRef[];
  readonly service: { readonly namespace: string; readonly name: string };
}

/** One place where the service runs. */
export interface Endpoint {
  /** IPv4 or IPv6 text. */
  readonly address: string;
  readonly port: number;
  /** `hbone`: reached through a tunnel to `address`:15008; `plain`: a socket. */
  readonly transport: 'hbone' | 'plain';
  readonly weight: number;
  /** For access logs and metrics. */
  readonly workload: { readonly namespace: string; readonly name: string };
}

/** The endpoints of one cluster, sorted by address and port. */
export interface ServiceEndpoints {
  readonly key: ClusterKey;
  readonly endpoints: readonly Endpoint[];
}
