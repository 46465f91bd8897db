// VirtualService: every rule leads somewhere, weights have a sum, and patterns, durations,
// percentages and ports are valid.

import { isIpAddress } from '../../address.ts';
import type { FieldPath } from '../../finding.ts';
import { isDnsLabel, isWildcardDomain } from '../../host.ts';
import type {
  Destination,
  HttpFaultInjection,
  HttpMatchRequest,
  HttpRedirect,
  HttpRewrite,
  HttpRoute,
  HttpRouteDestination,
  L4RouteDestination,
  StringMatch,
  VirtualServiceSpec,
} from './spec.ts';
import type { Problem } from '../../reading/problem.ts';
import { errorAt, warningAt } from '../../reading/problem.ts';
import { checkCors } from '../../validation/cors-policy.ts';
import { checkRetries } from '../../validation/retries.ts';
import { checkExportTo, checkOneLine, checkPattern, checkPort, checkRange, checkTime } from '../../validation/value.ts';

/** The problems of one VirtualService. */
export function checkVirtualService(spec: VirtualServiceSpec): readonly Problem[] {
  const { http = [], tcp = [], tls = [] } = spec;
  return [
    ...checkHosts(spec),
    ...checkExportTo(spec.exportTo),
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
    isWildcardDomain(host) || isIpAddress(host)
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
    ...checkTime(route.timeout, [...path, 'timeout']),
    ...(retries === undefined ? [] : checkRetries(retries, [...path, 'retries'])),
    ...(route.fault === undefined ? [] : checkFault(route.fault, [...path, 'fault'])),
    ...(rewrite === undefined ? [] : checkRewrite(rewrite, [...path, 'rewrite'])),
    ...(corsPolicy === undefined ? [] : checkCors(corsPolicy, [...path, 'corsPolicy'])),
    ...checkRange(route.mirrorPercentage?.value, 0, 100, [...path, 'mirrorPercentage', 'value']),
    ...checkRange(route.mirrorPercent, 0, 100, [...path, 'mirrorPercent']),
    ...(mirror === undefined ? [] : checkDestination(mirror, [...path, 'mirror'])),
    ...(['mirrorPercentage', 'mirrorPercent'] as const).flatMap((field) =>
      route[field] === undefined || mirror !== undefined
        ? []
        : [
            warningAt(
              'MissingField',
              [...path, field],
              `\`${field}\` has no effect without \`mirror\`.`,
              'name where to',
            ),
          ],
    ),
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
  if (redirect !== undefined) problems.push(...checkRedirect(redirect, [...path, 'redirect']));
  problems.push(...checkRange(directResponse?.status, 200, 599, [...path, 'directResponse', 'status']));
  return problems;
}

function checkRedirect(redirect: HttpRedirect, path: FieldPath): readonly Problem[] {
  const { scheme = '' } = redirect;
  const { redirectCode: _, ...targets } = redirect;
  return [
    ...checkOneLine(redirect.uri, [...path, 'uri']),
    ...checkOneLine(redirect.authority, [...path, 'authority']),
    ...checkPort(redirect.port, [...path, 'port']),
    ...(scheme === '' || scheme === 'http' || scheme === 'https'
      ? []
      : [errorAt('InvalidValue', [...path, 'scheme'], `\`${scheme}\` is no scheme to redirect to: http or https.`)]),
    ...(Object.values(targets).every((value) => value === '')
      ? [
          errorAt(
            'MissingField',
            path,
            'The redirect says nowhere to go to, and would come back.',
            'set `uri`, `authority`, `scheme` or `port`',
          ),
        ]
      : []),
  ];
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
  const names = (['headers', 'withoutHeaders'] as const).flatMap((field) =>
    Object.keys(match[field] ?? {}).flatMap((name) => checkOneLine(name, [...path, field, name])),
  );
  return [...matchers, ...names, ...maps, ...checkPort(match.port, [...path, 'port'])];
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
  if (delay === undefined && abort === undefined) {
    return [
      errorAt('MissingField', path, 'A fault needs a `delay` or an `abort`.', 'leave it out where there is none'),
    ];
  }
  const problems = [
    ...checkTime(delay?.fixedDelay, [...path, 'delay', 'fixedDelay']),
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

function checkRewrite(
  { uri = '', authority = '', uriRegexRewrite: regex }: HttpRewrite,
  path: FieldPath,
): readonly Problem[] {
  const at = [...path, 'uriRegexRewrite'];
  if (uri === '' && authority === '' && regex === undefined) {
    return [
      errorAt(
        'MissingField',
        path,
        'A rewrite needs `uri`, `uriRegexRewrite` or `authority`.',
        'leave it out where there is none',
      ),
    ];
  }
  return [
    ...checkOneLine(uri, [...path, 'uri']),
    ...checkOneLine(authority, [...path, 'authority']),
    ...checkOneLine(regex?.rewrite, [...at, 'rewrite']),
    ...(uri !== '' && regex !== undefined
      ? [errorAt('InvalidValue', at, '`uri` and `uriRegexRewrite` exclude each other.')]
      : []),
    ...(regex !== undefined && (regex.match ?? '') === ''
      ? [errorAt('MissingField', [...at, 'match'], '`uriRegexRewrite` needs the pattern of what it replaces.')]
      : checkPattern(regex?.match, [...at, 'match'])),
  ];
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

function checkDestination({ host, port, subset = '' }: Destination, path: FieldPath): readonly Problem[] {
  return [
    ...(subset === '' || isDnsLabel(subset)
      ? []
      : [errorAt('InvalidValue', [...path, 'subset'], `\`${subset}\` is no name of a subset.`)]),
    ...(host === '*' || !(isWildcardDomain(host) || isIpAddress(host))
      ? [errorAt('InvalidValue', [...path, 'host'], `\`${host}\` cannot be sent to.`)]
      : []),
    ...checkPort(port?.number, [...path, 'port', 'number']),
  ];
}
