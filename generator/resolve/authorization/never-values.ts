// The reasons why nothing can match a value, field by field of a policy.

import { isIpAddress, type MeshSnapshot } from '../../../mesh/index.ts';
import {
  findHeaderNameProblem,
  findHeaderValueProblem,
  findHostProblem,
  findMethodProblem,
  findPathProblem,
  hasOuterBlank,
  isLike,
  looksLikeRegex,
  type TextPattern,
} from '../frontend/request-text.ts';
import { formatBlock, isInBlock, isIpv4InIpv6, parseAddressBlock } from './address-block.ts';
import {
  type ClientProblem,
  findAccountProblem,
  findNamespaceProblem,
  findPrincipalProblem,
  findTrustDomainProblem,
} from './clients.ts';
import { hasStrayStar, parsePattern } from './pattern.ts';
import type { PolicyTargets } from './policy-targets.ts';

/** The fault of a value: half a sentence, to which the consequence is added. */
export interface Judgement {
  readonly message: string;
  readonly hint?: string;
  /**
   * True if it follows from everything that is known of the mesh; false if that may be incomplete.
   */
  readonly isSure?: boolean;
  /** The value matches, but hardly as intended: a whole sentence. */
  readonly isSlip?: boolean;
}

/** The context in which a value is judged. */
export interface JudgeScope {
  readonly mesh: MeshSnapshot;
  /** The namespace of the policy. */
  readonly home: string;
  /** The policy's services; few fields ask for them, since that looks at all services. */
  readonly targets: () => PolicyTargets;
  /**
   * Whether a match opens something: tokens are then compared in one way, otherwise in every way
   * that an application may.
   */
  readonly opens: boolean;
}

/** The reason why nothing matches a value; undefined when something can. */
export type Judge = (value: string, scope: JudgeScope) => Judgement | undefined;

/**
 * Judges the text of a pattern. Stars that are no wildcards are reported where the value is read.
 */
function ofText(judge: (pattern: TextPattern, scope: JudgeScope) => string | Judgement | undefined): Judge {
  return (value, scope) => {
    const pattern = parsePattern(value);
    if (pattern.kind === 'present' || hasStrayStar(value)) return undefined;
    if (hasOuterBlank(pattern)) return { message: `"${value}" has a blank at one of its ends, which is compared too` };
    const found = judge(pattern, scope);
    return typeof found === 'string' ? { message: `"${value}" matches nothing: ${found}` } : found;
  };
}

function ofClient(judge: (pattern: TextPattern, scope: JudgeScope) => ClientProblem | undefined): Judge {
  return ofText((pattern, scope) => judge(pattern, scope));
}

