// The keys of issuers. It fetches the keys that RequestAuthentications name, fetches them again in
// time, and keeps them when the issuer is away or answers with something else. Only an issuer that
// says repeatedly that it has no key has withdrawn its keys. The keys reach the configuration as
// JwksDocument objects; their reader judges whether a key can be used.

import { createHash } from 'node:crypto';
import { Alarm } from '../../certificates/index.ts';
import { readKeys } from '../../generator/index.ts';
import type { KeySource } from '../../generator/index.ts';
import type { MeshObject } from '../../mesh/index.ts';
import { fetchDocument, FetchError } from './document-fetch.ts';

type JwksDocument = MeshObject<'JwksDocument'>;

/** The options of a fetcher. */
export interface KeyFetcherOptions {
  /** Whether private, loopback and link-local addresses may be connected to. */
  readonly allowsPrivate: boolean;
  /** The keys of an earlier process, as `keep` gave them; {} by default. */
  readonly kept?: Readonly<Record<string, unknown>>;
  /** Called when the documents changed, never within `want`. */
  readonly onChange: (documents: readonly JwksDocument[]) => void;
  /** Milliseconds between two fetches that succeed; 20 minutes by default, as in Istio. */
  readonly refreshInterval?: number;
  /**
   * Milliseconds before the first retry after a failure; the wait doubles up to five minutes. 1,000
   * by default.
   */
  readonly retryInterval?: number;
}

interface State {
  source: KeySource;
  /** The newest usable key set. */
  jwks: string | undefined;
  problem: string | undefined;
  failures: number;
  /** Consecutive answers that the issuer has no key. */
  withdrawals: number;
  readonly next: Alarm;
}

const refreshInterval = 20 * 60_000;
const retryInterval = 1_000;
const longestRetry = 5 * 60_000;
/**
 * An issuer that is being set up may have no key for a moment; one that has withdrawn its keys goes
 * on saying so.
 */
const withdrawalsBelieved = 3;
const defaultTimeout = 5_000;
const longestTimeout = 60_000;
/** More text than this is no key set that would be read. */
const maxBytes = 256 * 1024;
/** Pending fetches at a time, whatever the configuration names. */
const maxConcurrent = 8;

/** Fetches documents while they are wanted. */
export class KeyFetcher {
  readonly #options: KeyFetcherOptions;
  readonly #states = new Map<string, State>();
  readonly #waiting: State[] = [];
  readonly #ended = new AbortController();
  #running = 0;

  constructor(options: KeyFetcherOptions) {
    this.#options = options;
  }

  /** Begins to fetch new documents, and forgets those that are not named any more. */
  want(sources: readonly KeySource[]): void {
    if (this.#ended.signal.aborted) return;
    const wanted = new Map(sources.map((source) => [source.uri, source]));
    for (const [uri, state] of this.#states) {
      if (wanted.has(uri)) continue;
      state.next.clear();
      this.#states.delete(uri);
    }
    for (const source of wanted.values()) {
      const known = this.#states.get(source.uri);
      if (known !== undefined) {
        known.source = source;
        continue;
      }
      const kept = this.#options.kept?.[source.uri];
      const state: State = {
        source,
        jwks: typeof kept === 'string' ? kept : undefined,
        problem: undefined,
        failures: 0,
        withdrawals: 0,
        next: new Alarm(),
      };
      this.#states.set(source.uri, state);
      this.#enqueue(state);
    }
  }

  /**
   * The current documents, sorted by address. One that was never fetched is there only once its
   * failure is known.
   */
  documents(): readonly JwksDocument[] {
    return [...this.#states.values()]
      .filter(({ jwks, problem }) => jwks !== undefined || problem !== undefined)
      .sort((a, b) => (a.source.uri < b.source.uri ? -1 : 1))
      .map(({ source, jwks, problem }) => makeDocument(source.uri, jwks, problem));
  }

  /** The number of documents that were never fetched, and have no failure yet. */
  get unknown(): number {
    return this.#states.size - this.documents().length;
  }

  /** The state for the next process: key sets by address. */
  keep(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      [...this.#states.values()].flatMap(({ source, jwks }) => (jwks === undefined ? [] : [[source.uri, jwks]])),
    );
  }

  /** Ends pending fetches; `onChange` is not called after it. */
  stop(): void {
    this.#ended.abort();
    for (const { next } of this.#states.values()) next.clear();
    this.#states.clear();
    this.#waiting.length = 0;
  }

  #enqueue(state: State): void {
    this.#waiting.push(state);
    this.#work();
  }

  #work(): void {
    while (this.#running < maxConcurrent) {
      const state = this.#waiting.shift();
      if (state === undefined) return;
      if (!this.#isWanted(state)) continue;
      this.#running += 1;
      void this.#fetch(state).finally(() => {
        this.#running -= 1;
        this.#work();
      });
    }
  }

