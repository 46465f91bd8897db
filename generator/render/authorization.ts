// Authorization as Envoy's RBAC: of requests as filters that come with their routes, of tunnels as
// the rules of two filters, which come with each virtual host. Wherever rules are missing, a filter
// without rules allows nothing.

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
type Extension = MessageTypes['envoy.config.core.v3.TypedExtensionConfig'];
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

type FilterRules = MessageTypes['envoy.extensions.filters.http.rbac.v3.RBAC'];

/** One of the two decisions: deny comes first. */
type AuthorizationAction = 'deny' | 'allow';

/**
 * The filter of tunnels that allows: its rules come with each virtual host. A tunnel without a
 * route passes it, for the router to answer 404; one with a route and without its rules does not.
 */
export const tunnelAllowFilter: HttpFilter = encodeOnce({
  name: filterNames.allow,
  typed_config: typed(rbacType, {
    rules: {
      action: 'ALLOW',
      policies: {
        'no-route': {
          permissions: [{ any: true }],
          principals: [
            {
              and_ids: {
                ids: [filterState.frontend, filterState.cluster].map((key) => ({
                  filter_state: { key, string_match: { exact: '-' } },
                })),
              },
            },
          ],
        },
      },
    },
    rules_stat_prefix: statPrefix('allow'),
  }),
});

/** The filter of tunnels that denies: its rules come with each virtual host. */
export const tunnelDenyFilter: HttpFilter = encodeOnce({
  name: filterNames.deny,
  typed_config: typed(rbacType, { rules_stat_prefix: statPrefix('deny') }),
});

/** The filter of requests that allows nothing, until their routes bring another one. */
export const denyAll: Extension = encodeOnce({
  name: filterNames.allow,
  typed_config: typed(rbacType, { rules: renderRules([], 'allow'), rules_stat_prefix: statPrefix('allow') }),
});

/** The filter that records which requests an external authorizer is asked about. */
export function renderCustomFilter(rules: readonly AuthorizationRule[]): Extension {
  return { name: filterNames.custom, typed_config: typed(rbacType, shadow(rules, filterMetadata.customPrefix)) };
}

/** The filter that records the matches of audit policies; none without such policies. */
export function renderAuditFilter({ observed }: Authorization): readonly Extension[] {
  const audit = observed?.audit ?? [];
  return audit.length === 0
    ? []
    : [{ name: filterNames.audit, typed_config: typed(rbacType, shadow(audit, filterMetadata.auditPrefix)) }];
}

/** The filter that denies; none without such policies. */
export function renderDenyFilter({ deny, observed }: Authorization): readonly Extension[] {
  const wouldDeny = observed?.deny ?? [];
  if (deny.length === 0 && wouldDeny.length === 0) return [];
  return [
    {
      name: filterNames.deny,
      typed_config: typed(rbacType, renderDecision('deny', orAbsent(deny), orAbsent(wouldDeny))),
    },
  ];
}

/** The filter that allows: it takes the place of the one that allows nothing. */
export function renderAllowFilter({ allow, observed }: Authorization): Extension {
  return { name: filterNames.allow, typed_config: typed(rbacType, renderDecision('allow', allow, observed?.allow)) };
}

/** The ALLOW policies as metadata of a virtual host, for the log of a request that none matched. */
export function listAllowPolicies({ allowPolicies }: Authorization): Readonly<Record<string, string>> {
  return allowPolicies.length === 0 ? {} : { allow_policies: allowPolicies.join(',') };
}

/** The rules of tunnels, as a virtual host's configuration of the filters. */
export function renderTunnelAuthorization(authorization: Authorization): Readonly<Record<string, Any>> {
  const { deny, allow } = onConnect(authorization);
  return {
    ...(deny.length === 0 ? {} : { [filterNames.deny]: perRoute(renderDecision('deny', deny, undefined)) }),
    [filterNames.allow]: allow === undefined ? undecided : perRoute(renderDecision('allow', allow, undefined)),
  };
}

