// AuthorizationPolicy: Istio's rules for the contents of a policy. A policy that would mean less,
// or more, than it seems is refused.

import type { FieldPath } from '../../finding.ts';
import type { AuthorizationPolicySpec, Condition, Operation, PolicyTargetReference, Rule, Source } from './spec.ts';
import { gatewayGroup, networkingGroup } from '../../labels.ts';
import type { Problem } from '../../reading/problem.ts';
import { errorAt } from '../../reading/problem.ts';
import { suggestHint } from '../../reading/suggestion.ts';
import { checkPathTemplate } from '../../validation/path-template.ts';
import { checkIpRanges, checkSelector } from '../../validation/value.ts';

const targetGroups: Readonly<Record<string, readonly string[]>> = {
  Gateway: [gatewayGroup],
  GatewayClass: [gatewayGroup],
  Service: ['', 'core'],
  ServiceEntry: [networkingGroup],
};

/** Identity that Envoy knows only after it asked the external authorizer of a CUSTOM policy. */
const identityFields: readonly (keyof Source)[] = [
  ...([
    'principals',
    'notPrincipals',
    'requestPrincipals',
    'notRequestPrincipals',
    'namespaces',
    'notNamespaces',
  ] as const),
  ...(['serviceAccounts', 'notServiceAccounts', 'trustDomains', 'notTrustDomains'] as const),
];
const identityKeys = /^(?:source\.(?:namespace|serviceAccount|trustDomain|principal)|request\.auth\..*)$/;

/** The attributes of `when`; those that end in `[` take a name in brackets. */
const conditionKeys: readonly string[] = [
  'request.headers[',
  'source.ip',
  'remote.ip',
  'source.namespace',
  'source.serviceAccount',
  'source.trustDomain',

  'source.principal',
  'request.auth.principal',
  'request.auth.audiences',
  'request.auth.presenter',
  'request.auth.claims[',
  'destination.ip',
  'destination.port',
  'connection.sni',
  'experimental.envoy.filters.',
];
const removedKeys: ReadonlySet<string> = new Set([
  'destination.labels',
  'destination.name',
  'destination.namespace',
  'destination.user',
]);

/** The problems of one policy. */
export function checkAuthorizationPolicy(spec: AuthorizationPolicySpec): readonly Problem[] {
  const action = spec.action ?? 'ALLOW';
  return [
    ...checkPolicyTargets(spec),
    ...(action === 'DENY' && spec.rules === undefined
      ? [
          errorAt(
            'MissingField',
            ['spec', 'rules'],
            'A DENY policy needs rules.',
            'write `rules: [{}]` to deny everything',
          ),
        ]
      : []),
    ...(action === 'CUSTOM' ? checkCustom(spec) : []),
    ...(action !== 'CUSTOM' && spec.provider !== undefined
      ? [errorAt('InvalidValue', ['spec', 'provider'], '`provider` is only for the action CUSTOM.')]
      : []),
    ...(spec.rules ?? []).flatMap((rule, index) => checkRule(rule, ['spec', 'rules', index])),
  ];
}

/** The targets that a policy of any kind may have. */
export function checkPolicyTargets({
  selector,
  targetRef,
  targetRefs,
}: Pick<AuthorizationPolicySpec, 'selector' | 'targetRef' | 'targetRefs'>): readonly Problem[] {
  const given = [selector, targetRef, targetRefs].filter((target) => target !== undefined).length;
  const problems = (targetRefs ?? []).flatMap((target, index) => checkTarget(target, ['spec', 'targetRefs', index]));
  if (targetRef !== undefined) problems.push(...checkTarget(targetRef, ['spec', 'targetRef']));
  problems.push(...checkSelector(selector?.matchLabels, ['spec', 'selector', 'matchLabels']));
  if (given < 2) return problems;
  const path = ['spec', targetRefs === undefined ? 'targetRef' : 'targetRefs'];
  return [
    ...problems,
    errorAt('InvalidValue', path, '`selector`, `targetRef` and `targetRefs` exclude each other.', 'keep one of them'),
  ];
}

function checkTarget(
  { group = '', kind, name, namespace }: PolicyTargetReference,
  path: FieldPath,
): readonly Problem[] {
  const groups = Object.hasOwn(targetGroups, kind) ? targetGroups[kind] : undefined;
  if (groups === undefined) {
    const kinds = Object.keys(targetGroups);
    const message = `A policy cannot target a ${kind}; it can target ${kinds.join(', ')}.`;
    return [errorAt('InvalidValue', [...path, 'kind'], message, suggestHint(kind, kinds))];
  }
  const problems: Problem[] = [];
  if (!groups.includes(group)) {
    const hint = `write \`group: ${groups[0] === '' ? '""' : groups[0]}\``;
    problems.push(errorAt('InvalidValue', [...path, 'group'], `\`${group}\` is not the group of ${kind}.`, hint));
  }
  if (name === '') problems.push(errorAt('InvalidValue', [...path, 'name'], 'The target has no name.'));
  if (namespace !== undefined && namespace !== '') {
    const message = 'A policy can only target what is in its own namespace.';
    problems.push(
      errorAt('InvalidValue', [...path, 'namespace'], message, 'remove it and put the policy beside its target'),
    );
  }
  return problems;
}

