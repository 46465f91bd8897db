// The work of a control plane in a cluster beside serving xDS: the loops of its leader, and the
// servers of every replica, in the order in which they begin.

import type { Finding } from '../../mesh/index.ts';
import type { ClusterContext, LeaderLoop } from './cluster-context.ts';
import { DeploymentLoop } from './deployment/deployment-loop.ts';
import { RootCertificates } from './identity/root-certificates.ts';
import { EventLoop } from './status/event-loop.ts';
import { StatusLoop } from './status/status-loop.ts';
import { WebhookServer } from './webhook/webhook-server.ts';
import { WebhookTrustLoop } from './webhook/webhook-trust-loop.ts';

/** A server of every replica. */
export interface ReplicaServer {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Everything beside xDS and certificates. */
export interface ClusterWork {
  readonly loops: readonly LeaderLoop[];
  readonly servers: readonly ReplicaServer[];
  /**
   * The Findings of the loops that follow from no configuration; [] while this replica does not
   * lead.
   */
  readonly findings: () => readonly Finding[];
}

/** Makes the loops and servers of one replica; nothing runs yet. */
export function createClusterWork(context: ClusterContext): ClusterWork {
  const isOwnAuthority = context.settings.ca.kind === 'cairn';
  const deployment = new DeploymentLoop(context);
  return {
    // Beside istiod the root is istiod's, which distributes it.
    loops: [
      ...(isOwnAuthority ? [new RootCertificates(context, () => context.serving.rootPem())] : []),
      deployment,
      new StatusLoop(context, deployment),
      new EventLoop(context, deployment),
      new WebhookTrustLoop(context),
    ],
    servers: [new WebhookServer(context)],
    findings: () => deployment.findings(),
  };
}
