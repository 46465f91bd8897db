// Leader election by a Lease in the API. A candidate does not trust other replicas' clocks: a lease
// has expired when its record did not change for its duration by the candidate's own clock.

import assert from 'node:assert/strict';
import { wait } from './back-off.ts';
import type { ApiClient } from './client.ts';
import { ApiError } from './errors.ts';
import { type KubernetesObject, resources } from './resource.ts';

/**
 * Settings of an election. leaseDurationMs > renewDeadlineMs > 1.2 × retryPeriodMs; the lease is
 * kept in whole seconds.
 */
export interface LeaderElectionOptions {
  readonly client: ApiClient;
  readonly namespace: string;
  readonly name: string;
  /** Unique among the candidates: the pod's name. */
  readonly identity: string;
  readonly leaseDurationMs?: number;
  readonly renewDeadlineMs?: number;
  readonly retryPeriodMs?: number;
  /** Called with each change, and with false before `stop` releases the lease. */
  readonly onChange: (isLeader: boolean) => void;
  readonly log: (message: string) => void;
  readonly random?: () => number;
}

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

type Lease = KubernetesObject & { readonly spec?: LeaseSpec };

/** A lease that others write all the time is read this often before the next turn. */
const maxAttempts = 3;

/** A candidate for the leadership. */
export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  readonly #stopped = new AbortController();
  #running: Promise<void> | undefined;
  #holds = false;
  #renewedAt: Moment = { monotonic: 0, wall: 0 };
  #observed: { readonly version: string; readonly at: number } | undefined;
  #leader = '';
  #failure = '';

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#leaseDurationMs = options.leaseDurationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryPeriodMs = options.retryPeriodMs ?? 2_000;
    assert(this.#leaseDurationMs > this.#renewDeadlineMs, 'the lease must last longer than its renewal may take');
    assert(this.#renewDeadlineMs > 1.2 * this.#retryPeriodMs, 'a renewal must have time for a second attempt');
  }

  /**
   * False as soon as another may hold the lease, even when this process was suspended and could not
   * notice.
   */
  get isLeader(): boolean {
    return this.#holds && elapsedMs(this.#renewedAt) < this.#renewDeadlineMs;
  }

  /** Begins to compete; does not wait. */
  start(): void {
    this.#running ??= this.#compete();
  }

  /** Releases the lease, so that another candidate takes it at once. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    if (!this.#holds) return;
    this.#lose('the leadership is given back');
    try {
      const lease = await this.#read();
      if (lease?.spec?.holderIdentity === this.#options.identity) await this.#write(lease, { holder: '', seconds: 1 });
    } catch (error) {
      // The lease expires by itself.
      this.#options.log(`the lease is left to run out: ${(error as Error).message}`);
    }
  }

  async #compete(): Promise<void> {
    const { random = Math.random, log } = this.#options;
    while (!this.#stopped.signal.aborted) {
      const startedAt = thisMoment();
      try {
        const isOurs = await this.#tryToHold();
        this.#failure = '';
        if (isOurs) {
          // The lease counts from the time before the write.
          this.#renewedAt = startedAt;
          if (!this.#holds) {
            this.#holds = true;
            log(`${this.#options.identity} leads`);
            this.#options.onChange(true);
          }
        } else if (this.#holds) this.#lose('another has taken the lease');
      } catch (error) {
        const { message } = error as Error;
        if (message !== this.#failure) log(`the lease cannot be held: ${message}`);
        this.#failure = message;
      }
      if (this.#holds && !this.isLeader) this.#lose('the lease was not renewed in time');
      const pauseMs = this.#retryPeriodMs * (this.#holds ? 1 : 1 + 0.2 * random());
      await wait(pauseMs, this.#stopped.signal);
    }
  }

  #lose(reason: string): void {
    this.#holds = false;
    this.#options.log(`${this.#options.identity} does not lead any more: ${reason}`);
    this.#options.onChange(false);
  }

  /**
   * True when this candidate holds the lease after the attempt, which means that it has written it.
   */
  async #tryToHold(): Promise<boolean> {
    for (let attempt = 1; ; attempt += 1) {
      const lease = await this.#read();
      if (lease !== undefined && this.#belongsToAnother(lease)) return false;
      try {
        const { metadata } = await (lease === undefined ? this.#create() : this.#take(lease));
        this.#observed = { version: metadata.resourceVersion ?? '', at: performance.now() };
        return true;
      } catch (error) {
        // Another writer was first, and nothing was renewed. Only the current lease says who holds
        // it.
        if (!(error instanceof ApiError) || error.status !== 409 || attempt === maxAttempts) throw error;
      }
    }
  }

  /** Whether another candidate holds a lease that has not expired. */
  #belongsToAnother({ metadata, spec = {} }: Lease): boolean {
    const { identity } = this.#options;
    const { holderIdentity: holder = '', leaseDurationSeconds = 0 } = spec;
    const version = metadata.resourceVersion ?? '';
    const now = performance.now();
    if (this.#observed?.version !== version) this.#observed = { version, at: now };
    if (holder !== this.#leader) {
      this.#leader = holder;
      if (holder !== identity && holder !== '') this.#options.log(`${holder} leads`);
    }
    const isOver = holder === '' || now - this.#observed.at > leaseDurationSeconds * 1000;
    return holder !== identity && !isOver;
  }

  #read(): Promise<Lease | undefined> {
    const { client, namespace, name } = this.#options;
    return client.get(resources.Lease, namespace, name, { timeoutMs: this.#attemptMs() });
  }

  #create(): Promise<KubernetesObject> {
    const { client, namespace, name, identity } = this.#options;
    const spec: LeaseSpec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#leaseDurationMs / 1000),
      acquireTime: microTime(),
      renewTime: microTime(),
      leaseTransitions: 0,
    };
    return client.create(resources.Lease, { metadata: { namespace, name }, spec }, { timeoutMs: this.#attemptMs() });
  }

  #take(lease: Lease): Promise<KubernetesObject> {
    const { identity: holder } = this.#options;
    return this.#write(lease, { holder, seconds: Math.ceil(this.#leaseDurationMs / 1000) });
  }

  #write(lease: Lease, to: { readonly holder: string; readonly seconds: number }): Promise<KubernetesObject> {
    const { spec = {} } = lease;
    const isNew = to.holder !== '' && spec.holderIdentity !== to.holder;
    const changed: LeaseSpec = {
      ...spec,
      holderIdentity: to.holder,
      leaseDurationSeconds: to.seconds,
      renewTime: microTime(),
      ...(isNew ? { acquireTime: microTime(), leaseTransitions: (spec.leaseTransitions ?? 0) + 1 } : {}),
    };
    const { client } = this.#options;
    return client.replace(resources.Lease, { ...lease, spec: changed }, { timeoutMs: this.#attemptMs() });
  }

  /** A call that hangs must leave time for another one before the lease is lost. */
  #attemptMs(): number {
    return Math.max(1_000, this.#renewDeadlineMs / 2);
  }
}

/**
 * Now by both clocks: the monotonic clock stands still while a machine sleeps, and the wall clock
 * may be set.
 */
interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

function thisMoment(): Moment {
  return { monotonic: performance.now(), wall: Date.now() };
}

/** The greatest time that can have passed: a lease that may have expired is not held. */
function elapsedMs({ monotonic, wall }: Moment): number {
  return Math.max(performance.now() - monotonic, Date.now() - wall);
}

function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
