// The sources of issuers' keys: the documents that RequestAuthentications name, for the fetcher.

import { type JwtRule, type MeshSnapshot, parseDuration } from '../../../mesh/index.ts';

/** One document that the configuration needs. */
export interface KeySource {
  /**
   * The address of a JwksDocument: that of a key set, or of the OpenID configuration that names
   * one.
   */
  readonly uri: string;
  /** Whether `uri` is an OpenID configuration. */
  readonly isDiscovery: boolean;
  /** Milliseconds that one attempt may take; absent if it is not configured. */
  readonly timeout?: number;
}

/**
 * The address of the keys of a rule without keys of its own: an issuer that names none has its
 * configuration at a well-known place.
 */
export function keysUri(rule: JwtRule): string {
  return writtenUri(rule) ?? `${(rule.issuer ?? '').replace(/\/$/, '')}/.well-known/openid-configuration`;
}

function writtenUri({ jwksUri, jwks_uri: otherUri }: JwtRule): string | undefined {
  return [jwksUri, otherUri].find((uri) => uri !== undefined && uri !== '');
}

/** The documents that RequestAuthentications with a target need, each once, sorted by address. */
export function listKeySources(mesh: MeshSnapshot): readonly KeySource[] {
  const sources = new Map<string, KeySource>();
  for (const { spec } of mesh.list('RequestAuthentication')) {
    if ((spec.targetRefs ?? []).length === 0) continue;
    for (const rule of spec.jwtRules ?? []) {
      if ((rule.issuer ?? '') === '' || (rule.jwks ?? '') !== '') continue;
      const uri = keysUri(rule);
      const known = sources.get(uri);
      const timeouts = [known?.timeout, rule.timeout === undefined ? undefined : parseDuration(rule.timeout)];
      const timeout = Math.max(...timeouts.filter((value) => value !== undefined));
      const isDiscovery = (known?.isDiscovery ?? false) || writtenUri(rule) === undefined;
      sources.set(uri, { uri, isDiscovery, ...(timeout > 0 ? { timeout } : {}) });
    }
  }
  return [...sources.values()].sort((a, b) => (a.uri < b.uri ? -1 : 1));
}
