// VirtualServices as their API documents them, for the second opinion on routing.

import {
  editHeaders,
  type HeaderEdits,
  type Headers,
  headerValues,
  matchesWhole,
  type Outcome,
  queryValue,
  rewriteByRegex,
  type RoutedRequest,
  type Rule,
  type SeenRequest,
  type WrittenMesh,
} from './routing-terms.ts';

/** A condition on a text. */
export interface WrittenStringMatch {
  readonly exact?: string;
  readonly prefix?: string;
  readonly regex?: string;
}

/** Conditions that all have to hold. */
export interface WrittenMatch {
  readonly uri?: WrittenStringMatch;
  readonly ignoreUriCase?: boolean;
  readonly scheme?: WrittenStringMatch;
  readonly method?: WrittenStringMatch;
  readonly authority?: WrittenStringMatch;
  readonly headers?: Readonly<Record<string, WrittenStringMatch>>;
  readonly withoutHeaders?: Readonly<Record<string, WrittenStringMatch>>;
  readonly queryParams?: Readonly<Record<string, WrittenStringMatch>>;
  readonly sourceNamespace?: string;
  readonly sourceLabels?: Readonly<Record<string, string>>;
  readonly gateways?: readonly string[];
  readonly port?: number;
}

interface WrittenOperations {
  readonly set?: Readonly<Record<string, string>>;
  readonly add?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}

/** Edits of both directions. */
export interface WrittenHeaders {
  readonly request?: WrittenOperations;
  readonly response?: WrittenOperations;
}

/** One rule. */
export interface WrittenRule {
  readonly match?: readonly WrittenMatch[];
  readonly route?: readonly {
    readonly destination: {
      readonly host: string;
      readonly subset?: string;
      readonly port?: { readonly number: number };
    };
    readonly weight?: number;
    readonly headers?: WrittenHeaders;
  }[];
  readonly redirect?: {
    readonly uri?: string;
    readonly authority?: string;
    readonly prefixRewrite?: string;
    readonly scheme?: string;
    readonly port?: number;
    readonly derivePort?: 'FROM_PROTOCOL_DEFAULT' | 'FROM_REQUEST_PORT';
    readonly redirectCode?: number;
  };
  readonly directResponse?: { readonly status: number; readonly body?: { readonly string: string } };
  readonly delegate?: { readonly name: string; readonly namespace?: string };
  readonly rewrite?: {
    readonly uri?: string;
    readonly authority?: string;
    readonly uriRegexRewrite?: { readonly match: string; readonly rewrite: string };
  };
  readonly fault?: { readonly abort: { readonly httpStatus: number; readonly percentage: { readonly value: number } } };
  readonly headers?: WrittenHeaders;
}

/** A VirtualService as it is written. */
export interface WrittenVirtualService {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly creationTimestamp: string };
  readonly spec: {
    readonly hosts?: readonly string[];
    readonly gateways?: readonly string[];
    readonly exportTo?: readonly string[];
    readonly http: readonly WrittenRule[];
  };
}

/**
 * The rules for a service port, and whether any VirtualService speaks for it: first of those that
 * name its host, then of those with a wildcard, the oldest first.
 */
export function findVirtualServiceRules(
  mesh: WrittenMesh,
  { service, port }: RoutedRequest,
): { readonly rules: readonly Rule[]; readonly isPresent: boolean } {
  const [namespace = '', name = ''] = service.split('/');
  const full = `${name}.${namespace}.svc.cluster.local`;
  const visible = mesh.virtualServices
    .filter(
      ({ metadata, spec }) =>
        [namespace, mesh.waypoint].includes(metadata.namespace) &&
        (spec.gateways ?? ['mesh']).includes('mesh') &&
        isExported(spec.exportTo, metadata.namespace, mesh.waypoint),
    )
    .sort((a, b) => (ageOf(a) < ageOf(b) ? -1 : 1));
  const hosts = ({ metadata, spec }: WrittenVirtualService): readonly string[] =>
    (spec.hosts ?? []).map((host) => (host.includes('.') ? host : `${host}.${metadata.namespace}.svc.cluster.local`));
  const exact = visible.filter((each) => hosts(each).includes(full));
  const wildcard = visible.filter(
    (each) =>
      !exact.includes(each) && hosts(each).some((host) => host.startsWith('*.') && full.endsWith(host.slice(1))),
  );
  const applying = [...exact, ...wildcard];
  const rules = applying.flatMap((owner) =>
    owner.spec.http.flatMap((rule) => expandRule(mesh, owner, rule)).flatMap((each) => ruleFor(mesh, each, port)),
  );
  return { rules, isPresent: applying.length > 0 };
}

