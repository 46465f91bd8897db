// Gateway API HTTPRoute, GRPCRoute and ReferenceGrant (gateway.networking.k8s.io): the fields that
// are read. Fields that the API server would fill in may be absent, since objects come from files
// too; their readers apply the defaults.

/**
 * A parent of a route; by default of group `gateway.networking.k8s.io`, kind `Gateway`, and the
 * route's own namespace.
 */
export interface RouteParentRef {
  readonly group?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name: string;
  readonly sectionName?: string;
  readonly port?: number;
}

/**
 * An object that requests are sent to; by default of the core group, kind `Service`, and the
 * route's own namespace.
 */
export interface BackendObjectRef {
  readonly group?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name: string;
  readonly port?: number;
}

export interface RouteBackendRef extends BackendObjectRef {
  /** 1 by default. */
  readonly weight?: number;
  readonly filters?: readonly RouteFilter[];
}

export interface HttpPathMatch {
  /** `PathPrefix` by default. */
  readonly type?: 'Exact' | 'PathPrefix' | 'RegularExpression';
  /** `/` by default. */
  readonly value?: string;
}

/** A header or query parameter by name; `Exact` by default. */
export interface NamedValueMatch {
  readonly type?: 'Exact' | 'RegularExpression';
  readonly name: string;
  readonly value: string;
}

export interface HttpRouteMatch {
  readonly path?: HttpPathMatch;
  readonly headers?: readonly NamedValueMatch[];
  readonly queryParams?: readonly NamedValueMatch[];
  readonly method?: string;
}

export interface GrpcRouteMatch {
  readonly method?: {
    readonly type?: 'Exact' | 'RegularExpression';
    readonly service?: string;
    readonly method?: string;
  };
  readonly headers?: readonly NamedValueMatch[];
}

export interface HeaderModifier {
  readonly set?: readonly { readonly name: string; readonly value: string }[];
  readonly add?: readonly { readonly name: string; readonly value: string }[];
  readonly remove?: readonly string[];
}

export interface PathModifier {
  readonly type: 'ReplaceFullPath' | 'ReplacePrefixMatch';
  readonly replaceFullPath?: string;
  readonly replacePrefixMatch?: string;
}

export interface RouteRedirect {
  readonly scheme?: 'http' | 'https';
  readonly hostname?: string;
  readonly path?: PathModifier;
  readonly port?: number;
  /** 302 by default. */
  readonly statusCode?: 301 | 302 | 303 | 307 | 308;
}

export interface RouteMirror {
  readonly backendRef: BackendObjectRef;
  readonly percent?: number;
  readonly fraction?: { readonly numerator: number; readonly denominator?: number };
}

export interface RouteCors {
  readonly allowOrigins?: readonly string[];
  readonly allowCredentials?: boolean;
  readonly allowMethods?: readonly string[];
  readonly allowHeaders?: readonly string[];
  readonly exposeHeaders?: readonly string[];
  /** Seconds; 5 by default. */
  readonly maxAge?: number;
}

/**
 * One filter; the field that its `type` names is present. GRPCRoutes have some of the types only.
 */
export interface RouteFilter {
  readonly type:
    | 'RequestHeaderModifier'
    | 'ResponseHeaderModifier'
    | 'RequestMirror'
    | 'RequestRedirect'
    | 'URLRewrite'
    | 'CORS'
    | 'ExternalAuth'
    | 'ExtensionRef';
  readonly requestHeaderModifier?: HeaderModifier;
  readonly responseHeaderModifier?: HeaderModifier;
  readonly requestMirror?: RouteMirror;
  readonly requestRedirect?: RouteRedirect;
  readonly urlRewrite?: { readonly hostname?: string; readonly path?: PathModifier };
  readonly cors?: RouteCors;
  readonly externalAuth?: Readonly<Record<string, unknown>>;
  readonly extensionRef?: { readonly group: string; readonly kind: string; readonly name: string };
}

/**
 * `type` is Cookie by default. `sessionName` and `cookieConfig` are the form of Gateway API 1.6 and
 * before.
 */
export interface SessionPersistence {
  readonly type?: 'Cookie' | 'Header';
  readonly absoluteTimeout?: string;
  readonly cookie?: { readonly name?: string; readonly path?: string; readonly lifetimeType?: 'Permanent' | 'Session' };
  readonly header?: { readonly name: string };
  readonly sessionName?: string;
  readonly cookieConfig?: { readonly lifetimeType?: 'Permanent' | 'Session' };
}

/** The common part of the rules of both kinds of route. */
interface RouteRule<Match> {
  readonly name?: string;
  readonly matches?: readonly Match[];
  readonly filters?: readonly RouteFilter[];
  readonly backendRefs?: readonly RouteBackendRef[];
  readonly sessionPersistence?: SessionPersistence;
}

export interface HttpRouteRule extends RouteRule<HttpRouteMatch> {
  readonly timeouts?: { readonly request?: string; readonly backendRequest?: string };
  readonly retry?: { readonly codes?: readonly number[]; readonly attempts?: number; readonly backoff?: string };
}

export type GrpcRouteRule = RouteRule<GrpcRouteMatch>;

/** The common part of both kinds of route. */
interface RouteSpec<Rule> {
  readonly parentRefs?: readonly RouteParentRef[];
  readonly hostnames?: readonly string[];
  /** A route without rules has one that matches everything and leads nowhere. */
  readonly rules?: readonly Rule[];
}

export type HttpRouteSpec = RouteSpec<HttpRouteRule>;

export type GrpcRouteSpec = RouteSpec<GrpcRouteRule>;

/** TCPRoute and TLSRoute: one rule without matches. */
export type TcpRouteSpec = RouteSpec<Pick<RouteRule<never>, 'backendRefs' | 'name'>>;
