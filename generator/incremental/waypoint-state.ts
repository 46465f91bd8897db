// The parts of one waypoint that are in force. Parts may be computed one by one, in any order. Each
// part in force follows from the configuration at one moment, and together they never name a
// resource that is not there.
//
// | part      | what makes it due                                  | what it does, once computed            |
// | listeners | the waypoint appears, or a read is touched         | is in force                            |
// | services  | the waypoint appears, or a read is touched         | makes the service of each object due   |
// | service   | `services` names it, or a read is touched          | makes frontends and their backends due |
// | frontend  | a service has it, or a read is touched             | is in force, after the backends that   |
// |           |                                                    | it names                               |
// | backend   | a service or frontend names it, or a read is touched | is in force                          |
//
// The scope of an address leads to a frontend. It changes when the service says so, but not before
// that frontend is in force: an address that moves leads to the old one until then.
//
// A waypoint of many services renders the frontends that some proxy has asked for, and their
// backends. It resolves the others for their Findings alone; their scopes are in force, and say
// that their routes come on demand.
//
// A resource that a part no longer has, or a part that nothing names any more, is removed when all
// that followed from the changes until then is computed, since a part that is due may name it
// still.

import type { EnvoyResource } from '../../envoy-api/index.ts';
import { isDeepEqual, type ObjectRef, refOf } from '../../mesh/index.ts';
import type { ServedAddress } from '../model/frontend.ts';
import {
  type BackendKey,
  type HostPort,
  listServices,
  makeBackendPart,
  makeFrontendPart,
  makeListenerPart,
  makeServicePart,
  listFrontendRoutes,
  renderAddresses,
} from '../parts.ts';
import type { GatewayKey } from '../resolve/waypoint/gateway.ts';
import { type ResourceChanges, ServedResources } from './served-resources.ts';
import { formatUnit, type PartUnit } from './unit-name.ts';
import type { Units } from './units.ts';

/** One service port, with the names of the units of its service and its own backend. */
interface ServedUnit {
  readonly served: ServedAddress;
  readonly service: string;
  readonly backend: string;
}

/** The names of the units of objects: an object that stays keeps its name. */
type ServiceNames = Map<ReturnType<typeof listServices>[number], string>;

/** The state of one waypoint. */
export class WaypointState {
  readonly #key: GatewayKey;
  readonly #units: Units;
  readonly #listenersName: string;
  readonly #servicesName: string;
  readonly #resources = new ServedResources();
  #services: ServiceNames = new Map();
  /** The service ports of each object, as the names of the units of their frontends. */
  readonly #portsOf = new Map<string, readonly string[]>();
  /** The service ports, by the names of the units of their frontends. */
  readonly #served = new Map<string, ServedUnit>();
  /** The number of objects up to which everything is rendered before anybody asks. */
  readonly #eager: number;
  /** The service ports by the names of their route configurations; and by their own backends. */
  readonly #routes = new Map<string, string>();
  readonly #owners = new Map<string, string>();
  /** The frontends that some proxy has asked for, or may have. */
  readonly #asked = new Set<string>();
  #isEager = true;
  /** The frontends in force, by the names of their units. */
  readonly #frontends = new Set<string>();
  /** The names of the units of the backends in force. */
  readonly #backends = new Set<string>();
  /** The units of the backends that each part names, and how many name each. */
  readonly #named = new Map<string, readonly string[]>();
  readonly #users = new Map<string, number>();
  /** Backends that a part has named, and none may name now. */
  readonly #unnamed = new Set<string>();
  /** The scopes in force, by name, with the names of the units of their frontends; and reversed. */
  readonly #scopes = new Map<string, string>();
  readonly #scopesOf = new Map<string, readonly string[]>();
  /**
   * The units that a proxy needs and that are not computed for the first time; nothing is served
   * before they are.
   */
  readonly #missing = new Set<string>();
  #isServed = false;
  /** The number of the oldest change that made the part dirty which is being computed. */
  #from = 0;