function isExported(exportTo: readonly string[] = ['*'], from: string, to: string): boolean {
  return exportTo.some((target) => target === '*' || target === to || (target === '.' && from === to));
}

function ageOf({ metadata }: WrittenVirtualService): string {
  return `${metadata.creationTimestamp} ${metadata.namespace} ${metadata.name}`;
}

/**
 * A rule with the matches of which one has to hold; those of a delegate have to hold beside those
 * of the rule that delegates.
 */
interface ExpandedRule {
  readonly rule: WrittenRule;
  /** Where its destinations are looked for. */
  readonly namespace: string;
  readonly matches: readonly (readonly WrittenMatch[])[];
}

function expandRule(mesh: WrittenMesh, owner: WrittenVirtualService, rule: WrittenRule): readonly ExpandedRule[] {
  const outer = rule.match ?? [{}];
  const home = owner.metadata.namespace;
  if (rule.delegate === undefined) return [{ rule, namespace: home, matches: outer.map((match) => [match]) }];
  const { name, namespace = home } = rule.delegate;
  const delegate = mesh.virtualServices.find(
    ({ metadata, spec }) =>
      metadata.namespace === namespace &&
      metadata.name === name &&
      spec.hosts === undefined &&
      isExported(spec.exportTo, namespace, home),
  );
  return (delegate?.spec.http ?? []).flatMap((inner) => {
    const pairs = (inner.match ?? [{}]).map((match) =>
      outer.filter((above) => isWithin(match, above)).map((above) => [above, match]),
    );
    // A delegate only narrows: one match beyond all of those above, and the rule is out; so is one
    // that delegates further.
    if (inner.delegate !== undefined || pairs.some((list) => list.length === 0)) return [];
    return [{ rule: { ...rule, ...inner }, namespace, matches: pairs.flat() }];
  });
}

/**
 * Whether no condition of a match goes beyond the same one of another; regular expressions cannot
 * be compared.
 */
function isWithin(match: WrittenMatch, above: WrittenMatch): boolean {
  const fits = (own: WrittenStringMatch | undefined, other: WrittenStringMatch | undefined): boolean => {
    if (own === undefined || other === undefined) return true;
    const text = own.exact ?? own.prefix;
    if (text === undefined || other.regex !== undefined) return false;
    if (other.exact !== undefined) return own.exact === other.exact;
    return other.prefix !== undefined && text.startsWith(other.prefix);
  };
  return (
    fits(match.uri, above.uri) &&
    fits(match.method, above.method) &&
    Object.entries(match.headers ?? {}).every(([name, value]) => fits(value, above.headers?.[name])) &&
    // Of two values that must not be there one has to be within the other.
    Object.entries(match.withoutHeaders ?? {}).every(
      ([name, value]) => fits(value, above.withoutHeaders?.[name]) || fits(above.withoutHeaders?.[name], value),
    ) &&
    (match.port ?? above.port) === (above.port ?? match.port) &&
    (match.sourceNamespace ?? above.sourceNamespace) === (above.sourceNamespace ?? match.sourceNamespace)
  );
}

