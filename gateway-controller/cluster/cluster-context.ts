// The interface between a control plane in a cluster and the loops that only its leader runs.

import type { GatewayKey } from '../../generator/index.ts';
import type { ApiClient, KubernetesObject } from '../../kubernetes/index.ts';
import type { MeshSnapshot, ObjectRef, PlacedFinding, QueryKey } from '../../mesh/index.ts';
import type { ProxyStatus } from '../../xds/index.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import type { ControllerLog } from '../serving/log.ts';

/** The input of every loop. Functions give the current state. */
export interface ClusterContext {
  readonly client: ApiClient;
  readonly settings: ClusterSettings;
  readonly log: ControllerLog;
  /** The configuration in force. */
  readonly mesh: MeshSnapshot;
  /** Gateways that are waypoints of our classes, sorted. */
  waypoints(): readonly GatewayKey[];
  /** All Findings, sorted; assembled once in a step. */
  findings(): readonly PlacedFinding[];
  /**
   * Whether the Findings are those of an object's newest version; if not, a step with the object is
   * still to come.
   */
  isSettled(ref: ObjectRef): boolean;
  /**
   * A watched object as the API gave it, without the parts that only its writers need (managed
   * fields, last-applied). Pods are trimmed.
   */
  object(kind: string, namespace: string, name: string): KubernetesObject | undefined;
  objects(kind: string): readonly KubernetesObject[];
  /** The proxies whose streams this replica holds; only pod conditions tell of the others'. */
  proxies(): readonly ProxyStatus[];
  readonly serving: ServingIdentity;
}

/** The control plane's certificate under its DNS names. */
export interface ServingIdentity {
  /** The bundle that verifies it. */
  rootPem(): string;
  certificate(): { readonly certificate: Buffer; readonly privateKey: Buffer };
  /** Called after each renewal, until the returned function is called. */
  onRenew(listener: () => void): () => void;
}

/**
 * The changes of one step of the pipeline, reported when everything that follows from them is
 * known.
 */
export interface ClusterStep {
  /** Every object that was added, removed or changed, even if only in its status. */
  readonly changed: readonly ObjectRef[];
  /**
   * The questions to the mesh, and to the Findings of reading, that may have other answers now;
   * empty if only status changed.
   */
  readonly touched: ReadonlySet<QueryKey>;
}

/** Work that only the leader does. */
export interface LeaderLoop {
  readonly name: string;
  /**
   * The lease was won and everything is synced: look at everything. The lease may be lost and won
   * again.
   */
  start(): void;
  /** Called after each step between `start` and `stop`; notes the changes, and returns at once. */
  onStep(step: ClusterStep): void;
  /** The lease was lost, or the process ends. Nothing is written once the promise has resolved. */
  stop(): Promise<void>;
}

/**
 * The condition of a waypoint's pod that says whether its Envoy accepted its configuration; every
 * replica writes it for its own streams.
 */
export const configurationAcceptedCondition = 'cairn.dev/ConfigurationAccepted';
