// The status of Gateways of our class and of the class itself. Reasons and messages are Istio's.
// `Programmed` means that there is an address, and a pod whose Envoy accepted a configuration.

import { gatewayProblem } from '../../../generator/index.ts';
import type { KubernetesObject } from '../../../kubernetes/index.ts';
import { formatLabelKey, gatewayNameLabel, hbonePort, type MeshObject } from '../../../mesh/index.ts';
import { resolveWaypointNames } from '../../../templates/index.ts';
import { configurationAcceptedCondition } from '../cluster-context.ts';
import { type Condition, type DatedCondition, isFields, readConditions } from './condition.ts';
import { deployed, type GatewayAddress, type ListenerStatus, type WantedStatus } from './status.ts';
import type { StatusView } from './view.ts';

/** The status of a Gateway of our class. */
export function resolveGatewayStatus(view: StatusView, gateway: MeshObject<'Gateway'>): WantedStatus {
  const problem = gatewayProblem(gateway);
  const pods = findPods(view, gateway);
  const addresses = resolveAddresses(view, gateway, pods);
  const conditions = [
    accept(gateway),
    problem === undefined
      ? program(view, gateway, addresses, pods)
      : { type: 'Programmed', status: 'False' as const, reason: 'Invalid', message: problem },
    ...judgePods(pods),
    ...judgeDeployment(view, gateway),
  ];
  const { generation } = gateway.metadata;
  const observed = (list: readonly Condition[]): readonly Condition[] =>
    list.map((condition) => ({
      ...condition,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    }));
  return {
    kind: 'gateway',
    conditions: observed(conditions),
    addresses: addresses.published,
    listeners: (gateway.spec.listeners ?? []).map(({ name }): ListenerStatus => ({
      name,
      attachedRoutes: 0,
      supportedKinds: [],
      conditions: observed(judgeListener(problem)),
    })),
  };
}

/** The status of a GatewayClass of our controller. */
export function resolveClassStatus({ metadata: { generation } }: MeshObject<'GatewayClass'>): WantedStatus {
  return {
    kind: 'conditions',
    conditions: [
      {
        type: 'Accepted',
        status: 'True',
        reason: 'Accepted',
        message: 'Handled by Cairn controller',
        ...(generation === undefined ? {} : { observedGeneration: generation }),
      },
    ],
  };
}

function accept({ spec }: MeshObject<'Gateway'>): Condition {
  const wrong = (spec.addresses ?? []).find(({ type = 'IPAddress' }) => type !== 'IPAddress' && type !== 'Hostname');
  return wrong === undefined
    ? { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'Resource accepted' }
    : {
        type: 'Accepted',
        status: 'False',
        reason: 'UnsupportedAddress',
        message: `Only IPAddress and Hostname are supported, not ${wrong.type ?? ''}`,
      };
}

interface Addresses {
  readonly host: string;
  /** IP addresses of the waypoint's Service. */
  readonly ips: readonly string[];
  readonly hasService: boolean;
  readonly published: readonly GatewayAddress[];
}

/**
 * Addresses are published once a pod can be reached by them, and stay from then on: clients learn
 * of a waypoint by them.
 */
function resolveAddresses(view: StatusView, gateway: MeshObject<'Gateway'>, pods: readonly GatewayPod[]): Addresses {
  const { namespace, name } = gateway.metadata;
  const byHand = (gateway.spec.addresses ?? []).find(({ type }) => type === 'Hostname')?.value;
  const service = byHand?.split('.') ?? [resolveWaypointNames(gateway.metadata).name, namespace];
  const [serviceName = '', serviceNamespace = namespace] = service;
  const host = `${serviceName}.${serviceNamespace}.svc.${view.settings.clusterDomain}`;
  const found = view.mesh.get('Service', serviceNamespace, serviceName);
  const { clusterIP = '', clusterIPs = [clusterIP] } = found?.spec ?? {};
  const ips = clusterIPs.filter((ip) => ip !== '' && ip !== 'None');
  const before = readAddresses(view.object('Gateway', namespace, name));
  const fresh: readonly GatewayAddress[] = [
    ...ips.map((value): GatewayAddress => ({ type: 'IPAddress', value })),
    { type: 'Hostname', value: host },
  ];
  const isReady = ips.length > 0 && (before.length > 0 || pods.some(hasConfiguration));
  return { host, ips, hasService: found !== undefined, published: isReady ? fresh : before };
}

function readAddresses(object: KubernetesObject | undefined): readonly GatewayAddress[] {
  const status = object?.['status'];
  const list: unknown = isFields(status) ? status['addresses'] : undefined;
  if (!Array.isArray(list)) return [];
  return list.flatMap((each: unknown): readonly GatewayAddress[] => {
    if (!isFields(each) || typeof each['value'] !== 'string') return [];
    return [{ type: each['type'] === 'Hostname' ? 'Hostname' : 'IPAddress', value: each['value'] }];
  });
}

