// The policies that apply to a frontend, and those that were meant to and do not. A waypoint
// honours target references only, each from the namespace of its target.

import {
  dataplaneModeLabel,
  everyClass,
  formatRef,
  gatewayGroup,
  gatewayNameLabel,
  injectionLabel,
  namespaceTarget,
  networkingGroup,
  refOf,
  useWaypointLabel,
  waypointController,
  waypointForLabel,
} from '../../../mesh/index.ts';
import type { Finding, MeshObject, MeshSnapshot, PolicyTargetReference } from '../../../mesh/index.ts';
import { judgeBinding } from '../waypoint/binding.ts';
import type { ResolveContext } from '../context.ts';
import type { AuthorizationTarget } from './field.ts';
import { isDryRun } from './rules.ts';
import { resolveGateway } from '../waypoint/gateway.ts';

/** Objects that are attached by target references. */
type Policy = MeshObject<'AuthorizationPolicy'> | MeshObject<'RequestAuthentication'>;

/**
 * Every policy of a kind that applies to a frontend, each once, sorted by namespace and name.
 * `find` asks the index of the kind's targets.
 */
export function findAttached<P extends Policy>(
  mesh: MeshSnapshot,
  find: (key: string) => readonly P[],
  { gateway, service }: Pick<AuthorizationTarget, 'gateway' | 'service'>,
): readonly P[] {
  const attachedTo = (kind: string, namespace: string, name: string): readonly P[] => {
    const home = namespace === '' ? mesh.settings.rootNamespace : namespace;
    return find(`${kind}/${namespace}/${name}`).filter(
      ({ metadata, spec }) =>
        metadata.namespace === home &&
        (spec.targetRefs ?? []).some((ref) => ref.kind === kind && ref.name === name && isOfGroup(ref)),
    );
  };
  const attached = [
    ...attachedTo(service.kind, service.namespace, service.name),
    ...attachedTo('Gateway', gateway.namespace, gateway.name),
    ...attachedTo('GatewayClass', '', gateway.className),
    ...find(`GatewayClass//${everyClass}`).filter(closesMesh),
    ...[service.namespace, mesh.settings.rootNamespace].flatMap((name) => find(`${namespaceTarget}/${name}/${name}`)),
  ];
  const byName = new Map(attached.map((policy) => [formatRef(refOf(policy)), policy] as const));
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, policy]) => policy);
}

/**
 * Whether a policy stands for an unreadable MeshConfig. In every other policy `*` is no name of a
 * class.
 */
function closesMesh({ standsFor }: Policy): boolean {
  return standsFor?.kind === 'MeshConfig';
}

const groups: Readonly<Record<string, readonly string[]>> = {
  Service: ['', 'core'],
  ServiceEntry: [networkingGroup],
  Gateway: [gatewayGroup],
  GatewayClass: [gatewayGroup],
};

function isOfGroup({ kind, group = '' }: PolicyTargetReference): boolean {
  return groups[kind]?.includes(group) ?? false;
}

/**
 * Reports the reasons why a policy as a whole is not in effect at any waypoint. Called once for
 * each policy.
 */
export function reportPolicyAttachment(context: ResolveContext, policy: Policy): void {
  const { targetRefs = [] } = policy.spec;
  const ref = refOf(policy);
  if (targetRefs.length === 0) return reportUnenforced(context, policy);
  targetRefs.forEach((target, index) => {
    const problem = targetProblem(context.mesh, policy, target);
    if (problem !== undefined) {
      context.report({ severity: 'error', ref, path: ['spec', 'targetRefs', index], ...problem });
    }
  });
}

/** Whether clients can reach a service by an address of its own. */
function leadsToWaypoint(service: MeshObject<'Service'> | MeshObject<'ServiceEntry'>): boolean {
  if (service.kind === 'Service') return service.spec.clusterIP !== 'None' && service.spec.type !== 'ExternalName';
  return (service.spec.resolution ?? 'NONE') !== 'NONE' || (service.spec.addresses ?? []).length > 0;
}

type TargetProblem = Pick<Finding, 'code' | 'message' | 'hint'>;

