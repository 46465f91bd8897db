// Filters of a rule or of one of its backends. A filter that a waypoint does not have makes
// requests fail, rather than pass without it.

import type { FieldPath, HeaderModifier, PathModifier, RouteFilter, RouteMirror } from '../../../mesh/index.ts';
import type {
  Cors,
  HeaderEdits,
  HttpMatch,
  Mirror,
  PathReplacement,
  PerMillion,
  RedirectAction,
} from '../../model/http-route.ts';
import { resolveBackendRef } from './backend.ts';
import { reportProblem, reportRoute, type RouteContext } from './context.ts';
import { readHeaderValue } from '../frontend/header-value.ts';
import { findEditProblem } from '../frontend/own-headers.ts';
import { resolveRouteCors } from './cors.ts';

/** The result of the filters of one list. */
export interface ResolvedFilters {
  readonly requestHeaders?: HeaderEdits;
  readonly responseHeaders?: HeaderEdits;
  /** Host towards the application. */
  readonly authority?: string;
  readonly path?: PathModifier;
  readonly redirect?: NonNullable<RouteFilter['requestRedirect']>;
  readonly mirrors: readonly Mirror[];
  readonly cors?: Cors;
  /** Some filter is not supported here: these requests must not be forwarded. */
  readonly isInvalid: boolean;
}

/**
 * The place of a list of filters: in a rule, by index, or in a backend, which allows header edits
 * only.
 */
export type FilterPlace = { readonly rule: number } | 'backend';

const backendFilters: ReadonlySet<RouteFilter['type']> = new Set(['RequestHeaderModifier', 'ResponseHeaderModifier']);
const grpcFilters: ReadonlySet<RouteFilter['type']> = new Set([...backendFilters, 'RequestMirror']);
const httpFilters: ReadonlySet<RouteFilter['type']> = new Set([
  ...grpcFilters,
  'RequestRedirect',
  'URLRewrite',
  'CORS',
]);

/** Resolves a list of filters. */
export function resolveFilters(
  context: RouteContext,
  filters: readonly RouteFilter[] | undefined,
  path: FieldPath,
  place: FilterPlace,
): ResolvedFilters {
  const supported =
    place === 'backend' ? backendFilters : context.route.kind === 'GRPCRoute' ? grpcFilters : httpFilters;
  let found: ResolvedFilters = { mirrors: [], isInvalid: false };
  for (const [index, filter] of (filters ?? []).entries()) {
    const at = [...path, index];
    if (!supported.has(filter.type)) {
      reportUnsupported(context, filter.type, at, place);
      found = { ...found, isInvalid: true };
      continue;
    }
    found = { ...found, ...resolveFilter(context, filter, at, found) };
  }
  return found;
}

function resolveFilter(
  context: RouteContext,
  filter: RouteFilter,
  path: FieldPath,
  found: ResolvedFilters,
): Partial<ResolvedFilters> {
  const { requestHeaderModifier, responseHeaderModifier, requestMirror, requestRedirect, urlRewrite, cors } = filter;
  if (requestHeaderModifier !== undefined) {
    const { edits, authority } = resolveEdits(context, requestHeaderModifier, [...path, 'requestHeaderModifier']);
    return { requestHeaders: edits, ...(authority === undefined ? {} : { authority }) };
  }
  if (responseHeaderModifier !== undefined) {
    const at = [...path, 'responseHeaderModifier'];
    return { responseHeaders: resolveEdits(context, responseHeaderModifier, at).edits };
  }
  if (requestMirror !== undefined) {
    return { mirrors: [...found.mirrors, ...resolveMirror(context, requestMirror, [...path, 'requestMirror'])] };
  }
  if (requestRedirect !== undefined) return { redirect: requestRedirect };
  if (urlRewrite !== undefined) {
    return {
      ...(urlRewrite.hostname === undefined ? {} : { authority: urlRewrite.hostname }),
      ...(urlRewrite.path === undefined ? {} : { path: urlRewrite.path }),
    };
  }
  return cors === undefined ? {} : { cors: resolveRouteCors(cors) };
}

function reportUnsupported(
  context: RouteContext,
  type: RouteFilter['type'],
  path: FieldPath,
  place: FilterPlace,
): void {
  const status = context.invalidStatus;
  reportProblem(
    context,
    {
      code: 'FieldNotSupported',
      reason: 'InvalidFilter',
      path: [...path, 'type'],
      message: `unsupported filter type "${type}"`,
      consequence:
        place === 'backend'
          ? `the share of this backend is answered with ${status}`
          : `requests of this rule are answered with ${status}`,
      ...(place === 'backend' ? {} : { droppedRule: place.rule }),
    },
    place === 'backend' && httpFilters.has(type) ? 'write the filter in the rule' : 'remove the filter',
  );
}

