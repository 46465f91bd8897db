// The meshes of the differential of authorization: services with random policies, at the services
// and above them.

import * as fc from 'fast-check';
import { stringify } from 'yaml';
import type { MeshSettings } from '../../mesh/index.ts';
import type { WrittenAuthentication } from '../support/authentication-evaluator.ts';
import {
  attachedTo,
  type WrittenPolicy,
  type WrittenSurroundings,
  type WrittenTarget,
} from '../support/authorization-evaluator.ts';
import type { WrittenNormalization } from '../support/path-evaluator.ts';
import { acceptedIssuers, policies } from './authorization-arbitraries.ts';
import { issuers, ownHeader } from './authorization-tokens.ts';

/** A service port with the policies that apply to it. */
export interface RandomService {
  readonly kind: 'Service' | 'ServiceEntry';
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly isHttp: boolean;
  /** The annotation of the service about paths. */
  readonly pathNormalization: WrittenNormalization;
  readonly policies: readonly WrittenPolicy[];
  /** As the mesh says, with the authentications of this service. */
  readonly surroundings: WrittenSurroundings;
}

/** A mesh with one waypoint. */
export interface RandomMesh {
  readonly services: readonly RandomService[];
  readonly settings: Partial<MeshSettings>;
  readonly manifests: string;
  /** Trust domains of clients. */
  readonly trustDomains: readonly string[];
}

interface Shape {
  readonly trustDomains: readonly string[];
  readonly rootNamespace: string;
  /** Targets of policies besides services. */
  readonly above: readonly ('Gateway' | 'GatewayClass')[];
}

const shapes: readonly Shape[] = [
  { trustDomains: ['cluster.local'], rootNamespace: 'istio-system', above: [] },
  { trustDomains: ['cluster.local', 'old.example'], rootNamespace: 'mesh-root', above: ['Gateway'] },
  { trustDomains: ['mesh.example', 'old.example'], rootNamespace: 'istio-system', above: ['GatewayClass'] },
];
/** Most say nothing. */
const normalizations: readonly WrittenNormalization[] = [
  undefined,
  'BASE',
  undefined,
  'NONE',
  'MERGE_SLASHES',
  undefined,
  'DECODE_AND_MERGE_SLASHES',
];
const httpServices = 18;
const tcpServices = 10;
const gatewayGroup = 'gateway.networking.k8s.io';
const waypointTarget: WrittenTarget = { group: gatewayGroup, kind: 'Gateway', name: 'waypoint' };
const classTarget: WrittenTarget = { group: gatewayGroup, kind: 'GatewayClass', name: 'istio-waypoint' };

/**
 * The meshes of a seed. All workloads are at one address, HTTP on port 8080 and TCP on port 5432.
 */
export function randomMeshes(seed: number, workload: string): readonly RandomMesh[] {
  return shapes.map((shape, index) => randomMesh(shape, seed + index * 7919, workload));
}

