// One connected proxy: a gRPC stream, its session, and its status. Back-pressure: a response is
// made only when the one before has left the process, so a slow reader costs one response, not a
// queue.

import type { ServerDuplexStream } from '@grpc/grpc-js';
import { type DeltaRequest, encodeDeltaResponse, type Node } from './messages.ts';
import type { SnapshotCache } from './snapshot-cache.ts';
import { Session, type SyncState, type TypeStatus } from './session.ts';
import type { Nack } from './subscription.ts';

/** The gRPC call of a stream; requests and responses are bytes. */
export type DeltaCall = ServerDuplexStream<Uint8Array, Uint8Array>;

/** One type of one proxy. */
export interface ProxyTypeStatus extends Omit<TypeStatus, 'lastNack'> {
  /** Bytes of all responses. */
  readonly bytes: number;
  /**
   * The latest refusal, with its time in milliseconds since 1970; it stays when a later version is
   * accepted.
   */
  readonly lastNack?: Nack & { readonly time: number };
}

/** One connected proxy. */
export interface ProxyStatus {
  readonly node: Node;
  /** The snapshot that it gets. */
  readonly key: string;
  /** The URI names of its certificate; [] without TLS. */
  readonly identities: readonly string[];
  /** Milliseconds since 1970. */
  readonly connectedSince: number;
  readonly state: SyncState;
  /** By type URL. */
  readonly types: Readonly<Record<string, ProxyTypeStatus>>;
}

/** The parts of a stream. */
export interface DeltaStreamOptions {
  readonly call: DeltaCall;
  readonly cache: SnapshotCache;
  readonly key: string;
  readonly node: Node;
  readonly identities: readonly string[];
  readonly clock: () => number;
  /** Milliseconds that the order of types may hold something back. */
  readonly orderTimeout: number;
  /**
   * Milliseconds that a cluster which nothing names any more stays at the proxy at least; at most
   * twice as many.
   */
  readonly restInterval: number;
  /** Names asked for by themselves. */
  readonly onSubscribe: (typeUrl: string, names: readonly string[]) => void;
  readonly onChange: () => void;
  readonly onNack: (typeUrl: string, nack: Nack) => void;
  readonly onOrderTimeout: () => void;
}

/**
 * The limits of one stream: types, and names in characters. A name is a few hundred characters at
 * most.
 */
const mostTypes = 16;
const mostNameCharacters = 16 * 1024 * 1024;

/** One admitted stream. */
export class DeltaStream {
  readonly #options: DeltaStreamOptions;
  readonly #session: Session;
  readonly #since: number;
  readonly #bytes = new Map<string, number>();
  readonly #nackTimes = new Map<string, number>();
  #unwatch: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #restTimer: NodeJS.Timeout | undefined;
  #writing = false;

  constructor(options: DeltaStreamOptions) {
    this.#options = options;
    this.#session = new Session(options.cache.view(options.key));
    this.#since = options.clock();
  }

  /** Begins to follow the cache. */
  start(): void {
    const { cache, key } = this.#options;
    this.#unwatch = cache.watch(key, (changed) => {
      this.#session.change(changed);
      this.#pump();
    });
  }

  /** Stops following; the owner of the call ends it. */
  stop(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
    clearTimeout(this.#timer);
    clearTimeout(this.#restTimer);
    this.#timer = undefined;
    this.#restTimer = undefined;
  }

  /**
   * Takes one request of the proxy. Returns the reason when it asks for too much, and the stream
   * has to end.
   */
  receive(request: DeltaRequest): string | undefined {
    if (this.#session.request(request)) {
      this.#nackTimes.set(request.typeUrl, this.#options.clock());
      const nack = this.#session.status().get(request.typeUrl)?.lastNack;
      if (nack !== undefined) this.#options.onNack(request.typeUrl, nack);
    }
    const { types, nameCharacters } = this.#session.size();
    if (types > mostTypes) return `a stream may ask for ${mostTypes} types`;
    if (nameCharacters > mostNameCharacters) return `a stream may ask for ${mostNameCharacters} characters of names`;
    const names = request.subscribe.filter((name) => name !== '*');
    if (names.length > 0) this.#options.onSubscribe(request.typeUrl, names);
    this.#pump();
    return undefined;
  }

  /** The state now. */
  status(): ProxyStatus {
    const { node, key, identities } = this.#options;
    const types: Record<string, ProxyTypeStatus> = {};
    for (const [typeUrl, { lastNack, ...numbers }] of this.#session.status()) {
      const time = this.#nackTimes.get(typeUrl);
      types[typeUrl] = {
        ...numbers,
        bytes: this.#bytes.get(typeUrl) ?? 0,
        ...(lastNack === undefined || time === undefined ? {} : { lastNack: { ...lastNack, time } }),
      };
    }
    return { node, key, identities, connectedSince: this.#since, state: this.#session.syncState(), types };
  }

  #pump(): void {
    if (this.#unwatch === undefined) return;
    const wanted = this.#session.takeWanted();
    // The answers come by the cache, at once or later.
    if (wanted.length > 0) this.#options.cache.want(this.#options.key, wanted);
    if (!this.#writing) {
      const response = this.#session.next();
      if (response === undefined) {
        this.#awaitOrder();
        this.#awaitRest();
      } else {
        const bytes = encodeDeltaResponse(response);
        this.#bytes.set(response.typeUrl, (this.#bytes.get(response.typeUrl) ?? 0) + bytes.length);
        this.#writing = true;
        // The callback comes when the stream's flow control took the message, so nothing piles up
        // before write() or drain.
        this.#options.call.write(bytes, () => {
          this.#writing = false;
          this.#pump();
        });
      }
    }
    this.#options.onChange();
  }

  #awaitOrder(): void {
    if (!this.#session.isWaiting()) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      return;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#options.onOrderTimeout();
      this.#session.deadline();
      this.#pump();
    }, this.#options.orderTimeout);
  }

  #awaitRest(): void {
    if (!this.#session.isResting()) return;
    this.#restTimer ??= setTimeout(() => {
      this.#restTimer = undefined;
      this.#session.rest();
      this.#pump();
    }, this.#options.restInterval);
  }
}