  async #fetch(state: State): Promise<void> {
    const before = { jwks: state.jwks, problem: state.problem };
    try {
      state.jwks = await fetchKeys(state.source, this.#options.allowsPrivate, this.#ended.signal);
      state.problem = undefined;
      state.failures = 0;
      state.withdrawals = 0;
    } catch (error) {
      if (!(error instanceof FetchError)) throw error;
      state.problem = error.message;
      state.failures += 1;
      state.withdrawals = error instanceof NoKeysError ? state.withdrawals + 1 : 0;
      if (state.withdrawals >= withdrawalsBelieved) state.jwks = undefined;
    }
    if (!this.#isWanted(state)) return;
    state.next.set(this.#pause(state.failures), () => this.#enqueue(state));
    if (state.jwks !== before.jwks || state.problem !== before.problem) this.#options.onChange(this.documents());
  }

  #isWanted(state: State): boolean {
    return !this.#ended.signal.aborted && this.#states.get(state.source.uri) === state;
  }

  /** Jitter of up to a tenth, so that many addresses of one issuer are not asked at once. */
  #pause(failures: number): number {
    const { refreshInterval: refresh = refreshInterval, retryInterval: retry = retryInterval } = this.#options;
    const pause = failures === 0 ? refresh : Math.min(retry * 2 ** (failures - 1), longestRetry);
    return pause * (1 + Math.random() / 10);
  }
}

/** An issuer's own statement that it has no key, which is an answer. */
class NoKeysError extends FetchError {}

/** The key set of a source; rejects with a FetchError when there is none that could be used. */
async function fetchKeys(source: KeySource, allowsPrivate: boolean, signal: AbortSignal): Promise<string> {
  const timeout = Math.min(source.timeout ?? defaultTimeout, longestTimeout);
  const limits = { timeout, maxBytes, allowsPrivate };
  const text = await fetchDocument(source.uri, limits, signal);
  const jwks = source.isDiscovery ? await fetchDocument(readKeysUri(source.uri, text), limits, signal) : text;
  const { count, isEmpty, problems } = readKeys(jwks);
  if (isEmpty) throw new NoKeysError('it has no key');
  if (count === 0) throw new FetchError(problems[0] ?? 'it has no key that can be used');
  return jwks;
}

function readKeysUri(from: string, text: string): string {
  const uri = readField(text, 'jwks_uri');
  if (typeof uri !== 'string') throw new FetchError('it is not an OpenID configuration with a `jwks_uri`');
  if (from.startsWith('https:') && !/^https:/i.test(uri)) throw new FetchError('its `jwks_uri` is not HTTPS');
  return uri;
}

function readField(text: string, name: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? new Map(Object.entries(value)).get(name) : undefined;
  } catch {
    return undefined;
  }
}

function makeDocument(uri: string, jwks: string | undefined, problem: string | undefined): JwksDocument {
  const name = `fetched-${createHash('sha256').update(uri).digest('hex').slice(0, 32)}`;
  return {
    apiVersion: 'cairn.dev/v1alpha1',
    kind: 'JwksDocument',
    metadata: { name, namespace: '', labels: {}, annotations: {} },
    spec: { uri, ...(jwks === undefined ? {} : { jwks }), ...(problem === undefined ? {} : { problem }) },
  };
}
