// The status of policies that are attached to backends: for each target, the conditions that a
// controller writes under `status.ancestors`.

/** A condition without the time of its last change, which the writer keeps. */
export interface PolicyCondition {
  readonly type: 'Accepted' | 'ResolvedRefs';
  readonly status: 'False' | 'True';
  readonly reason: string;
  readonly message: string;
  /** Absent for objects that were read from files. */
  readonly observedGeneration?: number;
}

/** One entry of this controller. Entries of other controllers are theirs, and stay. */
export interface PolicyAncestor {
  readonly ancestorRef: {
    readonly group: string;
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
    readonly sectionName?: string;
  };
  readonly controllerName: string;
  readonly conditions: readonly PolicyCondition[];
}
