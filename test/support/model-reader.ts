// A reader of the generator's model that knows no Envoy: the fate of a request, from a waypoint's
// model alone, as the comments of the model describe it. It follows one waypoint of IPv4 addresses.

import {
  type Authentication,
  type AuthorizationRule,
  type Frontend,
  type HeaderEdits,
  type HttpFrontend,
  type HttpRoute,
  judgement,
  type PathHandling,
  type PathReplacement,
  readKeys,
  type RedirectAction,
  type WaypointModel,
} from '../../generator/index.ts';
import type { CarriedToken } from './authentication-evaluator.ts';
import { clientHolds, isInBlock, matchHolds, operationHolds, type ReadRequest } from './model-matchers.ts';
import {
  editHeaders,
  type Headers,
  type HeaderEdits as WrittenEdits,
  type Outcome,
  rewriteByRegex,
} from './routing-terms.ts';

/** A request, or a connection without `http`, to an address that the client dialled. */
export interface DialledRequest {
  readonly identity: string;
  readonly sourceAddress: string;
  readonly address: string;
  readonly port: number;
  readonly http?: {
    readonly method: string;
    /** As sent, with its query. */
    readonly path: string;
    readonly host: string;
    readonly headers: Headers;
    readonly token?: CarriedToken | undefined;
  };
}

/** A possible fate of a request; `closed`: its connection is, without an answer. */
export type Fate = Outcome | 'closed' | 'forwarded';

/** The possible fates of a request: several if weights leave a choice. */
export function readFates(model: WaypointModel, request: DialledRequest): readonly Fate[] {
  const seen = seeConnection(request);
  const frontend = findFrontend(model, request);
  if (frontend === undefined) return [{ status: 404 }];
  const { http, tcp } = frontend;
  if (http !== undefined && request.http !== undefined) return judge(frontend, http, request.http, seen);
  if (tcp === undefined) return ['closed'];
  if (isAllowed(tcp.authorization, seen)) return ['forwarded'];
  return frontend.address.protocol === 'tcp' ? [{ status: 403 }] : ['closed'];
}

function seeConnection({ identity, sourceAddress, port }: DialledRequest): ReadRequest {
  const none = { method: '', path: '', query: '', host: '', headers: [], claims: undefined };
  return { identity, sourceAddress, port, ...none };
}

function findFrontend({ dispatch, frontends }: WaypointModel, { address, port }: DialledRequest): Frontend | undefined {
  const [entry] = dispatch
    .flatMap(({ addresses, to }) => addresses.map((range) => ({ to, block: blockOf(range) })))
    .filter(({ block }) => isInBlock(block, address))
    .sort((a, b) => b.block.prefix - a.block.prefix);
  if (entry === undefined || typeof entry.to === 'string') return undefined;
  const served = entry.to.ports.find((each) => each.address.port === port)?.address;
  return frontends.find((each) => each.address.host === served?.host && each.address.port === served.port);
}

function blockOf(range: string): { readonly address: string; readonly prefix: number } {
  const [address = '', prefix = '32'] = range.split('/');
  return { address, prefix: Number(prefix) };
}

function judge(
  { address }: Frontend,
  http: HttpFrontend,
  { method, path: sent, host, headers, token }: NonNullable<DialledRequest['http']>,
  connection: ReadRequest,
): readonly Fate[] {
  const mark = sent.indexOf('?');
  const path = normalizePath(mark < 0 ? sent : sent.slice(0, mark), address.paths);
  if (path === undefined || sent.includes('#')) return [{ status: 400 }];
  const query = mark < 0 ? '' : sent.slice(mark);
  let request: ReadRequest = { ...connection, method, path, query, host, headers };
  const { authorization, authentication, routes } = http;
  for (const step of judgement) {
    const route = routes.find(({ match }) => matchHolds(match, request));
    const answer = ((): readonly Fate[] | undefined => {
      const isJudged = route?.isUnjudged !== true;
      switch (step) {
        case 'custom':
          // Nobody is asked in the tests that read.
          return isJudged && (authorization.custom?.rules ?? []).some((rule) => ruleHolds(rule, request))
            ? []
            : undefined;
        case 'token': {
          const verified = verify(authentication, token);
          if (verified === 'refused') return [{ status: 401 }];
          request = { ...request, claims: verified };
          return undefined;
        }
        case 'deny':
          return isJudged && authorization.deny.some((rule) => ruleHolds(rule, request))
            ? [{ status: 403 }]
            : undefined;
        case 'allow':
          return isJudged && authorization.allow?.some((rule) => ruleHolds(rule, request)) === false
            ? [{ status: 403 }]
            : undefined;
        case 'fault': {
          const abort = route?.fault?.abort;
          return abort?.perMillion === 1_000_000 && 'http' in abort.status
            ? [{ status: abort.status.http }]
            : undefined;
        }
        case 'route':
          return route === undefined ? [] : act(route, request);
        case 'audit':
        case 'cors':
        case 'session':
          return undefined;
      }
    })();
    if (answer !== undefined) return answer;
  }
  return [];
}

