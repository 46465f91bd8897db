// What one waypoint is served, part by part, as far as it has been computed. Parts may be computed one by one, in any order: each that is
// in force stands for the configuration at one moment, and together they never name what is not there.
//
// - A frontend brings the clusters that it names.
// - A new list of services waits until everything behind it is there; then it comes together with the frontends that it concerns.
// - A frontend that takes another form, or names a service that is not there yet, waits for the list that changes with it.
// - What is no longer wanted goes when everything that may still name it has been computed.

import { encodeResource, type EncodedResource, type EnvoyResource } from '../../envoy-api/index.ts';
import { isDeepEqual } from '../../mesh/index.ts';
import { isDecidedAtConnect, type ServedAddress, type TcpFrontend } from '../model/frontend.ts';
import {
  type BackendKey,
  type FrontendPart,
  type HostPort,
  type ListenerPart,
  makeBackendPart,
  makeConnectPart,
  makeFrontendPart,
  makeListenerPart,
} from '../parts.ts';
import type { GatewayKey } from '../resolve/waypoint/gateway.ts';
import type { Units } from './units.ts';

/** Names one resource of a proxy. */
export interface ResourceKey {
  readonly typeUrl: EncodedResource['typeUrl'];
  readonly name: string;
}

/** What changed for one proxy. */
export interface ResourceChanges {
  readonly upserts: readonly EncodedResource[];
  readonly removals: readonly ResourceKey[];
}

/** A resource to be taken away, with the number of the change in which it became needless. */
interface Removal {
  readonly resource: EncodedResource;
  readonly since: number;
}

/** A list of services that is not in force yet. */
interface NextListeners {
  readonly part: ListenerPart | undefined;
  /** The parts that it names and that are not computed yet. */
  readonly missing: Set<string>;
}

/** The state of one waypoint. Its parts are named `listeners`, `connect`, `frontend <host>:<port>` and `backend …`. */
export class WaypointState {
  readonly #key: GatewayKey;
  readonly #name: string;
  readonly #units: Units;
  /** The keys of the resources of each part; no two parts have one in common. */
  readonly #parts = new Map<string, readonly string[]>();
  readonly #resources = new Map<string, EncodedResource>();
  readonly #frontends = new Map<string, FrontendPart>();
  #served: ReadonlyMap<string, ServedAddress> = new Map();
  #listeners: ListenerPart | undefined;
  #next: NextListeners | undefined;
  /** Frontends that wait for the next list of services. */
  readonly #waiting = new Set<string>();
  /** True from the first list of services on; before, nothing is told. */
  #isServed = false;
  /** Whether anything was told, be it that there is nothing. */
  #isTold = false;
  #foreignChanged = false;
  #connectChanged = false;
  /** What is to be told; new is what nobody was told of before. */
  readonly #upserts = new Map<string, { readonly resource: EncodedResource; readonly isNew: boolean }>();
  readonly #removals = new Map<string, Removal>();