/**
 * The edits of one direction, by the last step of the path, sorted by name; a Host that is set
 * becomes the authority.
 */
function resolveEdits(
  context: RouteContext,
  { set = [], add = [], remove = [] }: HeaderModifier,
  path: FieldPath,
): { readonly edits: HeaderEdits; readonly authority?: string } {
  const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
    a < b ? -1 : a > b ? 1 : 0;
  const hosts = [...set, ...add].filter(({ name }) => name.toLowerCase() === 'host');
  const isOurs = (operation: 'add' | 'remove' | 'set', name: string, index: number): boolean => {
    const direction = path.at(-1) === 'responseHeaderModifier' ? 'response' : 'request';
    const problem = findEditProblem(direction, operation, name.toLowerCase());
    if (problem === undefined) return true;
    const message = `${problem}, so this edit has no effect`;
    reportRoute(context, 'FieldNotSupported', [...path, operation, index], message);
    return false;
  };
  const edit = (operation: 'add' | 'set', values: typeof set): HeaderEdits['set'] =>
    values
      .filter(({ name }, index) => name.toLowerCase() !== 'host' && isOurs(operation, name, index))
      .map(({ name, value }) => [name.toLowerCase(), readHeaderValue(value)] as const)
      .sort(byName);
  const removed = remove.filter((name, index) => {
    if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && name.toLowerCase() !== 'host') {
      return isOurs('remove', name, index);
    }
    const message = `header "${name}" cannot be removed, so it stays`;
    reportRoute(context, 'InvalidValue', [...path, 'remove', index], message);
    return false;
  });
  const [host] = hosts;
  return {
    edits: { set: edit('set', set), add: edit('add', add), remove: removed.map((name) => name.toLowerCase()).sort() },
    ...(host === undefined ? {} : { authority: host.value }),
  };
}

const everyRequest: PerMillion = 1_000_000;

/** A mirror to nowhere is reported, and left out. */
function resolveMirror(context: RouteContext, mirror: RouteMirror, path: FieldPath): readonly Mirror[] {
  const { backendRef, percent, fraction } = mirror;
  const cluster = resolveBackendRef(context, backendRef, [...path, 'backendRef'], 'these requests are not mirrored');
  const perMillion =
    fraction !== undefined
      ? Math.round((fraction.numerator / (fraction.denominator ?? 100)) * everyRequest)
      : percent === undefined
        ? everyRequest
        : percent * 10_000;
  return cluster === undefined || perMillion === 0 ? [] : [{ cluster, perMillion }];
}

/** The change of the path of matched requests. Slashes at the end of prefixes mean nothing. */
export function resolvePathModifier(modifier: PathModifier, { path }: HttpMatch): PathReplacement {
  if (modifier.type === 'ReplaceFullPath') return { full: absolute(modifier.replaceFullPath ?? '') };
  const trimmed = absolute(modifier.replacePrefixMatch ?? '').replace(/\/+$/, '');
  // The prefix `/` of every path takes the slash before the rest with it.
  if (path === undefined) return { matched: `${trimmed}/` };
  if (trimmed !== '') return { matched: trimmed };
  // Replacing `/x` by `/` as text would leave `//rest`.
  return 'pathPrefix' in path ? { stripped: path.pathPrefix } : { matched: '/' };
}

function absolute(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}

/**
 * The redirect of a rule. Without a port, it goes to that of the scheme, or to the port of the
 * parent. The usual port of a scheme is not written, unless no host is given: then the Host of the
 * request stays, and could bring another port in.
 */
export function resolveRouteRedirect(
  context: RouteContext,
  { scheme, hostname, path, port, statusCode }: NonNullable<RouteFilter['requestRedirect']>,
  match: HttpMatch,
): RedirectAction {
  const usual = scheme === 'https' ? 443 : 80;
  const wanted = port ?? (scheme === undefined ? context.port : usual);
  const isImplied = wanted === usual && (hostname !== undefined || context.port === 80);
  return {
    status: statusCode ?? 302,
    ...(path === undefined ? {} : { path: resolvePathModifier(path, match) }),
    ...(hostname === undefined ? {} : { authority: hostname }),
    ...(scheme === undefined ? {} : { scheme }),
    ...(isImplied ? {} : { port: wanted }),
  };
}
