// The webhook through the API server, which asks it with the certificate that the leader wrote into
// the configuration, and passes on its answers.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiError, type KubernetesObject, resources } from '../../kubernetes/index.ts';
import { defaultInstallSettings, formatWebhookName, renderInstallation } from '../../templates/index.ts';
import {
  applyService,
  applyWaypoint,
  clusterSettings,
  type RunningControlPlane,
  startControlPlane,
  systemNamespace,
} from '../support/cluster-mesh.ts';
import { startApiServer, type TestApiServer } from '../support/kube-apiserver.ts';
import { freePort } from '../support/loopback.ts';
import { accessAsShipped } from '../support/shipped-access.ts';
import { waitFor } from '../support/wait.ts';

let api: TestApiServer;
let plane: RunningControlPlane;

type Webhook = Readonly<Record<string, unknown>> & {
  readonly clientConfig: Readonly<Record<string, unknown>> & { readonly service: Readonly<Record<string, unknown>> };
};

function isConfiguration({ kind }: KubernetesObject): boolean {
  return kind === 'ValidatingWebhookConfiguration';
}

async function caBundle(): Promise<string> {
  const found = await api.client.get(
    resources.ValidatingWebhookConfiguration,
    undefined,
    formatWebhookName(systemNamespace),
  );
  const [webhook] = (found?.['webhooks'] ?? []) as readonly Webhook[];
  const bundle = webhook?.clientConfig['caBundle'];
  return typeof bundle === 'string' ? bundle : '';
}

beforeAll(async () => {
  api = await startApiServer();
  await api.createNamespace(systemNamespace);
  await api.createNamespace('shop', { 'istio.io/use-waypoint': 'waypoint' });
  const port = await freePort('127.0.0.1');
  // No proxy leads from the Service to us here; an API server follows an external name by itself.
  await api.client.create(resources.Service, {
    metadata: { namespace: systemNamespace, name: 'cairn' },
    spec: { type: 'ExternalName', externalName: '127.0.0.1' },
  });
  const shipped = renderInstallation(defaultInstallSettings).find(isConfiguration);
  if (shipped === undefined) throw new Error('no webhook is installed');
  const webhooks = (shipped['webhooks'] as readonly Webhook[]).map((webhook) => ({
    ...webhook,
    // Nothing may pass here because the webhook was not reached.
    failurePolicy: 'Fail',
    clientConfig: { ...webhook.clientConfig, service: { ...webhook.clientConfig.service, port } },
  }));
  await applyService(api.client, { namespace: 'shop', name: 'reviews' });
  await applyWaypoint(api.client, 'shop', 'waypoint');
  const settings = clusterSettings('one');
  plane = await startControlPlane(await accessAsShipped(api), {
    ...settings,
    ports: { ...settings.ports, webhook: port },
  });
  await api.client.create(resources.ValidatingWebhookConfiguration, { ...shipped, webhooks });
  await waitFor(async () => (await caBundle()) !== '', {
    timeout: 20_000,
    seen: () => plane.log.filter((line) => !line.startsWith('debug')).join('\n'),
  });
  // The API server takes up a configuration a moment after it was written.
  await waitFor(async () => (await attempt(virtualService('(', 'probe'))).refusal.includes('denied the request'), {
    timeout: 30_000,
    seen: () => plane.log.slice(-5).join('\n'),
  });
}, 240_000);

afterAll(async () => {
  await plane?.controller.stop();
  await api?.stop();
}, 60_000);

function virtualService(regex: string, name = 'reviews'): KubernetesObject {
  const match = [{ uri: { regex } }];
  const route = [{ destination: { host: 'reviews' } }];
  return { metadata: { namespace: 'shop', name }, spec: { hosts: ['reviews'], http: [{ match, route }] } };
}

/** The API server's refusal, '' when it took the object. */
async function attempt(object: KubernetesObject): Promise<{ readonly refusal: string }> {
  try {
    const options = { fieldManager: 'test', force: true };
    await api.client.apply(resources.VirtualService, object, options);
    return { refusal: '' };
  } catch (error) {
    if (error instanceof ApiError) return { refusal: error.message };
    throw error;
  }
}

describe('the webhook', () => {
  it('refuses a broken object with the place of the mistake, and takes it once it is mended', async () => {
    const { refusal } = await attempt(virtualService('(', 'reviews'));
    expect(refusal).toContain('validation.cairn.dev');
    expect(refusal).toContain('spec.http[0].match[0].uri.regex');
    expect(await api.client.get(resources.VirtualService, 'shop', 'reviews')).toBeUndefined();
    expect(await attempt(virtualService('/a.*'))).toEqual({ refusal: '' });
  }, 60_000);

  it('lets labels, statuses and deletions of a good object pass, and refuses to make it a bad one', async () => {
    const labels = { touched: 'yes' };
    await api.client.patch(resources.VirtualService, 'shop', 'reviews', { metadata: { labels } }, { type: 'merge' });
    expect((await attempt(virtualService(')'))).refusal).toContain('denied the request');
    expect(await api.client.delete(resources.VirtualService, 'shop', 'reviews')).toBe(true);
  }, 60_000);

  it('has its certificate in the configuration again after somebody took it out', async () => {
    const before = await caBundle();
    const patch = [{ op: 'remove', path: '/webhooks/0/clientConfig/caBundle' }];
    await api.client.patch(
      resources.ValidatingWebhookConfiguration,
      undefined,
      formatWebhookName(systemNamespace),
      patch,
      {
        type: 'json',
      },
    );
    await waitFor(async () => (await caBundle()) === before, { timeout: 20_000 });
  }, 60_000);
});
