// Pod (core/v1), as reading flattens it: the facts of its spec and its status side by side.

export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly nodeName?: string;
  /** The addresses in its status, the first one first. */
  readonly podIPs?: readonly string[];
  /** Whether it has the addresses of its node. */
  readonly hostNetwork?: boolean;
  /** Whether it is Ready and not about to go. */
  readonly ready?: boolean;
  /** The name of its maker: `reviews-v1` for a pod of the Deployment `reviews-v1`. */
  readonly workloadName?: string;
  /** Its declared ports, by name. */
  readonly ports?: Readonly<Record<string, number>>;
}
