// All objects that `cairn install` applies to a cluster, in an order in which they can be applied.
// The Helm chart and the kustomize base are made from the same list.

import { listApiKinds } from '../../mesh/index.ts';
import type { TemplateMeta, TemplateObject } from '../object.ts';
import { renderControlPlane } from './control-plane.ts';
import { controlPlaneName, formatClusterName, formatWebhookName, partOfLabel } from './names.ts';
import { namespaceRules, renderClusterRules, renderRole } from './roles.ts';
import type { InstallSettings } from './settings.ts';

/** The objects of an installation. None of them is a CustomResourceDefinition. */
export function renderInstallation(settings: InstallSettings): readonly TemplateObject[] {
  const { namespace } = settings;
  const labels = { [partOfLabel]: 'cairn' };
  const inNamespace: TemplateMeta = { name: controlPlaneName, namespace, labels };
  const account = { name: controlPlaneName, namespace };
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: namespace,
        labels: {
          ...labels,
          'istio.io/dataplane-mode': 'none',
          'pod-security.kubernetes.io/enforce': 'restricted',
          'pod-security.kubernetes.io/enforce-version': 'latest',
        },
      },
    },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: inNamespace },
    ...renderRole({ metadata: { name: formatClusterName(namespace), labels } }, renderClusterRules(namespace), account),
    ...renderRole({ metadata: inNamespace }, namespaceRules, account),
    ...renderControlPlane(inNamespace, settings),
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'GatewayClass',
      metadata: { name: settings.gatewayClass, labels },
      spec: { controllerName: settings.controllerName, description: 'Waypoints that Cairn deploys and configures' },
    },
    renderWebhook({ name: formatWebhookName(namespace), labels }, settings),
  ];
}

/** The controller fills in the certificate that the API server expects of the webhook. */
function renderWebhook(metadata: TemplateMeta, settings: InstallSettings): TemplateObject {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata,
    webhooks: [
      {
        name: 'validation.cairn.dev',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: settings.webhookFailurePolicy,
        matchPolicy: 'Equivalent',
        timeoutSeconds: 5,
        clientConfig: {
          service: { name: controlPlaneName, namespace: settings.namespace, path: '/validate', port: 443 },
        },
        rules: renderWebhookRules(),
      },
    ],
  };
}

/** Objects of a kind are judged in every version that the API server may be sent. */
function renderWebhookRules(): readonly Readonly<Record<string, unknown>>[] {
  const reviewed = listApiKinds().filter(({ definition }) => definition.api.isReviewed);
  return [...new Set(reviewed.map(({ definition }) => definition.group))].map((group) => ({
    operations: ['CREATE', 'UPDATE'],
    apiGroups: [group],
    apiVersions: ['*'],
    resources: reviewed
      .filter(({ definition }) => definition.group === group)
      .map(({ definition }) => definition.api.plural),
    scope: 'Namespaced',
  }));
}
