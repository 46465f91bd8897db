// HTTPRoutes and GRPCRoutes on Services as the Gateway API documents them, for the second opinion
// on routing.

import { toPaths } from './grpc-route-evaluator.ts';
import {
  editHeaders,
  type HeaderEdits,
  type Headers,
  headerValues,
  matchesWhole,
  type Outcome,
  queryValue,
  type RoutedRequest,
  type Rule,
  type SeenRequest,
  type WrittenMesh,
} from './routing-terms.ts';

/** A condition on a header or parameter. */
export interface WrittenNamedMatch {
  readonly type?: 'Exact' | 'RegularExpression';
  readonly name: string;
  readonly value: string;
}

/** Conditions that all have to hold. */
export interface WrittenRouteMatch {
  readonly path?: { readonly type?: 'Exact' | 'PathPrefix' | 'RegularExpression'; readonly value?: string };
  /**
   * Of gRPC, in place of a path: the texts of service and method, and how they are held against
   * `/<service>/<method>`.
   */
  readonly call?: {
    readonly service: string;
    readonly method: string;
    readonly kind: 'Exact' | 'PathPrefix' | 'RegularExpression';
    readonly holds: (path: string) => boolean;
  };
  readonly method?: string;
  readonly headers?: readonly WrittenNamedMatch[];
  readonly queryParams?: readonly WrittenNamedMatch[];
}

interface WrittenModifier {
  readonly set?: readonly WrittenNamedMatch[];
  readonly add?: readonly WrittenNamedMatch[];
  readonly remove?: readonly string[];
}

interface WrittenPathModifier {
  readonly type: 'ReplaceFullPath' | 'ReplacePrefixMatch';
  readonly replaceFullPath?: string;
  readonly replacePrefixMatch?: string;
}

/** A filter of a rule or a backend. */
export interface WrittenFilter {
  readonly type: 'RequestHeaderModifier' | 'ResponseHeaderModifier' | 'RequestRedirect' | 'URLRewrite';
  readonly requestHeaderModifier?: WrittenModifier;
  readonly responseHeaderModifier?: WrittenModifier;
  readonly requestRedirect?: {
    readonly scheme?: string;
    readonly hostname?: string;
    readonly port?: number;
    readonly statusCode?: number;
    readonly path?: WrittenPathModifier;
  };
  readonly urlRewrite?: { readonly hostname?: string; readonly path?: WrittenPathModifier };
}

/** One rule. */
export interface WrittenRouteRule {
  readonly matches?: readonly WrittenRouteMatch[];
  readonly filters?: readonly WrittenFilter[];
  readonly backendRefs?: readonly {
    readonly name: string;
    readonly namespace?: string;
    readonly port: number;
    readonly weight?: number;
    readonly filters?: readonly WrittenFilter[];
  }[];
}

/** An HTTPRoute as it is written. */
export interface WrittenHttpRoute {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly creationTimestamp: string };
  readonly spec: {
    readonly parentRefs: readonly { readonly name: string; readonly namespace?: string; readonly port?: number }[];
    readonly rules: readonly WrittenRouteRule[];
  };
}

interface OrderedRule extends Rule {
  readonly precedence: readonly number[];
}

/** A route of either kind, with gRPC's methods as paths. */
interface Attached extends WrittenHttpRoute {
  readonly kind: 'GRPCRoute' | 'HTTPRoute';
}

/**
 * The rules that a client meets for a service port, by the precedence of the API, and whether the
 * service's own namespace wrote some.
 */
