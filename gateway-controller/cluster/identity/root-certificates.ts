// The root certificate in every namespace that has a waypoint: its pods verify the control plane
// with it before they have anything else. If another control plane's is there already, it stays,
// and is reported.

import { resources } from '../../../kubernetes/index.ts';
import type { KubernetesObject } from '../../../kubernetes/index.ts';
import type { ClusterContext, ClusterStep, LeaderLoop } from '../cluster-context.ts';

/** The ConfigMap that holds it, and its key, as Istio names both. */
export const rootConfigMap = 'istio-ca-root-cert';
export const rootKey = 'root-cert.pem';

const managedBy = 'app.kubernetes.io/managed-by';
const fieldManager = 'cairn-root-certificate';
/** After a failed write, and between two checks of what others may have changed; milliseconds. */
const retryMs = 5_000;
const recheckMs = 60_000;

/** Keeps the ConfigMaps right while it leads. */
export class RootCertificates implements LeaderLoop {
  readonly name = 'root-certificates';
  readonly #context: ClusterContext;
  readonly #rootPem: () => string;
  /** Namespaces whose ConfigMap is known to be right. */
  readonly #done = new Set<string>();
  readonly #foreign = new Set<string>();
  #isLeading = false;
  #work: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(context: ClusterContext, rootPem: () => string) {
    this.#context = context;
    this.#rootPem = rootPem;
  }

  start(): void {
    this.#isLeading = true;
    this.#done.clear();
    this.#wake(0);
  }

  onStep({ changed }: ClusterStep): void {
    if (changed.some(({ kind }) => kind === 'Gateway' || kind === 'GatewayClass' || kind === 'Namespace'))
      this.#wake(0);
  }

  async stop(): Promise<void> {
    this.#isLeading = false;
    clearTimeout(this.#timer);
    await this.#work;
  }

  #wake(delay: number): void {
    if (!this.#isLeading) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#work = this.#work.then(() => this.#reconcile());
    }, delay);
    this.#timer.unref();
  }

  async #reconcile(): Promise<void> {
    const wanted = new Set(this.#context.waypoints().map(({ namespace }) => namespace));
    for (const namespace of this.#done) if (!wanted.has(namespace)) this.#done.delete(namespace);
    let failed = false;
    for (const namespace of wanted) {
      if (!this.#isLeading) return;
      if (this.#done.has(namespace)) continue;
      try {
        await this.#provide(namespace);
        this.#done.add(namespace);
      } catch (error) {
        failed = true;
        this.#context.log('warn', 'the root certificate was not distributed', { namespace, error: String(error) });
      }
    }
    if (!failed) return this.#wake(recheckMs);
    this.#wake(retryMs);
  }

  async #provide(namespace: string): Promise<void> {
    const { client, log } = this.#context;
    const before = await client.get(resources.ConfigMap, namespace, rootConfigMap);
    if (before !== undefined && before.metadata.labels?.[managedBy] !== 'cairn') {
      if (textOf(before) === this.#rootPem() || this.#foreign.has(namespace)) return;
      this.#foreign.add(namespace);
      log('warn', 'the root certificate of another control plane stays', { namespace, configMap: rootConfigMap });
      return;
    }
    if (before !== undefined && textOf(before) === this.#rootPem()) return;
    if (!this.#isLeading) return;
    const metadata = { name: rootConfigMap, namespace, labels: { [managedBy]: 'cairn' } };
    const wanted = { metadata, data: { [rootKey]: this.#rootPem() } };
    // Create and change are two permissions, and the role has the change for this one name only.
    if (before === undefined) await client.create(resources.ConfigMap, wanted, { fieldManager });
    else {
      const options = { type: 'merge', fieldManager } as const;
      await client.patch(resources.ConfigMap, namespace, rootConfigMap, { data: wanted.data }, options);
    }
    log('info', 'root certificate distributed', { namespace });
  }
}

function textOf(configMap: KubernetesObject): string | undefined {
  return (configMap['data'] as Readonly<Record<string, string>> | undefined)?.[rootKey];
}
