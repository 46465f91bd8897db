// The Gateway of a waypoint, as the commands write and read it. Names, labels and messages are
// istioctl's.

import { resources } from '../../kubernetes/index.ts';
import type { ApiClient, KubernetesObject } from '../../kubernetes/index.ts';
import { fail } from '../istioctl.ts';
import { installGatewayApi } from '../missing-parts.ts';

/** The class of waypoints by default. */
export const defaultClass = 'istio-waypoint';
/** The waypoint's name when `--name` is absent or empty. */
export const defaultName = 'waypoint';

/** The settings of a waypoint that a user can give. */
export interface WaypointFlags {
  readonly name?: string;
  readonly for?: string;
  readonly revision?: string;
  /** The form of Istio 1.18: the waypoint of one service account. */
  readonly serviceAccount?: string;
  readonly gatewayClass: string;
}

/** A waypoint, read from its Gateway. */
export interface Waypoint {
  readonly namespace: string;
  readonly name: string;
  readonly revision: string;
  readonly trafficType: string;
  /** The Programmed condition; undefined until a controller has written it. */
  readonly programmed?: WaypointCondition;
}

/** A condition of a Gateway. */
export interface WaypointCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

const trafficTypes: readonly string[] = ['all', 'none', 'service', 'workload'];
const labels = { trafficType: 'istio.io/waypoint-for', revision: 'istio.io/rev' } as const;
const forServiceAccount = 'istio.io/for-service-account';

/** The name that the flags give; throws CommandError for the reserved one. */
export function readName({ name, serviceAccount }: Pick<WaypointFlags, 'name' | 'serviceAccount'>): string {
  if (name === 'none') fail("invalid name provided for waypoint, 'none' is a reserved value");
  if (name !== undefined && name !== '') return name;
  return serviceAccount ?? defaultName;
}

/** The manifest of a waypoint; throws CommandError when a flag is wrong. */
export function createGateway(flags: WaypointFlags, namespace: string | undefined): KubernetesObject {
  const name = readName(flags);
  const { revision, serviceAccount, gatewayClass } = flags;
  const trafficType = flags.for === '' ? undefined : flags.for;
  if (trafficType !== undefined && !trafficTypes.includes(trafficType)) {
    fail(
      `failed to create gateway: invalid traffic type: ${trafficType}. Valid options are: [${trafficTypes.join(' ')}]`,
    );
  }
  const marks = {
    ...(trafficType === undefined ? {} : { [labels.trafficType]: trafficType }),
    ...(revision === undefined || revision === '' ? {} : { [labels.revision]: revision }),
  };
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(Object.keys(marks).length === 0 ? {} : { labels: marks }),
      ...(serviceAccount === undefined ? {} : { annotations: { [forServiceAccount]: serviceAccount } }),
    },
    spec: {
      gatewayClassName: gatewayClass,
      listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }],
    },
  };
}

/** Ends the command with advice when the cluster does not know Gateways. */
export async function requireGateways(client: ApiClient): Promise<void> {
  if (await client.serves(resources.Gateway)) return;
  fail(`missing Kubernetes Gateway CRDs need to be installed before applying a waypoint:\n  ${installGatewayApi}`);
}

/** The waypoint of a Gateway of the class; undefined for any other Gateway. */
export function readWaypoint(gateway: KubernetesObject, gatewayClass: string): Waypoint | undefined {
  if (readRecord(gateway['spec'])['gatewayClassName'] !== gatewayClass) return undefined;
  const { namespace = '', name, labels: found = {} } = gateway.metadata;
  const conditions = readRecord(gateway['status'])['conditions'];
  const programmed = (Array.isArray(conditions) ? conditions : [])
    .map((condition: unknown) => readCondition(condition))
    .find(({ type }) => type === 'Programmed');
  return {
    namespace,
    name,
    revision: found[labels.revision] ?? 'default',
    trafficType: found[labels.trafficType] ?? 'none',
    ...(programmed === undefined ? {} : { programmed }),
  };
}

function readCondition(condition: unknown): WaypointCondition {
  const fields = readRecord(condition);
  const text = (field: string): string => (typeof fields[field] === 'string' ? fields[field] : '');
  return { type: text('type'), status: text('status'), reason: text('reason'), message: text('message') };
}

function readRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
