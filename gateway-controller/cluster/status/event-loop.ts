// Reports new Findings as Kubernetes Events, once each, at a limited rate.

import { ApiError, resources } from '../../../kubernetes/index.ts';
import { type Finding, formatPath, formatRef } from '../../../mesh/index.ts';
import type { ClusterContext, ClusterStep, LeaderLoop } from '../cluster-context.ts';
import { renderEvent, renderSeries } from './event.ts';
import { areRulesOfOthers } from './finding-status.ts';
import type { DeploymentReport } from './status-loop.ts';
import { isGuest } from './view.ts';
import { Gathering } from '../leader/gathering.ts';
import { WorkQueue } from '../leader/work-queue.ts';

/** Findings within so many milliseconds are handled together. */
const gatherMs = 250;
/**
 * Events that are sent at once, and then one in so many milliseconds: a namespace full of mistakes
 * must not flood the API.
 */
const burst = 25;
const intervalMs = 500;

/** Recognizes objects that may be another control plane's. */
const ofOthers: ReadonlySet<Finding['code']> = new Set(['NotServed', 'WaypointNotFound']);

/** A Finding that exists, or existed. */
interface Told {
  readonly finding: Finding;
  isGone: boolean;
  /** The number of times that the Finding came. */
  count: number;
}

interface Term {
  readonly queue: WorkQueue;
  readonly unlisten: () => void;
  readonly told: Map<string, Told>;
  readonly gathering: Gathering;
  /** Milliseconds since 1970. */
  nextAt: number;
}

/** Writes Events while this replica leads. */
export class EventLoop implements LeaderLoop {
  readonly name = 'events';
  readonly #context: ClusterContext;
  readonly #deployment: DeploymentReport;
  #term: Term | undefined;
  #writes = 0;

  constructor(context: ClusterContext, deployment: DeploymentReport) {
    this.#context = context;
    this.#deployment = deployment;
  }

  /** Events that were written, of all terms. */
  get writes(): number {
    return this.#writes;
  }

  /** Findings that are still to be reported. */
  get pending(): number {
    const { queue, gathering } = this.#term ?? {};
    return (queue?.size ?? 0) + (gathering?.isDue === true ? 1 : 0);
  }

  start(): void {
    if (this.#term !== undefined) return;
    const term: Term = {
      queue: new WorkQueue({
        work: (key) => this.#tell(term, key),
        onError: (key, error) =>
          this.#context.log('debug', 'event not written', { finding: key, error: String(error) }),
        concurrency: 1,
      }),
      unlisten: this.#deployment.onChange(() => term.gathering.request()),
      told: new Map(),
      gathering: new Gathering(gatherMs, () => this.#look(term)),
      nextAt: -Infinity,
    };
    this.#term = term;
    term.gathering.request();
  }

  onStep({ touched }: ClusterStep): void {
    if (touched.size > 0) this.#term?.gathering.request();
  }

  async stop(): Promise<void> {
    const term = this.#term;
    this.#term = undefined;
    if (term === undefined) return;
    term.gathering.stop();
    term.unlisten();
    await term.queue.stop();
  }

  #look({ told, queue }: Term): void {
    const present = new Set<string>();
    for (const finding of this.#findings()) {
      const key = `${formatRef(finding.ref)} ${finding.code} ${formatPath(finding.path)} ${finding.message}`;
      present.add(key);
      const known = told.get(key);
      if (known !== undefined && !known.isGone) continue;
      told.set(key, { finding, isGone: false, count: (known?.count ?? 0) + 1 });
      queue.add(key);
    }
    for (const [key, each] of told) if (!present.has(key)) each.isGone = true;
    if (told.size > 2 * present.size + 1_000) for (const [key, { isGone }] of told) if (isGone) told.delete(key);
  }

  #findings(): readonly Finding[] {
    const all = this.#context.findings();
    // Beside another control plane, that one judges objects that no waypoint of ours serves, and
    // those that ask for its Gateways.
    const theirs = new Set(
      isGuest(this.#context.settings)
        ? all.filter((each) => this.#isOthers(each)).map(({ ref }) => formatRef(ref))
        : [],
    );
    const deployment = this.#context.waypoints().flatMap((gateway) => this.#deployment.findingsOf(gateway) ?? []);
    return [...all, ...deployment].filter(({ severity, ref }) => severity !== 'info' && !theirs.has(formatRef(ref)));
  }

  #isOthers({ code, ref: { kind, namespace, name } }: Finding): boolean {
    const { mesh } = this.#context;
    const rules =
      kind === 'VirtualService'
        ? mesh.get('VirtualService', namespace, name)
        : kind === 'DestinationRule'
          ? mesh.get('DestinationRule', namespace, name)
          : undefined;
    return ofOthers.has(code) || (rules !== undefined && areRulesOfOthers(this.#context, rules, [{ code }]));
  }

  async #tell(term: Term, key: string): Promise<boolean> {
    await this.#pace(term);
    const known = term.told.get(key);
    if (known === undefined || known.isGone || this.#term !== term) return false;
    const { ref } = known.finding;
    const object = this.#context.object(ref.kind, ref.namespace, ref.name);
    if (object === undefined) return false;
    const { client, settings } = this.#context;
    const now = new Date().toISOString();
    const reporter = { controller: settings.controllerName, instance: settings.identity };
    const event = renderEvent(known.finding, object, reporter, now);
    try {
      await client.create(resources.Event, event);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // The namespace is about to go, or we may not write events: a retry would not help.
      if (error.status === 403 || error.status === 404) return false;
      if (error.status !== 409) throw error;
      // Reported before: by an earlier leader, or it has come back.
      if (known.count < 2) return false;
      const { namespace, name } = event.metadata;
      await client.patch(resources.Event, namespace, name, renderSeries(known.count, now), { type: 'merge' });
    }
    this.#writes += 1;
    return true;
  }

  /** Waits until the rate admits the next event. */
  async #pace(term: Term): Promise<void> {
    const now = performance.now();
    const earliest = now - burst * intervalMs;
    term.nextAt = Math.max(term.nextAt, earliest) + intervalMs;
    if (term.nextAt <= now) return;
    await new Promise<void>((resolve) => {
      setTimeout(resolve, Math.min(term.nextAt - now, 1_000)).unref();
    });
  }
}
