// Which policies apply to a frontend, and which were meant to and do not. A waypoint honours target references only, each from the
// namespace of what it names.

import { everyClass, formatRef, gatewayGroup, namespaceTarget, networkingGroup, refOf } from '../../../mesh/index.ts';
import type { Finding, MeshObject, MeshSnapshot, PolicyTargetReference } from '../../../mesh/index.ts';
import { gatewayProblem, isWaypoint, requestedWaypoint, resolveBinding } from '../binding.ts';
import type { ResolveContext } from '../context.ts';
import type { AuthorizationTarget } from './field.ts';

/** Objects that are attached by target references. */
type Policy = MeshObject<'AuthorizationPolicy'> | MeshObject<'RequestAuthentication'>;

/**
 * Every policy of a kind that applies to a frontend, each once, sorted by namespace and name. `find` asks the index of the kind's
 * targets.
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
    ...find(`GatewayClass//${everyClass}`).filter(isStandIn),
    ...[service.namespace, mesh.settings.rootNamespace].flatMap((name) => find(`${namespaceTarget}/${name}/${name}`)),
  ];
  const byName = new Map(attached.map((policy) => [formatRef(refOf(policy)), policy] as const));
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, policy]) => policy);
}

/** In place of something that could not be read; no object of a source has a slash in its name. */
function isStandIn({ metadata }: Policy): boolean {
  return metadata.name.includes('/');
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

/** Reports what keeps a policy as a whole from being in effect at any waypoint. To be called once for each policy. */
export function reportPolicyAttachment(context: ResolveContext, policy: Policy): void {
  const { targetRefs = [], selector } = policy.spec;
  const ref = refOf(policy);
  if (targetRefs.length === 0) {
    if (!hasWaypoint(context.mesh, policy.metadata.namespace)) return;
    context.report({
      code: 'PolicyNotAttached',
      severity: 'warning',
      ref,
      path: selector === undefined ? ['spec'] : ['spec', 'selector'],
      message: 'waypoints honour target references only, so no waypoint enforces this policy',
      hint: 'name the Service or the Gateway in spec.targetRefs',
    });
    return;
  }
  targetRefs.forEach((target, index) => {
    const problem = targetProblem(context.mesh, policy, target);
    if (problem !== undefined) {
      context.report({ severity: 'error', ref, path: ['spec', 'targetRefs', index], ...problem });
    }
  });
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
  // Only what stands in for a policy names its namespace; reading said so.
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
    if (name === everyClass && isStandIn(policy)) return undefined;
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
    return isWaypoint(mesh, gateway) && gatewayProblem(gateway) === undefined
      ? undefined
      : notBound(`Gateway "${name}" is not a waypoint`, `waypoints are of class ${mesh.settings.waypointClass}`);
  }
  const service = kind === 'Service' ? mesh.get(kind, namespace, name) : mesh.get('ServiceEntry', namespace, name);
  if (service === undefined) return notFound(`${kind} "${namespace}/${name}" does not exist`);
  const silent: ResolveContext = { mesh, report: () => undefined };
  return resolveBinding(silent, service) === undefined
    ? notBound(
        `${kind} "${name}" is not bound to a waypoint`,
        'label the service or its namespace with istio.io/use-waypoint',
      )
    : undefined;
}

/** Whether something that the policy may have been meant for is behind a waypoint: in its namespace, or anywhere for the root's. */
function hasWaypoint(mesh: MeshSnapshot, namespace: string): boolean {
  if (namespace === mesh.settings.rootNamespace) {
    return mesh.list('Gateway').some((gateway) => isWaypoint(mesh, gateway));
  }
  return [...mesh.find('Service/namespace', namespace), ...mesh.find('ServiceEntry/namespace', namespace)].some(
    (service) => requestedWaypoint(mesh, service) !== undefined,
  );
}
