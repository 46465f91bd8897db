// Clusters: the endpoints of a service port, or of a subset of them, and how one of them is chosen.

import type { ObjectRef } from '../../mesh/index.ts';

/** Names one cluster: a service port, optionally one subset of it. */
export interface ClusterKey {
  /**
   * Whether the waypoint serves this host itself; otherwise it is only a destination of one of its
   * routes.
   */
  readonly owned: boolean;
  readonly host: string;
  readonly port: number;
  readonly protocol: 'http' | 'tcp';
  readonly subset?: string;
}

/** The choice of an endpoint. */
export type LoadBalancer =
  | { readonly kind: 'least_request' | 'round_robin'; readonly warmup?: Warmup }
  | { readonly kind: 'random' }
  | { readonly kind: 'hash'; readonly key?: HashKey; readonly table: HashTable };

/** A new endpoint gets its full share only after a while. */
export interface Warmup {
  /** Milliseconds. */
  readonly window: number;
  /** Percent of the full share at the start. */
  readonly minimumPercent: number;
  /** 1: the share grows evenly; more: faster at the start. */
  readonly aggression: number;
}

/**
 * The property that requests to the same endpoint have in common. A cookie with a `ttl`
 * (milliseconds) is made if it is missing.
 */
export type HashKey =
  | { readonly header: string }
  | { readonly query: string }
  | {
      readonly cookie: string;
      readonly path?: string;
      readonly ttl?: number;
      readonly attributes: readonly (readonly [name: string, value: string])[];
    }
  | 'source_address';

/** The table that keys are looked up in; sizes are numbers of entries. */
export type HashTable =
  { readonly kind: 'ring'; readonly minimumSize: number } | { readonly kind: 'maglev'; readonly size?: number };

/** Limits of a cluster's open requests and connections; an absent one is no limit. */
export interface CircuitBreaker {
  readonly maxConnections?: number;
  readonly maxPendingRequests?: number;
  readonly maxRequests?: number;
  readonly maxRetries?: number;
  /**
   * In place of `maxRetries`: a share of the pending requests, and the number of retries that are
   * always allowed.
   */
  readonly retryBudget?: {
    readonly percent: number;
    readonly minimum: number;
    /** Milliseconds over which requests are counted; absent: those in flight. */
    readonly interval?: number;
  };
}

/** The connections to an endpoint. Times in milliseconds; absent fields have Envoy's default. */
export interface ConnectionSettings {
  readonly connectTimeout: number;
  readonly keepalive?: { readonly probes?: number; readonly time?: number; readonly interval?: number };
  readonly http: {
    /** 0: never. */
    readonly idleTimeout?: number;
    readonly maxDuration?: number;
    readonly maxRequests?: number;
    readonly maxStreams?: number;
    readonly http2Keepalive?: { readonly interval: number; readonly timeout: number };
  };
}

/**
 * When a failing endpoint is ejected for a while. Times in milliseconds; a number of errors of 0
 * turns that kind off.
 */
export interface OutlierDetection {
  readonly consecutive5xx?: number;
  readonly consecutiveGatewayErrors?: number;
  /** The number of failures to connect, if they are counted apart from answers. */
  readonly consecutiveLocalFailures?: number;
  readonly splitLocalFailures: boolean;
  /** The statuses that count as errors; absent: 500 to 599. */
  readonly errorStatuses?: readonly number[];
  readonly interval?: number;
  readonly baseEjectionTime?: number;
  readonly maxEjectionPercent?: number;
  /** Below this share of healthy endpoints all of them are used again; 0: never. */
  readonly panicPercent: number;
}

/** A name in a certificate. */
export interface CertificateName {
  readonly type: 'DNS' | 'EMAIL' | 'IP_ADDRESS' | 'URI';
  readonly name: string;
}

/** TLS to the application, inside the tunnel if there is one. Files are on the waypoint. */
export interface UpstreamTls {
  /**
   * The requested server name: this text, or the host of each request, which is `checked` if it
   * must be in the certificate too.
   */
  readonly serverName?: string | { readonly ofRequest: 'checked' | 'unchecked' };
  readonly certificate?: { readonly chain: string; readonly key: string };
  /** The trust in server certificates: a file of roots, roots as PEM, or none at all. */
  readonly roots?: string | { readonly pem: string };
  readonly revocations?: string;
  /** Any of these names must be in the certificate. */
  readonly subjectAltNames: readonly CertificateName[];
}

/**
 * How a cluster finds its endpoints. `listed`: they are known. `dns`: by name, connecting to `each`
 * address of each name, to `one` of one name, or to all of one in a `race`. `original`: the address
 * that the client dialled. `by-host`: the name in each request's Host.
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
  /** Whether each locality has a share of its own, whatever the number of its endpoints. */
  readonly weighsLocalities: boolean;
  readonly connections: ConnectionSettings;
  /** Speak HTTP/2 to the application; `client`: what the client spoke. */
  readonly upstreamProtocol: 'http1' | 'http2' | 'client';
  readonly circuitBreaker: CircuitBreaker;
  readonly outlierDetection?: OutlierDetection;
  readonly tls?: UpstreamTls;
  /**
   * The client's address is written before the first byte, in this version of the PROXY protocol.
   */
  readonly proxyProtocol?: 'V1' | 'V2';
  /** DestinationRules that shaped it. */
  readonly origin: readonly ObjectRef[];
  readonly service: { readonly namespace: string; readonly name: string };
}

/** A place, from the largest part to the smallest; '' if it is not known. */
export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subzone: string;
}

/** One endpoint of a service. */
export interface Endpoint {
  /** IPv4 or IPv6 text. */
  readonly address: string;
  readonly port: number;
  /** `hbone`: reached through a tunnel to `address`:15008; `plain`: a socket. */
  readonly transport: 'hbone' | 'plain';
  readonly weight: number;
  readonly locality?: Locality;
  /** For access logs and metrics. */
  readonly workload: { readonly namespace: string; readonly name: string };
}

/** Endpoints of one locality with the same priority. */
export interface EndpointGroup {
  readonly locality?: Locality;
  /** 0 is used first; the next only as far as those before it are not healthy. */
  readonly priority: number;
  /** The locality's share, if localities have shares. */
  readonly weight?: number;
  /** Sorted by address and port. */
  readonly endpoints: readonly Endpoint[];
}

/** The endpoints of one cluster, sorted by priority and locality. */
export interface ServiceEndpoints {
  readonly key: ClusterKey;
  readonly groups: readonly EndpointGroup[];
}
