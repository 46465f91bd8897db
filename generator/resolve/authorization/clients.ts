// Whether a client with a name in a policy can exist: the form of identities, and the members of
// the mesh.

import { formatAccountKey, identityScheme, type MeshSnapshot } from '../../../mesh/index.ts';
import type { TextPattern } from '../frontend/request-text.ts';
import { anyMeshTrustDomain } from './sources.ts';

/**
 * The reason why no client matches a value. `isSure` is false for reasons from the known part of
 * the mesh, which may be incomplete.
 */
export interface ClientProblem {
  readonly message: string;
  readonly isSure: boolean;
  readonly hint?: string;
}

const namespaceName = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const accountName = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;

/**
 * One of the parts of an identity between slashes: its possible values, and whether a text is the
 * begin or the end of that.
 */
interface Part {
  readonly isWhole: (text: string) => boolean;
  readonly isBegin: (text: string) => boolean;
  readonly isEnd: (text: string) => boolean;
}

function oneOf(texts: readonly string[]): Part {
  return {
    isWhole: (text) => texts.includes(text),
    isBegin: (text) => texts.some((each) => each.startsWith(text)),
    isEnd: (text) => texts.some((each) => each.endsWith(text)),
  };
}

function named(whole: RegExp, inside: RegExp): Part {
  const isInside = (text: string): boolean => inside.test(text);
  return { isWhole: (text) => whole.test(text), isBegin: isInside, isEnd: isInside };
}

function partsOf(trustDomains: readonly string[]): readonly Part[] {
  return [
    oneOf([...trustDomains, anyMeshTrustDomain]),
    oneOf(['ns']),
    named(namespaceName, /^[-a-z0-9]*$/),
    oneOf(['sa']),
    named(accountName, /^[-a-z0-9.]*$/),
  ];
}

/** The reason why no client has an identity like this. */
export function findPrincipalProblem(
  mesh: MeshSnapshot,
  pattern: TextPattern,
  home: string,
): ClientProblem | undefined {
  const { kind } = pattern;
  const text = pattern.text.startsWith(identityScheme) ? pattern.text.slice(identityScheme.length) : pattern.text;
  const { trustDomain, trustDomainAliases } = mesh.settings;
  const parts = partsOf([trustDomain, ...trustDomainAliases]);
  const given = text.split('/');
  const first = kind === 'suffix' ? parts.length - given.length : 0;
  const fits = given.map((part, index) => {
    const slot = parts[first + index];
    if (kind === 'prefix' && index === given.length - 1) return slot?.isBegin(part) ?? false;
    return (kind === 'suffix' && index === 0 ? slot?.isEnd(part) : slot?.isWhole(part)) ?? false;
  });
  const form = 'is of the form <trust domain>/ns/<namespace>/sa/<service account>';
  if (
    first < 0 ||
    (kind === 'exact' && given.length !== parts.length) ||
    fits.slice(first === 0 ? 1 : 0).includes(false)
  ) {
    return {
      message: `the identity of a client ${form}`,
      isSure: true,
      hint: `write ${trustDomain}/ns/<namespace>/sa/<service account>`,
    };
  }
  if (fits.includes(false)) return foreignTrustDomain(given[0] ?? '', trustDomain);
  const [, , namespace, , account] = first === 0 ? given : [...Array<undefined>(first), ...given];
  const isWhole = (index: number): boolean =>
    kind === 'exact' || (kind === 'prefix' ? index < given.length - 1 : index > first);
  if (namespace === undefined || !isWhole(2)) return undefined;
  return findNameProblem(mesh, { namespace, ...(account !== undefined && isWhole(4) ? { account } : {}) }, home);
}

/** The reason why no client is of a trust domain like this. */
export function findTrustDomainProblem(mesh: MeshSnapshot, pattern: TextPattern): ClientProblem | undefined {
  const { trustDomain, trustDomainAliases } = mesh.settings;
  const [part] = partsOf([trustDomain, ...trustDomainAliases]);
  const { kind, text } = pattern;
  const fits = kind === 'exact' ? part?.isWhole(text) : kind === 'prefix' ? part?.isBegin(text) : part?.isEnd(text);
  return fits === true ? undefined : foreignTrustDomain(text, trustDomain);
}

function foreignTrustDomain(text: string, trustDomain: string): ClientProblem {
  return {
    message: `clients of another trust domain than "${trustDomain}" and its aliases are not let in, and "${text}" is none of these`,
    isSure: true,
    hint: `write ${trustDomain}, or add the other one to trustDomainAliases of MeshConfig`,
  };
}

/** The reason why no client is in a namespace like this; stars stand for any text. */
export function findNamespaceProblem(mesh: MeshSnapshot, value: string, home: string): ClientProblem | undefined {
  if (!value.includes('*')) return findNameProblem(mesh, { namespace: value }, home);
  if (/^[-a-z0-9*]*$/.test(value)) return undefined;
  return { message: 'a namespace is named in small letters, digits and "-"', isSure: true };
}

/** The reason why no client runs as this account. */
export function findAccountProblem(mesh: MeshSnapshot, value: string, home: string): ClientProblem | undefined {
  const [namespace, account, ...rest] = value.includes('/') ? value.split('/') : [home, value];
  // A text that is no name of an account is reported where the value is read.
  if (!namespace || !account || rest.length > 0 || value.includes('*')) return undefined;
  return findNameProblem(mesh, { namespace, account }, home);
}

/** `home`: the namespace of the policy. */
function findNameProblem(
  mesh: MeshSnapshot,
  { namespace, account }: { readonly namespace: string; readonly account?: string },
  home: string,
): ClientProblem | undefined {
  if (!namespaceName.test(namespace)) {
    return { message: 'a namespace is named in small letters, digits and "-"', isSure: true };
  }
  if (account !== undefined && !accountName.test(account)) {
    return { message: 'a service account is named in small letters, digits, "-" and "."', isSure: true };
  }
  if (!hasNamespace(mesh, namespace)) {
    return {
      message: `no namespace "${namespace}" is known`,
      isSure: hasWorkloads(mesh, home) || mesh.get('Namespace', '', 'kube-system') !== undefined,
      hint: 'check the name, or leave it out until there is one',
    };
  }
  if (account === undefined || hasAccount(mesh, namespace, account)) return undefined;
  return {
    message: `no workload of namespace "${namespace}" that is known runs as "${account}"`,
    isSure: hasWorkloads(mesh, namespace),
    hint: 'compare with the service accounts of the workloads',
  };
}

function hasNamespace(mesh: MeshSnapshot, name: string): boolean {
  return (
    mesh.get('Namespace', '', name) !== undefined ||
    hasWorkloads(mesh, name) ||
    mesh.find('Service/namespace', name).length > 0
  );
}

function hasWorkloads(mesh: MeshSnapshot, namespace: string): boolean {
  return mesh.find('WorkloadEntry/namespace', namespace).length > 0 || mesh.find('Pod/namespace', namespace).length > 0;
}

/** A Gateway runs as an account of its own, which has its name, or ends in that of its class. */
function hasAccount(mesh: MeshSnapshot, namespace: string, account: string): boolean {
  const key = formatAccountKey(namespace, account);
  return (
    mesh.find('WorkloadEntry/account', key).length > 0 ||
    mesh.find('Pod/account', key).length > 0 ||
    [account, account.replace(/-istio$/, '')].some((name) => mesh.get('Gateway', namespace, name) !== undefined)
  );
}
