// A delta ADS client that follows references as Envoy does: all clusters, listeners and scopes, the
// endpoints of each cluster, the routes and extension configurations that listeners name, and the
// routes of scopes. Routes on demand it asks for at once, like an Envoy whose clients use every
// service. It knows the protocol and Envoy's schema, and nothing of who serves.

import { setTimeout as sleep } from 'node:timers/promises';
import { decodeMessage } from '../../envoy-api/encoding.ts';
import { type Json, typeUrls } from '../../envoy-api/index.ts';
import { connectDeltaAds, type DeltaAdsClient, type DeltaAdsOptions } from '../../test/support/delta-ads-client.ts';

/** The responses of some time. */
export interface Received {
  readonly responses: number;
  readonly resources: number;
  readonly removed: number;
  /** Of the messages on the stream. */
  readonly bytes: number;
  /** Milliseconds until the first and the last byte, from `since`; NaN when nothing came. */
  readonly first: number;
  readonly last: number;
  /** Resources by the last part of their type's name. */
  readonly types: Readonly<Record<string, number>>;
}

/** The types of which it asks for everything. */
const wildcards: readonly string[] = [typeUrls.cluster, typeUrls.listener, typeUrls.scopedRoute];

/** One client. */
export class Follower {
  readonly client: DeltaAdsClient;
  #read = 0;
  readonly #asked = new Map<string, Set<string>>();

  private constructor(client: DeltaAdsClient) {
    this.client = client;
  }

  /**
   * Connects and asks for everything; `versions` are the resources of an earlier stream, by type
   * URL.
   */
  static async connect(
    address: string,
    options: DeltaAdsOptions,
    versions: Readonly<Record<string, Readonly<Record<string, string>>>> = {},
  ): Promise<Follower> {
    const follower = new Follower(await connectDeltaAds(address, options));
    follower.client.onResponse = () => follower.#follow();
    const types = Object.keys(versions).length === 0 ? wildcards : Object.keys(versions);
    for (const typeUrl of types) {
      const held = versions[typeUrl] ?? {};
      const isNamed = !wildcards.includes(typeUrl);
      follower.client.request(typeUrl, { initialVersions: held, ...(isNamed ? { subscribe: Object.keys(held) } : {}) });
      if (isNamed) follower.#asked.set(typeUrl, new Set(Object.keys(held)));
    }
    return follower;
  }

  /** Everything that is held, as `connect` takes it. */
  versions(): Readonly<Record<string, Readonly<Record<string, string>>>> {
    return Object.fromEntries([...this.client.resources.keys()].map((type) => [type, this.client.versions(type)]));
  }

  /**
   * Waits until `atLeast` responses came after response `from`, and then nothing for `quiet` ms;
   * gives up after `patience` ms.
   */
  async settle(from: number, since: number, quiet = 40, atLeast = 1, patience = 60_000): Promise<Received> {
    const end = performance.now() + patience;
    const { responses } = this.client;
    for (;;) {
      const last = responses.at(-1);
      const rests = performance.now() - Math.max(since, last?.at ?? 0) > quiet;
      if (responses.length >= from + atLeast && rests) break;
      if (performance.now() > end) break;
      await sleep(quiet / 8);
    }
    const came = responses.slice(from);
    const types: Record<string, number> = {};
    for (const { typeUrl, resources } of came) {
      const name = typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
      types[name] = (types[name] ?? 0) + resources.length;
    }
    return {
      responses: came.length,
      resources: came.reduce((sum, { resources }) => sum + resources.length, 0),
      removed: came.reduce((sum, { removed }) => sum + removed.length, 0),
      bytes: came.reduce((sum, { bytes }) => sum + bytes, 0),
      first: (came[0]?.at ?? Number.NaN) - since,
      last: (came.at(-1)?.at ?? Number.NaN) - since,
      types,
    };
  }

  /** Forgets the responses that came so far, for long runs. */
  forget(): void {
    this.client.responses.length = 0;
    this.#read = 0;
  }

  #follow(): void {
    const { responses } = this.client;
    const wanted = new Map<string, Set<string>>();
    const unwanted: string[] = [];
    for (; this.#read < responses.length; this.#read += 1) {
      const response = responses[this.#read];
      if (response === undefined) continue;
      const { typeUrl, resources, removed } = response;
      if (typeUrl === typeUrls.cluster) {
        for (const { name, value } of resources) {
          const eds = decodeMessage('envoy.config.cluster.v3.Cluster', value)['eds_cluster_config'];
          if (eds !== undefined) add(wanted, typeUrls.clusterLoadAssignment, serviceName(eds) ?? name);
        }
        unwanted.push(...removed);
      } else if (typeUrl === typeUrls.scopedRoute) {
        for (const { value } of resources) {
          const scope = decodeMessage('envoy.config.route.v3.ScopedRouteConfiguration', value);
          add(wanted, typeUrls.routeConfiguration, textOf(scope['route_configuration_name']));
        }
      } else if (typeUrl === typeUrls.listener) {
        for (const { value } of resources) collect(decodeMessage('envoy.config.listener.v3.Listener', value), wanted);
      } else if (typeUrl === typeUrls.extensionConfig) {
        for (const { value } of resources) {
          collect(decodeMessage('envoy.config.core.v3.TypedExtensionConfig', value), wanted);
        }
      }
    }
    for (const [typeUrl, names] of wanted) {
      const asked = this.#asked.get(typeUrl) ?? new Set();
      this.#asked.set(typeUrl, asked);
      const fresh = [...names].filter((name) => !asked.has(name));
      for (const name of fresh) asked.add(name);
      if (fresh.length > 0) this.client.subscribe(typeUrl, ...fresh);
    }
    const endpoints = this.#asked.get(typeUrls.clusterLoadAssignment);
    const gone = unwanted.filter((name) => endpoints?.delete(name) === true);
    if (gone.length > 0) this.client.request(typeUrls.clusterLoadAssignment, { unsubscribe: gone });
  }
}

function add(wanted: Map<string, Set<string>>, typeUrl: string, name: string): void {
  wanted.set(typeUrl, (wanted.get(typeUrl) ?? new Set<string>()).add(name));
}

/** Finds `rds` and `config_discovery` at any depth. */
function collect(value: Json | undefined, wanted: Map<string, Set<string>>): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) collect(item, wanted);
    return;
  }
  const fields = value as Readonly<Record<string, Json>>;
  const rds = fields['rds'];
  if (typeof rds === 'object' && rds !== null && 'route_config_name' in rds) {
    add(wanted, typeUrls.routeConfiguration, textOf(rds['route_config_name']));
  }
  if (fields['config_discovery'] !== undefined) add(wanted, typeUrls.extensionConfig, textOf(fields['name']));
  for (const child of Object.values(fields)) collect(child, wanted);
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function serviceName(eds: Json): string | undefined {
  if (typeof eds !== 'object' || eds === null || !('service_name' in eds)) return undefined;
  return typeof eds['service_name'] === 'string' ? eds['service_name'] : undefined;
}
