// Sources: the fields of `from[].source`. An identity is `spiffe://<trust
// domain>/ns/<namespace>/sa/<service account>` and has passed the TLS check for our own trust
// domain or an alias of it, so most fields are a prefix or the whole of it. All of these trust
// domains have the same rights. No header influences any of this.

import { formatIdentity, identityScheme, trustDomainPrefix } from '../../../mesh/index.ts';
import type { ClientCondition, ClientPredicate } from '../../model/authorization.ts';
import { parseAddressBlock } from './address-block.ts';
import { requestPrincipalField } from './claims.ts';
import type { FieldDefinition, Problem, RuleScope } from './field.ts';
import { matcherOf, parsePattern, quoteRegex } from './pattern.ts';
import { any } from './predicate.ts';

/** The trust domain that policies may write for any mesh. */
export const anyMeshTrustDomain = 'cluster.local';

const ipBlocks: FieldDefinition<ClientCondition> = { resolve: resolveAddress };

/** The fields of `from[].source`, without their not-forms. */
export const sourceFields: Readonly<Record<string, FieldDefinition<ClientCondition>>> = {
  principals: { resolve: resolvePrincipal, wildcards: true },
  namespaces: { resolve: resolveNamespace },
  serviceAccounts: { resolve: resolveServiceAccount },
  trustDomains: { resolve: resolveTrustDomain, wildcards: true },
  ipBlocks,
  // Without a number of trusted hops, the client is the peer that opened the tunnel, whatever its
  // headers say.
  remoteIpBlocks: ipBlocks,
  requestPrincipals: requestPrincipalField,
};

function resolvePrincipal(value: string, { trustDomains }: RuleScope): ClientPredicate {
  const pattern = parsePattern(value);
  if (pattern.kind === 'present') return { identity: { prefix: identityScheme } };
  if (pattern.kind === 'suffix') return { identity: { suffix: pattern.text } };
  const text = pattern.text.startsWith(identityScheme) ? pattern.text.slice(identityScheme.length) : pattern.text;
  const { kind } = pattern;
  const slash = text.indexOf('/');
  return any(
    sameTrustDomains(slash < 0 ? undefined : text.slice(0, slash), trustDomains).map((trustDomain) => ({
      identity: matcherOf(kind, identityScheme + (trustDomain === undefined ? text : trustDomain + text.slice(slash))),
    })),
  );
}

/**
 * Every trust domain that is equivalent to one in a policy; only `written` itself when it is none
 * of ours.
 */
function sameTrustDomains<T extends string | undefined>(
  written: T,
  trustDomains: readonly string[],
): readonly (string | T)[] {
  return written !== undefined && (written === anyMeshTrustDomain || trustDomains.includes(written))
    ? trustDomains
    : [written];
}

function resolveNamespace(value: string, { trustDomains }: RuleScope): ClientPredicate {
  return any(trustDomains.map((trustDomain) => resolveNamespaceOf(`${trustDomainPrefix(trustDomain)}ns/`, value)));
}

function resolveNamespaceOf(start: string, value: string): ClientPredicate {
  const pattern = parsePattern(value);
  if (pattern.kind === 'present') return { identity: { prefix: start } };
  if (!pattern.text.includes('*')) {
    if (pattern.kind === 'exact') return { identity: { prefix: `${start}${value}/` } };
    if (pattern.kind === 'prefix') return { identity: { prefix: start + pattern.text } };
  }
  const name = value.split('*').map(quoteRegex).join('[^/]*');
  return { identity: { regex: `${quoteRegex(start)}${name}/.*` } };
}

function resolveServiceAccount(value: string, { trustDomains, policy }: RuleScope): ClientPredicate | Problem {
  const parts = value.split('/');
  const [namespace, name] = parts.length === 1 ? [policy.metadata.namespace, value] : parts;
  if (parts.length > 2 || !namespace || !name || value.includes('*')) {
    return {
      code: 'InvalidValue',
      message: `"${value}" is not a service account`,
      hint: 'write <name> or <namespace>/<name>, without wildcards',
    };
  }
  return any(
    trustDomains.map((trustDomain) => ({
      identity: { exact: formatIdentity({ trustDomain, namespace, serviceAccount: name }) },
    })),
  );
}

function resolveTrustDomain(value: string, { trustDomains }: RuleScope): ClientPredicate {
  const pattern = parsePattern(value);
  if (pattern.kind === 'present') return { identity: { prefix: identityScheme } };
  if (pattern.kind === 'suffix') return { identity: { regex: `${identityScheme}[^/]*${quoteRegex(pattern.text)}/.*` } };
  if (pattern.kind === 'prefix') return { identity: { prefix: identityScheme + pattern.text } };
  return any(
    sameTrustDomains(pattern.text, trustDomains).map((trustDomain) => ({
      identity: { prefix: trustDomainPrefix(trustDomain) },
    })),
  );
}

function resolveAddress(value: string): ClientPredicate | Problem {
  const block = parseAddressBlock(value);
  return block === undefined
    ? { code: 'AddressInvalid', message: `"${value}" is not an IP address or a CIDR block` }
    : { sourceAddress: block };
}
