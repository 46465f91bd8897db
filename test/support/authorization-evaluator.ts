// A second opinion on AuthorizationPolicy: the verdict on a request, from the manifests alone as
// the API documents them. It shares nothing with the generator, so a disagreement between the two
// (through a real Envoy) is a bug in one of them.

import {
  type CarriedToken,
  claimMatches,
  isRefused,
  principalMatches,
  verifiedClaims,
  type WrittenAuthentication,
} from './authentication-evaluator.ts';
import { wildcardMatches } from './authorization-patterns.ts';
import { hostMatches, isAmbiguous, normalizePath, pathMatches, type WrittenNormalization } from './path-evaluator.ts';

/** A reference from a policy to its target. */
export interface WrittenTarget {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

/** A policy as it is written in a manifest. */
export interface WrittenPolicy {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly action?: 'ALLOW' | 'DENY' | 'AUDIT';
    readonly targetRefs?: readonly WrittenTarget[];
    readonly rules?: readonly WrittenRule[];
  };
}

/** Other inputs of the verdict. The waypoint and the services are in one namespace. */
export interface WrittenSurroundings {
  readonly namespace: string;
  readonly gateway: string;
  readonly gatewayClass: string;
  readonly rootNamespace: string;
  /** The names of the mesh in an identity: its trust domain and the aliases. */
  readonly trustDomains: readonly string[];
  readonly authentications: readonly WrittenAuthentication[];
  /** How paths of requests to the service are normalized. */
  readonly pathNormalization?: WrittenNormalization;
}

type Fields = Readonly<Record<string, readonly string[] | undefined>>;

/** One rule of a policy. */
export interface WrittenRule {
  readonly from?: readonly { readonly source: Fields }[];
  readonly to?: readonly { readonly operation: Fields }[];
  readonly when?: readonly {
    readonly key: string;
    readonly values?: readonly string[];
    readonly notValues?: readonly string[];
  }[];
}

/** A request for the application port, and its client. */
export interface AskedRequest {
  /** `<namespace>/<service account>`. */
  readonly client: string;
  readonly trustDomain: string;
  /** Where the tunnel came from. */
  readonly sourceAddress: string;
  readonly port: number;
  /** Absent for a connection to a TCP port. */
  readonly http?: {
    readonly method: string;
    /** As sent. */
    readonly path: string;
    readonly host: string;
    /** In order; a name may come twice. Values as sent, a character for each byte. */
    readonly headers: readonly (readonly [name: string, value: string])[];
    readonly token?: CarriedToken | undefined;
  };
}

/** The verdict: the status of an HTTP request, or whether a tunnel opens (200) or not (403). */
export type Verdict = 200 | 400 | 401 | 403;

/**
 * Those of the objects that apply to a service: they name it from its namespace, its Gateway, or in
 * the root namespace its class.
 */
export function attachedTo<
  T extends {
    readonly metadata: { readonly namespace: string };
    readonly spec: { readonly targetRefs?: readonly WrittenTarget[] };
  },
>(
  service: { readonly kind: string; readonly name: string },
  objects: readonly T[],
  { namespace, gateway, gatewayClass, rootNamespace }: WrittenSurroundings,
): readonly T[] {
  return objects.filter(({ metadata, spec }) =>
    (spec.targetRefs ?? []).some(({ group, kind, name }) => {
      if (kind === 'GatewayClass') {
        return group === 'gateway.networking.k8s.io' && metadata.namespace === rootNamespace && name === gatewayClass;
      }
      if (metadata.namespace !== namespace) return false;
      if (kind === 'Gateway') return group === 'gateway.networking.k8s.io' && name === gateway;
      return (
        kind === service.kind && name === service.name && group === (kind === 'Service' ? '' : 'networking.istio.io')
      );
    }),
  );
}

/**
 * The verdict on a request to a service that these policies apply to, and the surroundings'
 * authentications.
 */
