// The status loop: on the leader, it writes our own entries when they change. Our own writes come
// back from the API, and lead to no other write.

import { ApiError, type KubernetesObject } from '../../../kubernetes/index.ts';
import { type Finding, formatRef, type ObjectRef, type QueryKey } from '../../../mesh/index.ts';
import type { ClusterContext, ClusterStep, LeaderLoop } from '../cluster-context.ts';
import { formatStatusManager } from './ownership.ts';
import { findStatusKind, listenerSetKind, type StatusKind } from './resolve-status.ts';
import { routeControllerName } from './route-status.ts';
import { planStatusWrite } from './status-write.ts';
import { formatUnit, parseUnit, StatusPlanner } from './status-planner.ts';
import { deploymentKey, isGuest, type StatusView } from './view.ts';
import { Gathering } from '../leader/gathering.ts';
import { WorkQueue } from '../leader/work-queue.ts';
import { WrittenObjects } from '../leader/written-objects.ts';

/** The deployment state of Gateways. */
export interface DeploymentReport {
  /** The Findings about the objects of one Gateway; undefined while they are not known yet. */
  findingsOf(gateway: Pick<ObjectRef, 'name' | 'namespace'>): readonly Finding[] | undefined;
  /** Calls `listener` whenever the Findings changed, until the returned function is called. */
  onChange(listener: () => void): () => void;
}

/** Changes within so many milliseconds are handled together. */
const gatherMs = 50;

/** The state of one term as the leader. */
interface Term {
  readonly planner: StatusPlanner;
  readonly queue: WorkQueue;
  readonly unlisten: () => void;
  readonly gathering: Gathering;
}

/** Keeps the status of every object up to date while this replica leads. */
export class StatusLoop implements LeaderLoop {
  readonly name = 'status';
  readonly #context: ClusterContext;
  readonly #deployment: DeploymentReport;
  readonly #written = new WrittenObjects();
  readonly #changed = new Map<string, ObjectRef>();
  readonly #touched = new Set<QueryKey>();
  #findings: ReadonlyMap<string, readonly Finding[]> = new Map();
  #term: Term | undefined;
  #writes = 0;

  constructor(context: ClusterContext, deployment: DeploymentReport) {
    this.#context = context;
    this.#deployment = deployment;
  }

  /** Writes that the API accepted, of all terms. */
  get writes(): number {
    return this.#writes;
  }

  /** Objects whose status is still to be computed. */
  get pending(): number {
    const { queue, gathering } = this.#term ?? {};
    return (queue?.size ?? 0) + (gathering?.isDue === true ? 1 : 0);
  }

