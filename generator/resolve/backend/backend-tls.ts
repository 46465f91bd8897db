// BackendTLSPolicy: the TLS to a service's ports, and the trusted roots. If its roots are missing,
// nothing is sent at all: requests to a backend that cannot be verified are answered with 503.

import { X509Certificate } from 'node:crypto';
import {
  type FieldPath,
  type FindingCode,
  formatRef,
  isCoreGroup,
  type MeshObject,
  type MeshSnapshot,
  namespaceTarget,
  networkingGroup,
  refOf,
} from '../../../mesh/index.ts';
import type { CertificateName, UpstreamTls } from '../../model/cluster.ts';
import type { ResolveContext } from '../context.ts';
import { type ResolvedPort, type ResolvedService, resolveServices } from '../service/service.ts';

type Policy = MeshObject<'BackendTLSPolicy'>;

/**
 * The policy of a port; `tls` is absent if it cannot be carried out, so that nothing may be sent to
 * the port.
 */
export interface BackendTls {
  readonly policy: Policy;
  readonly tls?: UpstreamTls;
}

/** The reason why a reference of a policy is invalid, in the Gateway API's words. */
export interface BackendTlsProblem {
  readonly reason: 'InvalidCACertificateRef' | 'InvalidKind' | 'Invalid';
  readonly code: FindingCode;
  readonly path: FieldPath;
  readonly message: string;
}

/**
 * The certificates of a policy, and its faults; without `tls` nothing that could be verified is
 * left.
 */
export interface ResolvedValidation {
  readonly tls?: UpstreamTls;
  readonly problems: readonly BackendTlsProblem[];
}

/**
 * The policy that holds for a port: one for the port by its name has precedence over one for all
 * ports, then the oldest, then by name.
 */
export function findBackendTlsPolicy(
  mesh: MeshSnapshot,
  { object, namespace, name }: Pick<ResolvedService, 'object' | 'namespace' | 'name'>,
  port: Pick<ResolvedPort, 'name'>,
): Policy | undefined {
  const policies = mesh.find('BackendTLSPolicy/target', `${object.kind}/${namespace}/${name}`);
  const holds =
    (section: string | undefined) =>
    (policy: Policy): boolean =>
      policy.spec.targetRefs.some(
        (target) =>
          isService(target) && target.kind === object.kind && target.name === name && target.sectionName === section,
      );
  // The stand-in of a policy whose targets cannot be read holds where no other policy does.
  return (
    policies.find(holds(port.name)) ??
    policies.find(holds(undefined)) ??
    mesh.find('BackendTLSPolicy/target', `${namespaceTarget}/${namespace}/${namespace}`)[0]
  );
}

/** The TLS that a policy asks for on a port; undefined without a policy. */
export function resolveBackendTls(
  { mesh }: Pick<ResolveContext, 'mesh'>,
  service: ResolvedService,
  port: ResolvedPort,
): BackendTls | undefined {
  const policy = findBackendTlsPolicy(mesh, service, port);
  if (policy === undefined) return undefined;
  const { tls } = resolveValidation(mesh, policy);
  return { policy, ...(tls === undefined ? {} : { tls }) };
}

/** Whether a target is of a kind that can have a policy. */
export function isService({ group, kind }: { readonly group: string; readonly kind: string }): boolean {
  return (isCoreGroup(group) && kind === 'Service') || (group === networkingGroup && kind === 'ServiceEntry');
}

/** The result of `spec.validation`. */
export function resolveValidation(mesh: MeshSnapshot, { metadata, spec }: Policy): ResolvedValidation {
  const { hostname, caCertificateRefs = [], wellKnownCACertificates, subjectAltNames = [] } = spec.validation;
  const path: FieldPath = ['spec', 'validation'];
  const names: readonly CertificateName[] = subjectAltNames.map(({ type, hostname: host = '', uri = '' }) =>
    type === 'URI' ? { type, name: uri } : { type: 'DNS', name: host },
  );
  const make = (roots: NonNullable<UpstreamTls['roots']>): UpstreamTls => ({
    serverName: hostname,
    roots,
    subjectAltNames: names.length === 0 ? [{ type: 'DNS', name: hostname }] : names,
  });
  if (caCertificateRefs.length === 0) {
    if (wellKnownCACertificates === 'System') return { tls: make(mesh.settings.systemRoots), problems: [] };
    const message =
      wellKnownCACertificates === undefined
        ? 'no roots can be read of it'
        : `the roots "${wellKnownCACertificates}" are not known; there is "System"`;
    const problem = {
      reason: 'Invalid',
      code: 'InvalidValue',
      path: [...path, 'wellKnownCACertificates'],
      message,
    } as const;
    return { problems: [problem] };
  }
  const problems: BackendTlsProblem[] = [];
  const pems = caCertificateRefs.flatMap(({ group, kind, name }, index): readonly string[] => {
    const at: FieldPath = [...path, 'caCertificateRefs', index];
    if (!isCoreGroup(group) || kind !== 'ConfigMap') {
      const message = `roots are read from a ConfigMap, not from kind "${kind}" of group "${group}"`;
      problems.push({ reason: 'InvalidKind', code: 'InvalidValue', path: [...at, 'kind'], message });
      return [];
    }
    const text = mesh.get('ConfigMap', metadata.namespace, name)?.spec['ca.crt'];
    const roots = text === undefined ? undefined : readCertificates(text);
    if (roots !== undefined && roots.length > 0) return roots;
    const wrong = text === undefined ? 'does not exist or has no key "ca.crt"' : 'has no certificates in "ca.crt"';
    const code = text === undefined ? 'CertificateNotFound' : 'InvalidValue';
    const message = `ConfigMap ${metadata.namespace}/${name} ${wrong}`;
    problems.push({ reason: 'InvalidCACertificateRef', code, path: [...at, 'name'], message });
    return [];
  });
  return pems.length === 0 ? { problems } : { tls: make({ pem: pems.join('') }), problems };
}

