// Stopped anywhere, the incremental generator serves only resources that followed from the
// configuration at some moment, that name nothing missing, and that leave no TCP port open that a
// policy protects.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage } from '../../envoy-api/encoding.ts';
import {
  encodeResource,
  type EncodedResource,
  type EnvoyResource,
  type Json,
  typeUrls,
} from '../../envoy-api/index.ts';
import { type MeshChange, MeshStore, refOf } from '../../mesh/index.ts';
import { trialsOf } from '../support/counts.ts';
import { change, policy, put, service, shop, tcpRules, virtualService } from '../support/random-shop.ts';
import { formatProxyKey, Generator } from '../../generator/incremental/generator.ts';
import {
  type BackendKey,
  type HostPort,
  makeBackendPart,
  makeFrontendPart,
  makeListenerPart,
  makeServicePart,
  listServices,
} from '../../generator/parts.ts';
import { mainInternal } from '../../generator/render/names.ts';
import type { GatewayKey } from '../../generator/resolve/waypoint/gateway.ts';
import type { ResolveContext } from '../../generator/resolve/context.ts';
import { analyzeMesh, listWaypoints, translateWaypoint } from '../../generator/whole/waypoint.ts';

type Resources = ReadonlyMap<string, EncodedResource>;

const keyOf = ({ typeUrl, name }: Pick<EnvoyResource, 'typeUrl' | 'name'>): string => `${typeUrl} ${name}`;
const editionOf = (resource: EncodedResource): string => `${keyOf(resource)} ${resource.version}`;
const mainKey = keyOf({ typeUrl: typeUrls.listener, name: mainInternal });

function encodeAll(resources: readonly EnvoyResource[]): Resources {
  return new Map(resources.map((each) => [keyOf(each), encodeResource(each)]));
}

function decode({ typeUrl, bytes }: EncodedResource): Json {
  return decodeMessage(typeUrl.slice('type.googleapis.com/'.length), bytes);
}

/** Decoded resources, by version: the same bytes come again and again. */
const known = new Map<string, ReadonlySet<string>>();

/** The keys of the resources that a resource names. */
function referencesOf(resource: EncodedResource): ReadonlySet<string> {
  const found = known.get(resource.version) ?? new Set(namedIn(decode(resource)));
  known.set(resource.version, found);
  return found;
}

function* namedIn(json: Json | undefined): Iterable<string> {
  if (typeof json !== 'object' || json === null) return;
  for (const [field, value] of Object.entries(json)) {
    if (field === 'route_configuration_name') yield `${typeUrls.routeConfiguration} ${value as string}`;
    else if (field === 'frontend' && typeof value === 'string') yield `${typeUrls.scopedRoute} ${value}`;
    else if (field === 'config_discovery')
      yield `${typeUrls.extensionConfig} ${(json as { readonly name: string }).name}`;
    else if ((field === 'cluster' || field === 'cluster_name') && typeof value === 'string')
      yield `${typeUrls.cluster} ${value}`;
    else if (field === 'weighted_clusters') {
      const { clusters } = value as { readonly clusters: readonly { readonly name: string }[] };
      for (const { name } of clusters) yield `${typeUrls.cluster} ${name}`;
    } else yield* namedIn(value);
  }
}

/** Missing resources that these resources, and those that they name, refer to. */
function* danglingIn(resources: Resources, from: Iterable<EncodedResource>): Iterable<string> {
  const reached = new Set(from);
  for (const resource of reached) {
    for (const key of referencesOf(resource)) {
      const named = resources.get(key);
      if (named === undefined) yield `${keyOf(resource)} names ${key}`;
      else reached.add(named);
    }
  }
}

/** The resources that followed from the configuration at each moment, for one waypoint. */
class Past {
  readonly #key: GatewayKey;
  readonly #editions = new Set<string>();
  readonly #dangling = new Set<string>();
  readonly #frontends = new Map<string, HostPort>();
  readonly #backends = new Map<string, BackendKey>();

  constructor(key: GatewayKey) {
    this.#key = key;
  }