function isAllowed({ deny, allow }: HttpFrontend['authorization'], request: ReadRequest): boolean {
  if (deny.some((rule) => ruleHolds(rule, request))) return false;
  return allow === undefined || allow.some((rule) => ruleHolds(rule, request));
}

function ruleHolds({ operation, source }: AuthorizationRule, request: ReadRequest): boolean {
  return operationHolds(operation, request) && clientHolds(source, request);
}

const defaultPlaces = [{ name: 'authorization', prefix: 'Bearer ' }];

function verify(
  { providers }: Authentication,
  token: CarriedToken | undefined,
): Readonly<Record<string, unknown>> | 'refused' | undefined {
  if (token === undefined) return undefined;
  const [name, value] = token.header;
  const finders = providers.filter(({ fromHeaders }) =>
    (fromHeaders.length === 0 ? defaultPlaces : fromHeaders).some(
      (place) => place.name.toLowerCase() === name.toLowerCase() && value.startsWith(place.prefix),
    ),
  );
  if (finders.length === 0) return undefined;
  const keys = token.signedWith === undefined ? undefined : readKeys(token.signedWith).jwks;
  const provider = finders.find(({ issuer, jwks }) => jwks === keys && issuer === token.claims['iss']);
  if (provider === undefined) return 'refused';
  return Object.fromEntries(
    Object.entries(token.claims).map(([claim, each]) => [
      claim,
      provider.listClaims.includes(claim) && typeof each === 'string' ? each.split(' ') : each,
    ]),
  );
}

function normalizePath(sent: string, { normalize, mergeSlashes, escapedSlashes }: PathHandling): string | undefined {
  if (!normalize) return sent;
  if (sent.includes('%00')) return undefined;
  const unescaped = escapedSlashes === 'decode' ? sent.replace(/%2f/gi, '/').replace(/%5c/gi, '\\') : sent;
  const decoded = unescaped.replaceAll('\\', '/').replace(/%([0-9a-f]{2})/gi, (escape, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16));
    return /[A-Za-z0-9\-._~]/.test(character) ? character : escape;
  });
  const resolved = decoded.split('/').reduce<readonly string[]>((kept, segment, index, all) => {
    const isLast = index === all.length - 1;
    if (segment === '.') return isLast ? [...kept, ''] : kept;
    if (segment !== '..') return [...kept, segment];
    const above = kept.length > 1 ? kept.slice(0, -1) : kept;
    return isLast ? [...above, ''] : above;
  }, []);
  const path = resolved.join('/');
  return mergeSlashes ? path.replace(/\/+/g, '/') : path;
}

function act(route: HttpRoute, request: ReadRequest): readonly Fate[] {
  const { action } = route;
  switch (action.kind) {
    case 'respond': {
      const { body } = action;
      return [{ status: action.status, body: body === undefined ? '' : 'text' in body ? body.text : '' }];
    }
    case 'redirect':
      return [{ status: action.status, location: locationOf(route, action, request) }];
    case 'forward':
      return action.destinations.map((destination): Fate => {
        const { cluster, authority, requestHeaders, responseHeaders } = destination;
        if (cluster === undefined) return { status: action.invalidStatus };
        const [name = '', namespace = ''] = cluster.host.split('.');
        return {
          destination: `${namespace}/${name}:${cluster.port}${cluster.subset === undefined ? '' : `/${cluster.subset}`}`,
          path: rewrite(route, action.path, request.path) + request.query,
          host: authority ?? request.host,
          headers: [requestHeaders, route.requestHeaders].map(editsOf).reduce(editHeaders, request.headers),
          response: [responseHeaders, route.responseHeaders].map(editsOf),
        };
      });
  }
}

type Rewrite = PathReplacement | { readonly regex: string; readonly substitution: string };

function rewrite({ match }: HttpRoute, by: Rewrite | undefined, path: string): string {
  if (by === undefined) return path;
  if ('full' in by) return by.full;
  if ('stripped' in by) return path.slice(by.stripped.length).replace(/^\/*/, '/');
  if ('regex' in by) return rewriteByRegex(path, by.regex, by.substitution);
  const compared = match.path ?? { prefix: '/' };
  const prefix = 'prefix' in compared ? compared.prefix : 'pathPrefix' in compared ? compared.pathPrefix : path;
  return by.matched + path.slice(prefix.length);
}

function locationOf(route: HttpRoute, { path, authority, scheme, port }: RedirectAction, request: ReadRequest): string {
  const given = authority ?? request.host;
  const isUsual = scheme !== undefined && scheme !== 'http' && given.endsWith(':80');
  const host = port !== undefined ? `${given.replace(/:\d+$/, '')}:${port}` : isUsual ? given.slice(0, -3) : given;
  return `${scheme ?? 'http'}://${host}${rewrite(route, path, request.path)}${request.query}`;
}

function editsOf(edits: HeaderEdits | undefined): WrittenEdits {
  const list = (values: HeaderEdits['set']): Headers =>
    values.map(([name, value]) => [
      name,
      value.map((part) => (typeof part === 'string' ? part : `%${part.command}%`)).join(''),
    ]);
  return { set: list(edits?.set ?? []), add: list(edits?.add ?? []), remove: edits?.remove ?? [] };
}
