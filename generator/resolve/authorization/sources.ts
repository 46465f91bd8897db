// Who asks: the fields of a source. An identity is `spiffe://<trust domain>/ns/<namespace>/sa/<service account>` and has passed the
// TLS check for our own trust domain, so that most fields are a prefix or the whole of it. No header has a say in any of this.

import type { Predicate } from '../../model/authorization.ts';
import { parseAddressBlock } from './address-block.ts';
import type { FieldDefinition, Problem, RuleScope } from './field.ts';
import { matcherOf, parsePattern, quoteRegex } from './pattern.ts';

const scheme = 'spiffe://';

/** The trust domain that policies may write whatever the mesh's own is called. */
const anyMeshTrustDomain = 'cluster.local/';

const ipBlocks: FieldDefinition = { resolve: resolveAddress };

/** The fields of `from[].source`, without their not-forms. */
export const sourceFields: Readonly<Record<string, FieldDefinition>> = {
  principals: { resolve: resolvePrincipal, wildcards: true },
  namespaces: { resolve: resolveNamespace },
  serviceAccounts: { resolve: resolveServiceAccount },
  trustDomains: { resolve: resolveTrustDomain, wildcards: true },
  ipBlocks,
  // Without a number of trusted hops the client is who opened the tunnel, whatever its headers say.
  remoteIpBlocks: ipBlocks,
  requestPrincipals: { http: true, unsupported: 'request authentication is not supported yet' },
};

function resolvePrincipal(value: string, { trustDomain }: RuleScope): Predicate {
  const pattern = parsePattern(value);
  if (pattern.kind === 'present') return { identity: { prefix: scheme } };
  if (pattern.kind === 'suffix') return { identity: { suffix: pattern.text } };
  const text = pattern.text.startsWith(scheme) ? pattern.text.slice(scheme.length) : pattern.text;
  const own = text.startsWith(anyMeshTrustDomain) ? `${trustDomain}/${text.slice(anyMeshTrustDomain.length)}` : text;
  return { identity: matcherOf(pattern.kind, scheme + own) };
}

function resolveNamespace(value: string, { trustDomain }: RuleScope): Predicate {
  const start = `${scheme}${trustDomain}/ns/`;
  const pattern = parsePattern(value);
  if (pattern.kind === 'present') return { identity: { prefix: start } };
  if (!pattern.text.includes('*')) {
    if (pattern.kind === 'exact') return { identity: { prefix: `${start}${value}/` } };
    if (pattern.kind === 'prefix') return { identity: { prefix: start + pattern.text } };
  }
  const name = value.split('*').map(quoteRegex).join('[^/]*');
  return { identity: { regex: `${quoteRegex(start)}${name}/.*` } };
}

function resolveServiceAccount(value: string, { trustDomain, policy }: RuleScope): Predicate | Problem {
  const parts = value.split('/');
  const [namespace, name] = parts.length === 1 ? [policy.metadata.namespace, value] : parts;
  if (parts.length > 2 || !namespace || !name || value.includes('*')) {
    return {
      code: 'InvalidValue',
      message: `"${value}" is not a service account`,
      hint: 'write <name> or <namespace>/<name>, without wildcards',
    };
  }
  return { identity: { exact: `${scheme}${trustDomain}/ns/${namespace}/sa/${name}` } };
}

function resolveTrustDomain(value: string): Predicate {
  const pattern = parsePattern(value);
  if (pattern.kind === 'present') return { identity: { prefix: scheme } };
  if (pattern.kind === 'suffix') return { identity: { regex: `${scheme}[^/]*${quoteRegex(pattern.text)}/.*` } };
  return { identity: { prefix: `${scheme}${pattern.text}${pattern.kind === 'exact' ? '/' : ''}` } };
}

function resolveAddress(value: string): Predicate | Problem {
  const block = parseAddressBlock(value);
  return block === undefined
    ? { code: 'AddressInvalid', message: `"${value}" is not an IP address or a CIDR block` }
    : { sourceAddress: block };
}