export function findRouteRules(
  mesh: WrittenMesh,
  { service, port, client }: RoutedRequest,
): { readonly rules: readonly Rule[]; readonly hasProducer: boolean } {
  const [serviceNamespace = ''] = service.split('/');
  const all: readonly Attached[] = [
    ...mesh.grpcRoutes.map((route) => ({ ...route, spec: toPaths(route.spec), kind: 'GRPCRoute' as const })),
    ...mesh.httpRoutes.map((route) => ({ ...route, kind: 'HTTPRoute' as const })),
  ];
  const attached = all.filter(({ metadata, spec }) =>
    spec.parentRefs.some(
      (parent) =>
        `${parent.namespace ?? metadata.namespace}/${parent.name}` === service && (parent.port ?? port) === port,
    ),
  );
  // Of two kinds in one namespace that of gRPC has the port.
  const of = (namespace: string): readonly Attached[] => {
    const own = attached.filter(({ metadata }) => metadata.namespace === namespace);
    return own.filter(({ kind }) => kind === own[0]?.kind);
  };
  const producers = of(serviceNamespace);
  const consumers = client === serviceNamespace ? [] : of(client);
  if (consumers.length > 0)
    return { rules: [...order(mesh, service, consumers), nothing], hasProducer: producers.length > 0 };
  return { rules: order(mesh, service, producers), hasProducer: producers.length > 0 };
}

const nothing: Rule = { holds: () => true, outcomes: () => [{ status: 404 }], isCatchAll: true };

function order(mesh: WrittenMesh, service: string, routes: readonly Attached[]): readonly Rule[] {
  const age = ({ metadata }: WrittenHttpRoute): string => `${metadata.creationTimestamp} ${metadata.name}`;
  const byAge = [...routes].sort((a, b) => (age(a) < age(b) ? -1 : 1));
  const rules = byAge.flatMap((route) =>
    route.spec.rules.flatMap((rule) =>
      (rule.matches ?? [{}]).map((match): OrderedRule => ({
        holds: (request) => matchHolds(match, request),
        outcomes: (request) => outcomesOf(mesh, service, route, rule, match, request),
        isCatchAll: isEverything(match),
        precedence: precedenceOf(match),
      })),
    ),
  );
  return rules.sort((a, b) => compare(a.precedence, b.precedence));
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : (b[at] ?? 0) - (a[at] ?? 0);
}

const ranks = { Exact: 3, PathPrefix: 2, RegularExpression: 1 } as const;

/**
 * Exact paths, then prefixes and then regular expressions, longer ones first; a method; more
 * headers; more parameters. Calls by service, then method.
 */
function precedenceOf(match: WrittenRouteMatch): readonly number[] {
  if (isEverything(match)) return [0];
  const { type, value } = pathOf(match);
  const headers = (match.headers ?? []).length;
  if (match.call !== undefined) {
    const { kind, service, method } = match.call;
    return [ranks[kind], service.length, method.length, headers];
  }
  return [
    ranks[type],
    type === 'PathPrefix' && value === '' ? 1 : value.length,
    match.method === undefined ? 0 : 1,
    headers,
    (match.queryParams ?? []).length,
  ];
}

function isEverything(match: WrittenRouteMatch): boolean {
  const { type, value } = pathOf(match);
  return (
    match.call === undefined &&
    type === 'PathPrefix' &&
    value === '' &&
    match.method === undefined &&
    (match.headers ?? []).length === 0 &&
    (match.queryParams ?? []).length === 0
  );
}

/** A prefix comes without the slashes at its end, which mean nothing. */
function pathOf({ path = {} }: WrittenRouteMatch): {
  readonly type: 'Exact' | 'PathPrefix' | 'RegularExpression';
  readonly value: string;
} {
  const { type = 'PathPrefix', value = '/' } = path;
  return { type, value: type === 'PathPrefix' ? value.replace(/\/+$/, '') : value };
}

function matchHolds(match: WrittenRouteMatch, request: SeenRequest): boolean {
  const { type, value } = pathOf(match);
  const { path } = request;
  const holds = ({ type: kind, value: wanted }: WrittenNamedMatch, found: string | undefined): boolean =>
    found !== undefined && (kind === 'RegularExpression' ? matchesWhole(wanted, found) : wanted === found);
  return (
    (match.call?.holds(path) ?? true) &&
    (type === 'Exact'
      ? path === value
      : type === 'RegularExpression'
        ? matchesWhole(value, path)
        : path === value || path.startsWith(`${value}/`)) &&
    (match.method ?? request.method) === request.method &&
    (match.headers ?? []).every((each) =>
      headerValues(request.headers, each.name).some((value) => holds(each, value)),
    ) &&
    (match.queryParams ?? []).every((each) => holds(each, queryValue(request.query, each.name)))
  );
}

