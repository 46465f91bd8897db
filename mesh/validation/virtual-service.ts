// VirtualService: every rule leads somewhere, weights add up to something, and patterns, durations, percentages and ports are valid.

import type { FieldPath } from '../finding.ts';
import type {
  Destination,
  HttpFaultInjection,
  HttpMatchRequest,
  HttpRoute,
  HttpRouteDestination,
  L4RouteDestination,
  StringMatch,
  VirtualServiceSpec,
} from '../kinds/virtual-service.ts';
import type { Problem } from '../reading/problem.ts';
import { errorAt } from '../reading/problem.ts';
import { checkDuration, checkPattern, checkPort, checkRange } from './value.ts';

/** The problems of one VirtualService. */
export function checkVirtualService(spec: VirtualServiceSpec): readonly Problem[] {
  const { http = [], tcp = [], tls = [] } = spec;
  return [
    ...checkHosts(spec),
    ...(http.length + tcp.length + tls.length === 0
      ? [
          errorAt(
            'MissingField',
            ['spec', 'http'],
            'A VirtualService needs at least one rule in `http`, `tls` or `tcp`.',
          ),
        ]
      : []),
    ...http.flatMap((route, index) => checkHttpRoute(route, ['spec', 'http', index])),
    ...Object.entries({ tcp, tls }).flatMap(([field, routes]) =>
      routes.flatMap(({ route = [] }, index) => checkDestinations(route, ['spec', field, index, 'route'])),
    ),
  ];
}

function checkHosts({ hosts = [] }: VirtualServiceSpec): readonly Problem[] {
  return hosts.flatMap((host, index) =>
    /^(?:\*|(?:\*\.)?[A-Za-z0-9_]([-A-Za-z0-9_]*)(?:\.[A-Za-z0-9_][-A-Za-z0-9_]*)*|[0-9A-Fa-f:]+)\.?$/.test(host)
      ? []
      : [errorAt('InvalidValue', ['spec', 'hosts', index], `\`${host}\` is no host name.`)],
  );
}

function checkHttpRoute(route: HttpRoute, path: FieldPath): readonly Problem[] {
  const { match = [], retries, rewrite, corsPolicy, mirrors = [], mirror } = route;
  return [
    ...checkAction(route, path),
    ...match.flatMap((each, index) => checkMatch(each, [...path, 'match', index])),
    ...checkDestinations(route.route ?? [], [...path, 'route']),
    ...checkDuration(route.timeout, [...path, 'timeout']),
    ...checkRange(retries?.attempts, 0, 2 ** 31 - 1, [...path, 'retries', 'attempts']),
    ...checkDuration(retries?.perTryTimeout, [...path, 'retries', 'perTryTimeout']),
    ...checkDuration(retries?.backoff, [...path, 'retries', 'backoff']),
    ...(route.fault === undefined ? [] : checkFault(route.fault, [...path, 'fault'])),
    ...(rewrite?.uri !== undefined && rewrite.uriRegexRewrite !== undefined
      ? [
          errorAt(
            'InvalidValue',
            [...path, 'rewrite', 'uriRegexRewrite'],
            '`uri` and `uriRegexRewrite` exclude each other.',
          ),
        ]
      : []),
    ...checkPattern(rewrite?.uriRegexRewrite?.match, [...path, 'rewrite', 'uriRegexRewrite', 'match']),
    ...(corsPolicy?.allowOrigins ?? []).flatMap((origin, index) =>
      checkMatcher(origin, [...path, 'corsPolicy', 'allowOrigins', index]),
    ),
    ...checkDuration(corsPolicy?.maxAge, [...path, 'corsPolicy', 'maxAge']),
    ...checkRange(route.mirrorPercentage?.value, 0, 100, [...path, 'mirrorPercentage', 'value']),
    ...checkRange(route.mirrorPercent, 0, 100, [...path, 'mirrorPercent']),
    ...(mirror === undefined ? [] : checkDestination(mirror, [...path, 'mirror'])),
    ...(mirror !== undefined && mirrors.length > 0
      ? [errorAt('InvalidValue', [...path, 'mirrors'], '`mirror` and `mirrors` exclude each other.')]
      : []),
    ...mirrors.flatMap(({ destination, percentage }, index) => [
      ...checkDestination(destination, [...path, 'mirrors', index, 'destination']),
      ...checkRange(percentage?.value, 0, 100, [...path, 'mirrors', index, 'percentage', 'value']),
    ]),
  ];
}

