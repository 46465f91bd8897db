// The services of a policy, if they decide whether a value can match: those that its targets stand
// for.

import { everyClass, type MeshObject, type MeshSnapshot } from '../../../mesh/index.ts';
import { judgeBinding } from '../waypoint/binding.ts';
import { type ResolveContext, withoutFindings } from '../context.ts';
import { type ResolvedService, resolveServices } from '../service/service.ts';
import { findAttached } from './attachment.ts';
import { resolveGateway } from '../waypoint/gateway.ts';
import { resolveServedServices } from '../waypoint/served.ts';

/**
 * The services of a policy; `undefined` when it is, or may be, for more services than are known.
 */
export interface PolicyTargets {
  readonly services: readonly ResolvedService[] | undefined;
  /**
   * The issuers whose tokens are verified at all of them; undefined when none are verified, which
   * is reported elsewhere.
   */
  readonly issuers: readonly string[] | undefined;
}

/** The scope of a policy. */
export function findPolicyTargets(mesh: MeshSnapshot, policy: MeshObject<'AuthorizationPolicy'>): PolicyTargets {
  const context = withoutFindings(mesh);
  const found = (policy.spec.targetRefs ?? []).map((target) => findServices(context, policy, target));
  if (found.length === 0 || found.includes(undefined)) return { services: undefined, issuers: undefined };
  const services = found.flatMap((each) => each ?? []);
  if (services.length === 0) return { services: undefined, issuers: undefined };
  const issuers = services.map((service) => findIssuers(mesh, service));
  return {
    services,
    issuers: issuers.some((each) => each.length === 0) ? undefined : [...new Set(issuers.flat())],
  };
}

type Target = NonNullable<MeshObject<'AuthorizationPolicy'>['spec']['targetRefs']>[number];

function findServices(
  context: ResolveContext,
  { metadata: { namespace } }: MeshObject<'AuthorizationPolicy'>,
  { kind, name }: Target,
): readonly ResolvedService[] | undefined {
  const { mesh } = context;
  if (kind === 'Service' || kind === 'ServiceEntry') {
    const object = kind === 'Service' ? mesh.get(kind, namespace, name) : mesh.get('ServiceEntry', namespace, name);
    return object === undefined ? undefined : resolveServices(object, mesh.settings.clusterDomain);
  }
  if (kind === 'Gateway') return findServed(context, namespace, name);
  if (kind !== 'GatewayClass' || name === everyClass) return undefined;
  const all = mesh
    .find('Gateway/class', name)
    .map(({ metadata }) => findServed(context, metadata.namespace, metadata.name));
  return all.includes(undefined) ? undefined : all.flatMap((each) => each ?? []);
}

/** A workload under its own address has its own ports, whichever these are. */
function findServed(context: ResolveContext, namespace: string, name: string): readonly ResolvedService[] | undefined {
  const gateway = resolveGateway(context.mesh, { namespace, name });
  return gateway === undefined || gateway.trafficType !== 'service'
    ? undefined
    : resolveServedServices(context, gateway);
}

function findIssuers(mesh: MeshSnapshot, service: ResolvedService): readonly string[] {
  const { gateway } = judgeBinding(mesh, service.object);
  if (gateway === undefined) return [];
  const target = { gateway, service: { kind: service.object.kind, namespace: service.namespace, name: service.name } };
  return findAttached(mesh, (key) => mesh.find('RequestAuthentication/target', key), target)
    .flatMap(({ spec }) => spec.jwtRules ?? [])
    .map(({ issuer = '' }) => issuer);
}