function ruleFor(mesh: WrittenMesh, { rule, namespace, matches }: ExpandedRule, port: number): readonly Rule[] {
  return matches
    .filter((all) => all.every((match) => canHold(match, port)))
    .map((all) => ({
      holds: (request) => all.every((match) => matchHolds(match, request)),
      outcomes: (request) => outcomesOf(mesh, namespace, rule, all, request),
      isCatchAll: all.every((match) =>
        Object.entries(match).every(
          ([field, value]) =>
            ['port', 'gateways', 'ignoreUriCase'].includes(field) ||
            (field === 'uri' && (value as WrittenStringMatch).prefix === '/'),
        ),
      ),
    }));
}

function canHold(match: WrittenMatch, port: number): boolean {
  return (
    (match.port ?? port) === port &&
    (match.gateways ?? ['mesh']).includes('mesh') &&
    // The labels of a client are not known at a waypoint.
    match.sourceLabels === undefined
  );
}

function matchHolds(match: WrittenMatch, request: SeenRequest): boolean {
  const { uri, scheme, method, authority, headers = {}, withoutHeaders = {}, queryParams = {} } = match;
  return (
    (uri === undefined || uriHolds(uri, request.path, match.ignoreUriCase === true)) &&
    (scheme === undefined || textHolds(scheme, 'http')) &&
    (method === undefined || textHolds(method, request.method)) &&
    (authority === undefined || textHolds(authority, request.host)) &&
    Object.entries(headers).every(([name, value]) => someHolds(value, headerValues(request.headers, name))) &&
    Object.entries(withoutHeaders).every(([name, value]) => {
      const found = headerValues(request.headers, name);
      return !someHolds(value, found.length === 0 && !isPresence(value) ? [''] : found);
    }) &&
    Object.entries(queryParams).every(([name, value]) => textHolds(value, queryValue(request.query, name))) &&
    (match.sourceNamespace === undefined || match.sourceNamespace === request.client)
  );
}

function uriHolds(uri: WrittenStringMatch, path: string, ignoreCase: boolean): boolean {
  if (!ignoreCase || uri.regex !== undefined) return textHolds(uri, path);
  const lower = (text: string | undefined): string | undefined => text?.toLowerCase();
  return textHolds(
    uri.exact === undefined ? { prefix: lower(uri.prefix) ?? '' } : { exact: lower(uri.exact) ?? '' },
    path.toLowerCase(),
  );
}

function isPresence({ exact, prefix, regex }: WrittenStringMatch): boolean {
  return regex === '*' || (exact === undefined && prefix === undefined && regex === undefined);
}

function someHolds(match: WrittenStringMatch, values: readonly string[]): boolean {
  return values.some((value) => textHolds(match, value));
}

function textHolds(match: WrittenStringMatch, value: string | undefined): boolean {
  if (value === undefined) return false;
  if (isPresence(match)) return true;
  if (match.exact !== undefined) return value === match.exact;
  if (match.prefix !== undefined) return value.startsWith(match.prefix);
  return matchesWhole(match.regex ?? '', value);
}

function outcomesOf(
  mesh: WrittenMesh,
  namespace: string,
  rule: WrittenRule,
  matches: readonly WrittenMatch[],
  request: SeenRequest,
): readonly Outcome[] {
  const { abort } = rule.fault ?? {};
  if (abort?.percentage.value === 100) return [{ status: abort.httpStatus }];
  if (rule.redirect !== undefined) {
    return [{ status: rule.redirect.redirectCode ?? 301, location: locationOf(rule.redirect, matches, request) }];
  }
  if (rule.directResponse !== undefined) {
    const { status, body } = rule.directResponse;
    return [{ status, body: body?.string ?? '' }];
  }
  const routes = rule.route ?? [];
  const chosen = routes.length === 1 ? routes : routes.filter(({ weight = 0 }) => weight > 0);
  if (chosen.length === 0) return [{ status: 503 }];
  return chosen.map(({ destination, headers }) => {
    const target = targetOf(mesh, namespace, destination, request.port);
    if (target === undefined) return { status: 503 };
    const own = editsOf(headers?.request);
    const shared = editsOf(rule.headers?.request);
    return {
      destination: target,
      path: rewritePath(rule, matches, request.path) + request.query,
      host: own.host ?? rule.rewrite?.authority ?? shared.host ?? request.host,
      headers: editHeaders(editHeaders(request.headers, own), shared),
      response: [editsOf(headers?.response), editsOf(rule.headers?.response)],
    };
  });
}

