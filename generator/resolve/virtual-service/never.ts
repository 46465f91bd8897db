// Matches of VirtualServices that no request, or no connection, can meet. They are reported once
// for each object, whatever it applies to.

import {
  type FieldPath,
  type HttpMatchRequest,
  isWildcardHost,
  type L4MatchAttributes,
  type MeshObject,
  type MeshSnapshot,
  refOf,
  resolveHost,
  type Severity,
  type StringMatch,
} from '../../../mesh/index.ts';
import { findNamespaceProblem } from '../authorization/clients.ts';
import { isInBlock, parseAddressBlock } from '../authorization/address-block.ts';
import { findClientAddressProblem } from '../authorization/never-values.ts';
import type { ResolveContext } from '../context.ts';
import {
  findHeaderNameProblem,
  findHeaderValueProblem,
  findHostProblem,
  findMethodProblem,
  findPathProblem,
  findPathRegexProblem,
  findQueryProblem,
  findSchemeProblem,
  hasOuterBlank,
  looksLikeRegex,
  type TextPattern,
} from '../frontend/request-text.ts';
import { findService, type ResolvedService } from '../service/service.ts';

type VirtualService = MeshObject<'VirtualService'>;
type Report = (path: FieldPath, problem: string, hint?: string, severity?: Severity, consequence?: string) => void;

/** Reports every condition of an object that nothing can meet. */
export function reportNeverMatches(context: ResolveContext, object: VirtualService): void {
  const { http = [], tcp = [], tls = [] } = object.spec;
  const report: Report = (path, problem, hint, severity = 'warning', consequence = 'this match never holds') =>
    context.report({
      code: 'NeverMatches',
      severity,
      ref: refOf(object),
      path,
      message: `${problem}, so ${consequence}`,
      ...(hint === undefined ? {} : { hint }),
    });
  const services = findServices(context.mesh, object);
  for (const [level, rules] of Object.entries({ http, tcp, tls })) {
    for (const [index, { match = [] }] of rules.entries()) {
      for (const [at, each] of match.entries()) {
        const path: FieldPath = ['spec', level, index, 'match', at];
        reportPlace(context, object, each, { path, report, services });
        if (level === 'http') reportRequest(each, path, report);
        else reportAddresses(each as L4MatchAttributes, { path, report, services });
      }
    }
  }
}

/**
 * The services of the hosts of an object, or of those that delegate to it; undefined when they
 * cannot all be known.
 */
function findServices(mesh: MeshSnapshot, object: VirtualService): readonly ResolvedService[] | undefined {
  const { namespace, name } = object.metadata;
  const roots =
    (object.spec.hosts ?? []).length > 0 ? [object] : mesh.find('VirtualService/delegate', `${namespace}/${name}`);
  const hosts = roots.flatMap(({ metadata, spec }) =>
    (spec.hosts ?? []).map((host) => resolveHost(host, metadata.namespace, mesh.settings.clusterDomain)),
  );
  if (hosts.length === 0 || hosts.some(isWildcardHost)) return undefined;
  const services = hosts.map((host) => findService(mesh, host));
  return services.includes(undefined) ? undefined : services.flatMap((service) => service ?? []);
}

interface Place {
  readonly path: FieldPath;
  readonly report: Report;
  readonly services: readonly ResolvedService[] | undefined;
}

/** The conditions of a match on the source and the destination of a request. */
function reportPlace(
  { mesh }: ResolveContext,
  { metadata, spec }: VirtualService,
  { port, gateways = [], sourceNamespace = '' }: Pick<HttpMatchRequest, 'gateways' | 'port' | 'sourceNamespace'>,
  { path, report, services }: Place,
): void {
  const ports = services?.flatMap((service) => service.ports.map(({ number }) => number)) ?? [];
  if (port !== undefined && ports.length > 0 && !ports.includes(port)) {
    report([...path, 'port'], `no host of this VirtualService has port ${port}`, `ports: ${ports.join(', ')}`);
  }
  const own = (spec.gateways ?? []).length === 0 ? ['mesh'] : (spec.gateways ?? []);
  const nameOf = (gateway: string): string =>
    gateway === 'mesh' || gateway.includes('/') ? gateway : `${metadata.namespace}/${gateway}`;
  const bound = own.map(nameOf);
  if (gateways.length > 0 && !gateways.some((gateway) => bound.includes(nameOf(gateway)))) {
    report(
      [...path, 'gateways'],
      'the VirtualService is bound to none of these gateways',
      `bound: ${bound.join(', ')}`,
    );
  }
  const unknown = sourceNamespace === '' ? undefined : findNamespaceProblem(mesh, sourceNamespace, metadata.namespace);
  if (sourceNamespace.includes('*')) report([...path, 'sourceNamespace'], 'a star is no wildcard here');
  else if (unknown !== undefined) {
    report([...path, 'sourceNamespace'], unknown.message, unknown.hint, unknown.isSure ? 'warning' : 'info');
  }
}