export function evaluate(
  policies: readonly WrittenPolicy[],
  surroundings: WrittenSurroundings,
  request: AskedRequest,
): Verdict {
  const { authentications, pathNormalization } = surroundings;
  const path = request.http === undefined ? '/' : normalizePath(request.http.path, pathNormalization);
  if (path === undefined) return 400;
  const token = request.http?.token;
  if (isRefused(authentications, token)) return 401;
  const claims = verifiedClaims(authentications, token);
  const deciding = policies.filter(({ metadata }) => metadata.annotations?.['istio.io/dry-run'] !== 'true');
  const matches = (policy: WrittenPolicy): boolean =>
    (policy.spec.rules ?? []).some((rule) => ruleMatches(policy, rule, { surroundings, request, path, claims }));
  const denies = deciding.filter(({ spec }) => spec.action === 'DENY');
  const allows = deciding.filter(({ spec }) => spec.action === 'ALLOW' || spec.action === undefined);
  if (pathNormalization === undefined && isAmbiguous(path) && [...denies, ...allows].some(readsPath)) return 400;
  if (denies.some(matches)) return 403;
  if (allows.length > 0 && !allows.some(matches)) return 403;
  return 200;
}

function readsPath({ spec }: WrittenPolicy): boolean {
  return (spec.rules ?? []).some(({ to = [] }) =>
    to.some(({ operation }) => 'paths' in operation || 'notPaths' in operation),
  );
}

interface Known {
  readonly surroundings: WrittenSurroundings;
  readonly request: AskedRequest;
  readonly path: string;
  readonly claims: Readonly<Record<string, unknown>> | undefined;
}

function ruleMatches(policy: WrittenPolicy, rule: WrittenRule, known: Known): boolean {
  const { request } = known;
  const isDeny = policy.spec.action === 'DENY';
  const holds = (attribute: string, values: readonly string[], negated: boolean): boolean | 'unknown' =>
    attributeHolds({ ...known, attribute, values, negated, isDeny, policy });
  const allHold = (conditions: readonly (boolean | 'unknown')[]): boolean =>
    // A TCP port has no HTTP fields to judge: a DENY rule matches without them.
    conditions.every((condition) => condition === 'unknown' || condition);
  const fieldsHold = (fields: Fields): boolean =>
    allHold(
      Object.entries(fields).map(([name, values = []]) => {
        const negated = name.startsWith('not');
        const plain = negated ? (name[3] ?? '').toLowerCase() + name.slice(4) : name;
        return holds(plain, values, negated);
      }),
    );
  const { from, to, when = [] } = rule;
  if (!isDeny && request.http === undefined && needsHttp(rule, String(request.port))) return false;
  if (from !== undefined && !from.some(({ source }) => fieldsHold(source))) return false;
  if (to !== undefined && !to.some(({ operation }) => fieldsHold(operation))) return false;
  return allHold(
    when.flatMap(({ key, values, notValues }) => [
      ...(values === undefined ? [] : [holds(key, values, false)]),
      ...(notValues === undefined ? [] : [holds(key, notValues, true)]),
    ]),
  );
}

/**
 * An ALLOW rule that asks for something of HTTP allows nothing on a TCP port, unless it asks so of
 * other ports only.
 */
function needsHttp({ from = [], to = [], when = [] }: WrittenRule, port: string): boolean {
  const isForPort = ({ ports, notPorts }: Fields): boolean =>
    ports?.includes(port) !== false && notPorts?.includes(port) !== true;
  return (
    to.some(({ operation }) => isForPort(operation) && Object.keys(operation).some((name) => !/ports$/i.test(name))) ||
    from.some(({ source }) => Object.keys(source).some((name) => /requestPrincipals$/i.test(name))) ||
    when.some(({ key }) => key.startsWith('request.'))
  );
}

interface Condition extends Known {
  readonly attribute: string;
  readonly values: readonly string[];
  readonly negated: boolean;
  readonly isDeny: boolean;
  readonly policy: WrittenPolicy;
}

