// Between the composition of a control plane in a cluster and the loops that only its leader runs: what they are given, and when they
// are called.

import type { GatewayKey } from '../../generator/index.ts';
import type { ApiClient, KubernetesObject } from '../../kubernetes/index.ts';
import type { MeshSnapshot, ObjectRef, PlacedFinding, QueryKey } from '../../mesh/index.ts';
import type { ProxyStatus } from '../../xds/index.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import type { ControllerLog } from '../serving/log.ts';

/** What every loop is given once. Functions give the state of the moment. */
export interface ClusterContext {
  readonly client: ApiClient;
  readonly settings: ClusterSettings;
  readonly log: ControllerLog;
  /** The configuration in force. */
  readonly mesh: MeshSnapshot;
  /** Gateways that are waypoints of our classes, sorted. */
  waypoints(): readonly GatewayKey[];
  /** Everything that there is to say, sorted; put together once in a step. */
  findings(): readonly PlacedFinding[];
  /** Whether the Findings are those of an object's newest version; if not, a step with the object is still to come. */
  isSettled(ref: ObjectRef): boolean;
  /** A watched object as the API gave it, without what only its writers need (managed fields, last-applied). Pods are trimmed. */
  object(kind: string, namespace: string, name: string): KubernetesObject | undefined;
  objects(kind: string): readonly KubernetesObject[];
  /** The proxies whose streams this replica holds; of the others' only pod conditions tell. */
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

/** What one step of the pipeline took in, told when everything that follows from it is known. */
export interface ClusterStep {
  /** Every object that came, went or changed, be it in its status only. */
  readonly changed: readonly ObjectRef[];
  /** The questions to the mesh, and to the Findings of reading, that may have other answers now; empty where nothing but status changed. */
  readonly touched: ReadonlySet<QueryKey>;
}

/** Work that only the leader does. */
export interface LeaderLoop {
  readonly name: string;
  /** The lease was won and everything is synced: look at everything. It may be lost and won again. */
  start(): void;
  /** After each step between `start` and `stop`: take note, and return at once. */
  onStep(step: ClusterStep): void;
  /** The lease was lost, or this is the end. Nothing is written once the promise has resolved. */
  stop(): Promise<void>;
}

/** The condition of a waypoint's pod that says whether its Envoy took what it was sent; every replica writes it for its own streams. */
export const configurationAcceptedCondition = 'cairn.dev/ConfigurationAccepted';