  /** `name` is that of the proxy, which the names of its units begin with. */
  constructor(key: GatewayKey, name: string, units: Units) {
    this.#key = key;
    this.#name = name;
    this.#units = units;
    units.demand(this.#unit('listeners'), units.changes);
  }

  /** Computes one part; false when it waits for another one, and is due still. */
  compute(part: string): boolean {
    if (this.#waiting.has(part)) return false;
    const isInForce = this.#make(part);
    if (this.#next?.missing.size === 0) this.#putListeners();
    return isInForce;
  }

  /** What changed since the last call, as far as it may be told; undefined when that is nothing. `settled` as of the units. */
  take(settled: number): ResourceChanges | undefined {
    if (!this.#isServed) return undefined;
    if (this.#foreignChanged) this.#dropNeedless();
    if (this.#connectChanged) this.#replaceConnect();
    const upserts = [...this.#upserts.values()].map(({ resource }) => resource);
    this.#upserts.clear();
    const removals: ResourceKey[] = [];
    for (const [key, { resource, since }] of this.#removals) {
      if (since > settled) continue;
      this.#removals.delete(key);
      removals.push({ typeUrl: resource.typeUrl, name: resource.name });
    }
    if (this.#isTold && upserts.length + removals.length === 0) return undefined;
    this.#isTold = true;
    return { upserts, removals };
  }

  /** Forgets everything that was computed for it. */
  end(): void {
    for (const part of ['listeners', ...this.#parts.keys(), ...(this.#next?.missing ?? [])]) {
      this.#units.forget(this.#unit(part));
    }
  }

  #unit(part: string): string {
    return `${this.#name} ${part}`;
  }

  #isDue(part: string): boolean {
    return this.#units.dueSince(this.#unit(part)) !== undefined;
  }

  #make(part: string): boolean {
    const key = parsePart(part);
    let isInForce = true;
    if (key === undefined) this.#makeListeners();
    else if ('owned' in key) this.#makeBackend(part, key);
    else isInForce = this.#makeFrontend(part, key);
    this.#next?.missing.delete(part);
    return isInForce;
  }

  #makeListeners(): void {
    const unit = this.#unit('listeners');
    const since = this.#units.dueSince(unit) ?? this.#units.changes;
    const part = this.#units.compute(unit, (context) => makeListenerPart(context, this.#key));
    const named = [
      ...(part?.served ?? []).flatMap(({ address }) => [frontendPart(address), ownBackendPart(address)]),
      ...(part?.backends ?? []).map(backendPart),
    ];
    const missing = new Set(named.filter((each) => !this.#units.isDone(this.#unit(each))));
    for (const each of missing) this.#units.demand(this.#unit(each), since);
    for (const each of this.#next?.missing ?? []) if (!missing.has(each)) this.#units.forget(this.#unit(each));
    this.#next = { part, missing };
  }

  /** Puts the next list of services in force: everything that it names is there. */
  #putListeners(): void {
    // What has changed since is taken in now: left for later, it could put this off for ever.
    if (this.#isDue('listeners')) this.#makeListeners();
    const { part, missing } = this.#next ?? { part: undefined, missing: [] };
    for (const each of missing) this.#make(each);
    this.#next = undefined;
    const served = new Map((part?.served ?? []).map((each) => [frontendPart(each.address), each]));
    for (const [each, address] of served) {
      if (!this.#isDue(each)) continue;
      if (this.#waiting.has(each) || !isDeepEqual(address, this.#served.get(each))) this.#make(each);
    }
    this.#bring(part?.backends ?? []);
    this.#waiting.clear();
    this.#listeners = part;
    this.#served = served;
    this.#replace('listeners', part?.resources ?? []);
    for (const each of this.#frontends.keys()) if (!served.has(each)) this.#drop(each);
    this.#foreignChanged = this.#connectChanged = this.#isServed = true;
  }

  #makeFrontend(part: string, target: HostPort): boolean {
    const unit = this.#unit(part);
    const since = this.#units.dueSince(unit);
    const made = this.#units.compute(unit, (context) => makeFrontendPart(context, this.#key, target));
    const before = this.#frontends.get(part);
    if (before !== undefined && since !== undefined && this.#waitsForListeners(before, made)) {
      this.#units.demand(unit, since);
      this.#waiting.add(part);
      return false;
    }
    this.#frontends.set(part, made);
    this.#bring(made.backends);
    this.#replace(part, made.resources);
    this.#foreignChanged ||= formatForeign(before) !== formatForeign(made);
    this.#connectChanged ||= [before?.tcp, made.tcp].some((tcp) => tcp !== undefined && isDecidedAtConnect(tcp));
    return true;
  }

  #waitsForListeners(before: FrontendPart, made: FrontendPart): boolean {
    if (this.#next === undefined && !this.#isDue('listeners')) return false;
    return (
      formatShape(before) !== formatShape(made) ||
      made.backends.some((key) => key.owned && !this.#units.isDone(this.#unit(backendPart(key))))
    );
  }

  /** Computes the backends that are named now, where they are not there in their newest form. */
  #bring(backends: readonly BackendKey[]): void {
    for (const key of backends) {
      const part = backendPart(key);
      const isMissing = !key.owned && !this.#units.isDone(this.#unit(part));
      if (isMissing || this.#isDue(part)) this.#make(part);
    }
  }

  #makeBackend(part: string, key: BackendKey): void {
    const resources = this.#units.compute(this.#unit(part), (context) => makeBackendPart(context, this.#key, key));
    this.#replace(part, resources);
  }

  #replaceConnect(): void {
    this.#connectChanged = false;
    if (this.#listeners === undefined) return this.#replace('connect', []);
    const tcp = [...this.#served.keys()].flatMap((part): TcpFrontend[] => {
      const found = this.#frontends.get(part)?.tcp;
      return found === undefined ? [] : [found];
    });
    this.#replace('connect', makeConnectPart(tcp, this.#listeners));
  }

  /** Drops the backends that neither the services nor the routes name. */
  #dropNeedless(): void {
    this.#foreignChanged = false;
    const listeners = [this.#listeners, this.#next?.part].filter((part) => part !== undefined);
    const wanted = new Set([
      ...listeners.flatMap(({ served }) => served.map(({ address }) => ownBackendPart(address))),
      ...[...listeners, ...this.#frontends.values()].flatMap(foreignOf).map(backendPart),
    ]);
    for (const part of this.#parts.keys()) {
      if (part.startsWith('backend ') && !wanted.has(part)) this.#drop(part);
    }
  }

  #drop(part: string): void {
    this.#frontends.delete(part);
    this.#replace(part, []);
    this.#parts.delete(part);
    this.#units.forget(this.#unit(part));
  }

  #replace(part: string, resources: readonly EnvoyResource[]): void {
    const before = this.#parts.get(part) ?? [];
    const after = resources.map((resource) => {
      const key = `${resource.typeUrl} ${resource.name}`;
      this.#upsert(key, encodeResource(resource));
      return key;
    });
    for (const key of before) if (!after.includes(key)) this.#remove(key);
    this.#parts.set(part, after);
  }

  #upsert(key: string, resource: EncodedResource): void {
    const before = this.#resources.get(key);
    this.#resources.set(key, resource);
    if (before?.version === resource.version) return;
    const isKnown = this.#removals.delete(key) || (before !== undefined && this.#upserts.get(key)?.isNew !== true);
    this.#upserts.set(key, { resource, isNew: !isKnown });
  }

  #remove(key: string): void {
    const resource = this.#resources.get(key);
    if (resource === undefined) return;
    this.#resources.delete(key);
    const isNew = this.#upserts.get(key)?.isNew === true;
    this.#upserts.delete(key);
    if (!isNew) this.#removals.set(key, { resource, since: this.#units.changes });
  }
}

/** What a frontend's listener and the CONNECT have to agree with. */
function formatShape({ resources, tcp }: FrontendPart): string {
  return [tcp?.decidedAt, ...resources.map(({ typeUrl, name }) => `${typeUrl} ${name}`).sort()].join('\n');
}

function foreignOf({ backends }: Pick<FrontendPart, 'backends'>): readonly BackendKey[] {
  return backends.filter(({ owned }) => !owned);
}

function formatForeign(part: FrontendPart | undefined): string {
  return part === undefined ? '' : foreignOf(part).map(backendPart).join(' ');
}

function frontendPart({ host, port }: HostPort): string {
  return `frontend ${host}:${port}`;
}

function backendPart({ host, port, owned }: BackendKey): string {
  return `backend ${owned ? 'owned' : 'foreign'} ${host}:${port}`;
}

function ownBackendPart({ host, port }: HostPort): string {
  return backendPart({ host, port, owned: true });
}

/** What a part is named by; undefined for the listeners. */
function parsePart(part: string): HostPort | BackendKey | undefined {
  const found = /^(?:frontend|backend (owned|foreign)) (.*):(\d+)$/.exec(part);
  if (found === null) return undefined;
  const [, ownership, host = '', port] = found;
  return { host, port: Number(port), ...(ownership === undefined ? {} : { owned: ownership === 'owned' }) };
}