const paths: Judge = (value, scope) => {
  if (/[{}]/.test(value)) return undefined;
  const problem = ofText((pattern) => (/[?#\\]/.test(pattern.text) ? undefined : findPathProblem(pattern)))(
    value,
    scope,
  );
  if (problem !== undefined || value === '*') return problem;
  return looksLikeRegex(value) && !value.includes('\\')
    ? {
        message: `"${value}" is compared as it stands, and not as a regular expression`,
        hint: 'write /x for one path, /x/* for all below it',
      }
    : undefined;
};

const hosts: Judge = ofText(findHostProblem);

const ports: Judge = (value, { targets }) => {
  const { services } = targets();
  if (
    services === undefined ||
    services.some((service) => service.ports.some(({ number }) => number === Number(value)))
  ) {
    return undefined;
  }
  const isTarget = services.some((service) => service.ports.some(({ targetPort }) => targetPort === Number(value)));
  const known = [...new Set(services.flatMap((service) => service.ports.map(({ number }) => number)))];
  return {
    message: `no service that the policy is for has port ${value}${isTarget ? ', which is a targetPort' : ''}`,
    hint: `name the port that clients connect to: ${known.slice(0, 5).join(', ') || 'there is none'}`,
  };
};

const destinationAddresses: Judge = (value, { targets }) => {
  const block = parseAddressBlock(value);
  const { services } = targets();
  const addresses = services?.flatMap((service) => service.addresses) ?? [];
  // A service whose addresses are not known, or that has a range of them, can be anywhere.
  if (block === undefined || services?.some((service) => service.addresses.length === 0) !== false) return undefined;
  if (addresses.some((address) => isInBlock(block, address) !== false)) return undefined;
  return {
    message: `no service that the policy is for has an address in ${value}`,
    hint: `addresses: ${addresses.slice(0, 5).join(', ')}`,
  };
};

/** The reason why no client has an address like this. */
export function findClientAddressProblem(value: string): Judgement | undefined {
  const block = parseAddressBlock(value);
  if (block === undefined) return undefined;
  if (isIpv4InIpv6(block.address)) {
    return {
      message: `"${value}" matches nothing: the addresses of IPv4 clients are compared as IPv4`,
      hint: 'write it as 10.1.2.3',
    };
  }
  if (
    noClient.some(
      ({ address, prefix }) => prefix <= block.prefix && isInBlock({ address, prefix }, block.address) === true,
    )
  ) {
    return { message: `"${value}" matches nothing: it is no address of a client` };
  }
  const written = formatBlock(block);
  if (isIpAddress(value) || written.address === block.address) return undefined;
  return {
    message: `"${value}" is the whole block ${written.address}/${block.prefix}, whatever the bits behind its prefix`,
    hint: `write ${written.address}/${block.prefix}, or ${block.address} for that address alone`,
    isSlip: true,
  };
}

/** Addresses that nothing is sent from. */
const noClient = [
  { address: '0.0.0.0', prefix: 32 },
  { address: '224.0.0.0', prefix: 4 },
  { address: '255.255.255.255', prefix: 32 },
  { address: '::', prefix: 128 },
  { address: 'ff00::', prefix: 8 },
];

/**
 * `<issuer>/<subject>`. Both may contain slashes: a rule that opens splits at the last one, and a
 * rule that closes at each of them.
 */
const requestPrincipals: Judge = (value, { targets, opens }) => {
  if (value === '*') return undefined;
  const slashes = [...value.matchAll(/\//g)].map(({ index }) => index);
  const borders = opens ? slashes.slice(-1) : slashes;
  const issuers = borders.map((index) => value.slice(0, index));
  if (value.endsWith('*') && (!opens || issuers.length === 0)) issuers.push(value);
  if (value.startsWith('*') && (!opens || issuers.length === 0)) issuers.push('*');
  if (issuers.every((issuer) => issuer === '')) {
    return { message: `"${value}" matches nothing: it is not of the form <issuer>/<subject>` };
  }
  const known = targets().issuers;
  return known === undefined || issuers.some((issuer) => known.some((each) => isWritten(each, issuer)))
    ? undefined
    : unknownIssuer(value, known);
};

const issuerClaim: Judge = (value, { targets }) => {
  const known = targets().issuers;
  return known === undefined || known.some((each) => isWritten(each, value)) ? undefined : unknownIssuer(value, known);
};

function isWritten(text: string, value: string): boolean {
  const pattern = parsePattern(value);
  return pattern.kind === 'present' ? text !== '' : isLike(text, pattern);
}

function unknownIssuer(value: string, known: readonly string[]): Judgement {
  return {
    message: `"${value}" matches nothing: tokens of its issuer are not accepted where the policy applies`,
    hint: `issuers: ${known.join(', ')}`,
  };
}

/** By field of `from[].source`. */
export const sourceJudges: Readonly<Record<string, Judge | undefined>> = {
  principals: ofClient((pattern, { mesh, home }) => findPrincipalProblem(mesh, pattern, home)),
  namespaces: (value, { mesh, home }) => findNamespaceProblem(mesh, value, home),
  serviceAccounts: (value, { mesh, home }) => findAccountProblem(mesh, value, home),
  trustDomains: ofClient((pattern, { mesh }) => findTrustDomainProblem(mesh, pattern)),
  ipBlocks: findClientAddressProblem,
  remoteIpBlocks: findClientAddressProblem,
  requestPrincipals,
};

/** By field of `to[].operation`. */
export const operationJudges: Readonly<Record<string, Judge | undefined>> = {
  hosts,
  methods: ofText(findMethodProblem),
  paths,
  ports,
};

const conditionJudges: Readonly<Record<string, Judge | undefined>> = {
  'source.principal': sourceJudges['principals'],
  'source.namespace': sourceJudges['namespaces'],
  'source.serviceAccount': sourceJudges['serviceAccounts'],
  'source.trustDomain': sourceJudges['trustDomains'],
  'source.ip': findClientAddressProblem,
  'remote.ip': findClientAddressProblem,
  'destination.port': ports,
  'destination.ip': destinationAddresses,
  'request.auth.principal': requestPrincipals,
  'request.auth.claims[iss]': issuerClaim,
};

/** Filters with metadata about requests, as far as a waypoint has them. */
const speakingFilters: ReadonlySet<string> = new Set(
  ['ext_authz', 'jwt_authn', 'rbac'].map((name) => `envoy.filters.http.${name}`),
);

/** By key of a condition. */
export function conditionJudge(key: string): Judge | undefined {
  if (Object.hasOwn(conditionJudges, key)) return conditionJudges[key];
  const header = /^request\.headers\[(.*)\]$/.exec(key)?.[1]?.toLowerCase();
  if (header !== undefined) {
    // A text that can be no name of a header is reported where the key is read.
    const unknown = header.startsWith(':') ? findHeaderNameProblem(header) : undefined;
    if (unknown !== undefined) return () => ({ message: `"${key}" is never there: ${unknown}` });
    const judge = ofText((pattern) => findHeaderValueProblem(header, pattern));
    // A rule that closes finds the elements of a list, whatever blanks are around them.
    return (value, scope) => judge(scope.opens ? value : value.trim(), scope);
  }
  const filter = /^experimental\.(envoy\.filters\.[^[\]]+)\[/.exec(key)?.[1];
  if (filter === undefined || speakingFilters.has(filter)) return undefined;
  return () => ({
    message: `"${key}" is never there: a waypoint has no filter ${filter} that says anything of requests`,
  });
}
