// HTTPRoute and GRPCRoute: the expressions of their definitions, which an API server would enforce,
// so that a file means what the same object means in a cluster; and patterns that Envoy accepts.

import { parseDuration } from '../../duration.ts';
import type { FieldPath } from '../../finding.ts';
import type {
  GrpcRouteMatch,
  GrpcRouteSpec,
  HttpPathMatch,
  HttpRouteMatch,
  HttpRouteRule,
  HttpRouteSpec,
  NamedValueMatch,
  PathModifier,
  RouteCors,
  RouteFilter,
  SessionPersistence,
} from './spec.ts';
import type { Problem } from '../../reading/problem.ts';
import { errorAt } from '../../reading/problem.ts';
import { checkParents } from '../../validation/route-references.ts';
import { checkPattern, checkUnique } from '../../validation/value.ts';

/** The problems of one HTTPRoute. */
export function checkHttpRouteObject({ parentRefs, rules = [] }: HttpRouteSpec): readonly Problem[] {
  return [
    ...checkParents(parentRefs),
    ...checkUnique(
      rules.map(({ name }) => name),
      ['spec', 'rules'],
      'name',
    ),
    ...rules.flatMap((rule, index) => checkHttpRule(rule, ['spec', 'rules', index])),
  ];
}

/** The problems of one GRPCRoute. */
export function checkGrpcRouteObject({ parentRefs, rules = [] }: GrpcRouteSpec): readonly Problem[] {
  return [
    ...checkParents(parentRefs),
    ...checkUnique(
      rules.map(({ name }) => name),
      ['spec', 'rules'],
      'name',
    ),
    ...rules.flatMap(({ matches = [], filters = [], backendRefs = [], sessionPersistence }, index) => [
      ...checkSession(sessionPersistence, ['spec', 'rules', index, 'sessionPersistence']),
      ...matches.flatMap((match, at) => checkGrpcMatch(match, ['spec', 'rules', index, 'matches', at])),
      ...checkFilters(filters, ['spec', 'rules', index, 'filters'], true),
      ...backendRefs.flatMap((backend, at) =>
        checkFilters(backend.filters ?? [], ['spec', 'rules', index, 'backendRefs', at, 'filters'], true),
      ),
    ]),
  ];
}

function checkHttpRule(rule: HttpRouteRule, path: FieldPath): readonly Problem[] {
  const { matches = [], filters = [], backendRefs = [], timeouts, sessionPersistence } = rule;
  const hasPrefix =
    matches.length === 0 || (matches.length === 1 && (matches[0]?.path?.type ?? 'PathPrefix') === 'PathPrefix');
  const redirect = filters.findIndex(({ type }) => type === 'RequestRedirect');
  const request = parseDuration(timeouts?.request ?? '0s') ?? 0;
  const backendRequest = parseDuration(timeouts?.backendRequest ?? '0s') ?? 0;
  return [
    ...checkSession(sessionPersistence, [...path, 'sessionPersistence']),
    ...matches.flatMap((match, index) => checkHttpMatch(match, [...path, 'matches', index])),
    ...checkFilters(filters, [...path, 'filters'], hasPrefix),
    ...backendRefs.flatMap((backend, index) =>
      checkFilters(backend.filters ?? [], [...path, 'backendRefs', index, 'filters'], hasPrefix),
    ),
    ...(redirect >= 0 && backendRefs.length > 0
      ? [
          errorAt(
            'InvalidValue',
            [...path, 'filters', redirect],
            'A rule that redirects must not have `backendRefs`.',
            'remove one of them',
          ),
        ]
      : []),
    ...(request > 0 && backendRequest > request
      ? [
          errorAt(
            'InvalidValue',
            [...path, 'timeouts', 'backendRequest'],
            '`backendRequest` must not be longer than `request`.',
          ),
        ]
      : []),
  ];
}

