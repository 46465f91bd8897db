// Node (core/v1).

/** Of a Node only its labels are read. */
export interface NodeSpec {
  readonly unschedulable?: boolean;
}
