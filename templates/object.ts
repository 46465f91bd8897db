// The shape of rendered objects: Kubernetes objects as plain data, ready for server-side apply.

/** Metadata of an object that is applied: only what we set, never what the API server keeps. */
export interface TemplateMeta {
  readonly name: string;
  /** Absent for cluster-scoped kinds. */
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
}

/** The owner of an object: the object is deleted with it. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/** An object that is applied as a whole. */
export interface TemplateObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: TemplateMeta;
  readonly [field: string]: unknown;
}