function program(
  view: StatusView,
  gateway: MeshObject<'Gateway'>,
  { host, ips, hasService, published }: Addresses,
  pods: readonly GatewayPod[],
): Condition {
  const unusable = (why: string): Condition => ({
    type: 'Programmed',
    status: 'False',
    reason: 'AddressNotUsable',
    message: `Failed to assign to any requested addresses: ${why}`,
  });
  if (!hasService) return unusable(`hostname "${host}" not found`);
  if (ips.length === 0) return unusable(`address pending for hostname "${host}"`);
  const requested = (gateway.spec.addresses ?? []).flatMap(({ type = 'IPAddress', value = '' }) =>
    type === 'IPAddress' && value !== '' ? [value] : [],
  );
  const missing = requested.filter((value) => !ips.includes(value) && !published.some((each) => each.value === value));
  if (missing.length > 0 && isLoadBalanced(view, gateway)) {
    return {
      type: 'Programmed',
      status: 'False',
      reason: 'AddressNotAssigned',
      message: `Assigned to service(s) ${host}:${hbonePort}, but failed to assign to all requested addresses: ${missing.join(', ')}`,
    };
  }
  if (!pods.some(hasConfiguration)) {
    const waiting = pods.length === 0 ? 'no pods yet' : `${pods.length} of them without a configuration or not Ready`;
    return unusable(`no instances found for hostname "${host}" (${waiting})`);
  }
  return {
    type: 'Programmed',
    status: 'True',
    reason: 'Programmed',
    message: `Resource programmed, assigned to service(s) ${host}:${hbonePort}`,
  };
}

function isLoadBalanced(view: StatusView, { metadata }: MeshObject<'Gateway'>): boolean {
  const { name } = resolveWaypointNames(metadata);
  return view.mesh.get('Service', metadata.namespace, name)?.spec.type === 'LoadBalancer';
}

interface GatewayPod {
  readonly name: string;
  readonly conditions: readonly DatedCondition[];
  readonly isGoing: boolean;
}

function findPods(view: StatusView, { metadata }: MeshObject<'Gateway'>): readonly GatewayPod[] {
  const labelled = view.mesh.find('Pod/label', formatLabelKey(metadata.namespace, gatewayNameLabel, metadata.name));
  return labelled.map(({ metadata: { namespace, name } }) => {
    const object = view.object('Pod', namespace, name);
    const status = object?.['status'];
    return {
      name,
      conditions: readConditions(isFields(status) ? status['conditions'] : undefined),
      isGoing: object?.metadata.deletionTimestamp !== undefined,
    };
  });
}

/**
 * Ready, and its Envoy works with a configuration of ours: a later one that it refused leaves the
 * one before in force.
 */
function hasConfiguration({ conditions, isGoing }: GatewayPod): boolean {
  const isReady = conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
  return !isGoing && isReady && conditions.some(({ type }) => type === configurationAcceptedCondition);
}

function judgePods(pods: readonly GatewayPod[]): readonly Condition[] {
  const refusals = pods
    .filter(({ isGoing }) => !isGoing)
    .flatMap(({ name, conditions }) => {
      const refused = conditions.find(
        ({ type, status }) => type === configurationAcceptedCondition && status === 'False',
      );
      return refused === undefined ? [] : [{ name, message: refused.message }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const [first] = refusals;
  if (first === undefined) return [];
  const others = refusals.length === 1 ? '' : ` (and ${refusals.length - 1} more)`;
  return [
    {
      type: configurationAcceptedCondition,
      status: 'False',
      reason: 'Rejected',
      message: `pod ${first.name}${others} keeps its last configuration: ${first.message}`,
    },
  ];
}

function judgeDeployment(view: StatusView, { metadata }: MeshObject<'Gateway'>): readonly Condition[] {
  const { namespace, name } = metadata;
  const findings = view.deploymentFindings({ kind: 'Gateway', namespace, name });
  if (findings === undefined) return readOwnConditions(view, namespace, name);
  const errors = findings.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  if (first === undefined) return [];
  const message = errors.map((finding) => finding.message).join('; ');
  return [{ type: deployed, status: 'False', reason: first.code, message }];
}

/** Results of an earlier leader stay until this one knows better. */
function readOwnConditions(view: StatusView, namespace: string, name: string): readonly Condition[] {
  const status = view.object('Gateway', namespace, name)?.['status'];
  return readConditions(isFields(status) ? status['conditions'] : undefined)
    .filter(({ type }) => type === deployed)
    .map(({ type, status: value, reason, message }) => ({ type, status: value, reason, message }));
}

const noErrors = 'No errors found';

function judgeListener(problem: string | undefined): readonly Condition[] {
  const rest: readonly Condition[] = [
    { type: 'Conflicted', status: 'False', reason: 'NoConflicts', message: noErrors },
    problem === undefined
      ? { type: 'Programmed', status: 'True', reason: 'Programmed', message: noErrors }
      : { type: 'Programmed', status: 'False', reason: 'Invalid', message: problem },
    { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: noErrors },
  ];
  return problem === undefined
    ? [{ type: 'Accepted', status: 'True', reason: 'Accepted', message: noErrors }, ...rest]
    : [{ type: 'Accepted', status: 'False', reason: 'UnsupportedProtocol', message: problem }, ...rest];
}
