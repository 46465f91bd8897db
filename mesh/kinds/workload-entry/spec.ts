// Istio WorkloadEntry (networking.istio.io).

export interface WorkloadEntrySpec {
  readonly address?: string;
  /** Port number by port name. */
  readonly ports?: Readonly<Record<string, number>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly network?: string;
  /** `region/zone/subzone`. */
  readonly locality?: string;
  readonly weight?: number;
  readonly serviceAccount?: string;
}
