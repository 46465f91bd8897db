// Publishes the answers of proxies: a condition of each waypoint's pod, written by the replica that
// holds the pod's stream. It writes changes only, and to no pod more often than every two seconds.

import { resources } from '../../kubernetes/index.ts';
import type { ApiClient, KubernetesObject } from '../../kubernetes/index.ts';
import type { ProxyStatus } from '../../xds/index.ts';
import { configurationAcceptedCondition } from './cluster-context.ts';
import type { ControllerLog } from '../serving/log.ts';
import { parsePodName } from './identity/pod-authorization.ts';

/** The content of the condition. */
interface Acceptance {
  readonly status: 'True' | 'False';
  readonly reason: 'Accepted' | 'Rejected';
  readonly message: string;
}

/** The parts that it uses. */
export interface AcceptancePublisherOptions {
  readonly client: ApiClient;
  readonly log: ControllerLog;
  /** The newest version of the pod. */
  readonly pod: (namespace: string, name: string) => KubernetesObject | undefined;
}

/** Between two writes of one pod, in milliseconds. */
const intervalMs = 2_000;
/** The answer of a moment ago may not be the last one. */
const settleMs = 100;
const messageLength = 1_000;

interface Entry {
  readonly place: { readonly namespace: string; readonly name: string };
  /** Of the newest stream of the pod. */
  read: () => ProxyStatus;
  timer: NodeJS.Timeout | undefined;
  written: string;
  writtenAt: number;
  isWriting: boolean;
}

/** Publishes the answers of the proxies of this replica. */
export class AcceptancePublisher {
  readonly #options: AcceptancePublisherOptions;
  readonly #pods = new Map<string, Entry>();

  constructor(options: AcceptancePublisherOptions) {
    this.#options = options;
  }

  /** Called after anything in a proxy's status changed; `connected` is false the last time. */
  note(read: () => ProxyStatus, connected: boolean): void {
    const place = parsePodName(read().node);
    if (place === undefined) return;
    const key = `${place.namespace}/${place.name}`;
    const known = this.#pods.get(key);
    if (!connected) {
      // The next stream may be another replica's, which then reports on the pod; or it is here
      // already.
      if (known === undefined || known.read().connectedSince !== read().connectedSince) return;
      clearTimeout(known.timer);
      this.#pods.delete(key);
      return;
    }
    const entry: Entry = known ?? {
      place,
      read,
      timer: undefined,
      written: '',
      writtenAt: -Infinity,
      isWriting: false,
    };
    entry.read = read;
    this.#pods.set(key, entry);
    this.#schedule(entry);
  }

  /** Nothing is written any more. */
  stop(): void {
    for (const { timer } of this.#pods.values()) clearTimeout(timer);
    this.#pods.clear();
  }

  #schedule(entry: Entry): void {
    if (entry.timer !== undefined || entry.isWriting) return;
    entry.timer = setTimeout(
      () => {
        entry.timer = undefined;
        void this.#write(entry);
      },
      Math.max(settleMs, entry.writtenAt + intervalMs - performance.now()),
    );
    entry.timer.unref();
  }

  async #write(entry: Entry): Promise<void> {
    const { client, log, pod } = this.#options;
    const { namespace, name } = entry.place;
    const acceptance = judge(entry.read());
    const seen = pod(namespace, name);
    if (acceptance === undefined || seen === undefined) return;
    const text = JSON.stringify(acceptance);
    if (text === entry.written) return;
    if (entry.written === '' && text === JSON.stringify(readAcceptance(seen))) {
      entry.written = text;
      return;
    }
    entry.isWriting = true;
    entry.writtenAt = performance.now();
    try {
      const lastTransitionTime = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
      const condition = { type: configurationAcceptedCondition, ...acceptance, lastTransitionTime };
      // With the pod's own uid, so that a later pod of the same name is not touched.
      const patch = { metadata: { uid: seen.metadata.uid }, status: { conditions: [condition] } };
      const options = { type: 'strategic', subresource: 'status', fieldManager: 'cairn-acceptance' } as const;
      await client.patch(resources.Pod, namespace, name, patch, options);
      entry.written = text;
    } catch (error) {
      log('warn', 'the condition of a waypoint was not written', { pod: `${namespace}/${name}`, error: String(error) });
    } finally {
      entry.isWriting = false;
    }
    const isKnown = this.#pods.get(`${namespace}/${name}`) === entry;
    if (isKnown && JSON.stringify(judge(entry.read())) !== entry.written) this.#schedule(entry);
  }
}

/** The answer of a proxy; undefined while it has refused nothing and not answered everything. */
export function judge({ state, types }: Pick<ProxyStatus, 'state' | 'types'>): Acceptance | undefined {
  const said = Object.entries(types).flatMap(([typeUrl, { rejected, lastNack }]) =>
    rejected.length === 0
      ? []
      : [`${typeUrl.slice(typeUrl.lastIndexOf('.') + 1)} ${rejected.join(', ')}: ${lastNack?.message ?? ''}`],
  );
  if (said.length > 0) {
    return { status: 'False', reason: 'Rejected', message: said.join('\n').slice(0, messageLength) };
  }
  return state === 'SYNCED'
    ? { status: 'True', reason: 'Accepted', message: 'Envoy took the configuration.' }
    : undefined;
}

function readAcceptance(pod: KubernetesObject): Acceptance | undefined {
  const { conditions = [] } = (pod['status'] ?? {}) as { readonly conditions?: readonly Record<string, string>[] };
  const found = conditions.find(({ type }) => type === configurationAcceptedCondition);
  if (found === undefined) return undefined;
  const { status, reason, message = '' } = found;
  return { status: status as Acceptance['status'], reason: reason as Acceptance['reason'], message };
}