function checkAction(route: HttpRoute, path: FieldPath): readonly Problem[] {
  const { redirect, directResponse, delegate, rewrite } = route;
  const actions = {
    route: (route.route ?? []).length > 0 ? route.route : undefined,
    redirect,
    directResponse,
    delegate,
  };
  const given = Object.entries(actions).flatMap(([name, action]) => (action === undefined ? [] : [name]));
  const problems: Problem[] = [];
  const [first, second] = given;
  if (first === undefined) {
    const message = 'The rule leads nowhere: it needs a `route`, a `redirect`, a `directResponse` or a `delegate`.';
    problems.push(errorAt('MissingField', [...path, 'route'], message));
  } else if (second !== undefined) {
    problems.push(
      errorAt(
        'InvalidValue',
        [...path, second],
        `\`${first}\` and \`${second}\` exclude each other.`,
        'keep one of them',
      ),
    );
  }
  if (redirect !== undefined && rewrite !== undefined) {
    problems.push(errorAt('InvalidValue', [...path, 'rewrite'], '`redirect` and `rewrite` exclude each other.'));
  }
  const code = redirect?.redirectCode;
  if (code !== undefined && ![301, 302, 303, 307, 308].includes(code)) {
    const message = `\`${code}\` is no code that can be used: 301, 302, 303, 307 or 308.`;
    problems.push(errorAt('InvalidValue', [...path, 'redirect', 'redirectCode'], message));
  }
  problems.push(...checkPort(redirect?.port, [...path, 'redirect', 'port']));
  problems.push(...checkRange(directResponse?.status, 200, 599, [...path, 'directResponse', 'status']));
  return problems;
}

function checkMatch(match: HttpMatchRequest, path: FieldPath): readonly Problem[] {
  const matchers = (['uri', 'scheme', 'method', 'authority'] as const).flatMap((field) =>
    checkMatcher(match[field], [...path, field]),
  );
  const maps = (['headers', 'withoutHeaders', 'queryParams'] as const).flatMap((field) =>
    Object.entries(match[field] ?? {}).flatMap(([name, matcher]) =>
      name === ''
        ? [errorAt('InvalidValue', [...path, field], `A name in \`${field}\` is empty.`)]
        : // Istio reads `*` as presence, though it is no pattern.
          matcher.regex === '*'
          ? []
          : checkMatcher(matcher, [...path, field, name]),
    ),
  );
  return [...matchers, ...maps, ...checkPort(match.port, [...path, 'port'])];
}

function checkMatcher(matcher: StringMatch | undefined, path: FieldPath): readonly Problem[] {
  for (const field of ['prefix', 'regex'] as const) {
    if (matcher?.[field] !== '') continue;
    const hint = 'write `{}` where it is enough that there is a value';
    return [errorAt('InvalidValue', [...path, field], `\`${field}\` is empty: that asks for nothing.`, hint)];
  }
  return checkPattern(matcher?.regex, [...path, 'regex']);
}

function checkFault({ delay, abort }: HttpFaultInjection, path: FieldPath): readonly Problem[] {
  const problems = [
    ...checkDuration(delay?.fixedDelay, [...path, 'delay', 'fixedDelay']),
    ...checkRange(delay?.percentage?.value, 0, 100, [...path, 'delay', 'percentage', 'value']),
    ...checkRange(delay?.percent, 0, 100, [...path, 'delay', 'percent']),
    ...checkRange(abort?.httpStatus, 200, 599, [...path, 'abort', 'httpStatus']),
    ...checkRange(abort?.percentage?.value, 0, 100, [...path, 'abort', 'percentage', 'value']),
    ...checkRange(abort?.percent, 0, 100, [...path, 'abort', 'percent']),
  ];
  if (delay !== undefined && delay.fixedDelay === undefined && delay.exponentialDelay === undefined) {
    problems.push(errorAt('MissingField', [...path, 'delay', 'fixedDelay'], 'A delay needs the field `fixedDelay`.'));
  }
  if (
    abort !== undefined &&
    abort.httpStatus === undefined &&
    abort.grpcStatus === undefined &&
    abort.http2Error === undefined
  ) {
    problems.push(
      errorAt('MissingField', [...path, 'abort', 'httpStatus'], 'An abort needs `httpStatus` or `grpcStatus`.'),
    );
  }
  return problems;
}

function checkDestinations(
  route: readonly (HttpRouteDestination | L4RouteDestination)[],
  path: FieldPath,
): readonly Problem[] {
  const problems = route.flatMap(({ destination, weight = 0 }, index) => [
    ...checkDestination(destination, [...path, index, 'destination']),
    ...(weight < 0
      ? [errorAt('WeightsInvalid', [...path, index, 'weight'], `The weight \`${weight}\` is below 0.`)]
      : []),
  ]);
  const total = route.reduce((sum, { weight = 0 }) => sum + weight, 0);
  if (route.length > 1 && total === 0) {
    const message = 'The weights of these destinations add up to 0, so that no request could be sent.';
    problems.push(errorAt('WeightsInvalid', path, message, 'give every destination a weight, 100 in all'));
  }
  if (total > 2 ** 32 - 1)
    problems.push(errorAt('WeightsInvalid', path, 'The weights add up to more than 4294967295.'));
  return problems;
}

function checkDestination({ host, port }: Destination, path: FieldPath): readonly Problem[] {
  return [
    ...(host === '' || host.startsWith('*')
      ? [errorAt('InvalidValue', [...path, 'host'], `\`${host}\` cannot be sent to.`)]
      : []),
    ...checkPort(port?.number, [...path, 'port', 'number']),
  ];
}
