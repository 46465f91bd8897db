// The workload objects of a cluster: EndpointSlice, Pod and Node, trimmed to the fields that are
// read. None of them has its facts in `spec`, as other objects do; reading moves them there.

/** One place where a service runs (discovery.k8s.io/v1). */
export interface SliceEndpoint {
  readonly addresses: readonly string[];
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
  readonly targetRef?: { readonly kind?: string; readonly namespace?: string; readonly name?: string };
  readonly nodeName?: string;
  readonly zone?: string;
}

/** A port of all endpoints of a slice, by the name of the service's port. */
export interface SlicePort {
  readonly name?: string;
  readonly port?: number;
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP';
  readonly appProtocol?: string;
}

export interface EndpointSliceSpec {
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN';
  readonly endpoints?: readonly SliceEndpoint[];
  readonly ports?: readonly SlicePort[];
}
