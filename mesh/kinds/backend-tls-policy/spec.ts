// Gateway API BackendTLSPolicy (gateway.networking.k8s.io/v1).

export interface BackendTlsPolicySpec {
  readonly targetRefs: readonly BackendTlsTarget[];
  readonly validation: {
    /** Asked for by SNI, and checked in the certificate unless `subjectAltNames` says otherwise. */
    readonly hostname: string;
    readonly caCertificateRefs?: readonly { readonly group: string; readonly kind: string; readonly name: string }[];
    readonly wellKnownCACertificates?: string;
    readonly subjectAltNames?: readonly {
      readonly type: 'Hostname' | 'URI';
      readonly hostname?: string;
      readonly uri?: string;
    }[];
  };
  readonly options?: Readonly<Record<string, string>>;
}

/** A target in the policy's own namespace; `sectionName` is the name of a port. */
export interface BackendTlsTarget {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly sectionName?: string;
}
