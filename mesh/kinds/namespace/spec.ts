// Namespace (core/v1).

export interface NamespaceSpec {
  readonly finalizers?: readonly string[];
}
