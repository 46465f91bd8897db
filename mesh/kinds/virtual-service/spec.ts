// Istio VirtualService (networking.istio.io): every field of the API, since each is applied,
// refused or reported.

/** A duration as Istio writes it: `5s`, `1m30s`, `100ms`. */
export type DurationText = string;

export interface StringMatch {
  readonly exact?: string;
  readonly prefix?: string;
  /** RE2 syntax, matched against the whole value. */
  readonly regex?: string;
}

export interface PercentValue {
  /** 0 to 100. */
  readonly value?: number;
}

export interface HeaderOperations {
  readonly set?: Readonly<Record<string, string>>;
  readonly add?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}

export interface Headers {
  readonly request?: HeaderOperations;
  readonly response?: HeaderOperations;
}

export interface Destination {
  readonly host: string;
  readonly subset?: string;
  readonly port?: { readonly number?: number };
}

export interface HttpRouteDestination {
  readonly destination: Destination;
  readonly weight?: number;
  readonly headers?: Headers;
}

export interface HttpMatchRequest {
  readonly name?: string;
  readonly uri?: StringMatch;
  readonly scheme?: StringMatch;
  readonly method?: StringMatch;
  readonly authority?: StringMatch;
  readonly headers?: Readonly<Record<string, StringMatch>>;
  readonly withoutHeaders?: Readonly<Record<string, StringMatch>>;
  readonly port?: number;
  readonly sourceLabels?: Readonly<Record<string, string>>;
  readonly gateways?: readonly string[];
  readonly queryParams?: Readonly<Record<string, StringMatch>>;
  readonly ignoreUriCase?: boolean;
  readonly sourceNamespace?: string;
  readonly statPrefix?: string;
}

export interface HttpRedirect {
  readonly uri?: string;
  /** Replaces the part of the path that the match found. */
  readonly prefixRewrite?: string;
  readonly authority?: string;
  readonly port?: number;
  readonly derivePort?: 'FROM_PROTOCOL_DEFAULT' | 'FROM_REQUEST_PORT';
  readonly scheme?: string;
  readonly redirectCode?: number;
}

export interface HttpDirectResponse {
  readonly status: number;
  readonly body?: { readonly string?: string; /** base64 */ readonly bytes?: string };
}

export interface HttpRewrite {
  readonly uri?: string;
  readonly authority?: string;
  readonly uriRegexRewrite?: { readonly match?: string; readonly rewrite?: string };
}

export interface HttpRetry {
  readonly attempts?: number;
  readonly perTryTimeout?: DurationText;
  readonly retryOn?: string;
  readonly retryRemoteLocalities?: boolean;
  readonly retryIgnorePreviousHosts?: boolean;
  readonly backoff?: DurationText;
}

export interface HttpFaultInjection {
  readonly delay?: {
    readonly fixedDelay?: DurationText;
    readonly exponentialDelay?: DurationText;
    readonly percentage?: PercentValue;
    /** Deprecated: 0 to 100. */
    readonly percent?: number;
  };
  readonly abort?: {
    readonly httpStatus?: number;
    readonly grpcStatus?: string;
    readonly http2Error?: string;
    readonly percentage?: PercentValue;
    readonly percent?: number;
  };
}

export interface HttpMirrorPolicy {
  readonly destination: Destination;
  readonly percentage?: PercentValue;
}

export interface CorsPolicy {
  readonly allowOrigin?: readonly string[];
  readonly allowOrigins?: readonly StringMatch[];
  readonly allowMethods?: readonly string[];
  readonly allowHeaders?: readonly string[];
  readonly exposeHeaders?: readonly string[];
  readonly maxAge?: DurationText;
  readonly allowCredentials?: boolean;
  readonly unmatchedPreflights?: 'UNSPECIFIED' | 'FORWARD' | 'IGNORE';
}

export interface HttpRoute {
  readonly name?: string;
  readonly match?: readonly HttpMatchRequest[];
  readonly route?: readonly HttpRouteDestination[];
  readonly redirect?: HttpRedirect;
  readonly directResponse?: HttpDirectResponse;
  readonly delegate?: { readonly name?: string; readonly namespace?: string };
  readonly rewrite?: HttpRewrite;
  readonly timeout?: DurationText;
  readonly retries?: HttpRetry;
  readonly fault?: HttpFaultInjection;
  readonly mirror?: Destination;
  readonly mirrors?: readonly HttpMirrorPolicy[];
  readonly mirrorPercent?: number;
  readonly mirrorPercentage?: PercentValue;
  readonly corsPolicy?: CorsPolicy;
  readonly headers?: Headers;
}

export interface L4MatchAttributes {
  readonly destinationSubnets?: readonly string[];
  readonly port?: number;
  readonly sourceLabels?: Readonly<Record<string, string>>;
  readonly sourceSubnet?: string;
  readonly gateways?: readonly string[];
  readonly sourceNamespace?: string;
}

export interface L4RouteDestination {
  readonly destination: Destination;
  readonly weight?: number;
}

export interface TcpRoute {
  readonly match?: readonly L4MatchAttributes[];
  readonly route?: readonly L4RouteDestination[];
}

export interface TlsRoute {
  readonly match?: readonly (Omit<L4MatchAttributes, 'sourceSubnet'> & { readonly sniHosts: readonly string[] })[];
  readonly route?: readonly L4RouteDestination[];
}

export interface VirtualServiceSpec {
  readonly hosts?: readonly string[];
  readonly gateways?: readonly string[];
  readonly http?: readonly HttpRoute[];
  readonly tls?: readonly TlsRoute[];
  readonly tcp?: readonly TcpRoute[];
  readonly exportTo?: readonly string[];
}
