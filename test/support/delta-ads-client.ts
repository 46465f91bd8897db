// A delta ADS client for tests, written from the protocol: messages come from the published proto
// files, so that it agrees with a server only if both agree with the protocol. It knows nothing of
// who serves.

import { dirname, join } from 'node:path';
import { createRequire } from 'node:module';
import {
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  credentials,
  status as grpcStatus,
  type StatusObject,
} from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { waitFor } from './wait.ts';

/** A resource as it came. */
export interface ReceivedResource {
  readonly name: string;
  readonly version: string;
  /** Type URL of the Any. */
  readonly typeUrl: string;
  /** Bytes of the message in the Any. */
  readonly value: Uint8Array;
}

/** A response as it came. */
export interface ReceivedResponse {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: readonly ReceivedResource[];
  readonly removed: readonly string[];
  /** Milliseconds since 1970. */
  readonly time: number;
  /** When it came, by `performance.now()`. */
  readonly at: number;
  /** Length of the message. */
  readonly bytes: number;
}

/** How to connect. */
export interface DeltaAdsOptions {
  readonly node?: {
    readonly id: string;
    readonly cluster?: string;
    readonly metadata?: Readonly<Record<string, unknown>>;
  };
  /** PEM texts; without it, plaintext. */
  readonly tls?: {
    readonly root: string;
    readonly certificate?: string;
    readonly key?: string;
    readonly serverName?: string;
  };
  /** Acknowledges each response when it comes; the default. Otherwise call ack and nack. */
  readonly acknowledge?: boolean;
  /** The method; ADS by default. */
  readonly method?: string;
}

/** A request as ProtoJSON-like fields. */
export interface DeltaRequestFields {
  readonly subscribe?: readonly string[];
  readonly unsubscribe?: readonly string[];
  readonly initialVersions?: Readonly<Record<string, string>>;
}

const adsMethod = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
/** The method that asks for secrets. */
export const sdsMethod = '/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets';

const directoryByPackage: Readonly<Record<string, string>> = {
  google: 'googleapis',
  validate: 'protoc-gen-validate',
  xds: 'xds',
  udpa: 'xds',
};

let messages: Promise<{ readonly request: protobuf.Type; readonly response: protobuf.Type }> | undefined;

function loadMessages(): NonNullable<typeof messages> {
  messages ??= (async () => {
    const require = createRequire(import.meta.url);
    const deps = join(dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps');
    const root = new protobuf.Root();
    root.resolvePath = (_origin, target) => {
      if (target.startsWith('google/protobuf/')) {
        // protobufjs has the common ones built in, under these names.
        return protobuf.common.get(target) === null ? require.resolve(`protobufjs/${target}`) : target;
      }
      // Everything that is not listed is Envoy's own.
      const directory = directoryByPackage[target.slice(0, target.indexOf('/'))] ?? 'envoy-api';
      return join(deps, directory, target);
    };
    await root.load('envoy/service/discovery/v3/discovery.proto');
    return {
      request: root.lookupType('envoy.service.discovery.v3.DeltaDiscoveryRequest'),
      response: root.lookupType('envoy.service.discovery.v3.DeltaDiscoveryResponse'),
    };
  })();
  return messages;
}

/** One stream to a delta ADS server. */
export class DeltaAdsClient {
  /** By type URL, then name: the resources that the server sent last and did not remove. */
  readonly resources: Map<string, Map<string, ReceivedResource>> = new Map();
  /** Every response in the order of arrival. */
  readonly responses: ReceivedResponse[] = [];
  /** The end of the stream; undefined while it is open. */
  ended: StatusObject | undefined;
  /** Told of each response, before it is acknowledged. */
  onResponse: (() => void) | undefined;
  readonly #client: Client;
  readonly #stream: ClientDuplexStream<object, ReceivedResponse>;
  readonly #acknowledge: boolean;
  readonly #node: DeltaAdsOptions['node'];
  #first = true;

  /** Use connectDeltaAds. */
  constructor(client: Client, stream: ClientDuplexStream<object, ReceivedResponse>, options: DeltaAdsOptions) {
    this.#client = client;
    this.#stream = stream;
    this.#acknowledge = options.acknowledge ?? true;
    this.#node = options.node;
    stream.on('data', (response: ReceivedResponse) => this.#receive(response));
    stream.on('error', () => undefined);
    stream.on('status', (status: StatusObject) => (this.ended = status));
  }

  /** Sends a request for a type; the first one of the stream carries the node. */
  request(typeUrl: string, fields: DeltaRequestFields = {}): void {
    this.#send({
      typeUrl,
      resourceNamesSubscribe: fields.subscribe ?? [],
      resourceNamesUnsubscribe: fields.unsubscribe ?? [],
      initialResourceVersions: fields.initialVersions ?? {},
    });
  }

  /** Subscribes to names; without names, to all of the type by an empty first request. */
  subscribe(typeUrl: string, ...names: readonly string[]): void {
    this.request(typeUrl, { subscribe: names });
  }

  /** Accepts a response. */
  ack(response: ReceivedResponse): void {
    this.#send({ typeUrl: response.typeUrl, responseNonce: response.nonce });
  }

  /** Refuses a response. */
  nack(response: ReceivedResponse, message: string): void {
    this.#send({ typeUrl: response.typeUrl, responseNonce: response.nonce, errorDetail: { code: 3, message } });
  }

  /** The resources of a type: name → version, in the form of initialVersions of the next stream. */
  versions(typeUrl: string): Record<string, string> {
    return Object.fromEntries([...(this.resources.get(typeUrl) ?? [])].map(([name, { version }]) => [name, version]));
  }

  /** Waits until the resource is held (in the version, if one is given). */
  async resource(typeUrl: string, name: string, version?: string): Promise<ReceivedResource> {
    return waitFor(
      () => {
        const found = this.resources.get(typeUrl)?.get(name);
        return found !== undefined && (version === undefined || found.version === version) ? found : undefined;
      },
      { what: `${typeUrl} ${name}` },
    );
  }

  /** Waits for the response with this index (0 is the first of the stream). */
  async response(index: number): Promise<ReceivedResponse> {
    return waitFor(() => this.responses[index], { what: `response ${index}` });
  }

  /** Waits for the end of the stream. */
  async end(): Promise<StatusObject> {
    return waitFor(() => this.ended, { what: 'end of the stream' });
  }

  /** Stops reading: the server's messages stay in its own buffers. */
  pause(): void {
    this.#stream.pause();
  }

  /** Reads on. */
  resume(): void {
    this.#stream.resume();
  }

  /** Ends the stream and the connection. */
  close(): void {
    this.#stream.cancel();
    this.#client.close();
  }

  #receive(response: ReceivedResponse): void {
    this.responses.push(response);
    let held = this.resources.get(response.typeUrl);
    if (held === undefined) this.resources.set(response.typeUrl, (held = new Map()));
    for (const resource of response.resources) held.set(resource.name, resource);
    for (const name of response.removed) held.delete(name);
    this.onResponse?.();
    if (this.#acknowledge) this.ack(response);
  }

  #send(fields: Readonly<Record<string, unknown>>): void {
    const node = this.#first && this.#node !== undefined ? { node: encodeNode(this.#node) } : {};
    this.#first = false;
    this.#stream.write({ ...node, ...fields });
  }
}