  constructor(key: GatewayKey, units: Units, eager: number) {
    this.#key = key;
    this.#units = units;
    this.#eager = eager;
    this.#listenersName = formatUnit({ kind: 'listeners', waypoint: key });
    this.#servicesName = formatUnit({ kind: 'services', waypoint: key });
    for (const name of [this.#listenersName, this.#servicesName]) this.#demand(name, units.changes);
  }

  /** Computes one part, and puts it in force. */
  compute(name: string, unit: PartUnit): void {
    this.#from = this.#units.dueSince(name) ?? this.#units.changes;
    switch (unit.kind) {
      case 'listeners':
        this.#makeListeners();
        break;
      case 'services':
        this.#makeServices();
        break;
      case 'service':
        this.#makeService(name, unit.ref);
        break;
      case 'frontend':
        this.#makeFrontend(name, unit.address);
        break;
      case 'backend':
        this.#makeBackend(name, unit.backend);
    }
    this.#missing.delete(name);
    this.#isServed ||= this.#missing.size === 0;
  }

  /** Whether a proxy can be served: everything is there that it needs before it asks for more. */
  get isServed(): boolean {
    return this.#isServed;
  }

  /**
   * The changes since the last call, as far as they may be served; undefined when there are none.
   * `settled` as of the units.
   */
  take(settled: number): ResourceChanges | undefined {
    if (!this.#isServed) return undefined;
    this.#dropNeedless();
    return this.#resources.take(settled);
  }

  /** Makes the frontend of a route configuration due, which is on offer and a proxy asks for. */
  want(routes: string): void {
    const frontend = this.#routes.get(routes);
    if (frontend === undefined || this.#asked.has(frontend)) return;
    this.#asked.add(frontend);
    this.#wantFrontend(frontend, this.#units.changes);
  }

  #wantFrontend(frontend: string, since: number): void {
    const unit = this.#served.get(frontend);
    if (unit === undefined || this.#frontends.has(frontend)) return;
    this.#name(ownOf(frontend), [unit.backend]);
    for (const name of [unit.backend, frontend]) this.#units.demand(name, since, true);
  }

  #isWanted(frontend: string): boolean {
    return this.#isEager || this.#asked.has(frontend);
  }

  /** Forgets all results for it. */
  end(): void {
    const services = [...this.#services.values(), ...this.#portsOf.keys()];
    const own = [this.#listenersName, this.#servicesName, ...this.#served.keys(), ...this.#owners.keys()];
    for (const name of [...own, ...services, ...this.#backends]) this.#units.forget(name);
  }

  /** Makes a unit due that was never computed. */
  #demand(name: string, since: number, isNeeded = true): void {
    if (this.#units.isDone(name)) return;
    const isMissing = isNeeded && !this.#isServed;
    this.#units.demand(name, since, isMissing);
    if (isMissing) this.#missing.add(name);
  }

  #makeListeners(): void {
    const name = this.#listenersName;
    const made = this.#units.compute(name, (context) => makeListenerPart(context, this.#key));
    this.#bring(name, made?.backends ?? []);
    this.#replace(name, made?.resources ?? []);
  }

  #makeServices(): void {
    const since = this.#from;
    const objects = this.#units.compute(this.#servicesName, (context) => listServices(context, this.#key));
    const before = this.#services;
    this.#services = new Map();
    const fresh = new Set<string>();
    for (const object of objects) {
      const known = before.get(object);
      const name = known ?? this.#nameService(refOf(object));
      this.#services.set(object, name);
      if (known === undefined) fresh.add(name);
      else before.delete(object);
    }
    this.#setEager(this.#services.size <= this.#eager, since);
    for (const name of before.values()) {
      if (fresh.has(name)) continue;
      this.#putPorts(name, []);
      this.#forget(name);
    }
    for (const name of fresh) this.#demand(name, since);
  }

  #makeService(name: string, ref: ObjectRef): void {
    const since = this.#from;
    const ports = this.#units.compute(name, (context) => makeServicePart(context, this.#key, ref));
    const units = ports.map((served) => this.#nameUnits(served, name));
    for (const [frontend, unit] of units) {
      const before = this.#served.get(frontend);
      this.#served.set(frontend, unit);
      this.#offer(frontend, before?.served, unit.served);
      this.#owners.set(unit.backend, frontend);
      if (this.#isWanted(frontend)) this.#name(ownOf(frontend), [unit.backend]);
      for (const each of [frontend, unit.backend]) this.#demand(each, since, this.#isWanted(frontend));
      if (!isDeepEqual(before?.served, unit.served)) this.#putScopes(frontend);
    }
    this.#putPorts(
      name,
      units.map(([frontend]) => frontend),
    );
  }

  /** Offers the route configurations of a service port, and withdraws those that it had. */
  #offer(frontend: string, before: ServedAddress | undefined, served: ServedAddress | undefined): void {
    const after = served === undefined ? [] : listFrontendRoutes(served);
    const names = new Set(after.map(({ name }) => name));
    const gone = (before === undefined ? [] : listFrontendRoutes(before)).filter(({ name }) => !names.has(name));
    for (const { name } of gone) this.#routes.delete(name);
    const fresh = after.filter(({ name }) => !this.#routes.has(name));
    for (const name of names) this.#routes.set(name, frontend);
    this.#resources.withdraw(gone, this.#units.changes);
    this.#resources.offer(fresh);
  }

  /** Replaces the service ports of an object; another one may have taken some over. */
  #putPorts(service: string, ports: readonly string[]): void {
    for (const frontend of this.#portsOf.get(service) ?? []) {
      if (!ports.includes(frontend) && this.#served.get(frontend)?.service === service) this.#dropFrontend(frontend);
    }
    if (ports.length === 0) this.#portsOf.delete(service);
    else this.#portsOf.set(service, ports);
  }

  #nameService(ref: ObjectRef): string {
    return formatUnit({ kind: 'service', waypoint: this.#key, ref });
  }

  #nameUnits(served: ServedAddress, service: string): readonly [frontend: string, unit: ServedUnit] {
    const { host, port } = served.address;
    const frontend = formatUnit({ kind: 'frontend', waypoint: this.#key, address: { host, port } });
    return [frontend, { served, service, backend: this.#nameBackend({ host, port, owned: true }) }];
  }

  #nameBackend(backend: BackendKey): string {
    return formatUnit({ kind: 'backend', waypoint: this.#key, backend });
  }

  /** Proxies of a waypoint that grows keep the frontends that they hold. */
  #setEager(isEager: boolean, since: number): void {
    if (isEager === this.#isEager) return;
    this.#isEager = isEager;
    if (isEager) for (const frontend of this.#served.keys()) this.#wantFrontend(frontend, since);
    else for (const frontend of this.#frontends) this.#asked.add(frontend);
  }

  #makeFrontend(name: string, address: HostPort): void {
    const isWanted = this.#isWanted(name);
    const made = this.#units.compute(name, (context) => makeFrontendPart(context, this.#key, address, isWanted));
    if (!isWanted) return this.#putScopes(name);
    // A service that has gone is not yet gone from the list.
    if (made.resources.length === 0) this.#frontends.delete(name);
    else this.#frontends.add(name);
    this.#bring(name, made.backends);
    this.#replace(name, made.resources);
    this.#putScopes(name);
  }

  /** Leads the addresses of a frontend to it, if it is in force, and those that it lost nowhere. */
  #putScopes(name: string): void {
    const served = this.#served.get(name)?.served;
    if (served === undefined || (this.#isWanted(name) && !this.#frontends.has(name))) return;
    const scopes = renderAddresses(served, !this.#frontends.has(name));
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
    const unit = this.#served.get(name);
    this.#served.delete(name);
    this.#frontends.delete(name);
    this.#asked.delete(name);
    if (unit !== undefined) {
      this.#offer(name, unit.served, undefined);
      this.#owners.delete(unit.backend);
      this.#unnamed.add(unit.backend);
    }
    for (const part of [name, ownOf(name)]) this.#name(part, []);
    this.#drop(name);
  }

  /** Computes the backends that a part names now, if their newest form is not there. */
  #bring(part: string, backends: readonly BackendKey[]): void {
    const named = new Map(backends.map((key) => [this.#nameBackend(key), key]));
    this.#name(part, [...named.keys()]);
    for (const [name, key] of named) {
      if (!this.#backends.has(name) || this.#units.dueSince(name) !== undefined) this.#makeBackend(name, key);
    }
  }

  #makeBackend(name: string, key: BackendKey): void {
    const isWanted = this.#users.has(name);
    const resources = this.#units.compute(name, (context) => makeBackendPart(context, this.#key, key, isWanted));
    this.#missing.delete(name);
    if (!isWanted) return;
    this.#backends.add(name);
    this.#replace(name, resources);
  }

  /** Replaces the backends that a part names. */
  #name(part: string, backends: readonly string[]): void {
    for (const name of backends) this.#users.set(name, (this.#users.get(name) ?? 0) + 1);
    for (const name of this.#named.get(part) ?? []) {
      const users = (this.#users.get(name) ?? 1) - 1;
      if (users > 0) this.#users.set(name, users);
      else {
        this.#users.delete(name);
        this.#unnamed.add(name);
      }
    }
    if (backends.length === 0) this.#named.delete(part);
    else this.#named.set(part, backends);
  }

  /** Drops the backends that nothing names any more. */
  #dropNeedless(): void {
    for (const name of this.#unnamed) {
      if (this.#users.has(name)) continue;
      this.#backends.delete(name);
      if (this.#owners.has(name)) this.#replace(name, []);
      else this.#drop(name);
    }
    this.#unnamed.clear();
  }

  #drop(name: string): void {
    this.#replace(name, []);
    this.#forget(name);
  }

  #forget(name: string): void {
    this.#units.forget(name);
    this.#missing.delete(name);
  }

  #replace(part: string, resources: readonly EnvoyResource[]): void {
    this.#resources.replace(part, resources, { from: this.#from, to: this.#units.changes });
  }
}

/** The name of a service port as a part that names its own backend. */
function ownOf(frontend: string): string {
  return `own ${frontend}`;
}