  start(): void {
    if (this.#term !== undefined) return;
    const planner = new StatusPlanner(this.#view());
    const queue = new WorkQueue({
      work: (unit) => this.#write(planner, parseUnit(unit)),
      onError: (unit, error, retryMs) => this.#report(unit, error, retryMs),
    });
    const unlisten = this.#deployment.onChange(() => this.#touchDeployments());
    const gathering = new Gathering(gatherMs, () => this.#look({ planner, queue }));
    this.#term = { planner, queue, unlisten, gathering };
    this.#written.clear();
    this.#gatherFindings();
    planner.compareFindings(this.#context.findings());
    for (const ref of StatusPlanner.list(this.#context.mesh)) queue.add(formatUnit(ref));
    for (const { metadata } of this.#context.objects(listenerSetKind)) {
      queue.add(formatUnit({ kind: listenerSetKind, namespace: metadata.namespace ?? '', name: metadata.name }));
    }
    for (const { ref } of this.#context.findings()) {
      if (findStatusKind(ref.kind) !== undefined) queue.add(formatUnit(ref));
    }
  }

  onStep({ changed, touched }: ClusterStep): void {
    if (this.#term === undefined) return;
    for (const ref of changed) this.#changed.set(formatRef(ref), ref);
    for (const key of touched) this.#touched.add(key);
    this.#term.gathering.request();
  }

  async stop(): Promise<void> {
    const term = this.#term;
    this.#term = undefined;
    if (term === undefined) return;
    term.gathering.stop();
    term.unlisten();
    this.#changed.clear();
    this.#touched.clear();
    await term.queue.stop();
  }

  #view(): StatusView {
    const { settings, mesh } = this.#context;
    return {
      settings,
      mesh,
      object: (kind, namespace, name) => this.#newest(kind, namespace, name),
      findings: (ref) => this.#findings.get(formatRef(ref)) ?? [],
      deploymentFindings: (ref) => this.#deployment.findingsOf(ref),
    };
  }

  #look({ planner, queue }: Pick<Term, 'planner' | 'queue'>): void {
    const change = { changed: [...this.#changed.values()], touched: new Set(this.#touched) };
    this.#changed.clear();
    this.#touched.clear();
    const dirty = [...planner.dirty(change)];
    // If only status changed, there are no other Findings.
    if (change.touched.size > 0) {
      this.#gatherFindings();
      dirty.push(...planner.compareFindings(this.#context.findings()));
    }
    for (const ref of dirty) queue.add(formatUnit(ref));
  }

  #gatherFindings(): void {
    const byObject = new Map<string, Finding[]>();
    for (const finding of this.#context.findings()) {
      const key = formatRef(finding.ref);
      const list = byObject.get(key);
      if (list === undefined) byObject.set(key, [finding]);
      else list.push(finding);
    }
    this.#findings = byObject;
  }

  #touchDeployments(): void {
    for (const gateway of this.#context.waypoints()) this.#touched.add(deploymentKey({ kind: 'Gateway', ...gateway }));
    this.#term?.gathering.request();
  }

  async #write(planner: StatusPlanner, ref: ObjectRef): Promise<boolean> {
    if (!this.#context.isSettled(ref)) return false;
    const kind = findStatusKind(ref.kind);
    const current = this.#newest(ref.kind, ref.namespace, ref.name);
    const wanted = planner.resolve(ref);
    if (kind === undefined || current === undefined || wanted === undefined) return false;
    const fieldManager = formatStatusManager(kind.manager, this.#context.settings.revision);
    const object = planStatusWrite(current, wanted, {
      kind,
      fieldManager,
      isGuest: isGuest(this.#context.settings),
      controllerName:
        wanted.kind === 'policy' ? this.#context.settings.controllerName : routeControllerName(this.#context),
      now: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    });
    if (object === undefined) return false;
    try {
      const resource = servedAs(kind, object);
      const answer = await this.#context.client.apply(resource, object, {
        fieldManager,
        force: true,
        subresource: 'status',
      });
      this.#writes += 1;
      this.#written.remember(formatUnit(ref), answer);
      this.#context.log('debug', 'status written', { object: formatRef(ref) });
      // Other statuses are computed from a Gateway's status, and the watch may take its time.
      if (ref.kind === 'Gateway') this.onStep({ changed: [ref], touched: new Set() });
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return false;
      throw error;
    }
  }

  /** The object as it was seen, or as our last write left it if the watch is still behind. */
  #newest(kind: string, namespace: string, name: string): KubernetesObject | undefined {
    const seen = this.#context.object(kind, namespace, name);
    const unit = formatUnit({ kind, namespace, name });
    return this.#written.newest(unit, seen);
  }

  #report(unit: string, error: unknown, retryMs: number): void {
    // Another writer was faster: its version is on its way to us.
    const level = error instanceof ApiError && error.status === 409 ? 'debug' : 'warn';
    this.#context.log(level, 'status not written', {
      object: unit,
      error: String(error),
      retryMs: Math.round(retryMs),
    });
  }
}

/** The resource in the version that the object was read in. */
function servedAs({ resource }: StatusKind, { apiVersion = '' }: KubernetesObject): StatusKind['resource'] {
  const version = apiVersion.slice(apiVersion.lastIndexOf('/') + 1);
  return version === '' ? resource : { ...resource, version };
}
