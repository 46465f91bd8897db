// Names that the bootstrap, the agent and served configuration share (Istio's).

/** The cluster that reaches the control plane. */
export const xdsCluster: string = 'xds-grpc';
/** The cluster that reaches the agent's secrets. */
export const sdsCluster: string = 'sds-grpc';
/** The secret with the proxy's own certificate and key. */
export const ownCertificateSecret: string = 'default';
/** The secret with the roots of the mesh. */
export const rootSecret: string = 'ROOTCA';
