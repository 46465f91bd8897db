// The reasons why pods do not run, in the words of the kubelet, the scheduler and the admission of
// the API server. A command that waits for pods shows them in place of a count.

import { resources } from '../kubernetes/index.ts';
import type { ApiClient, KubernetesObject } from '../kubernetes/index.ts';
import { unlessForbidden } from './missing-parts.ts';

/** The pods, and the Deployment that makes them. */
export interface PodSelection {
  readonly namespace: string;
  readonly deployment: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface ContainerStatus {
  readonly name: string;
  readonly ready?: boolean;
  readonly image?: string;
  readonly restartCount?: number;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly terminated?: { readonly reason?: string; readonly exitCode?: number; readonly message?: string };
}

interface PodStatus {
  readonly phase?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly conditions?: readonly Condition[];
  readonly initContainerStatuses?: readonly ContainerStatus[];
  readonly containerStatuses?: readonly ContainerStatus[];
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** An Event of `events.k8s.io/v1`. */
interface Event extends KubernetesObject {
  readonly reason?: string;
  readonly note?: string;
  readonly series?: { readonly lastObservedTime?: string };
  readonly deprecatedLastTimestamp?: string | null;
  readonly eventTime?: string | null;
}

/** Reasons that every pod waits for, and that pass in a moment. */
const passing: readonly string[] = ['ContainerCreating', 'PodInitializing'];
/** Reasons of the kubelet that concern the image. */
const aboutImages = /^(?:ErrImage|ImagePull|ImageInspect|InvalidImageName|RegistryUnavailable)/;
/** Reasons of Events that explain what a pod without any other problem waits for. */
const aboutStart = /^Failed|^Unhealthy$|^BackOff$/;
const longest = 400;

/**
 * One sentence for each pod that does not run, and for the Deployment when it cannot make any; none
 * when no problem is known.
 */
export async function findPodProblems(client: ApiClient, selection: PodSelection): Promise<readonly string[]> {
  const { namespace, deployment, labels } = selection;
  const labelSelector = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const pods = await unlessForbidden(client.list(resources.Pod, { namespace, labelSelector }));
  const found: string[] = [];
  for (const pod of pods ?? []) {
    if (pod.metadata.deletionTimestamp !== undefined) continue;
    const problem = readPodProblem(pod) ?? (await findEvent(client, pod));
    if (problem !== undefined) found.push(`pod ${namespace}/${pod.metadata.name}: ${problem}`);
  }
  const refused = readDeploymentProblem(await unlessForbidden(client.get(resources.Deployment, namespace, deployment)));
  if (refused !== undefined) found.push(`Deployment ${namespace}/${deployment}: ${refused}`);
  return found;
}

/** Whether a problem of pods is an image that the cluster does not have. */
export function isAboutImages(problems: readonly string[]): boolean {
  return problems.some((text) => text.split(': ').some((part) => aboutImages.test(part)));
}

/** The problem in the status of a pod; undefined when it runs, or no problem is known. */
export function readPodProblem(pod: KubernetesObject): string | undefined {
  const status = (pod['status'] ?? {}) as PodStatus;
  if (status.phase === 'Failed') return join(status.reason ?? 'Failed', status.message);
  const scheduled = status.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False') return join(scheduled.reason ?? 'Unschedulable', scheduled.message);
  for (const container of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]) {
    const problem = readContainerProblem(container);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function readContainerProblem({ name, image = '', state = {}, lastState = {} }: ContainerStatus): string | undefined {
  const { waiting } = state;
  if (waiting?.reason !== undefined && !passing.includes(waiting.reason)) {
    const ended = lastState.terminated;
    const before =
      ended === undefined
        ? ''
        : `; it ended with ${join(`${ended.exitCode ?? '?'} (${ended.reason ?? 'Error'})`, ended.message)}`;
    const what = aboutImages.test(waiting.reason) ? ` of the image ${image}` : '';
    return join(
      waiting.reason,
      `container ${name}${what}${waiting.message === undefined ? '' : `: ${waiting.message}`}${before}`,
    );
  }
  const ended = state.terminated;
  if (ended === undefined || ended.exitCode === 0) return undefined;
  return join(ended.reason ?? 'Error', `container ${name} ended with ${ended.exitCode ?? '?'}`);
}

/**
 * A pod without a container waits for a volume or its network, which only Events explain; one that
 * is not ready waits for its probe.
 */
async function findEvent(client: ApiClient, pod: KubernetesObject): Promise<string | undefined> {
  const { conditions = [] } = (pod['status'] ?? {}) as PodStatus;
  if (conditions.some(({ type, status }) => type === 'Ready' && status === 'True')) return undefined;
  const { namespace, uid } = pod.metadata;
  const fieldSelector = `type=Warning,regarding.uid=${uid}`;
  const events = await unlessForbidden(client.list(resources.Event, { namespace, fieldSelector }));
  const [last] = ((events ?? []) as readonly Event[])
    .filter(({ reason = '' }) => aboutStart.test(reason))
    .sort((a, b) => timeOf(b) - timeOf(a));
  return last === undefined ? undefined : join(last.reason ?? '', last.note);
}

function timeOf({ series, deprecatedLastTimestamp, eventTime, metadata }: Event): number {
  const times = [series?.lastObservedTime, deprecatedLastTimestamp, eventTime, metadata.creationTimestamp];
  return Math.max(...times.map((time) => (typeof time === 'string' ? Date.parse(time) : 0)));
}

/** The quota is used up, a webhook refuses pods, or the namespace admits none like these. */
function readDeploymentProblem(deployment: KubernetesObject | undefined): string | undefined {
  const { conditions = [] } = (deployment?.['status'] ?? {}) as { readonly conditions?: readonly Condition[] };
  const refused = conditions.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  return refused === undefined ? undefined : join(refused.reason ?? 'FailedCreate', refused.message);
}

function join(reason: string, message: string | undefined): string {
  const text = message === undefined || message === '' ? reason : `${reason}: ${message}`;
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, longest);
}
