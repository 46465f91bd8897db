// Authorization as Envoy's RBAC. The HTTP filters are the same in every chain, and their rules come
// with each virtual host, so that a change of policy changes routes only. The allow filter's own
// rules are empty: a route without its policy is closed.

import { encodeOnce, type MessageTypes, typed } from '../../envoy-api/index.ts';
import type {
  Authorization,
  AuthorizationRule,
  ClientPredicate,
  HeaderCondition,
  OperationPredicate,
} from '../model/authorization.ts';
import { renderStringMatcher } from './matchers.ts';
import { renderMetadataMatcher } from './metadata-matcher.ts';
import { filterMetadata, filterState } from './names.ts';

type HttpFilter = MessageTypes['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];
type Metadata = MessageTypes['envoy.config.core.v3.Metadata'];
type Permission = MessageTypes['envoy.config.rbac.v3.Permission'];
type Principal = MessageTypes['envoy.config.rbac.v3.Principal'];
type Rbac = MessageTypes['envoy.config.rbac.v3.RBAC'];
type Any = ReturnType<typeof typed>;

const filterNames = {
  custom: 'cairn.rbac.custom',
  audit: 'cairn.rbac.audit',
  deny: 'cairn.rbac.deny',
  allow: 'cairn.rbac.allow',
} as const;

const rbacType = 'envoy.extensions.filters.http.rbac.v3.RBAC';

/** One of the two decisions: deny comes first. */
export type NetworkAuthorizationAction = 'deny' | 'allow';

/** The RBAC filters that decide, in order. */
export function renderAuthorizationFilters(): readonly HttpFilter[] {
  return [denyFilter, allowFilter];
}

/** It denies nothing until a virtual host overrides it. */
export const denyFilter: HttpFilter = encodeOnce({
  name: filterNames.deny,
  typed_config: typed(rbacType, { rules_stat_prefix: statPrefix('deny') }),
});

/** It allows nothing until a virtual host overrides it. */
export const allowFilter: HttpFilter = encodeOnce({
  name: filterNames.allow,
  typed_config: typed(rbacType, { rules: renderRules([], 'allow'), rules_stat_prefix: statPrefix('allow') }),
});

/** The filter that records which requests an external authorizer is asked about. */
export const customFilter: HttpFilter = encodeOnce({
  name: filterNames.custom,
  typed_config: typed(rbacType, { shadow_rules_stat_prefix: filterMetadata.customPrefix }),
});

/** The filter that records the matches of audit policies. */
export const auditFilter: HttpFilter = encodeOnce({
  name: filterNames.audit,
  typed_config: typed(rbacType, { shadow_rules_stat_prefix: filterMetadata.auditPrefix }),
});

/**
 * The parts of a virtual host: the rules for the filters, and as metadata the ALLOW policies, for
 * the log of a request that none matched.
 */
export function renderAuthorization({ deny, allow, allowPolicies, custom, observed }: Authorization): {
  readonly typedPerFilterConfig: Readonly<Record<string, Any>>;
  readonly metadata?: Metadata;
} {
  const { audit = [], deny: wouldDeny = [], allow: wouldAllow } = observed ?? {};
  return {
    typedPerFilterConfig: {
      ...(custom === undefined
        ? {}
        : { [filterNames.custom]: renderShadow(custom.rules, filterMetadata.customPrefix) }),
      ...(audit.length === 0 ? {} : { [filterNames.audit]: renderShadow(audit, filterMetadata.auditPrefix) }),
      ...(deny.length === 0 && wouldDeny.length === 0
        ? {}
        : { [filterNames.deny]: renderPerRoute('deny', orAbsent(deny), orAbsent(wouldDeny)) }),
      [filterNames.allow]: renderPerRoute('allow', allow, wouldAllow),
    },
    ...(allowPolicies.length === 0
      ? {}
      : { metadata: { filter_metadata: { cairn: { allow_policies: allowPolicies.join(',') } } } }),
  };
}

function orAbsent(rules: readonly AuthorizationRule[]): readonly AuthorizationRule[] | undefined {
  return rules.length === 0 ? undefined : rules;
}

/** The configuration of a network RBAC filter, for chains that carry their policy themselves. */
export function renderNetworkAuthorization({ deny, allow }: Authorization, action: NetworkAuthorizationAction): Any {
  const rules = action === 'deny' ? (deny.length === 0 ? undefined : deny) : allow;
  return typed('envoy.extensions.filters.network.rbac.v3.RBAC', {
    stat_prefix: statPrefix(action),
    ...(rules === undefined ? {} : { rules: renderRules(rules, action) }),
  });
}

/**
 * Without rules the filter decides nothing for the virtual host; with an empty list of them it
 * does.
 */
function renderPerRoute(
  action: NetworkAuthorizationAction,
  rules: readonly AuthorizationRule[] | undefined,
  observed: readonly AuthorizationRule[] | undefined,
): Any {
  if (rules === undefined && observed === undefined) return undecided;
  const rbac = {
    ...(rules === undefined ? {} : { rules: renderRules(rules, action), rules_stat_prefix: statPrefix(action) }),
    ...(observed === undefined
      ? {}
      : {
          shadow_rules: renderRules(observed, action),
          shadow_rules_stat_prefix: filterMetadata.dryRunPrefixes[action],
        }),
  };
  return typed('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', { rbac });
}

const undecided: Any = encodeOnce(typed('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', {}));

/** For a route that refuses every request: neither a policy nor an authorizer is asked. */
export const noAuthorization: Readonly<Record<string, Any>> = Object.fromEntries(
  Object.values(filterNames).map((name) => [name, undecided]),
);

/** Rules that only record the first match. */
function renderShadow(rules: readonly AuthorizationRule[], prefix: string): Any {
  return typed('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', {
    rbac: { shadow_rules: renderRules(rules, 'deny'), shadow_rules_stat_prefix: prefix },
  });
}

/**
 * Separates the statements of the two filters about a request, in statistics and in dynamic
 * metadata.
 */
function statPrefix(action: NetworkAuthorizationAction): string {
  return `cairn_${action}_`;
}

function renderRules(rules: readonly AuthorizationRule[], action: NetworkAuthorizationAction): Rbac {
  return {
    action: action === 'deny' ? 'DENY' : 'ALLOW',
    policies: Object.fromEntries(
      rules.map(({ key, operation, source }) => [
        key,
        { permissions: [renderPermission(operation)], principals: [renderPrincipal(source)] },
      ]),
    ),
  };
}

function renderPermission(predicate: OperationPredicate): Permission {
  if ('all' in predicate) {
    return predicate.all.length === 0 ? { any: true } : { and_rules: { rules: predicate.all.map(renderPermission) } };
  }
  if ('any' in predicate) {
    return predicate.any.length === 0
      ? { not_rule: { any: true } }
      : { or_rules: { rules: predicate.any.map(renderPermission) } };
  }
  if ('not' in predicate) return { not_rule: renderPermission(predicate.not) };
  if ('header' in predicate) return { header: renderHeader(predicate) };
  if ('destinationPort' in predicate) return { destination_port: predicate.destinationPort };
  return { url_path: { path: renderStringMatcher(predicate.path) } };
}

function renderPrincipal(predicate: ClientPredicate): Principal {
  if ('all' in predicate) {
    return predicate.all.length === 0 ? { any: true } : { and_ids: { ids: predicate.all.map(renderPrincipal) } };
  }
  if ('any' in predicate) {
    return predicate.any.length === 0
      ? { not_id: { any: true } }
      : { or_ids: { ids: predicate.any.map(renderPrincipal) } };
  }
  if ('not' in predicate) return { not_id: renderPrincipal(predicate.not) };
  if ('identity' in predicate) {
    return { filter_state: { key: filterState.identity, string_match: renderStringMatcher(predicate.identity) } };
  }
  if ('sourceAddress' in predicate) {
    const { address, prefix } = predicate.sourceAddress;
    return {
      filter_state: {
        key: filterState.originalSource,
        address_match: { ranges: [{ address_prefix: address, prefix_len: prefix }] },
      },
    };
  }
  return { sourced_metadata: { metadata_matcher: renderMetadataMatcher(predicate) } };
}

function renderHeader({
  header,
  value,
  ignoreCase,
}: HeaderCondition): MessageTypes['envoy.config.route.v3.HeaderMatcher'] {
  return value === 'present'
    ? { name: header, present_match: true }
    : { name: header, string_match: renderStringMatcher(value, ignoreCase) };
}
