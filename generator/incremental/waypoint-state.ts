// The parts of one waypoint that are in force. Parts may be computed one by one, in any order: the
// list of services, frontends, backends. Each part in force follows from the configuration at one
// moment, and together they never name a resource that is not there.
//
// | part     | what makes it due                                 | in force as soon as it is computed, and |
// | list     | the waypoint appears, or a read is touched        | at once                                 |
// | frontend | the list names it, or a read is touched           | after the backends that it names        |
// | backend  | a list or frontend names it, or a read is touched | at once                                 |
//
// The scope of an address leads to a frontend. It changes when the list says so, but not before
// that frontend is in force: an address that moves leads to the old one until then.
//
// A resource that a part no longer has, or a part that nothing names any more, is removed when all
// that followed from the changes until then is computed, since a part that is due may name it still.

import type { EnvoyResource } from '../../envoy-api/index.ts';
import { isDeepEqual } from '../../mesh/index.ts';
import type { ServedAddress } from '../model/frontend.ts';
import {
  type BackendKey,
  type FrontendPart,
  type HostPort,
  type ListenerPart,
  makeBackendPart,
  makeFrontendPart,
  makeListenerPart,
  renderAddresses,
} from '../parts.ts';
import type { GatewayKey } from '../resolve/waypoint/gateway.ts';
import { type ResourceChanges, ServedResources } from './served-resources.ts';
import { formatUnit, type PartUnit } from './unit-name.ts';
import type { Units } from './units.ts';

/** One service port of the list, with the names of its units. */
interface ServedUnit {
  readonly served: ServedAddress;
  readonly backend: string;
}

/** The state of one waypoint. */
export class WaypointState {
  readonly #key: GatewayKey;
  readonly #units: Units;
  readonly #listName: string;
  readonly #resources = new ServedResources();
  #list: ListenerPart | undefined;
  /** The services of the list, by the names of the units of their frontends. */
  #served: ReadonlyMap<string, ServedUnit> = new Map();
  /** The frontends in force, by the names of their units. */
  readonly #frontends = new Map<string, FrontendPart>();
  /** The names of the units of the backends in force. */
  readonly #backends = new Set<string>();
  /** The scopes in force, by name, with the names of the units of their frontends; and reversed. */
  readonly #scopes = new Map<string, string>();
  readonly #scopesOf = new Map<string, readonly string[]>();
  /** The units of the first list that are not computed; nothing is served before they are. */
  #missing: Set<string> | undefined;
  #isServed = false;
  #namedChanged = false;