function editsOf(operations: WrittenOperations = {}): HeaderEdits & { readonly host?: string } {
  const isHost = (name: string): boolean => name.toLowerCase() === 'host';
  const host = Object.entries(operations.set ?? {}).find(([name]) => isHost(name))?.[1];
  const list = (values: Readonly<Record<string, string>> = {}): Headers =>
    Object.entries(values).filter(([name]) => !isHost(name));
  return {
    set: list(operations.set),
    add: list(operations.add),
    remove: operations.remove ?? [],
    ...(host === undefined ? {} : { host }),
  };
}

function targetOf(
  mesh: WrittenMesh,
  namespace: string,
  {
    host,
    subset,
    port,
  }: { readonly host: string; readonly subset?: string; readonly port?: { readonly number: number } },
  requestPort: number,
): string | undefined {
  const service = host.includes('.') ? host.split('.').slice(0, 2).reverse().join('/') : `${namespace}/${host}`;
  const ports = mesh.services.get(service);
  if (ports === undefined) return undefined;
  const wanted = port?.number ?? (ports.length === 1 ? ports[0] : requestPort);
  if (wanted === undefined || !ports.includes(wanted)) return undefined;
  if (subset === undefined) return `${service}:${wanted}`;
  return mesh.subsets.get(service)?.includes(subset) === true ? `${service}:${wanted}/${subset}` : undefined;
}

/**
 * `uri` replaces the part that the innermost condition on the path has matched: a prefix, or else
 * the whole path.
 */
function rewritePath({ rewrite }: WrittenRule, matches: readonly WrittenMatch[], path: string): string {
  const pattern = rewrite?.uriRegexRewrite;
  if (pattern !== undefined) return rewriteByRegex(path, pattern.match, pattern.rewrite);
  return rewrite?.uri === undefined ? path : replaceMatched(rewrite.uri, matches, path);
}

function replaceMatched(text: string, matches: readonly WrittenMatch[], path: string): string {
  const matched = matches.findLast(({ uri }) => uri !== undefined)?.uri ?? { prefix: '/' };
  return matched.prefix === undefined ? text : text + path.slice(matched.prefix.length);
}

/**
 * `%PREFIX()%` stands for the unmatched rest: as `prefixRewrite` does, the text after it replaces
 * only the matched part.
 */
function redirectPath(
  { uri, prefixRewrite }: NonNullable<WrittenRule['redirect']>,
  matches: readonly WrittenMatch[],
  path: string,
): string {
  const marker = '%PREFIX()%';
  if (uri?.startsWith(marker) === true) return replaceMatched(uri.slice(marker.length) || '/', matches, path);
  if (uri !== undefined) return uri;
  return prefixRewrite === undefined ? path : replaceMatched(prefixRewrite, matches, path);
}

function locationOf(
  redirect: NonNullable<WrittenRule['redirect']>,
  matches: readonly WrittenMatch[],
  request: SeenRequest,
): string {
  const scheme = redirect.scheme ?? 'http';
  const port = redirect.port ?? (redirect.derivePort === 'FROM_REQUEST_PORT' ? request.port : undefined);
  const given = redirect.authority ?? request.host;
  const path = `${redirectPath(redirect, matches, request.path)}${request.query}`;
  const isUsual = port === (scheme === 'https' ? 443 : 80);
  // Without a port of its own a redirect keeps that of the Host, unless it is the old scheme's
  // usual one.
  const keepsPort = port === undefined || (isUsual && redirect.authority === undefined && request.port === 80);
  if (!keepsPort) return `${scheme}://${given.replace(/:\d+$/, '')}:${port}${path}`;
  const host = redirect.authority === undefined && scheme !== 'http' ? given.replace(/:80$/, '') : given;
  return `${scheme}://${host}${path}`;
}
