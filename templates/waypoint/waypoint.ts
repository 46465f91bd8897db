// The Kubernetes objects of one waypoint: each is rendered, and then changed by the overlays.

import type { Finding } from '../../mesh/index.ts';
import type { TemplateObject } from '../object.ts';
import type { WaypointDeployment } from './deployment-input.ts';
import { checkLogLevels } from './log-levels.ts';
import { renderMeta } from './metadata.ts';
import { resolveWaypointNames } from './names.ts';
import { applyPatches, overlayKeys, parseOverlays, type OverlayKey } from './overlay.ts';
import { renderPodTemplate } from './pod.ts';
import { renderAutoscaler, renderDisruptionBudget } from './scaling.ts';
import { renderSelector, renderService } from './service.ts';

/**
 * Objects to apply, in this order. None when a Finding is an error or the Gateway is deployed by
 * hand: existing objects then stay as they are.
 */
export interface RenderedWaypoint {
  readonly objects: readonly TemplateObject[];
  readonly findings: readonly Finding[];
}

/**
 * ServiceAccount, Deployment, Service, and where an overlay asks for them HorizontalPodAutoscaler
 * and PodDisruptionBudget.
 */
export function renderWaypoint(deployment: WaypointDeployment): RenderedWaypoint {
  const addresses = checkAddresses(deployment);
  if (!addresses.managed) return { objects: [], findings: addresses.findings };
  const { patches, findings: unread } = parseOverlays(deployment.overlays);
  const findings = [...addresses.findings, ...checkParameters(deployment), ...checkLogLevels(deployment), ...unread];
  const objects: TemplateObject[] = [];
  for (const key of overlayKeys) {
    if (optional.has(key) && patches[key].length === 0) continue;
    const changed = applyPatches(renderers[key](deployment), key, patches[key]);
    objects.push(changed.object);
    findings.push(...changed.findings);
  }
  return findings.some(({ severity }) => severity === 'error') ? { objects: [], findings } : { objects, findings };
}

/** Deployed only when an overlay speaks of them. */
const optional: ReadonlySet<OverlayKey> = new Set(['horizontalPodAutoscaler', 'podDisruptionBudget']);

const renderers: Readonly<Record<OverlayKey, (deployment: WaypointDeployment) => TemplateObject>> = {
  serviceAccount: (deployment) => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: renderMeta(deployment, {}, resolveWaypointNames(deployment.gateway).serviceAccount),
  }),
  deployment: renderDeployment,
  service: renderService,
  horizontalPodAutoscaler: renderAutoscaler,
  podDisruptionBudget: renderDisruptionBudget,
};

/**
 * Without `replicas`, which belong to the autoscaler or to `kubectl scale`. A new pod is there
 * before an old one goes.
 */
function renderDeployment(deployment: WaypointDeployment): TemplateObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: renderMeta(deployment),
    spec: {
      minReadySeconds: deployment.settings.minReadySeconds,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      selector: { matchLabels: renderSelector(deployment) },
      template: renderPodTemplate(deployment),
    },
  };
}

/**
 * A Gateway that names the place where it runs is deployed by hand; one that names an IP address
 * requests that address for its Service.
 */
function checkAddresses({ gateway }: WaypointDeployment): {
  readonly managed: boolean;
  readonly findings: readonly Finding[];
} {
  const { addresses = [] } = gateway.spec;
  const ref = { kind: 'Gateway', namespace: gateway.namespace, name: gateway.name };
  const [first] = addresses;
  if (first === undefined) return { managed: true, findings: [] };
  const isIp = first.type === undefined || first.type === 'IPAddress';
  if (addresses.length > 1 || !isIp) {
    const message = `nothing is deployed for this Gateway: ${isIp ? 'it asks for several addresses' : 'its address says that it runs elsewhere'}`;
    const hint = 'remove spec.addresses to have the waypoint deployed';
    return {
      managed: false,
      findings: [{ code: 'GatewayUnmanaged', severity: 'info', ref, path: ['spec', 'addresses'], message, hint }],
    };
  }
  if (resolveWaypointNames(gateway).serviceType === 'LoadBalancer') return { managed: true, findings: [] };
  return {
    managed: true,
    findings: [
      {
        code: 'AddressInvalid',
        severity: 'warning',
        ref,
        path: ['spec', 'addresses', 0],
        message: 'the address has no effect: the Service of this waypoint is no load balancer',
        hint: 'set the annotation networking.istio.io/service-type: LoadBalancer, or remove the address',
      },
    ],
  };
}

/** The Gateway's own overlay must be a ConfigMap, and be there. */
function checkParameters({ gateway, overlays }: WaypointDeployment): readonly Finding[] {
  const reference = gateway.spec.infrastructure?.parametersRef;
  if (reference === undefined) return [];
  const isConfigMap = reference.group === '' && reference.kind === 'ConfigMap';
  const isFound = overlays.some(({ ref }) => ref.namespace === gateway.namespace && ref.name === reference.name);
  if (isConfigMap && isFound) return [];
  return [
    {
      code: 'OverlayInvalid',
      severity: 'error',
      ref: { kind: 'Gateway', namespace: gateway.namespace, name: gateway.name },
      path: ['spec', 'infrastructure', 'parametersRef'],
      message: `${isConfigMap ? `there is no ConfigMap ${gateway.namespace}/${reference.name}` : 'the reference must be to a ConfigMap (group "")'}; nothing is deployed or changed until it is corrected`,
    },
  ];
}
