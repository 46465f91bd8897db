// A delta ADS client that follows references as Envoy does: all clusters, listeners and scopes, the
// endpoints of each cluster, the routes and extension configurations that listeners name, and the
// routes of scopes. Routes on demand it asks for at once, like an Envoy whose clients use every
// service, or so many of them. It knows the protocol and Envoy's schema, and nothing of who serves.

import { setTimeout as sleep } from 'node:timers/promises';
import { decodeMessage } from '../../envoy-api/encoding.ts';
import { type Json, typeUrls } from '../../envoy-api/index.ts';
import {
  connectDeltaAds,
  type DeltaAdsClient,
  type DeltaAdsOptions,
  type ReceivedResponse,
} from '../../test/support/delta-ads-client.ts';

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

/** How a client asks. */
export interface FollowerOptions {
  /**
   * How many of the routes that are on demand it asks for: those that it hears of first. All by
   * default.
   */
  readonly asks?: 'all' | number;
  /** The resources of an earlier stream, by type URL. */
  readonly versions?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** The types of which it asks for everything. */
const wildcards: readonly string[] = [typeUrls.cluster, typeUrls.listener, typeUrls.scopedRoute];

/** One client. */
export class Follower {
  readonly client: DeltaAdsClient;
  #read = 0;
  readonly #asked = new Map<string, Set<string>>();
  /** The route configurations of scopes. */
  readonly #routesOf = new Map<string, string>();
  /** The routes on demand that may still be asked for. */
  #left: number;

  private constructor(client: DeltaAdsClient, asks: 'all' | number) {
    this.client = client;
    this.#left = asks === 'all' ? Infinity : asks;
  }

  /** Connects and asks for everything. */
  static async connect(
    address: string,
    options: DeltaAdsOptions,
    { asks = 'all', versions = {} }: FollowerOptions = {},
  ): Promise<Follower> {
    const follower = new Follower(await connectDeltaAds(address, options), asks);
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
  versions(): NonNullable<FollowerOptions['versions']> {
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
    const wanted: NamesByType = new Map();
    const unwanted: NamesByType = new Map();
    for (; this.#read < responses.length; this.#read += 1) {
      const response = responses[this.#read];
      if (response === undefined) continue;
      const { typeUrl, resources, removed } = response;
      if (typeUrl === typeUrls.cluster) {
        for (const { name, value } of resources) {
          const eds = decodeMessage('envoy.config.cluster.v3.Cluster', value)['eds_cluster_config'];
          if (eds !== undefined) add(wanted, typeUrls.clusterLoadAssignment, serviceName(eds) ?? name);
        }
        for (const name of removed) add(unwanted, typeUrls.clusterLoadAssignment, name);
      } else if (typeUrl === typeUrls.scopedRoute) {
        this.#followScopes(response, wanted, unwanted);
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
    for (const [typeUrl, names] of unwanted) {
      const gone = [...names].filter((name) => this.#asked.get(typeUrl)?.delete(name) === true);
      if (gone.length > 0) this.client.request(typeUrl, { unsubscribe: gone });
    }
  }

  /** Asks for the routes of new scopes, and no more for those of which the last scope is gone. */
  #followScopes({ resources, removed }: ReceivedResponse, wanted: NamesByType, unwanted: NamesByType): void {
    for (const { name, value } of resources) {
      const scope = decodeMessage('envoy.config.route.v3.ScopedRouteConfiguration', value);
      const routes = textOf(scope['route_configuration_name']);
      this.#routesOf.set(name, routes);
      const isAsked = this.#asked.get(typeUrls.routeConfiguration)?.has(routes) === true;
      if (scope['on_demand'] === true && !isAsked && this.#left-- <= 0) continue;
      add(wanted, typeUrls.routeConfiguration, routes);
    }
    const lost = removed.flatMap((name) => this.#routesOf.get(name) ?? []);
    for (const name of removed) this.#routesOf.delete(name);
    if (lost.length === 0) return;
    const kept = new Set(this.#routesOf.values());
    for (const routes of lost) if (!kept.has(routes)) add(unwanted, typeUrls.routeConfiguration, routes);
  }
}

type NamesByType = Map<string, Set<string>>;

function add(wanted: NamesByType, typeUrl: string, name: string): void {
  wanted.set(typeUrl, (wanted.get(typeUrl) ?? new Set<string>()).add(name));
}

/** Finds `rds` and `config_discovery` at any depth. */
function collect(value: Json | undefined, wanted: NamesByType): void {
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
