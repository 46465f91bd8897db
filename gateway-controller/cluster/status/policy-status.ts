// The condition `WaypointAccepted` on policies: one sentence for all targets, in Istio's words. A
// condition of our own adds what Istio does not report: that a policy is not in effect as written.

import { gatewayProblem, isOfRevision, isWaypoint, judgeBinding } from '../../../generator/index.ts';
import {
  type Finding,
  gatewayGroup,
  isCoreGroup,
  type MeshObject,
  namespaceTarget,
  type PolicyTargetReference,
  refOf,
} from '../../../mesh/index.ts';
import type { Condition } from './condition.ts';
import { judgeFindings } from './finding-status.ts';
import { isOfOtherRevision } from './route-status.ts';
import { waypointAccepted, type WantedStatus } from './status.ts';
import { isGuest, type StatusView } from './view.ts';

type Policy = MeshObject<'AuthorizationPolicy'> | MeshObject<'RequestAuthentication'>;

/**
 * The status of a policy: about waypoints only when it names a target, and whether it is in effect.
 */
export function resolvePolicyStatus(view: StatusView, policy: Policy): WantedStatus | undefined {
  // A stand-in for a policy names its namespace if its targets cannot be read.
  const written = (policy.spec.targetRefs ?? []).filter(({ kind }) => kind !== namespaceTarget);
  const targets = written.map((target) => judgeTarget(view, policy, target));
  // Beside another control plane, a target that is bound to none of our Gateways may be bound to
  // one of that one's.
  if (targets.length > 0 && !targets.some(({ isBound }) => isBound)) {
    if (isGuest(view.settings)) return { kind: 'conditions', conditions: [] };
    if (written.some((each) => isOthers(view, policy, each))) return undefined;
  }
  const { namespace, name } = policy.metadata;
  const newest = view.object(policy.kind, namespace, name);
  const generation = newest?.metadata.generation ?? policy.metadata.generation;
  const bound = targets.length === 0 ? [] : [combine(targets)];
  const conditions = [...bound, ...judgeEffect(view, policy)].map((condition) => ({
    ...condition,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  }));
  return { kind: 'conditions', conditions };
}

interface TargetJudgement {
  readonly isBound: boolean;
  readonly reason: string;
  readonly message: string;
  /** `Service.core:shop/reviews` */
  readonly target: string;
}

/** A single target is described alone; of several, those that are not bound are named. */
function combine(targets: readonly TargetJudgement[]): Condition {
  const [only] = targets;
  if (only !== undefined && targets.length === 1) {
    const { isBound, reason, message } = only;
    return { type: waypointAccepted, status: isBound ? 'True' : 'False', reason, message };
  }
  const unbound = targets.filter(({ isBound }) => !isBound);
  const isAnyBound = unbound.length < targets.length;
  const reason = !isAnyBound ? 'Invalid' : unbound.length > 0 ? 'PartiallyInvalid' : 'Accepted';
  const message = unbound.length === 0 ? '' : `Invalid targetRefs: ${unbound.map(({ target }) => target).join(', ')}`;
  return { type: waypointAccepted, status: isAnyBound ? 'True' : 'False', reason, message };
}

function judgeTarget(view: StatusView, policy: Policy, reference: PolicyTargetReference): TargetJudgement {
  const { kind, group = '', name } = reference;
  const namespace = reference.namespace ?? policy.metadata.namespace;
  const key = `${namespace}/${name}`;
  const target = `${kind}.${isCoreGroup(group) ? 'core' : group}:${key}`;
  const bound = (to: string): TargetJudgement => ({
    isBound: true,
    reason: 'Accepted',
    message: `bound to ${to}`,
    target,
  });
  const refused = (reason: string, message: string): TargetJudgement => ({ isBound: false, reason, message, target });
  const { mesh } = view;
  if (kind === 'GatewayClass') {
    const { rootNamespace } = mesh.settings;
    if (namespace !== rootNamespace) {
      const message = `${policy.kind} must be in the root namespace \`${rootNamespace}\` when referencing a GatewayClass`;
      return refused('Invalid', message);
    }
    const declared = mesh.get('GatewayClass', '', name);
    if (declared === undefined) return refused('TargetNotFound', `GatewayClass ${name} was not found`);
    return declared.spec.controllerName === view.settings.controllerName
      ? bound(name)
      : refused('Invalid', `GatewayClass must use controller name \`${view.settings.controllerName}\` for waypoints`);
  }
  if (namespace !== policy.metadata.namespace) return refused('TargetNotFound', `${kind} ${key} was not found`);
  if (kind === 'Gateway' && group === gatewayGroup) {
    const gateway = mesh.get('Gateway', namespace, name);
    return gateway !== undefined && isWaypoint(mesh, gateway) && gatewayProblem(gateway) === undefined
      ? bound(key)
      : refused('TargetNotFound', gateway === undefined ? `Gateway ${key} was not found` : 'not bound');
  }
  if (kind !== 'Service' && kind !== 'ServiceEntry') {
    return refused('Invalid', `a ${policy.kind} cannot be attached to a ${kind}`);
  }
  const service = kind === 'Service' ? mesh.get(kind, namespace, name) : mesh.get('ServiceEntry', namespace, name);
  if (service === undefined) return refused('TargetNotFound', `${kind} ${key} was not found`);
  const { gateway } = judgeBinding(mesh, service);
  return gateway === undefined
    ? refused('AncestorNotBound', `${kind} ${key} is not bound to a waypoint`)
    : bound(`${gateway.namespace}/${gateway.name}`);
}

/** Whether a target is, or is bound to, a Gateway of another revision. */
function isOthers(view: StatusView, { metadata: { namespace } }: Policy, target: PolicyTargetReference): boolean {
  if (target.kind !== 'Gateway') return isOfOtherRevision(view, target, namespace);
  const gateway = view.mesh.get('Gateway', namespace, target.name);
  return gateway !== undefined && !isOfRevision(view.mesh, gateway);
}

/** Findings that `WaypointAccepted` reports already are not repeated. */
const saidAlready: ReadonlySet<Finding['code']> = new Set(['PolicyTargetNotBound', 'PolicyTargetNotFound']);

function judgeEffect(view: StatusView, policy: Policy): readonly Condition[] {
  const findings = view.findings(refOf(policy)).filter(({ code }) => !saidAlready.has(code));
  return findings.some(({ severity }) => severity === 'error') ? [judgeFindings(findings)] : [];
}