/** The problems of a session, of a route's rule or of a policy. */
export function checkSession(session: SessionPersistence | undefined, path: FieldPath): readonly Problem[] {
  if (session === undefined) return [];
  const { type = 'Cookie', absoluteTimeout, cookie, cookieConfig } = session;
  const foreign = (type === 'Cookie' ? (['header'] as const) : (['cookie', 'cookieConfig'] as const)).filter(
    (field) => session[field] !== undefined,
  );
  const isPermanent = [cookie?.lifetimeType, cookieConfig?.lifetimeType].includes('Permanent');
  return [
    ...foreign.map((field) =>
      errorAt('InvalidValue', [...path, field], `\`${field}\` does not belong to sessions of type ${type}.`),
    ),
    ...(isPermanent && absoluteTimeout === undefined
      ? [errorAt('MissingField', path, 'A permanent cookie needs `absoluteTimeout`.')]
      : []),
  ];
}

function checkHttpMatch(match: HttpRouteMatch, path: FieldPath): readonly Problem[] {
  return [
    ...(match.path === undefined ? [] : checkPath(match.path, [...path, 'path'])),
    ...checkValues(match.headers, [...path, 'headers']),
    ...checkValues(match.queryParams, [...path, 'queryParams']),
  ];
}

const pathCharacters = /^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+$/;

function checkPath({ type = 'PathPrefix', value = '/' }: HttpPathMatch, path: FieldPath): readonly Problem[] {
  const field = [...path, 'value'];
  if (type === 'RegularExpression') return checkPattern(value, field);
  if (!value.startsWith('/')) {
    return [errorAt('InvalidValue', field, `\`${value}\` must begin with \`/\`.`, `did you mean \`/${value}\`?`)];
  }
  if (!pathCharacters.test(value)) {
    return [errorAt('InvalidValue', field, `\`${value}\` has characters that a path cannot have.`)];
  }
  const part = ['//', '/./', '/../', '%2f', '%2F'].find((text) => value.includes(text));
  const end = ['/..', '/.'].find((text) => value.endsWith(text));
  if (part === undefined && end === undefined) return [];
  return [errorAt('InvalidValue', field, `\`${value}\` must not have \`${part ?? end}\`: paths are normalized.`)];
}

function checkValues(values: readonly NamedValueMatch[] | undefined, path: FieldPath): readonly Problem[] {
  return (values ?? []).flatMap(({ type, value }, index) =>
    type === 'RegularExpression' ? checkPattern(value, [...path, index, 'value']) : [],
  );
}

function checkGrpcMatch({ method, headers }: GrpcRouteMatch, path: FieldPath): readonly Problem[] {
  const at = [...path, 'method'];
  const problems = [...checkValues(headers, [...path, 'headers'])];
  if (method === undefined) return problems;
  if ((method.service ?? '') === '' && (method.method ?? '') === '') {
    problems.push(errorAt('MissingField', at, 'A method match needs `service` or `method`.'));
  }
  const fields = [
    ['service', method.service, /^\.?[A-Za-z_][A-Za-z_0-9]*(?:\.[A-Za-z_][A-Za-z_0-9]*)*$/],
    ['method', method.method, /^[A-Za-z_][A-Za-z_0-9]*$/],
  ] as const;
  for (const [field, value, name] of fields) {
    if (value === undefined) continue;
    if (method.type === 'RegularExpression') problems.push(...checkPattern(value, [...at, field]));
    else if (!name.test(value)) {
      problems.push(errorAt('InvalidValue', [...at, field], `\`${value}\` is no name of a gRPC ${field}.`));
    }
  }
  return problems;
}

const fieldOfFilter = {
  RequestHeaderModifier: 'requestHeaderModifier',
  ResponseHeaderModifier: 'responseHeaderModifier',
  RequestMirror: 'requestMirror',
  RequestRedirect: 'requestRedirect',
  URLRewrite: 'urlRewrite',
  CORS: 'cors',
  ExternalAuth: 'externalAuth',
  ExtensionRef: 'extensionRef',
} as const satisfies Readonly<Record<RouteFilter['type'], keyof RouteFilter>>;

const repeatable: ReadonlySet<RouteFilter['type']> = new Set(['RequestMirror', 'ExtensionRef']);