function reportRequest(match: HttpMatchRequest, path: FieldPath, report: Report): void {
  const check = (
    condition: StringMatch | undefined,
    at: FieldPath,
    find: (pattern: TextPattern) => string | undefined,
    consequence?: string,
  ): void => {
    for (const kind of ['exact', 'prefix'] as const) {
      const text = condition?.[kind];
      const problem = text === undefined ? undefined : find({ kind, text });
      if (problem !== undefined)
        report([...at, kind], `"${text}" matches nothing: ${problem}`, undefined, 'warning', consequence);
    }
  };
  check(match.uri, [...path, 'uri'], findUriProblem);
  const regex = match.uri?.regex;
  const problem = regex === undefined ? undefined : findPathRegexProblem(regex);
  if (problem !== undefined) report([...path, 'uri', 'regex'], `"${regex}" matches nothing: ${problem}`);
  check(match.method, [...path, 'method'], withoutStar(findMethodProblem));
  check(match.scheme, [...path, 'scheme'], findSchemeProblem);
  check(match.authority, [...path, 'authority'], withoutStar(findHostProblem));
  for (const field of ['headers', 'withoutHeaders'] as const) {
    const consequence = field === 'headers' ? undefined : 'this is no condition';
    for (const [name, condition] of Object.entries(match[field] ?? {})) {
      // Claims of tokens are written among the headers.
      if (name.startsWith('@')) continue;
      const unknown = findHeaderNameProblem(name);
      if (unknown === undefined) {
        const find = (pattern: TextPattern): string | undefined => findHeaderValueProblem(name.toLowerCase(), pattern);
        check(condition, [...path, field, name], find, consequence);
      } else report([...path, field, name], `"${name}" is never there: ${unknown}`, undefined, 'warning', consequence);
    }
  }
  for (const [name, condition] of Object.entries(match.queryParams ?? {})) {
    const unknown = findQueryProblem('name', name);
    if (unknown !== undefined) report([...path, 'queryParams', name], `"${name}" is never there: ${unknown}`);
    else check(condition, [...path, 'queryParams', name], ({ text }) => findQueryProblem('value', text));
  }
}

function withoutStar(find: (pattern: TextPattern) => string | undefined): typeof find {
  return (pattern) => (pattern.text.includes('*') ? 'a star is no wildcard here' : find(pattern));
}

function findUriProblem(pattern: TextPattern): string | undefined {
  const { text } = pattern;
  const problem = findPathProblem(pattern);
  if (problem !== undefined || text === '*') return problem;
  if (/[\0- \x7f]/.test(text) || hasOuterBlank(pattern)) return 'a path has no blanks, which are sent as %20';
  if (text.endsWith('*')) return 'a star is no wildcard here, and is compared as it stands';
  return looksLikeRegex(text) ? 'it is compared as it stands, and not as a regular expression' : undefined;
}

/** The conditions of a match on the addresses of a connection. */
function reportAddresses(
  match: Pick<L4MatchAttributes, 'destinationSubnets' | 'sourceSubnet'>,
  { path, report, services }: Place,
): void {
  const { destinationSubnets = [], sourceSubnet = '' } = match;
  const source = sourceSubnet === '' ? undefined : findClientAddressProblem(sourceSubnet);
  if (source !== undefined && source.isSlip !== true) report([...path, 'sourceSubnet'], source.message, source.hint);
  const addresses = services?.flatMap((service) => service.addresses) ?? [];
  if (services?.some((service) => service.addresses.length === 0) !== false) return;
  const blocks = destinationSubnets.map(parseAddressBlock);
  const isFound = blocks.some(
    (block) => block === undefined || addresses.some((address) => isInBlock(block, address) !== false),
  );
  if (blocks.length === 0 || isFound) return;
  report(
    [...path, 'destinationSubnets'],
    'no host of this VirtualService has an address in them',
    `addresses: ${addresses.join(', ')}`,
  );
}
