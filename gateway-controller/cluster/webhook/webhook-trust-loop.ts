// Writes the certificate of the webhook into the ValidatingWebhookConfiguration whenever it has
// another, or none.

import { type KubernetesObject, Reflector, resources } from '../../../kubernetes/index.ts';
import { formatWebhookName } from '../../../templates/index.ts';
import type { ClusterContext, LeaderLoop } from '../cluster-context.ts';
import { isFields } from '../status/condition.ts';
import { WorkQueue } from '../leader/work-queue.ts';

/** The webhook within the configuration. */
const webhookName = 'validation.cairn.dev';

interface Term {
  readonly reflector: Reflector;
  readonly queue: WorkQueue;
  readonly unlisten: () => void;
}

/** Keeps the `caBundle` right while this replica leads. */
export class WebhookTrustLoop implements LeaderLoop {
  readonly name = 'webhook-trust';
  readonly #context: ClusterContext;
  #found: KubernetesObject | undefined;
  #term: Term | undefined;

  constructor(context: ClusterContext) {
    this.#context = context;
  }

  start(): void {
    if (this.#term !== undefined) return;
    const { client, settings, serving, log } = this.#context;
    const name = formatWebhookName(settings.namespace);
    const queue = new WorkQueue({
      work: () => this.#write(),
      onError: (_key, error) => log('warn', 'caBundle not written', { webhook: name, error: String(error) }),
    });
    const see = (object: KubernetesObject | undefined): void => {
      this.#found = object;
      queue.add(name);
    };
    const reflector = new Reflector({
      client,
      resource: resources.ValidatingWebhookConfiguration,
      fieldSelector: `metadata.name=${name}`,
      onReplace: ([object]) => see(object),
      onEvent: ({ type, object }) => see(type === 'DELETED' ? undefined : object),
      onProblem: ({ code, message }) => log('warn', 'webhook configuration', { code, message }),
    });
    this.#term = { reflector, queue, unlisten: serving.onRenew(() => queue.add(name)) };
    reflector.start();
  }

  onStep(): void {
    // It does not depend on the mesh.
  }

  async stop(): Promise<void> {
    const term = this.#term;
    this.#term = undefined;
    if (term === undefined) return;
    term.unlisten();
    await Promise.all([term.reflector.stop(), term.queue.stop()]);
  }

  async #write(): Promise<boolean> {
    const { client, serving, log } = this.#context;
    if (this.#found === undefined) return false;
    const patch = planTrust(this.#found, serving.rootPem());
    if (patch.length === 0) return false;
    const { name } = this.#found.metadata;
    await client.patch(resources.ValidatingWebhookConfiguration, undefined, name, patch, {
      type: 'json',
      fieldManager: 'cairn-webhook',
    });
    log('info', 'caBundle written', { webhook: name });
    return true;
  }
}

/**
 * The JSON Patch that makes the API server trust `rootPem`; [] when it does already. It fails to
 * apply when the list has changed meanwhile.
 */
function planTrust(configuration: KubernetesObject, rootPem: string): readonly object[] {
  const webhooks: unknown = configuration['webhooks'];
  const bundle = Buffer.from(rootPem).toString('base64');
  return (Array.isArray(webhooks) ? webhooks : []).flatMap((webhook: unknown, index): readonly object[] => {
    if (!isFields(webhook) || webhook['name'] !== webhookName) return [];
    const config = isFields(webhook['clientConfig']) ? webhook['clientConfig'] : {};
    if (config['caBundle'] === bundle) return [];
    return [
      { op: 'test', path: `/webhooks/${index}/name`, value: webhookName },
      { op: 'add', path: `/webhooks/${index}/clientConfig/caBundle`, value: bundle },
    ];
  });
}
