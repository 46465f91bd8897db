// The delta ADS server. It admits proxies to their snapshot, and holds a stream for each admitted
// proxy. The same server answers requests for secrets by SDS. It authenticates a peer before it
// decodes any of its messages, and bounds what the peer can hold here.

import { type MethodDefinition, Server, type ServerCredentials, status as grpcStatus } from '@grpc/grpc-js';
import { typeUrls } from '../envoy-api/index.ts';
import { listen, type Listening, socketPath } from './listen.ts';
import { decodeDeltaRequest, type DeltaRequest, type Node } from './messages.ts';
import { parseUriNames } from './peer.ts';
import type { SnapshotCache } from './snapshot-cache.ts';
import { type DeltaCall, DeltaStream, type ProxyStatus } from './stream.ts';

/** The peer of a stream, as far as TLS proves it. */
export interface Peer {
  /** URI names of the verified client certificate; [] without TLS. */
  readonly identities: readonly string[];
}

/** The answer to a proxy that connects: the key of its snapshot, or the reason of the denial. */
export type Admission = { readonly key: string } | { readonly denied: string };

/** The parts of the server. */
export interface XdsServerOptions {
  readonly cache: SnapshotCache;
  /** Decides once per stream. */
  readonly authorize: (peer: Peer, node: Node) => Admission;
  /**
   * Called when a proxy asks for resources by name, before the request is answered. Resources that
   * it puts into the cache are in the answer.
   */
  readonly onSubscribe?: (key: string, typeUrl: string, names: readonly string[]) => void;
  /** Called after anything in a proxy's status changed; `connected` is false the last time. */
  readonly onStatusChange?: (read: () => ProxyStatus, connected: boolean) => void;
  readonly log: (
    level: 'debug' | 'info' | 'warn' | 'error',
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ) => void;
  /** Milliseconds since 1970; the system's clock by default. */
  readonly clock?: () => number;
  /**
   * Milliseconds that a proxy which does not answer may delay what must come after; 5,000 by
   * default.
   */
  readonly orderTimeout?: number;
  /**
   * Milliseconds that a cluster which nothing names any more stays at a proxy at least; 2,000 by
   * default.
   */
  readonly restInterval?: number;
}

/**
 * A proxy that comes back lists everything it holds: 8 MiB are 70,000 names of 100 bytes with their
 * versions.
 */
const longestMessage = 8 * 1024 * 1024;
/**
 * A proxy has one stream, and a second one for a moment. Some proxies of one identity share an
 * address.
 */
const streamsPerPeer = 16;
/** A connection without a stream is ended after this many milliseconds. */
const idleMs = 60_000;

/** Requests stay bytes until their sender is known. */
const deltaMethod: Omit<MethodDefinition<Uint8Array, Uint8Array>, 'path'> = {
  requestStream: true,
  responseStream: true,
  requestSerialize: () => {
    throw new Error('the server does not send requests');
  },
  requestDeserialize: (bytes) => bytes,
  responseSerialize: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  responseDeserialize: (bytes) => bytes,
};
const adsPath = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const sdsPath = '/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets';

/** Serves a SnapshotCache to proxies. */
export class XdsServer {
  readonly #options: XdsServerOptions;
  readonly #streams = new Map<DeltaCall, DeltaStream>();
  /** Streams by the identity and address of their peers. */
  readonly #peers = new Map<string, number>();
  #server: Server | undefined;
  #listening: Listening | undefined;
  #isSecure = false;
  #stopping = false;

  constructor(options: XdsServerOptions) {
    this.#options = options;
  }

