// Gateway API ReferenceGrant (gateway.networking.k8s.io/v1).

/** Lets routes of other namespaces refer to objects of its own. */
export interface ReferenceGrantSpec {
  readonly from: readonly { readonly group: string; readonly kind: string; readonly namespace: string }[];
  /** All objects of the kind if `name` is absent. */
  readonly to: readonly { readonly group: string; readonly kind: string; readonly name?: string }[];
}
