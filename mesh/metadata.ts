// The metadata of an object, and the reference that names it.

/** The part of Kubernetes' ObjectMeta that is read. `namespace` is '' for cluster-scoped kinds. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339; absent for objects read from files. */
  readonly creationTimestamp?: string;
  readonly generation?: number;
}

/** Names one object; `namespace` is '' for cluster-scoped kinds. */
export interface ObjectRef {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** The reference of an object. */
export function refOf({ kind, metadata }: { readonly kind: string; readonly metadata: ObjectMeta }): ObjectRef {
  return { kind, namespace: metadata.namespace, name: metadata.name };
}

/**
 * `Kind namespace/name`, or `Kind name` for cluster-scoped objects: the form used in messages and
 * as a key.
 */
export function formatRef(ref: ObjectRef): string {
  return ref.namespace === '' ? `${ref.kind} ${ref.name}` : `${ref.kind} ${ref.namespace}/${ref.name}`;
}
