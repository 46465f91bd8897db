// EndpointSlice, Pod and Node as a cluster writes them, put into the form of every other object: what is read of them moves into `spec`,
// and the rest, most of a Pod, goes.

import { isRecord } from './structure.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The object with its facts in `spec`; objects of other kinds, and what has that form already, as they are. */
export function flattenWorkload(object: Fields): Fields {
  switch (object['kind']) {
    case 'EndpointSlice':
      return { ...pick(object, ['apiVersion', 'kind', 'metadata']), spec: flattenSlice(object) };
    case 'Pod':
      return { ...pick(object, ['apiVersion', 'kind', 'metadata']), spec: flattenPod(object) };
    case 'Node':
      return { ...pick(object, ['apiVersion', 'kind', 'metadata']), spec: {} };
    default:
      return object;
  }
}

/** Where the template of the pods is, in the kinds that make pods. */
const templatePaths: Readonly<Record<string, { readonly group: string; readonly path: readonly string[] }>> = {
  Deployment: { group: 'apps', path: ['spec', 'template'] },
  StatefulSet: { group: 'apps', path: ['spec', 'template'] },
  DaemonSet: { group: 'apps', path: ['spec', 'template'] },
  ReplicaSet: { group: 'apps', path: ['spec', 'template'] },
  Job: { group: 'batch', path: ['spec', 'template'] },
  CronJob: { group: 'batch', path: ['spec', 'jobTemplate', 'spec', 'template'] },
};

/** Whether objects of a kind make pods. */
export function makesPods(kind: string): boolean {
  return Object.hasOwn(templatePaths, kind);
}

/** The pods that an object of another kind makes, as one Pod of its name; undefined for kinds that make none. */
export function podOfTemplate(object: Fields): Fields | undefined {
  const kind = String(object['kind']);
  const found = makesPods(kind) ? templatePaths[kind] : undefined;
  if (found === undefined || !String(object['apiVersion']).startsWith(`${found.group}/`)) return undefined;
  const template = found.path.reduce<Fields>((value, field) => recordOf(value[field]), object);
  const own = pick(recordOf(object['metadata']), ['namespace', 'name']);
  const metadata = { ...pick(recordOf(template['metadata']), ['labels', 'annotations']), ...own };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: recordOf(template['spec']) };
}

function flattenSlice(object: Fields): Fields {
  const { addressType, endpoints, ports } = object;
  return {
    ...(addressType === undefined ? {} : { addressType }),
    ...(isGiven(endpoints) ? { endpoints: Array.isArray(endpoints) ? endpoints.map(flattenEndpoint) : endpoints } : {}),
    ...(isGiven(ports) ? { ports: Array.isArray(ports) ? ports.map(withoutEmpty) : ports } : {}),
  };
}

function flattenEndpoint(endpoint: unknown): unknown {
  if (!isRecord(endpoint)) return endpoint;
  const { conditions, targetRef } = endpoint;
  return {
    ...pick(endpoint, ['addresses', 'nodeName', 'zone']),
    ...(isRecord(conditions) ? { conditions: pick(conditions, ['ready', 'serving', 'terminating']) } : {}),
    ...(isRecord(targetRef) ? { targetRef: pick(targetRef, ['kind', 'namespace', 'name']) } : {}),
  };
}

function flattenPod(object: Fields): Fields {
  const spec = recordOf(object['spec']);
  const status = recordOf(object['status']);
  const metadata = recordOf(object['metadata']);
  const listed = recordsOf(status['podIPs']).map(({ ip }) => ip);
  const podIPs = listed.length > 0 ? listed : isGiven(status['podIP']) ? [status['podIP']] : [];
  const isReady =
    !isGiven(metadata['deletionTimestamp']) &&
    recordsOf(status['conditions']).some(({ type, status: value }) => type === 'Ready' && value === 'True');
  // Containers that start first and go on running are there for others, too.
  const lasting = recordsOf(spec['initContainers']).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const named = [...recordsOf(spec['containers']), ...lasting]
    .flatMap(({ ports }) => recordsOf(ports))
    .flatMap(({ name, containerPort }) => (typeof name === 'string' ? [[name, containerPort] as const] : []));
  return {
    ...pick(spec, ['serviceAccountName', 'nodeName', 'hostNetwork']),
    ...(podIPs.length === 0 ? {} : { podIPs }),
    ready: isReady,
    ...workloadNameOf(metadata),
    ...(named.length === 0 ? {} : { ports: Object.fromEntries(named) }),
  };
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

function pick(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(names.flatMap((name) => (isGiven(fields[name]) ? [[name, fields[name]] as const] : [])));
}

/** Slices of services without names for their ports have `name: ""`, and null where a port is not decided. */
function withoutEmpty(port: unknown): unknown {
  return isRecord(port) ? pick(port, ['name', 'port', 'protocol', 'appProtocol']) : port;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function recordOf(value: unknown): Fields {
  return isRecord(value) ? value : {};
}

function recordsOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}