function attributeHolds(condition: Condition): boolean | 'unknown' {
  const { values, negated } = condition;
  const matches = attributeMatches(condition, values);
  if (matches === 'unknown') return 'unknown';
  return negated ? !matches : matches;
}

function attributeMatches(condition: Condition, values: readonly string[]): boolean | 'unknown' {
  const { attribute, policy, request, path, surroundings } = condition;
  const [namespace = '', account = ''] = request.client.split('/');
  const isOurs = (domain: string): boolean => domain === 'cluster.local' || surroundings.trustDomains.includes(domain);
  switch (attribute) {
    case 'principals':
    case 'source.principal':
      return values.some((value) => {
        const [domain = '', ...rest] = value.split('/');
        const tail = `/ns/${namespace}/sa/${account}`;
        // All names of the mesh have the same rights.
        return rest.length > 0 && isOurs(domain)
          ? wildcardMatches(`/${rest.join('/')}`, tail)
          : wildcardMatches(value, request.trustDomain + tail);
      });
    case 'trustDomains':
    case 'source.trustDomain':
      return values.some((value) => isOurs(value) || wildcardMatches(value, request.trustDomain));
    case 'namespaces':
    case 'source.namespace':
      return values.some((value) => wildcardMatches(value, namespace));
    case 'serviceAccounts':
      return values.some(
        (value) => (value.includes('/') ? value : `${policy.metadata.namespace}/${value}`) === request.client,
      );
    case 'ipBlocks':
    case 'source.ip':
      return values.some((value) => inBlock(value, request.sourceAddress));
    case 'ports':
    case 'destination.port':
      return values.includes(String(request.port));
  }
  const { http } = request;
  if (http === undefined) return 'unknown';
  // A rule that closes counts everything that some reader may take for a match.
  const isClosing = condition.isDeny !== condition.negated;
  const { claims } = condition;
  switch (attribute) {
    case 'requestPrincipals':
    case 'request.auth.principal':
      return values.some((value) => principalMatches(value, claims, isClosing));
    case 'request.auth.audiences':
      return values.some((value) => claimMatches(value, ['aud'], claims, isClosing));
    case 'request.auth.presenter':
      return values.some((value) => claimMatches(value, ['azp'], claims, isClosing));
    case 'methods':
      return values.some((value) => wildcardMatches(value, http.method));
    case 'paths':
      return pathMatches(values, path, isClosing);
    case 'hosts':
    case 'request.headers[Host]':
    case 'request.headers[:authority]':
      return values.some((value) => hostMatches(value, http.host, isClosing));
    default:
      if (attribute.startsWith('request.auth.claims[')) {
        const keys = attribute.slice('request.auth.claims['.length, -1).split('][');
        return values.some((value) => claimMatches(value, keys, claims, isClosing));
      }
      return headerMatches(condition, /^request\.headers\[(.*)\]$/.exec(attribute)?.[1] ?? '', http.headers);
  }
}

/**
 * Several values of a header are one list. If a match denies, any element of it is enough; if a
 * match allows, every line has to be one of the values as a whole.
 */
function headerMatches(
  { isDeny, negated, values }: Condition,
  name: string,
  headers: readonly (readonly [string, string])[],
): boolean {
  const lines = headers.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  if (lines.length === 0) return false;
  // Lines are as sent, a character for each byte.
  const isOne = (value: string): boolean => values.some((pattern) => wildcardMatches(bytesOf(pattern), value));
  if (isDeny === negated) return lines.every(isOne);
  return (
    lines.some(isOne) ||
    lines.some((line) => line.split(',').some((element) => isOne(element.replace(/^[ \t]+|[ \t]+$/g, ''))))
  );
}

function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function inBlock(block: string, address: string): boolean {
  const [base = '', bits = '32'] = block.split('/');
  const toNumber = (text: string): number => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(bits));
  return Math.floor(toNumber(base) / size) === Math.floor(toNumber(address) / size);
}
