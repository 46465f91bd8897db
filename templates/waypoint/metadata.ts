// Labels and annotations of the objects that are deployed for a Gateway: those that the Gateway
// hands down, and those that mark the owner.

import { dataplaneModeLabel, gatewayNameLabel } from '../../mesh/index.ts';
import type { TemplateMeta } from '../object.ts';
import type { WaypointDeployment } from './deployment-input.ts';
import {
  formatManagedLabel,
  gatewayClassLabel,
  managedByLabel,
  managedLabel,
  ownAnnotations,
  resolveWaypointNames,
} from './names.ts';

type Strings = Readonly<Record<string, string>>;

/**
 * Marks by which deployment tools claim an object. On a copy, they would make the tools prune what
 * is not in their source.
 */
const trackers =
  /^(argocd\.argoproj\.io\/|kustomize\.toolkit\.fluxcd\.io\/|helm\.toolkit\.fluxcd\.io\/|meta\.helm\.sh\/|helm\.sh\/|app\.kubernetes\.io\/(instance|managed-by)$)/;

/** Labels that every object and pod keeps, despite any overlay. */
export function renderIdentityLabels({ gateway, className, controllerName }: WaypointDeployment): Strings {
  return {
    [gatewayNameLabel]: gateway.name,
    [gatewayClassLabel]: className,
    [managedLabel]: formatManagedLabel(controllerName),
  };
}

/**
 * Labels of `infrastructure`, else of the Gateway itself, without those that are about the Gateway
 * alone.
 */
export function resolveLabels({ gateway, settings }: WaypointDeployment): Strings {
  const labels = handedDown(gateway.spec.infrastructure?.labels, gateway.labels);
  return settings.network === '' ? labels : { 'topology.istio.io/network': settings.network, ...labels };
}

/**
 * Annotations of `infrastructure`, else of the Gateway itself, without those that are about the
 * Gateway alone.
 */
export function resolveAnnotations({ gateway }: WaypointDeployment): Strings {
  return handedDown(gateway.spec.infrastructure?.annotations, gateway.annotations);
}

/** Metadata of every object of the waypoint; the name is the pods' unless another is given. */
export function renderMeta(deployment: WaypointDeployment, annotations: Strings = {}, name?: string): TemplateMeta {
  const { gateway } = deployment;
  return {
    name: name ?? resolveWaypointNames(gateway).name,
    namespace: gateway.namespace,
    labels: { ...resolveLabels(deployment), [managedByLabel]: 'cairn', ...renderIdentityLabels(deployment) },
    annotations: { ...annotations, ...resolveAnnotations(deployment) },
    ownerReferences: [
      { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name: gateway.name, uid: gateway.uid },
    ],
  };
}

/** Labels of the pods. */
export function renderPodLabels(deployment: WaypointDeployment): Strings {
  return {
    'sidecar.istio.io/inject': 'false',
    [dataplaneModeLabel]: 'none',
    'service.istio.io/canonical-name': resolveWaypointNames(deployment.gateway).name,
    'service.istio.io/canonical-revision': 'latest',
    ...resolveLabels(deployment),
    ...renderIdentityLabels(deployment),
  };
}

/** Annotations of the pods: where Prometheus looks, unless the Gateway says otherwise. */
export function renderPodAnnotations(deployment: WaypointDeployment, statsPort: number): Strings {
  const { revision } = deployment.settings;
  return {
    'istio.io/rev': revision === '' ? 'default' : revision,
    'prometheus.io/path': '/stats/prometheus',
    'prometheus.io/port': String(statsPort),
    'prometheus.io/scrape': 'true',
    ...resolveAnnotations(deployment),
  };
}

function handedDown(given: Strings | undefined, own: Strings): Strings {
  const source = given ?? Object.fromEntries(Object.entries(own).filter(([key]) => !trackers.test(key)));
  const isOurs = (key: string): boolean => key.startsWith('gateway.networking.k8s.io/') || ownAnnotations.has(key);
  return Object.fromEntries(Object.entries(source).filter(([key]) => !isOurs(key)));
}