function outcomesOf(
  mesh: WrittenMesh,
  service: string,
  { kind, metadata: { namespace } }: Attached,
  rule: WrittenRouteRule,
  match: WrittenRouteMatch,
  request: SeenRequest,
): readonly Outcome[] {
  const redirect = find(rule.filters, 'requestRedirect');
  if (redirect !== undefined) {
    const scheme = redirect.scheme ?? 'http';
    const usual = redirect.scheme === undefined ? request.port : scheme === 'https' ? 443 : 80;
    const port = redirect.port ?? usual;
    // A usual port is not written, so that a Host which names another one than was dialled is kept
    // as it is.
    const isUsual = port === (scheme === 'https' ? 443 : 80) && request.port === 80;
    const keeps = redirect.hostname === undefined && isUsual;
    const host = redirect.hostname ?? (keeps ? sentHost(request, scheme) : request.host.replace(/:\d+$/, ''));
    const path = redirect.path === undefined ? request.path : replacePath(redirect.path, match, request.path);
    const location = `${scheme}://${host}${keeps ? '' : `:${port}`}${path}${request.query}`;
    return [{ status: redirect.statusCode ?? 302, location }];
  }
  const backends = rule.backendRefs ?? [];
  if (backends.length === 0) return [{ status: 404 }];
  const chosen = backends.filter(({ weight = 1 }) => weight > 0);
  const invalid = { status: kind === 'GRPCRoute' ? 503 : 500 };
  if (chosen.length === 0) return [invalid];
  const rewrite = find(rule.filters, 'urlRewrite');
  const shared = editsOf(find(rule.filters, 'requestHeaderModifier'));
  return chosen.map((backend) => {
    const target = `${backend.namespace ?? namespace}/${backend.name}`;
    const isPermitted =
      (backend.namespace ?? namespace) === namespace ||
      target === service ||
      mesh.grants.has(`${kind} ${namespace} ${target}`);
    if (!isPermitted || mesh.services.get(target)?.includes(backend.port) !== true) return invalid;
    const own = editsOf(find(backend.filters, 'requestHeaderModifier'));
    return {
      destination: `${target}:${backend.port}`,
      path:
        (rewrite?.path === undefined ? request.path : replacePath(rewrite.path, match, request.path)) + request.query,
      host: rewrite?.hostname ?? request.host,
      headers: editHeaders(editHeaders(request.headers, own), shared),
      response: [backend.filters, rule.filters].map((filters) => editsOf(find(filters, 'responseHeaderModifier'))),
    };
  });
}

/** The Host as sent; the usual port of HTTP goes when the scheme changes. */
function sentHost({ host }: SeenRequest, scheme: string): string {
  return scheme === 'http' ? host : host.replace(/:80$/, '');
}

type FilterField = Exclude<keyof WrittenFilter, 'type'>;

function find<F extends FilterField>(
  filters: readonly WrittenFilter[] | undefined,
  field: F,
): WrittenFilter[F] | undefined {
  return filters?.find((filter) => filter[field] !== undefined)?.[field];
}

function editsOf({ set = [], add = [], remove = [] }: WrittenModifier = {}): HeaderEdits {
  const list = (values: readonly WrittenNamedMatch[]): Headers => values.map(({ name, value }) => [name, value]);
  return { set: list(set), add: list(add), remove };
}

/**
 * The whole path, or the prefix that was matched: by path elements, so that no two slashes meet and
 * none is lost.
 */
function replacePath(modifier: WrittenPathModifier, match: WrittenRouteMatch, path: string): string {
  if (modifier.type === 'ReplaceFullPath') return modifier.replaceFullPath ?? '/';
  const matched = pathOf(match).value;
  const rest = path.slice(matched.length);
  const prefix = (modifier.replacePrefixMatch ?? '').replace(/\/+$/, '');
  // No element takes the place of some, so that the slashes on both sides are one.
  if (prefix === '' && matched !== '') return rest.replace(/^\/*/, '/');
  return prefix + rest === '' ? '/' : prefix + rest;
}