function randomMesh({ trustDomains, rootNamespace, above }: Shape, seed: number, workload: string): RandomMesh {
  const sample = <T>(arbitrary: fc.Arbitrary<T>, count: number, salt: number): T[] =>
    fc.sample(arbitrary, { numRuns: count, seed: seed + salt });
  const services = Array.from({ length: httpServices + tcpServices }, (_, index) => ({
    kind: index % 3 === 2 ? ('ServiceEntry' as const) : ('Service' as const),
    name: `s${index}`,
    address: `10.30.0.${index + 1}`,
    port: index < httpServices ? 80 : 5432,
    isHttp: index < httpServices,
    pathNormalization: normalizations[index % normalizations.length],
  }));
  const targetOf = ({ kind, name }: (typeof services)[number]): WrittenTarget => ({
    group: kind === 'Service' ? '' : 'networking.istio.io',
    kind,
    name,
  });
  const targets = [
    ...services.map((service, index): readonly [string, readonly WrittenTarget[]] => {
      // Some policies name two targets.
      const next = services[index + 1];
      return ['shop', [targetOf(service), ...(index % 6 === 0 && next !== undefined ? [targetOf(next)] : [])]];
    }),
    ...above.map((kind): readonly [string, readonly WrittenTarget[]] =>
      kind === 'Gateway' ? ['shop', [waypointTarget]] : [rootNamespace, [classTarget]],
    ),
  ];
  const written = sample(policies, targets.length, 0).flatMap((list, index): readonly WrittenPolicy[] => {
    const [namespace, targetRefs] = targets[index] ?? ['shop', []];
    return list.map(({ action, dryRun, rules }, number) => ({
      metadata: {
        name: `policy-${index}-${number}`,
        namespace,
        ...(dryRun ? { annotations: { 'istio.io/dry-run': 'true' } } : {}),
      },
      spec: { action, targetRefs, rules },
    }));
  });
  const all = [...written, ...strays(rootNamespace)];
  const authentications = sample(acceptedIssuers, targets.length, 1).flatMap(
    (names, index): readonly WrittenAuthentication[] => {
      const [namespace, targetRefs] = targets[index] ?? ['shop', []];
      // Every fifth service verifies no tokens of its own.
      if (index % 5 === 4) return [];
      const jwtRules = names.map((name) => ({
        issuer: issuers[name].issuer,
        jwks: issuers[name].jwks,
        ...(ownHeader[name] === undefined ? {} : { fromHeaders: [ownHeader[name]] }),
      }));
      return [{ metadata: { name: `tokens-${index}`, namespace }, spec: { targetRefs, jwtRules } }];
    },
  );
  const surroundings: WrittenSurroundings = {
    namespace: 'shop',
    gateway: 'waypoint',
    gatewayClass: 'istio-waypoint',
    rootNamespace,
    trustDomains,
    authentications: [],
  };
  const [trustDomain = '', ...trustDomainAliases] = trustDomains;
  return {
    trustDomains,
    settings: { trustDomain, trustDomainAliases, rootNamespace },
    services: services.map((service) => ({
      ...service,
      policies: attachedTo(service, all, surroundings),
      surroundings: {
        ...surroundings,
        authentications: attachedTo(service, authentications, surroundings),
        pathNormalization: service.pathNormalization,
      },
    })),
    manifests: [
      ...surroundingObjects(workload),
      ...services.map((service) => serviceObject(service, workload)),
      ...all.map((policy) => ({ ...header('AuthorizationPolicy'), ...policy })),
      ...authentications.map((each) => ({ ...header('RequestAuthentication'), ...each })),
    ]
      .map((object) => stringify(object, { aliasDuplicateObjects: false }))
      .join('---\n'),
  };
}

/** Policies that would deny everything if they applied to anything. */
function strays(rootNamespace: string): readonly WrittenPolicy[] {
  const deny = (name: string, namespace: string, targetRefs?: readonly WrittenTarget[]): WrittenPolicy => ({
    metadata: { name, namespace },
    spec: { action: 'DENY', rules: [{}], ...(targetRefs === undefined ? {} : { targetRefs }) },
  });
  return [
    deny('without-target', 'shop'),
    deny('root-without-target', rootNamespace),
    deny('class-from-elsewhere', 'shop', [classTarget]),
    deny('gateway-from-elsewhere', 'other', [waypointTarget]),
    deny('service-from-elsewhere', 'other', [{ group: '', kind: 'Service', name: 's0' }]),
    deny('service-from-the-root', rootNamespace, [{ group: '', kind: 'Service', name: 's0' }]),
    deny('entry-as-service', 'shop', [{ group: '', kind: 'Service', name: 's2' }]),
    deny('other-class', rootNamespace, [{ ...classTarget, name: 'istio-east-west' }]),
  ];
}

function header(kind: string): { readonly apiVersion: string; readonly kind: string } {
  return { apiVersion: 'security.istio.io/v1', kind };
}

function surroundingObjects(workload: string): readonly unknown[] {
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'shop', labels: { 'istio.io/use-waypoint': 'waypoint' } },
    },
    {
      apiVersion: `${gatewayGroup}/v1`,
      kind: 'Gateway',
      metadata: { name: 'waypoint', namespace: 'shop', annotations: { 'cairn.dev/listen-address': '$ADDRESS' } },
      spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
    },
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'WorkloadEntry',
      metadata: { name: 'all', namespace: 'shop' },
      spec: { address: workload, labels: { app: 'all' } },
    },
  ];
}

function serviceObject(
  { kind, name, address, port, isHttp, pathNormalization }: Omit<RandomService, 'policies' | 'surroundings'>,
  workload: string,
): unknown {
  const ports = { name: isHttp ? 'http' : 'tcp', targetPort: isHttp ? 8080 : 5432 };
  const annotations = { 'cairn.dev/path-normalization': pathNormalization };
  const metadata = { name, namespace: 'shop', ...(pathNormalization === undefined ? {} : { annotations }) };
  return kind === 'Service'
    ? {
        apiVersion: 'v1',
        kind,
        metadata,
        spec: { clusterIP: address, selector: { app: 'all' }, ports: [{ ...ports, port }] },
      }
    : {
        apiVersion: 'networking.istio.io/v1',
        kind,
        metadata,
        spec: {
          hosts: [`${name}.outside.example`],
          addresses: [address],
          ports: [{ ...ports, number: port, protocol: isHttp ? 'HTTP' : 'TCP' }],
          resolution: 'STATIC',
          endpoints: [{ address: workload }],
        },
      };
}
