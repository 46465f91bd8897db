// The Findings about a DestinationRule on its own.

import type { ResolveContext } from '../resolve/context.ts';
import { reportDestinationRuleFields, reportMissingPorts } from '../resolve/destination-rule/report.ts';
import { declaredSubsets, findDestinationRules } from '../resolve/destination-rule/selection.ts';
import { resolveEndpoints } from '../resolve/endpoint/endpoints.ts';
import type { ResolvedService } from '../resolve/service/service.ts';
import { requestedWaypoint } from '../resolve/waypoint/binding.ts';
import { resolveGateway } from '../resolve/waypoint/gateway.ts';
import { type FieldPath, formatRef, isWildcardHost, type MeshObject, refOf } from '../../mesh/index.ts';
import { findHost } from './host.ts';
import type { KindAnalysis } from './analysis.ts';
import { trafficPolicies, trafficPolicy } from './fields/patterns.ts';

export const destinationRule: KindAnalysis<'DestinationRule'> = {
  fields: {
    applied: ['host', 'exportTo[]', 'subsets[].name', 'subsets[].labels.*', ...trafficPolicies(trafficPolicy.applied)],
    reported: ['workloadSelector.**', ...trafficPolicies(trafficPolicy.reported)],
  },
  report: analyzeDestinationRule,
};

function analyzeDestinationRule(context: ResolveContext, object: MeshObject<'DestinationRule'>): void {
  const { host, subsets = [] } = object.spec;
  reportDestinationRuleFields(context, object);
  // The stand-in of a rule whose host cannot be read has none; reading reported it.
  if (host === '' || isWildcardHost(host)) return;
  const service = findHost(context, object, host, ['spec', 'host']);
  if (service !== undefined) {
    reportUnusedRule(context, object, service);
    reportMissingPorts(context, object, service);
  }
  const [port] = service?.ports ?? [];
  if (service === undefined || port === undefined) return;
  for (const [index, subset] of subsets.entries()) {
    if (resolveEndpoints(context, service, port, subset.labels).length > 0) continue;
    context.report({
      code: 'SubsetWithoutEndpoints',
      severity: 'warning',
      ref: refOf(object),
      path: ['spec', 'subsets', index, 'labels'],
      message: `no endpoint of "${service.host}" has these labels, so requests to subset "${subset.name}" are answered with 503`,
      hint: 'compare with the labels of the workloads',
    });
  }
}

/**
 * Reports fields that have no effect because of other rules for the same host. Rules of the root
 * namespace are meant to be overridden.
 */
function reportUnusedRule(
  context: ResolveContext,
  object: MeshObject<'DestinationRule'>,
  service: ResolvedService,
): void {
  const { mesh } = context;
  const key = requestedWaypoint(mesh, service.object);
  const gateway = key === undefined ? undefined : resolveGateway(mesh, key);
  if (gateway === undefined || object.spec.workloadSelector !== undefined) return;
  const rules = findDestinationRules(mesh, gateway, service);
  const report = (path: FieldPath, reason: string, hint: string): void =>
    context.report({
      code: 'NotServed',
      severity: 'warning',
      ref: refOf(object),
      path,
      message: `${reason}, so this has no effect`,
      hint,
    });
  const merge = 'merge the rules';
  const isOwn = (rule: MeshObject<'DestinationRule'>): boolean => formatRef(refOf(rule)) === formatRef(refOf(object));
  const [first] = rules;
  if (!rules.some(isOwn)) {
    if (object.metadata.namespace === mesh.settings.rootNamespace) return;
    if (first === undefined || ![gateway.namespace, service.namespace].includes(first.metadata.namespace)) {
      const wanted = [...new Set([gateway.namespace, service.namespace])].join(' or ');
      const reason = `only DestinationRules of namespace ${wanted} that are exported to ${gateway.namespace} apply to "${service.host}"`;
      report(['spec', 'host'], reason, `move the rule to namespace ${service.namespace}`);
    } else report(['spec', 'host'], `${formatRef(refOf(first))} goes first for "${service.host}"`, merge);
    return;
  }
  const policy = rules.find(({ spec }) => spec.trafficPolicy !== undefined);
  if (policy !== undefined && object.spec.trafficPolicy !== undefined && !isOwn(policy)) {
    report(['spec', 'trafficPolicy'], `the policy of ${formatRef(refOf(policy))} goes first`, merge);
  }
  const declared = declaredSubsets(rules);
  for (const [index, { name }] of (object.spec.subsets ?? []).entries()) {
    const owner = declared.find(({ subset }) => subset.name === name)?.rule;
    if (owner === undefined || isOwn(owner)) continue;
    report(['spec', 'subsets', index], `${formatRef(refOf(owner))} declares subset "${name}" already`, merge);
  }
}