/** A longer list of roots was not written by hand. */
const maxCertificates = 512;

/**
 * The certificates of a PEM text, in normal form; none when one of them is broken, since Envoy
 * would refuse them all.
 */
function readCertificates(text: string): readonly string[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length > maxCertificates) return [];
  try {
    return blocks.map((block) => new X509Certificate(block).toString());
  } catch {
    return [];
  }
}

/** Reports the parts of a policy that are not in effect as written. */
export function reportBackendTls(context: ResolveContext, policy: Policy): void {
  const { mesh } = context;
  const { tls, problems } = resolveValidation(mesh, policy);
  const report = (code: FindingCode, path: FieldPath, message: string, hint: string): void =>
    context.report({ code, severity: 'error', ref: refOf(policy), path, message, hint });
  // A stand-in of an unreadable policy names no roots; the reader has reported the policy.
  for (const { code, path, message } of policy.standsFor === undefined ? problems : []) {
    const consequence = tls === undefined ? 'requests to its targets are answered with 503' : 'it is left out';
    report(
      code,
      path,
      `${message}, so ${consequence}`,
      'give a ConfigMap of this namespace with certificates in "ca.crt", or write `wellKnownCACertificates: System`',
    );
  }
  for (const [index, target] of policy.spec.targetRefs.entries()) {
    const at: FieldPath = ['spec', 'targetRefs', index];
    const judged = judgeTarget(mesh, policy, index);
    if (judged.kind === 'missing') {
      const code = judged.field === 'sectionName' ? 'PortNotFound' : 'PolicyTargetNotFound';
      report(
        code,
        [...at, judged.field],
        `${judged.message}, so nothing is encrypted by it`,
        'name a Service or ServiceEntry of this namespace, and a port by its name',
      );
    } else if (judged.kind === 'conflict') {
      const winner = formatRef(refOf(judged.winner));
      report(
        'RouteConflict',
        at,
        `${winner} goes first for ${target.kind} "${target.name}", so this has no effect there`,
        'keep one of the two',
      );
    }
  }
}

/** The result of a policy's reference. */
export type JudgedTarget =
  | { readonly kind: 'held' }
  | { readonly kind: 'missing'; readonly field: 'kind' | 'name' | 'sectionName'; readonly message: string }
  | { readonly kind: 'conflict'; readonly winner: Policy };

/** Whether a policy holds for one of its targets; one that holds for any port of it does. */
export function judgeTarget(mesh: MeshSnapshot, policy: Policy, index: number): JudgedTarget {
  const target = policy.spec.targetRefs[index];
  if (target?.kind === namespaceTarget) return { kind: 'held' };
  if (target === undefined || !isService(target)) {
    return {
      kind: 'missing',
      field: 'kind',
      message: `kind "${target?.kind ?? ''}" of group "${target?.group ?? ''}" cannot have a BackendTLSPolicy`,
    };
  }
  const { namespace } = policy.metadata;
  const object =
    target.kind === 'Service'
      ? mesh.get('Service', namespace, target.name)
      : mesh.get('ServiceEntry', namespace, target.name);
  if (object === undefined) {
    return { kind: 'missing', field: 'name', message: `${target.kind} ${namespace}/${target.name} does not exist` };
  }
  const [service] = resolveServices(object, mesh.settings.clusterDomain);
  const ports = (service?.ports ?? []).filter(
    ({ name }) => target.sectionName === undefined || name === target.sectionName,
  );
  if (service === undefined || (ports.length === 0 && target.sectionName !== undefined)) {
    return {
      kind: 'missing',
      field: 'sectionName',
      message: `${target.kind} ${namespace}/${target.name} has no port named "${target.sectionName ?? ''}"`,
    };
  }
  const winners = ports.map((port) => findBackendTlsPolicy(mesh, service, port));
  const isOwn = (winner: Policy | undefined): boolean =>
    winner === undefined || winner.metadata.name === policy.metadata.name;
  const [winner] = winners.filter((each) => each !== undefined);
  return winner === undefined || winners.some(isOwn) ? { kind: 'held' } : { kind: 'conflict', winner };
}