function targetProblem(mesh: MeshSnapshot, policy: Policy, ref: PolicyTargetReference): TargetProblem | undefined {
  const { kind, name } = ref;
  const { namespace } = policy.metadata;
  const notFound = (message: string, hint?: string): TargetProblem => ({
    code: 'PolicyTargetNotFound',
    message: `${message}, so the policy is not in effect there`,
    ...(hint === undefined ? {} : { hint }),
  });
  const notBound = (message: string, hint: string): TargetProblem => ({
    code: 'PolicyTargetNotBound',
    message: `${message}, so the policy is not in effect there`,
    hint,
  });
  // Only the stand-in of a policy names its namespace; reading reported it.
  if (kind === namespaceTarget) return undefined;
  const expected = Object.hasOwn(groups, kind) ? groups[kind] : undefined;
  if (expected === undefined) {
    return notFound(
      `a policy cannot be attached to a ${kind}`,
      'targets are Service, ServiceEntry, Gateway and GatewayClass',
    );
  }
  if (!isOfGroup(ref)) {
    return notFound(`${kind} is not of group "${ref.group ?? ''}"`, `set group to "${expected[0]}"`);
  }
  if (kind === 'GatewayClass') {
    if (name === everyClass && closesMesh(policy)) return undefined;
    const { rootNamespace } = mesh.settings;
    if (namespace !== rootNamespace) {
      return notFound(`only policies of namespace "${rootNamespace}" can name a GatewayClass`);
    }
    return name === mesh.settings.waypointClass || mesh.get('GatewayClass', '', name) !== undefined
      ? undefined
      : notFound(`GatewayClass "${name}" does not exist`);
  }
  if (ref.namespace !== undefined && ref.namespace !== namespace) {
    return notFound(
      `${kind} "${name}" is in another namespace than the policy`,
      `move the policy to namespace ${ref.namespace}`,
    );
  }
  if (kind === 'Gateway') {
    const gateway = mesh.get('Gateway', namespace, name);
    if (gateway === undefined) return notFound(`Gateway "${namespace}/${name}" does not exist`);
    const waypoint = resolveGateway(mesh, { namespace, name });
    if (waypoint === undefined) {
      return notBound(`Gateway "${name}" is not a waypoint`, `waypoints are of class ${mesh.settings.waypointClass}`);
    }
    return waypoint.trafficType === 'none'
      ? notBound(`waypoint "${name}" serves no traffic`, `set its label ${waypointForLabel} to what it is to serve`)
      : undefined;
  }
  const service = kind === 'Service' ? mesh.get(kind, namespace, name) : mesh.get('ServiceEntry', namespace, name);
  if (service === undefined) return notFound(`${kind} "${namespace}/${name}" does not exist`);
  if (judgeBinding(mesh, service).gateway === undefined) {
    return notBound(
      `${kind} "${name}" is not bound to a waypoint`,
      'label the service or its namespace with istio.io/use-waypoint',
    );
  }
  return leadsToWaypoint(service)
    ? undefined
    : {
        code: 'NotServed',
        message: `${kind} "${name}" has no address that leads clients to its waypoint, so the policy is not in effect there`,
        hint: 'give the service addresses, or name the Gateway of a waypoint that serves workloads',
      };
}

/**
 * Reports a policy without target references. Waypoints read none, and a node proxy of ours
 * enforces none: what it would close is open, unless a proxy of another control plane closes it.
 */
function reportUnenforced({ mesh, report }: ResolveContext, policy: Policy): void {
  const { selector } = policy.spec;
  const others = otherEnforcers(mesh, policy);
  const isOpen = others === undefined && closesSomething(policy);
  const consequence = isOpen ? ': what it denies is open' : '';
  report({
    code: 'PolicyNotAttached',
    severity: isOpen ? 'error' : others === undefined ? 'warning' : 'info',
    ref: refOf(policy),
    path: selector === undefined ? ['spec'] : ['spec', 'selector'],
    message:
      others === undefined
        ? `waypoints honour target references only, and nothing else of Cairn enforces policies, so this one has no effect${consequence}`
        : `waypoints honour target references only, so this policy is enforced by ${others}, if they are there, and by nothing of Cairn`,
    ...(others === undefined ? { hint: 'name the Service or the Gateway in spec.targetRefs' } : {}),
  });
}

/**
 * The other proxies that a policy without targets may be meant for, according to labels; undefined
 * if it is for the mesh.
 */
function otherEnforcers(mesh: MeshSnapshot, { metadata, spec }: Policy): string | undefined {
  const selected = spec.selector?.matchLabels ?? {};
  if (gatewayNameLabel in selected || selected['istio']?.endsWith('gateway') === true)
    return 'the proxies of a gateway';
  const labels = mesh.get('Namespace', '', metadata.namespace)?.metadata.labels ?? {};
  const isAmbient = labels[dataplaneModeLabel] === 'ambient' || labels[useWaypointLabel] !== undefined;
  if (!isAmbient && labels[injectionLabel] === 'enabled') return 'the sidecars of its namespace';
  return mesh.settings.waypointController === waypointController ? undefined : 'the proxies of the other control plane';
}

/** Whether a policy refuses something that would pass without it. */
function closesSomething(policy: Policy): boolean {
  if (policy.kind === 'RequestAuthentication') return false;
  const { action = 'ALLOW', rules = [] } = policy.spec;
  if (isDryRun(policy)) return false;
  switch (action) {
    case 'AUDIT':
      return false;
    case 'CUSTOM':
    case 'DENY':
      return rules.length > 0;
    case 'ALLOW':
      return !rules.some(({ from = [], to = [], when = [] }) => from.length + to.length + when.length === 0);
  }
}
