// The names that Istio and the Gateway API put on the wire: label keys, class names, controller
// names, the HBONE port. They are in one place, since every room spells them the same way.

/** Label on a Service, ServiceEntry or Namespace: the name of its waypoint, or `none`. */
export const useWaypointLabel = 'istio.io/use-waypoint';

/**
 * Label beside `istio.io/use-waypoint`: the namespace of the waypoint; the object's own when
 * absent.
 */
export const useWaypointNamespaceLabel = 'istio.io/use-waypoint-namespace';

/** The namespace of objects that do not state one. */
export const defaultNamespace = 'default';

/** The value of `istio.io/use-waypoint` that opts out of the namespace's waypoint. */
export const noWaypoint = 'none';

/**
 * Label on a Gateway or Namespace: the revision of its control plane; none, or `default`, is the
 * default one.
 */
export const revisionLabel = 'istio.io/rev';

/** Label on a Gateway or GatewayClass: `service` (the default), `workload`, `all` or `none`. */
export const waypointForLabel = 'istio.io/waypoint-for';

/** Label on everything deployed for a Gateway: the Gateway's name. */
export const gatewayNameLabel = 'gateway.networking.k8s.io/gateway-name';

/**
 * Label on everything deployed for a Gateway: the kind of controller, e.g.
 * `istio.io-mesh-controller`.
 */
export const managedLabel = 'gateway.istio.io/managed';

/**
 * The values of `gateway.istio.io/managed` on the objects of a waypoint, or of a gateway between
 * clusters.
 */
export const managedWaypoints: readonly string[] = [
  'istio.io-mesh-controller',
  'istio.io-eastwest-controller',
  'cairn.dev-waypoint-controller',
];

/** Label on an EndpointSlice: the Service that it belongs to. */
export const serviceNameLabel = 'kubernetes.io/service-name';

/** The class of waypoint Gateways that exists without a GatewayClass object. */
export const waypointClass = 'istio-waypoint';

/**
 * The name in a stand-in's target that means every GatewayClass that is ours; no object can have
 * it.
 */
export const everyClass = '*';

/**
 * The kind of a stand-in's target that means every service of a namespace; in the root namespace,
 * every service of the mesh.
 */
export const namespaceTarget = 'Namespace';

/** The `controllerName` of every GatewayClass whose Gateways are waypoints. */
export const waypointController = 'istio.io/mesh-controller';

/** The port of HBONE on waypoints and workloads. */
export const hbonePort = 15008;

/** The protocol of a waypoint's one listener. */
export const hboneProtocol = 'HBONE';

/**
 * True for both spellings of the group of Service and ConfigMap in a reference: the API's own is
 * '', its documentation also has `core`.
 */
export function isCoreGroup(group: string): boolean {
  return group === '' || group === 'core';
}

/** API group of Gateway and GatewayClass. */
export const gatewayGroup = 'gateway.networking.k8s.io';

/** API group of Istio's traffic kinds. */
export const networkingGroup = 'networking.istio.io';

/** API group of AuthorizationPolicy. */
export const securityGroup = 'security.istio.io';

/**
 * API group of Istio's MeshConfig, which no cluster serves: it is a file, or text in a ConfigMap.
 */
export const meshConfigGroup = 'mesh.istio.io';

/** API group of Cairn's own kinds. */
export const cairnGroup = 'cairn.dev';

/** The 2022 class of waypoint Gateways, read as `istio-waypoint`. */
export const historicalWaypointClass = 'istio-mesh';

/** Annotations of 2022 and 2023 on Gateways: the one service account that the waypoint serves. */
export const serviceAccountAnnotations: readonly string[] = [
  'istio.io/service-account',
  'istio.io/for-service-account',
];

/** Label on a Pod or Namespace: `ambient` captures its traffic, `none` leaves it alone. */
export const dataplaneModeLabel = 'istio.io/dataplane-mode';
/** `enabled` on a Namespace: its pods have sidecars. */
export const injectionLabel = 'istio-injection';

/**
 * Annotation of the component that captures a workload's traffic: `enabled` once it is captured, so
 * that it accepts HBONE.
 */
export const redirectionAnnotation = 'ambient.istio.io/redirection';

/**
 * Annotation on a ServiceEntry: `RACE_FIRST_TCP_CONNECT` connects to all addresses of its name at
 * once, and keeps the first answer.
 */
export const connectStrategyAnnotation = 'istio.io/connect-strategy';

/** Label on a workload that accepts HBONE itself: `http`. */
export const tunnelLabel = 'networking.istio.io/tunnel';

/** Annotation on an AuthorizationPolicy: "true" for a policy that is tried and decides nothing. */
export const dryRunAnnotation = 'istio.io/dry-run';

/**
 * Annotation on a Gateway: the one address that its waypoint listens on, as on a machine that
 * several waypoints share.
 */
export const listenAddressAnnotation = 'cairn.dev/listen-address';

/**
 * Annotation on a Service, ServiceEntry or Gateway: how paths of requests to it are normalized, in
 * MeshConfig's words.
 */
export const pathNormalizationAnnotation = 'cairn.dev/path-normalization';

/** Annotation on a Gateway: the place of its waypoint, as `region/zone/subzone`. */
export const localityAnnotation = 'cairn.dev/locality';

/** Label on a workload: its place, as `region.zone.subzone`. */
export const localityLabel = 'istio-locality';

/** Labels of Kubernetes nodes, and of objects that copy them: region, zone and subzone. */
export const topologyLabels: readonly string[] = [
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'topology.istio.io/subzone',
];

/** Annotation on a Service: the namespaces that may see it, separated by commas. */
export const exportToAnnotation = 'networking.istio.io/exportTo';

/** Annotation on a Service or ServiceEntry: its `trafficDistribution`. */
export const trafficDistributionAnnotation = 'networking.istio.io/traffic-distribution';
