// Istio's MeshConfig, as far as it is read: a file of its own, or the key `mesh` of the ConfigMap
// `istio`.

import type { TrafficPolicy } from '../destination-rule/spec.ts';
import type { HttpRetry } from '../virtual-service/spec.ts';

/** The part of a request's body that an external authorizer is sent. */
export interface RequestBodyInCheck {
  readonly maxRequestBytes?: number;
  readonly allowPartialMessage?: boolean;
  readonly packAsBytes?: boolean;
}

/** The common part of both external authorizers. */
interface ExternalAuthorizer {
  /** `host` or `namespace/host`. */
  readonly service: string;
  readonly port: number;
  readonly timeout?: string;
  readonly failOpen?: boolean;
  readonly clearRouteCache?: boolean;
  /** A number as text. */
  readonly statusOnError?: string;
  readonly includeRequestBodyInCheck?: RequestBodyInCheck;
}

export interface HttpAuthorizer extends ExternalAuthorizer {
  readonly pathPrefix?: string;
  readonly includeRequestHeadersInCheck?: readonly string[];
  /** The earlier name of `includeRequestHeadersInCheck`. */
  readonly includeHeadersInCheck?: readonly string[];
  readonly includeAdditionalHeadersInCheck?: Readonly<Record<string, string>>;
  readonly headersToUpstreamOnAllow?: readonly string[];
  readonly headersToDownstreamOnDeny?: readonly string[];
  readonly headersToDownstreamOnAllow?: readonly string[];
}

export type GrpcAuthorizer = ExternalAuthorizer;

/**
 * An external service that proxies use, by name. Other sorts of providers are kept without being
 * read.
 */
export interface ExtensionProvider {
  readonly name: string;
  readonly envoyExtAuthzHttp?: HttpAuthorizer;
  readonly envoyExtAuthzGrpc?: GrpcAuthorizer;
}

export interface MeshConfigSpec {
  /** '' for no log. */
  readonly accessLogFile?: string;
  readonly accessLogFormat?: string;
  readonly accessLogEncoding?: 'TEXT' | 'JSON';
  readonly defaultHttpRetryPolicy?: HttpRetry;
  readonly defaultTrafficPolicy?: Pick<TrafficPolicy, 'connectionPool' | 'outlierDetection'>;
  readonly trustDomain?: string;
  readonly trustDomainAliases?: readonly string[];
  readonly rootNamespace?: string;
  readonly extensionProviders?: readonly ExtensionProvider[];
  readonly pathNormalization?: {
    readonly normalization?: 'DEFAULT' | 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES';
  };
}