  constructor(key: GatewayKey, units: Units) {
    this.#key = key;
    this.#units = units;
    this.#listName = formatUnit({ kind: 'listeners', waypoint: key });
    units.demand(this.#listName, units.changes);
  }

  /** Computes one part, and puts it in force. */
  compute(name: string, unit: PartUnit): void {
    if (unit.kind === 'listeners') this.#makeList();
    else if (unit.kind === 'backend') this.#makeBackend(name, unit.backend);
    else this.#makeFrontend(name, unit.address);
    this.#missing?.delete(name);
    if (this.#missing?.size === 0) {
      this.#missing = undefined;
      this.#isServed = true;
    }
  }

  /**
   * The changes since the last call, as far as they may be served; undefined when there are none.
   * `settled` as of the units.
   */
  take(settled: number): ResourceChanges | undefined {
    if (!this.#isServed) return undefined;
    if (this.#namedChanged) this.#dropNeedless();
    return this.#resources.take(settled);
  }

  /** Forgets all results for it. */
  end(): void {
    const names = [this.#listName, ...this.#served.keys(), ...this.#frontends.keys(), ...this.#backends];
    for (const name of [...names, ...(this.#missing ?? [])]) this.#units.forget(name);
  }

  #makeList(): void {
    const since = this.#units.dueSince(this.#listName) ?? this.#units.changes;
    this.#list = this.#units.compute(this.#listName, (context) => makeListenerPart(context, this.#key));
    const before = this.#served;
    this.#served = new Map((this.#list?.served ?? []).map((served) => this.#nameUnits(served)));
    for (const name of before.keys()) if (!this.#served.has(name)) this.#dropFrontend(name);
    const missing: string[] = [];
    for (const [name, { served, backend }] of this.#served) {
      const due = [name, backend].filter((unit) => !this.#units.isDone(unit));
      for (const unit of due) this.#units.demand(unit, since);
      missing.push(...due);
      if (!isDeepEqual(served, before.get(name)?.served)) this.#putScopes(name);
    }
    if (!this.#isServed) this.#missing = new Set([...missing, this.#listName]);
    this.#bring(this.#list?.backends ?? []);
    this.#replace(this.#listName, this.#list?.resources ?? []);
    this.#namedChanged = true;
  }

  #nameUnits(served: ServedAddress): readonly [frontend: string, unit: ServedUnit] {
    const { host, port } = served.address;
    const waypoint = this.#key;
    const frontend = formatUnit({ kind: 'frontend', waypoint, address: { host, port } });
    return [frontend, { served, backend: this.#nameBackend({ host, port, owned: true }) }];
  }

  #nameBackend(backend: BackendKey): string {
    return formatUnit({ kind: 'backend', waypoint: this.#key, backend });
  }

  #makeFrontend(name: string, address: HostPort): void {
    const made = this.#units.compute(name, (context) => makeFrontendPart(context, this.#key, address));
    this.#namedChanged ||= !isDeepEqual(this.#frontends.get(name)?.backends, made.backends);
    this.#frontends.set(name, made);
    this.#bring(made.backends);
    this.#replace(name, made.resources);
    this.#putScopes(name);
  }

  /** Leads the addresses of a frontend to it, if it is in force, and those that it lost nowhere. */
  #putScopes(name: string): void {
    const served = this.#served.get(name)?.served;
    if (served === undefined || !this.#frontends.has(name)) return;
    const scopes = renderAddresses(served);
    this.#keepScopes(
      name,
      scopes.map((scope) => scope.name),
    );
    for (const scope of scopes) {
      this.#scopes.set(scope.name, name);
      this.#replace(scope.name, [scope]);
    }
  }

  /** Drops the scopes that lead to a frontend, but for these. */
  #keepScopes(name: string, kept: readonly string[]): void {
    for (const scope of this.#scopesOf.get(name) ?? []) {
      if (kept.includes(scope) || this.#scopes.get(scope) !== name) continue;
      this.#scopes.delete(scope);
      this.#replace(scope, []);
    }
    if (kept.length === 0) this.#scopesOf.delete(name);
    else this.#scopesOf.set(name, kept);
  }

  #dropFrontend(name: string): void {
    this.#keepScopes(name, []);
    this.#frontends.delete(name);
    this.#drop(name);
  }

  /** Computes the backends that are named now, if their newest form is not there. */
  #bring(backends: readonly BackendKey[]): void {
    for (const key of backends) {
      const name = this.#nameBackend(key);
      if (!this.#units.isDone(name) || this.#units.dueSince(name) !== undefined) this.#makeBackend(name, key);
    }
  }

  #makeBackend(name: string, key: BackendKey): void {
    const resources = this.#units.compute(name, (context) => makeBackendPart(context, this.#key, key));
    this.#missing?.delete(name);
    this.#backends.add(name);
    this.#replace(name, resources);
  }

  /** Drops the backends that neither the services nor the routes name. */
  #dropNeedless(): void {
    this.#namedChanged = false;
    const named = [this.#list, ...this.#frontends.values()].flatMap((part) => part?.backends ?? []);
    const wanted = new Set([
      ...[...this.#served.values()].map(({ backend }) => backend),
      ...named.map((key) => this.#nameBackend(key)),
    ]);
    for (const name of this.#backends) {
      if (wanted.has(name)) continue;
      this.#backends.delete(name);
      this.#drop(name);
    }
  }

  #drop(name: string): void {
    this.#replace(name, []);
    this.#units.forget(name);
  }

  #replace(part: string, resources: readonly EnvoyResource[]): void {
    this.#resources.replace(part, resources, this.#units.changes);
  }
}