function checkCustom({ rules, provider }: AuthorizationPolicySpec): readonly Problem[] {
  const problems: Problem[] = [];
  if (rules === undefined) problems.push(errorAt('MissingField', ['spec', 'rules'], 'A CUSTOM policy needs rules.'));
  if ((provider?.name ?? '') === '') {
    problems.push(
      errorAt('MissingField', ['spec', 'provider', 'name'], 'A CUSTOM policy needs the name of its provider.'),
    );
  }
  rules?.forEach((rule, index) => {
    const path = ['spec', 'rules', index];
    rule.from?.forEach(({ source }, from) => {
      for (const field of identityFields) {
        if (source?.[field] === undefined) continue;
        problems.push(
          errorAt('InvalidValue', [...path, 'from', from, 'source', field], `A CUSTOM policy cannot use \`${field}\`.`),
        );
      }
    });
    rule.when?.forEach(({ key }, when) => {
      if (identityKeys.test(key)) {
        problems.push(
          errorAt('InvalidValue', [...path, 'when', when, 'key'], `A CUSTOM policy cannot use \`${key}\`.`),
        );
      }
    });
  });
  return problems;
}

function checkRule({ from, to, when }: Rule, path: FieldPath): readonly Problem[] {
  return [
    ...checkNotEmpty(from, [...path, 'from']),
    ...checkNotEmpty(to, [...path, 'to']),
    ...(from ?? []).flatMap(({ source }, index) => checkSource(source, [...path, 'from', index, 'source'])),
    ...(to ?? []).flatMap(({ operation }, index) => checkOperation(operation, [...path, 'to', index, 'operation'])),
    ...(when ?? []).flatMap((condition, index) => checkCondition(condition, [...path, 'when', index])),
  ];
}

function checkNotEmpty(list: readonly unknown[] | undefined, path: FieldPath): readonly Problem[] {
  if (list === undefined || list.length > 0) return [];
  return [errorAt('InvalidValue', path, `\`${String(path.at(-1))}\` is empty.`, 'leave it out to match everything')];
}

function checkSource(source: Source | undefined, path: FieldPath): readonly Problem[] {
  const problems = [...checkLists(source, path)];
  if (source === undefined) return problems;
  const hasAccounts = source.serviceAccounts !== undefined || source.notServiceAccounts !== undefined;
  const others = ['principals', 'notPrincipals', 'namespaces', 'notNamespaces'] as const;
  const other = others.find((field) => source[field] !== undefined);
  if (hasAccounts && other !== undefined) {
    problems.push(
      errorAt('InvalidValue', [...path, other], `\`${other}\` cannot stand beside service accounts in one source.`),
    );
  }
  for (const field of ['ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'] as const) {
    problems.push(...checkIpRanges(source[field], [...path, field]));
  }
  return problems;
}

function checkOperation(operation: Operation | undefined, path: FieldPath): readonly Problem[] {
  const problems = [...checkLists(operation, path)];
  for (const field of ['ports', 'notPorts'] as const) {
    operation?.[field]?.forEach((port, index) => problems.push(...checkPortText(port, [...path, field, index])));
  }
  for (const field of ['paths', 'notPaths'] as const) {
    operation?.[field]?.forEach((text, index) => problems.push(...checkPathTemplate(text, [...path, field, index])));
  }
  return problems;
}

/**
 * A source or an operation that lists nothing would match everything, which nobody writes on
 * purpose.
 */
function checkLists(lists: Source | Operation | undefined, path: FieldPath): readonly Problem[] {
  const entries: [string, readonly string[]][] = Object.entries(lists ?? {});
  if (!entries.some(([, values]) => values.length > 0)) {
    return [errorAt('InvalidValue', path, `\`${String(path.at(-1))}\` is empty; it would match everything.`)];
  }
  return entries.flatMap(([field, values]) => [
    ...checkNotEmpty(values, [...path, field]),
    ...values.flatMap((value, index) =>
      value === '' ? [errorAt('InvalidValue', [...path, field, index], 'The value is empty.')] : [],
    ),
  ]);
}

function checkCondition({ key, values, notValues }: Condition, path: FieldPath): readonly Problem[] {
  const problems: Problem[] = [];
  const at = [...path, 'key'];
  const known = conditionKeys.find((each) => key === each || (/[[.]$/.test(each) && key.startsWith(each)));
  if (removedKeys.has(key.replace(/\[.*$/, '')))
    problems.push(errorAt('InvalidValue', at, `\`${key}\` was removed from the API.`));
  else if (known === undefined) {
    problems.push(
      errorAt(
        'InvalidValue',
        at,
        `\`${key}\` is no attribute that can be matched.`,
        suggestHint(key.replace(/\[.*$/, '['), conditionKeys),
      ),
    );
  } else if (known.endsWith('[') && !/^[^[]+(?:\[[^[\]]+\])+$/.test(key)) {
    problems.push(errorAt('InvalidValue', at, `\`${key}\` needs a name in brackets.`, `write it as \`${known}name]\``));
  }
  const given = { values: values ?? [], notValues: notValues ?? [] };
  if (given.values.length + given.notValues.length === 0) {
    problems.push(
      errorAt('MissingField', [...path, 'values'], `The condition on \`${key}\` has neither values nor notValues.`),
    );
  }
  for (const [field, list] of Object.entries(given)) {
    if (/^(?:source|remote|destination)\.ip$/.test(key)) problems.push(...checkIpRanges(list, [...path, field]));
    else if (key === 'destination.port') {
      list.forEach((port, index) => problems.push(...checkPortText(port, [...path, field, index])));
    } else {
      list.forEach((value, index) => {
        if (value === '') problems.push(errorAt('InvalidValue', [...path, field, index], 'The value is empty.'));
      });
    }
  }
  return problems;
}

function checkPortText(port: string, path: FieldPath): readonly Problem[] {
  if (/^\d{1,5}$/.test(port) && Number(port) <= 65_535) return [];
  return port === '' ? [] : [errorAt('InvalidValue', path, `\`${port}\` is no port number.`)];
}