/**
 * The verdict about connections that may turn out to be TCP: the text of both filters' results, in
 * a log's format, and the one that allows. It is always there: without rules both filters allow.
 */
export const tcpVerdict: { readonly format: string; readonly allowed: string } = {
  format: (['deny', 'allow'] as const).map((action) => verdictOf(action)).join(' '),
  allowed: 'allowed allowed',
};

function verdictOf(action: AuthorizationAction): string {
  return `%METADATA(DYNAMIC:${filterMetadata.rbac}:${verdictPrefix(action)}shadow_engine_result)%`;
}

function verdictPrefix(action: AuthorizationAction): string {
  return `cairn_tcp_${action}_`;
}

/** The rules of tunnels whose verdict is passed on and not enforced. */
export function renderObservedVerdict(authorization: Authorization): Readonly<Record<string, Any>> {
  const { deny, allow = [anything] } = onConnect(authorization);
  return {
    [filterNames.deny]: perRoute({
      shadow_rules: renderRules(deny, 'deny'),
      shadow_rules_stat_prefix: verdictPrefix('deny'),
    }),
    [filterNames.allow]: perRoute({
      shadow_rules: renderRules(allow, 'allow'),
      shadow_rules_stat_prefix: verdictPrefix('allow'),
    }),
  };
}

const anything: AuthorizationRule = { key: 'no-policy', operation: { all: [] }, source: { all: [] } };

/** The port that a client dials is the end of its CONNECT's authority. */
function onConnect({ deny, allow }: Authorization): Pick<Authorization, 'deny' | 'allow'> {
  const move = (rules: readonly AuthorizationRule[]): readonly AuthorizationRule[] =>
    rules.map((rule) => ({ ...rule, operation: moveOperation(rule.operation) }));
  return { deny: move(deny), ...(allow === undefined ? {} : { allow: move(allow) }) };
}

function moveOperation(predicate: OperationPredicate): OperationPredicate {
  if ('all' in predicate) return { all: predicate.all.map(moveOperation) };
  if ('any' in predicate) return { any: predicate.any.map(moveOperation) };
  if ('not' in predicate) return { not: moveOperation(predicate.not) };
  if ('destinationPort' in predicate) {
    return { header: ':authority', value: { suffix: `:${predicate.destinationPort}` } };
  }
  return predicate;
}

function orAbsent(rules: readonly AuthorizationRule[]): readonly AuthorizationRule[] | undefined {
  return rules.length === 0 ? undefined : rules;
}

/** Rules that decide, if there are any, and rules that are only tried. */
function renderDecision(
  action: AuthorizationAction,
  rules: readonly AuthorizationRule[] | undefined,
  observed: readonly AuthorizationRule[] | undefined,
): FilterRules {
  return {
    ...(rules === undefined ? {} : { rules: renderRules(rules, action), rules_stat_prefix: statPrefix(action) }),
    ...(observed === undefined
      ? {}
      : {
          shadow_rules: renderRules(observed, action),
          shadow_rules_stat_prefix: filterMetadata.dryRunPrefixes[action],
        }),
  };
}

function perRoute(rbac: FilterRules): Any {
  return typed('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', { rbac });
}

const undecided: Any = encodeOnce(typed('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', {}));

/** For a route that refuses every request: neither a policy nor an authorizer is asked. */
export const noAuthorization: Readonly<Record<string, Any>> = Object.fromEntries(
  Object.values(filterNames).map((name) => [name, undecided] as const),
);

/** Rules that only record the first match. */
function shadow(rules: readonly AuthorizationRule[], prefix: string): FilterRules {
  return { shadow_rules: renderRules(rules, 'deny'), shadow_rules_stat_prefix: prefix };
}

/**
 * Separates the statements of the two filters about a request, in statistics and in dynamic
 * metadata.
 */
function statPrefix(action: AuthorizationAction): string {
  return `cairn_${action}_`;
}

function renderRules(rules: readonly AuthorizationRule[], action: AuthorizationAction): Rbac {
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