/** Opens a stream to `host:port` or `unix:/path`; the server sees it with the first request. */
export async function connectDeltaAds(address: string, options: DeltaAdsOptions = {}): Promise<DeltaAdsClient> {
  const { request, response } = await loadMessages();
  const { tls } = options;
  const channelOptions: ChannelOptions = {
    'grpc.max_receive_message_length': -1,
    'grpc.use_local_subchannel_pool': 1,
    ...(tls?.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': tls.serverName }),
  };
  const channelCredentials =
    tls === undefined
      ? credentials.createInsecure()
      : credentials.createSsl(
          Buffer.from(tls.root),
          tls.key === undefined ? null : Buffer.from(tls.key),
          tls.certificate === undefined ? null : Buffer.from(tls.certificate),
        );
  const client = new Client(address, channelCredentials, channelOptions);
  const stream = client.makeBidiStreamRequest<object, ReceivedResponse>(
    options.method ?? adsMethod,
    (message) => Buffer.from(request.encode(request.fromObject(message)).finish()),
    (bytes) => decodeResponse(response, bytes),
  );
  return new DeltaAdsClient(client, stream, options);
}

/** True if the stream ended with the status of that name, e.g. 'PERMISSION_DENIED'. */
export function endedWith(status: StatusObject | undefined, name: keyof typeof grpcStatus): boolean {
  return status?.code === grpcStatus[name];
}

interface WireResponse {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: readonly {
    readonly name: string;
    readonly version: string;
    readonly resource?: { readonly type_url: string; readonly value: Uint8Array };
  }[];
  readonly removedResources: readonly string[];
}

function decodeResponse(type: protobuf.Type, bytes: Uint8Array): ReceivedResponse {
  const wire = type.toObject(type.decode(bytes), { defaults: true, arrays: true }) as WireResponse;
  const { typeUrl, nonce, removedResources: removed } = wire;
  const resources = wire.resources.map(({ name, version, resource }) => {
    if (resource === undefined) throw new Error(`resource ${name} without a message`);
    return { name, version, typeUrl: resource.type_url, value: resource.value };
  });
  return { typeUrl, nonce, resources, removed, time: Date.now(), at: performance.now(), bytes: bytes.length };
}

function encodeNode(node: NonNullable<DeltaAdsOptions['node']>): unknown {
  return { id: node.id, cluster: node.cluster ?? '', metadata: encodeValue(node.metadata ?? {})['structValue'] };
}

// google.protobuf.Value; protobufjs does not map it from JSON by itself.
function encodeValue(value: unknown): Record<string, unknown> {
  if (value === null || value === undefined) return { nullValue: 0 };
  if (typeof value === 'number') return { numberValue: value };
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map(encodeValue) } };
  const fields = Object.entries(value).map(([name, field]) => [name, encodeValue(field)]);
  return { structValue: { fields: Object.fromEntries(fields) } };
}