  /**
   * Listens on `host:port` or `unix:/path` and returns the address with its actual port. Rejects if
   * the address is not available. `addServices` may add services of others to the same port.
   */
  async start(
    address: string,
    credentials: ServerCredentials,
    addServices?: (server: Server) => void,
  ): Promise<string> {
    const server = new Server({
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 10_000,
      'grpc.max_receive_message_length': longestMessage,
      'grpc.max_send_message_length': -1,
      // On the socket file, each secret has a stream of its own.
      ...(socketPath(address) === undefined
        ? { 'grpc.max_concurrent_streams': streamsPerPeer, 'grpc.max_connection_idle_ms': idleMs }
        : {}),
    });
    server.addService(
      { DeltaAggregatedResources: { ...deltaMethod, path: adsPath } },
      { DeltaAggregatedResources: (call: DeltaCall) => this.#serve(call) },
    );
    server.addService(
      { DeltaSecrets: { ...deltaMethod, path: sdsPath } },
      { DeltaSecrets: (call: DeltaCall) => this.#serve(call, typeUrls.secret) },
    );
    addServices?.(server);
    // Within one call, the library does not distinguish a peer in clear text from one without a
    // certificate.
    this.#isSecure = credentials._isSecure();
    this.#listening = await listen(server, address, credentials);
    this.#server = server;
    this.#stopping = false;
    return this.#listening.address;
  }

  /**
   * Ends all streams with UNAVAILABLE, so that proxies connect elsewhere or later, and stops
   * listening.
   */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.#stopping = true;
    this.#listening?.close();
    for (const call of this.#streams.keys()) fail(call, grpcStatus.UNAVAILABLE, 'the control plane is stopping');
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => server.forceShutdown(), 500);
      server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    for (const call of this.#streams.keys()) this.#end(call);
  }

  /** All connected proxies, in the order in which they came. */
  status(): readonly ProxyStatus[] {
    return [...this.#streams.values()].map((stream) => stream.status());
  }

  #serve(call: DeltaCall, defaultType = ''): void {
    const leave = this.#enter(call);
    let refused = leave === undefined;
    call.on('data', (bytes: Uint8Array) => {
      const request = refused ? undefined : readRequest(call, bytes, defaultType);
      const stream = request === undefined ? undefined : (this.#streams.get(call) ?? this.#admit(call, request));
      const problem = request === undefined ? undefined : stream?.receive(request);
      if (problem !== undefined) this.#refuse(call, problem);
      if (stream !== undefined && problem === undefined) return;
      refused = true;
      this.#end(call);
    });
    call.on('end', () => {
      this.#end(call);
      call.end();
    });
    for (const event of ['cancelled', 'close', 'error']) {
      call.on(event, () => {
        leave?.();
        this.#end(call);
      });
    }
  }

  /**
   * Counts a stream for its owner, and returns the function that removes it again; undefined when
   * it is refused.
   */
  #enter(call: DeltaCall): (() => void) | undefined {
    if (!this.#isSecure) return () => undefined;
    const identities = peerIdentities(call);
    if (identities.length === 0) {
      return fail(call, grpcStatus.UNAUTHENTICATED, 'a client certificate with an identity is needed');
    }
    const peer = `${identities.join()} ${call.getPeer().replace(/:\d+$/u, '')}`;
    const count = this.#peers.get(peer) ?? 0;
    if (count >= streamsPerPeer) return this.#refuse(call, `a proxy may have ${streamsPerPeer} streams`);
    this.#peers.set(peer, count + 1);
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      const left = (this.#peers.get(peer) ?? 1) - 1;
      if (left === 0) this.#peers.delete(peer);
      else this.#peers.set(peer, left);
    };
  }

  #refuse(call: DeltaCall, reason: string): undefined {
    this.#options.log('warn', 'proxy refused', { identities: peerIdentities(call), peer: call.getPeer(), reason });
    return fail(call, grpcStatus.RESOURCE_EXHAUSTED, reason);
  }

  #admit(call: DeltaCall, request: DeltaRequest): DeltaStream | undefined {
    const { cache, authorize, onStatusChange, log, clock = Date.now } = this.#options;
    const { node } = request;
    if (this.#stopping) return fail(call, grpcStatus.UNAVAILABLE, 'the control plane is stopping');
    if (node === undefined || node.id === '') {
      return fail(call, grpcStatus.INVALID_ARGUMENT, 'the first request of a stream must name the node');
    }
    const identities = peerIdentities(call);
    const admission = authorize({ identities }, node);
    const fields = { node: node.id, identities, peer: call.getPeer() };
    if ('denied' in admission) {
      log('warn', 'proxy refused', { ...fields, reason: admission.denied });
      return fail(call, grpcStatus.PERMISSION_DENIED, admission.denied);
    }
    const { key } = admission;
    const stream: DeltaStream = new DeltaStream({
      call,
      cache,
      key,
      node,
      identities,
      clock,
      orderTimeout: this.#options.orderTimeout ?? 5_000,
      restInterval: this.#options.restInterval ?? 2_000,
      onSubscribe: (typeUrl, names) => this.#options.onSubscribe?.(key, typeUrl, names),
      onChange: () => onStatusChange?.(() => stream.status(), true),
      onNack: (typeUrl, nack) => log('warn', 'proxy refused resources', { node: node.id, key, typeUrl, ...nack }),
      onOrderTimeout: () => log('warn', 'proxy does not answer; sending out of order', { node: node.id, key }),
    });
    this.#streams.set(call, stream);
    stream.start();
    log('info', 'proxy connected', { ...fields, key });
    return stream;
  }

  #end(call: DeltaCall): void {
    const stream = this.#streams.get(call);
    if (stream === undefined) return;
    this.#streams.delete(call);
    stream.stop();
    const { node, key } = stream.status();
    this.#options.log('info', 'proxy disconnected', { node: node.id, key });
    this.#options.onStatusChange?.(() => stream.status(), false);
  }
}

function peerIdentities(call: DeltaCall): readonly string[] {
  const certificate = call.getAuthContext().sslPeerCertificate;
  return parseUriNames(certificate?.subjectaltname ?? '');
}

function fail(call: DeltaCall, code: grpcStatus, details: string): undefined {
  call.emit('error', { code, details });
  return undefined;
}

function readRequest(call: DeltaCall, bytes: Uint8Array, defaultType: string): DeltaRequest | undefined {
  try {
    const request = decodeDeltaRequest(bytes);
    return request.typeUrl === '' ? { ...request, typeUrl: defaultType } : request;
  } catch {
    return fail(call, grpcStatus.INVALID_ARGUMENT, 'the request cannot be decoded');
  }
}