  add(mesh: MeshStore): void {
    const resources = encodeAll(translateWaypoint(mesh, this.#key).resources);
    const leaving = encodeAll(this.#makeParts({ mesh, report: () => undefined }));
    for (const all of [resources, new Map([...leaving, ...resources])]) {
      for (const resource of all.values()) this.#editions.add(editionOf(resource));
      for (const each of danglingIn(all, all.values())) this.#dangling.add(each);
    }
  }

  expect(held: Resources): void {
    // The routes of a tunnel hold its policies and its destination, so that these are of one
    // moment.
    for (const resource of held.values()) expect(this.#editions).toContain(editionOf(resource));
    const starts = [...held.values()].filter(
      ({ typeUrl }) => typeUrl === typeUrls.listener || typeUrl === typeUrls.scopedRoute,
    );
    for (const each of danglingIn(held, starts)) expect([...this.#dangling].includes(each), each).toBe(true);
  }

  /** A service that leaves is served, in its newest form, until it is known that it has left. */
  #makeParts(context: ResolveContext): readonly EnvoyResource[] {
    const listeners = makeListenerPart(context, this.#key);
    const served = listServices(context, this.#key).flatMap((object) =>
      makeServicePart(context, this.#key, refOf(object)),
    );
    for (const { address } of served) {
      this.#frontends.set(`${address.host}:${address.port}`, address);
      this.#nameBackends([{ ...address, owned: true }]);
    }
    this.#nameBackends(listeners?.backends ?? []);
    const frontends = [...this.#frontends.values()].map((each) => makeFrontendPart(context, this.#key, each));
    for (const { backends } of frontends) this.#nameBackends(backends);
    return [
      ...frontends.flatMap(({ resources }) => resources),
      ...[...this.#backends.values()].flatMap((each) => makeBackendPart(context, this.#key, each)),
    ];
  }

  #nameBackends(backends: readonly BackendKey[]): void {
    for (const each of backends) this.#backends.set(`${each.host}:${each.port} ${each.owned}`, each);
  }
}

/** A generator with the resources that its proxies have and may have. */
class Run {
  readonly #store = new MeshStore();
  readonly #generator = new Generator(this.#store);
  readonly #proxies = new Map<string, Map<string, EncodedResource>>();
  readonly #past = new Map<string, Past>();

  change(changes: readonly MeshChange[]): void {
    this.#generator.invalidate(this.#store.apply(changes));
    for (const key of listWaypoints(this.#store)) {
      const name = formatProxyKey(key);
      const past = this.#past.get(name) ?? new Past(key);
      this.#past.set(name, past);
      past.add(this.#store);
    }
  }

  /** Computes so many parts, and then looks at the served resources. */
  advance(parts: number): void {
    let left = parts;
    const update = this.#generator.advance(() => --left > 0);
    for (const name of update.removedProxies) this.#proxies.delete(name);
    for (const [name, { upserts, removals }] of update.proxies) {
      const held = this.#proxies.get(name) ?? new Map<string, EncodedResource>();
      this.#proxies.set(name, held);
      for (const gone of removals) expect(held.delete(keyOf(gone)), `removal of ${gone.name}`).toBe(true);
      for (const resource of upserts) held.set(keyOf(resource), resource);
    }
    for (const [name, held] of this.#proxies) {
      expect(held.has(mainKey), 'a proxy is told nothing before its listeners').toBe(true);
      this.#past.get(name)?.expect(held);
    }
  }

  finish(): void {
    this.advance(Infinity);
    expect(this.#generator.isUpToDate).toBe(true);
    const editions = (resources: Iterable<EncodedResource>): readonly string[] => [...resources].map(editionOf).sort();
    const wanted = listWaypoints(this.#store).map((key) => {
      return [
        formatProxyKey(key),
        editions(translateWaypoint(this.#store, key).resources.map(encodeResource)),
      ] as const;
    });
    expect(new Map([...this.#proxies].map(([name, held]) => [name, editions(held.values())]))).toEqual(new Map(wanted));
    expect(this.#generator.findings()).toEqual(analyzeMesh(this.#store));
  }
}

/** Rounds of changes, and how many parts are computed before the next ones. */
const rounds = (changes: fc.Arbitrary<MeshChange>): fc.Arbitrary<readonly Round[]> =>
  fc.array(fc.record({ changes: fc.array(changes, { minLength: 1, maxLength: 4 }), parts: fc.nat(6) }), {
    minLength: 1,
    maxLength: 14,
  });

interface Round {
  readonly changes: readonly MeshChange[];
  readonly parts: number;
}

/** The facts about one port: its protocol, its authorization, and its destinations. */
const portChange: fc.Arbitrary<MeshChange> = fc.oneof(
  fc.constantFrom('http', 'tcp', 'unnamed').map((protocol) => put(service('a', undefined, protocol))),
  fc
    .tuple(fc.constantFrom('ALLOW', 'DENY'), fc.constantFrom('x', 'y', 'z'))
    .map(([action, account]) => put(policy('a', action, account))),
  fc
    .constantFrom('ALLOW', 'DENY')
    .map((action): MeshChange => ({ type: 'delete', ref: refOf(policy('a', action, 'x')) })),
  fc.constantFrom(undefined, 'ops', 'lab').map((from) => put(tcpRules('a', 'bb', from))),
);

function follow(all: readonly Round[]): void {
  const run = new Run();
  run.change(shop.map(put));
  run.finish();
  for (const { changes, parts } of all) {
    run.change(changes);
    if (parts > 0) run.advance(parts);
  }
  run.finish();
}

describe('the incremental generator, stopped anywhere', () => {
  it('serves what followed from the configuration at some moment and holds together, and in the end what follows now', () => {
    fc.assert(fc.property(rounds(change), follow), trialsOf('stops'));
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'routes to a service that comes with the route only when it is there: %i parts',
    (parts) => {
      const elsewhere = put(service('bb', 'none', 'http'));
      const coming = [put(service('bb', undefined, 'http')), put(virtualService('a', 'bb', undefined, 1))];
      follow([
        { changes: [elsewhere], parts: Infinity },
        { changes: coming, parts },
      ]);
    },
  );

  it('leaves no port open that a policy protects, however it is served', () => {
    fc.assert(fc.property(rounds(portChange), follow), trialsOf('stopsOfOnePort'));
  });
});
