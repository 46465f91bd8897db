// The names of the parts of an installation. Names in a namespace are always the same; cluster-wide
// names contain the namespace, so that two installations do not collide.

/** Service account, Deployment, Service and budget of the control plane. */
export const controlPlaneName = 'cairn';

/** Ports of the control plane's pods. The admin server is on the loopback address only. */
export const controlPlanePorts = { xds: 15012, webhook: 15017, health: 8080, metrics: 15014 } as const;

/** Label on every installed object: `cairn`. */
export const partOfLabel = 'app.kubernetes.io/part-of';

/** Labels of the control plane's pods; its Service and budget select by them. */
export const controlPlaneLabels: Readonly<Record<string, string>> = {
  'app.kubernetes.io/name': controlPlaneName,
  'app.kubernetes.io/component': 'control-plane',
};

/** Of ClusterRole and ClusterRoleBinding. */
export function formatClusterName(namespace: string): string {
  return `${controlPlaneName}-${namespace}`;
}

/** Of the ValidatingWebhookConfiguration. */
export function formatWebhookName(namespace: string): string {
  return `cairn-validator-${namespace}`;
}

/**
 * Secret with the key of our own authority; the Secret `cacerts` holds an authority that the
 * operator supplies.
 */
export const authoritySecret = 'cairn-ca-secret';
/** An authority that the operator supplies, in Istio's form. */
export const pluggedAuthoritySecret = 'cacerts';
/** The Lease of the leader. */
export const leaseName = 'cairn-leader';
