// The names of a Gateway's objects, and the annotations that set them. All readers use these
// functions.

import type { DeployedGateway } from './deployment-input.ts';

/** Label on everything that a controller deployed: which controller. */
export const managedLabel = 'gateway.istio.io/managed';
/** Label on everything that is deployed for a Gateway: the Gateway's class. */
export const gatewayClassLabel = 'gateway.networking.k8s.io/gateway-class-name';
/** Label on everything that the control plane makes while it runs: `cairn`. */
export const managedByLabel = 'app.kubernetes.io/managed-by';
/** Label on ConfigMaps in the control plane's namespace: overlays for all Gateways of a class. */
export const classDefaultsLabel = 'gateway.istio.io/defaults-for-class';

const nameOverrideAnnotation = 'gateway.istio.io/name-override';
const serviceAccountAnnotation = 'gateway.istio.io/service-account';
const serviceTypeAnnotation = 'networking.istio.io/service-type';

/** Annotations of a Gateway that are about the Gateway alone. */
export const ownAnnotations: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'gateway.istio.io/controller-version',
  nameOverrideAnnotation,
  serviceAccountAnnotation,
]);

/** Names of the objects, and the type of the Service. */
export interface WaypointNames {
  /** Of Deployment, Service, HorizontalPodAutoscaler and PodDisruptionBudget. */
  readonly name: string;
  /** Of the pods' service account: with the Gateway's namespace, the waypoint's identity. */
  readonly serviceAccount: string;
  readonly serviceType: string;
}

/** Names as the Gateway's annotations say, else the Gateway's own. */
export function resolveWaypointNames(gateway: Pick<DeployedGateway, 'name' | 'annotations'>): WaypointNames {
  const { annotations } = gateway;
  const name = given(annotations[nameOverrideAnnotation]) ?? gateway.name;
  return {
    name,
    serviceAccount: given(annotations[serviceAccountAnnotation]) ?? name,
    serviceType: given(annotations[serviceTypeAnnotation]) ?? 'ClusterIP',
  };
}

/** The value of `gateway.istio.io/managed` for a controller: its name with the slash as a dash. */
export function formatManagedLabel(controllerName: string): string {
  return controllerName.replaceAll('/', '-');
}

function given(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
