// The endpoints that a cluster would list for Services, from the pods that files describe. They are
// for analysis alone, since nobody knows where these pods will be.

import { type AnyMeshObject, type MeshObject, serviceNameLabel } from '../../mesh/index.ts';

type Pod = MeshObject<'Pod'>;
type Service = MeshObject<'Service'>;

/** An address of documentation: only the presence of the endpoint counts. */
const somewhere = '192.0.2.1';

/**
 * The pods as if they ran, and the slices of the Services that select them; slices that files hold
 * themselves stay.
 */
export function expectEndpoints(objects: readonly AnyMeshObject[]): readonly AnyMeshObject[] {
  const pods = objects
    .filter(isUnplacedPod)
    .map((pod): Pod => ({ ...pod, spec: { ...pod.spec, ready: true, podIPs: [somewhere] } }));
  const listed = new Set(
    objects.flatMap(({ kind, metadata }) =>
      kind === 'EndpointSlice' ? [`${metadata.namespace}/${metadata.labels[serviceNameLabel]}`] : [],
    ),
  );
  const slices = objects
    .filter((object): object is Service => object.kind === 'Service')
    .filter(({ metadata }) => !listed.has(`${metadata.namespace}/${metadata.name}`))
    .flatMap((service) => pods.filter((pod) => selects(service, pod)).map((pod) => sliceOf(service, pod)));
  return [...objects.filter((object) => !isUnplacedPod(object)), ...pods, ...slices];
}

function isUnplacedPod(object: AnyMeshObject): object is Pod {
  return object.kind === 'Pod' && (object.spec.podIPs ?? []).length === 0;
}

function selects({ metadata, spec }: Service, pod: Pod): boolean {
  const wanted = Object.entries(spec.selector ?? {});
  const { namespace, labels } = pod.metadata;
  return wanted.length > 0 && namespace === metadata.namespace && wanted.every(([key, value]) => labels[key] === value);
}

function sliceOf({ metadata, spec }: Service, pod: Pod): AnyMeshObject {
  const { namespace, name } = metadata;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      namespace,
      name: `${name}/${pod.metadata.name}`,
      labels: { [serviceNameLabel]: name },
      annotations: {},
    },
    spec: {
      addressType: 'IPv4',
      ports: (spec.ports ?? []).flatMap((port) => {
        const { targetPort = port.port } = port;
        const number = typeof targetPort === 'number' ? targetPort : pod.spec.ports?.[targetPort];
        if (number === undefined) return [];
        return [{ name: port.name ?? '', port: number, protocol: port.protocol ?? 'TCP' }];
      }),
      endpoints: [
        {
          addresses: [somewhere],
          conditions: { ready: true },
          targetRef: { kind: 'Pod', namespace, name: pod.metadata.name },
        },
      ],
    },
  };
}
