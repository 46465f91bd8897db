// The facts about a Pod that a mesh uses. A control plane trims the many Pods of a cluster to them,
// in the form of the API; reading then makes the specification of them.

import { isGiven, pick, recordOf, recordsOf } from '../../fields.ts';
import type { Fields } from '../../fields.ts';

const ownFacts = ['serviceAccountName', 'nodeName', 'hostNetwork'];
const keptMetadata = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'labels',
  'annotations',
  'ownerReferences',
  'creationTimestamp',
  'deletionTimestamp',
];

/** The Pod without what nobody reads. */
export function trimPod({ apiVersion, kind, metadata, spec, status }: Fields): Fields {
  const containers = lastingContainers(recordOf(spec)).flatMap((container) => {
    const ports = recordsOf(container['ports']).filter(({ name }) => isGiven(name));
    return ports.length === 0 ? [] : [{ ports: ports.map((port) => pick(port, ['name', 'containerPort'])) }];
  });
  return {
    apiVersion,
    kind,
    metadata: pick(recordOf(metadata), keptMetadata),
    spec: { ...pick(recordOf(spec), ownFacts), ...(containers.length === 0 ? {} : { containers }) },
    status: pick(recordOf(status), ['phase', 'podIP', 'podIPs', 'conditions']),
  };
}

/** The specification of a Pod. */
export function flattenPod(object: Fields): Fields {
  const spec = recordOf(object['spec']);
  const status = recordOf(object['status']);
  const metadata = recordOf(object['metadata']);
  const listed = recordsOf(status['podIPs']).map(({ ip }) => ip);
  const podIPs = listed.length > 0 ? listed : isGiven(status['podIP']) ? [status['podIP']] : [];
  const isReady =
    !isGiven(metadata['deletionTimestamp']) &&
    recordsOf(status['conditions']).some(({ type, status: value }) => type === 'Ready' && value === 'True');
  const named = lastingContainers(spec)
    .flatMap(({ ports }) => recordsOf(ports))
    .flatMap(({ name, containerPort }) => (typeof name === 'string' ? [[name, containerPort] as const] : []));
  return {
    ...pick(spec, ownFacts),
    ...(podIPs.length === 0 ? {} : { podIPs }),
    ready: isReady,
    ...workloadNameOf(metadata),
    ...(named.length === 0 ? {} : { ports: Object.fromEntries(named) }),
  };
}

/** Containers that start first and go on running serve others too. */
function lastingContainers(spec: Fields): readonly Fields[] {
  const first = recordsOf(spec['initContainers']).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...recordsOf(spec['containers']), ...first];
}

/** A ReplicaSet is named by its Deployment and a hash, which its pods carry as a label. */
function workloadNameOf(metadata: Fields): { readonly workloadName?: unknown } {
  const owner = recordsOf(metadata['ownerReferences']).find(({ controller }) => controller === true);
  if (owner === undefined || typeof owner['name'] !== 'string') return {};
  const hash = recordOf(metadata['labels'])['pod-template-hash'];
  const suffix = `-${String(hash)}`;
  const isHashed = owner['kind'] === 'ReplicaSet' && owner['name'].endsWith(suffix);
  return { workloadName: isHashed ? owner['name'].slice(0, -suffix.length) : owner['name'] };
}