function checkFilters(filters: readonly RouteFilter[], path: FieldPath, hasPrefix: boolean): readonly Problem[] {
  const types = filters.map(({ type }) => type);
  const rewrite = types.indexOf('URLRewrite');
  return [
    ...(types.includes('RequestRedirect') && rewrite >= 0
      ? [errorAt('InvalidValue', [...path, rewrite], 'URLRewrite and RequestRedirect exclude each other.')]
      : []),
    ...filters.flatMap((filter, index) => {
      const at = [...path, index];
      const repeated = !repeatable.has(filter.type) && types.indexOf(filter.type) < index;
      return [
        ...(repeated ? [errorAt('InvalidValue', at, `${filter.type} must not be repeated in one list.`)] : []),
        ...checkFilter(filter, at, hasPrefix),
      ];
    }),
  ];
}

function checkFilter(filter: RouteFilter, path: FieldPath, hasPrefix: boolean): readonly Problem[] {
  const own = fieldOfFilter[filter.type];
  const problems: Problem[] = Object.values(fieldOfFilter)
    .filter((field) => field !== own && filter[field] !== undefined)
    .map((field) =>
      errorAt('InvalidValue', [...path, field], `\`${field}\` does not belong to a filter of type ${filter.type}.`),
    );
  if (filter[own] === undefined) {
    problems.push(
      errorAt('MissingField', [...path, own], `A filter of type ${filter.type} needs the field \`${own}\`.`),
    );
  }
  const { requestMirror, requestRedirect, urlRewrite, cors } = filter;
  if (requestMirror?.percent !== undefined && requestMirror.fraction !== undefined) {
    const at = [...path, 'requestMirror', 'fraction'];
    problems.push(errorAt('InvalidValue', at, '`percent` and `fraction` exclude each other.'));
  }
  const { numerator = 0, denominator = 100 } = requestMirror?.fraction ?? {};
  if (numerator > denominator) {
    const at = [...path, 'requestMirror', 'fraction', 'numerator'];
    problems.push(errorAt('InvalidValue', at, '`numerator` must not be larger than `denominator`.'));
  }
  return [
    ...problems,
    ...checkPathModifier(requestRedirect?.path, [...path, 'requestRedirect', 'path'], hasPrefix),
    ...checkPathModifier(urlRewrite?.path, [...path, 'urlRewrite', 'path'], hasPrefix),
    ...(cors === undefined ? [] : checkCors(cors, [...path, 'cors'])),
  ];
}

function checkPathModifier(
  modifier: PathModifier | undefined,
  path: FieldPath,
  hasPrefix: boolean,
): readonly Problem[] {
  if (modifier === undefined) return [];
  const [own, other] =
    modifier.type === 'ReplaceFullPath'
      ? (['replaceFullPath', 'replacePrefixMatch'] as const)
      : (['replacePrefixMatch', 'replaceFullPath'] as const);
  return [
    ...(modifier[own] === undefined
      ? [errorAt('MissingField', [...path, own], `\`${own}\` is needed for type ${modifier.type}.`)]
      : []),
    ...(modifier[other] === undefined
      ? []
      : [errorAt('InvalidValue', [...path, other], `\`${other}\` does not belong to type ${modifier.type}.`)]),
    ...(modifier.type === 'ReplacePrefixMatch' && !hasPrefix
      ? [
          errorAt(
            'InvalidValue',
            [...path, 'replacePrefixMatch'],
            'A prefix can only be replaced in a rule with exactly one match, of type PathPrefix.',
            'write a rule for each match',
          ),
        ]
      : []),
  ];
}

function checkCors(cors: RouteCors, path: FieldPath): readonly Problem[] {
  return (['allowOrigins', 'allowMethods', 'allowHeaders'] as const).flatMap((field) => {
    const values = cors[field] ?? [];
    return values.includes('*') && values.length > 1
      ? [errorAt('InvalidValue', [...path, field], '`*` must stand alone.')]
      : [];
  });
}
