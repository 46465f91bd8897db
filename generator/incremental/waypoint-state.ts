// The state machine of one waypoint: which of its parts are in force. Parts may be computed one by
// one, in any order. Each part in force follows from the configuration at one moment, and together
// they never name a resource that is not there.
//
// The list of services ("listeners"):
// | state    | what brings it                                     | what it waits for                |
// | due      | the waypoint appears, or a read is touched         | its turn                         |
// | next     | it is computed; the list before it stays in force  | all parts that it names          |
// | in force | the last of these is computed                      | nothing                          |
//
// A frontend:
// | due      | a list names it, or a read is touched              | its turn                         |
// | waiting  | a list is due or next, and the frontend has        | the next list in force, with     |
// |          | another form, or names a backend that is missing   | which it is computed once more   |
// | in force | it is computed otherwise, after the backends of    | nothing                          |
// |          | other waypoints that it names                      |                                  |
//
// A backend:
// | due      | a list or frontend names it, or a read is touched  | its turn, or that of a part that |
// |          |                                                    | comes in force and names it      |
// | in force | it is computed                                     | nothing                          |
// | dropped  | no part in force and no next list names it         | nothing                          |
//
// A resource that a part no longer has:
// | removed  | its part is computed without it, or dropped        | all that followed from the       |
// |          |                                                    | changes until then is computed,  |
// |          |                                                    | since a part that is due may     |
// |          |                                                    | name it still                    |

import type { EnvoyResource } from '../../envoy-api/index.ts';
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
import { type ResourceChanges, ServedResources } from './served-resources.ts';
import { formatUnit, type PartUnit } from './unit-name.ts';
import type { Units } from './units.ts';

/** The parts of a waypoint whose unit is a service's. */
type ServiceUnit = Exclude<PartUnit, { readonly kind: 'listeners' }>;

/** A list of services that is not in force yet. */
interface NextListeners {
  readonly part: ListenerPart | undefined;
  /** Its services, by the names of the units of their frontends. */
  readonly served: ReadonlyMap<string, ServedAddress>;
  /** The names of the units of their backends. */
  readonly owned: ReadonlySet<string>;
  /** The units that it names and that are not computed yet, by name. */
  readonly missing: Map<string, ServiceUnit>;
}

/**
 * The part with the frontends' decisions on the CONNECT; it has no unit, since it reads nothing of
 * the configuration.
 */
const connect = 'connect';

/** The state of one waypoint. */
export class WaypointState {
  readonly #key: GatewayKey;
  readonly #units: Units;
  readonly #listenersName: string;
  readonly #resources = new ServedResources();
  /** The frontends in force, by the names of their units. */
  readonly #frontends = new Map<string, FrontendPart>();
  /** The names of the units of the backends in force. */
  readonly #backends = new Set<string>();
  #served: NextListeners['served'] = new Map();
  #owned: NextListeners['owned'] = new Set();
  #listeners: ListenerPart | undefined;
  #next: NextListeners | undefined;
  /** The names of the units of frontends in state "waiting". */
  readonly #waiting = new Set<string>();
  /** True from the first list of services on; before that, nothing is served. */
  #isServed = false;
  #foreignChanged = false;
  #connectChanged = false;

  constructor(key: GatewayKey, units: Units) {
    this.#key = key;
    this.#units = units;
    this.#listenersName = formatUnit({ kind: 'listeners', waypoint: key });
    units.demand(this.#listenersName, units.changes);
  }

  /** Computes one part; false when it waits for another one, and stays dirty. */
  compute(name: string, unit: PartUnit): boolean {
    if (this.#waiting.has(name)) return false;
    const isInForce = unit.kind === 'listeners' ? this.#makeListeners() : this.#make(name, unit);
    if (this.#next?.missing.size === 0) this.#putListeners();
    return isInForce;
  }

  /**
   * The changes since the last call, as far as they may be served; undefined when there are none.
   * `settled` as of the units.
   */
  take(settled: number): ResourceChanges | undefined {
    if (!this.#isServed) return undefined;
    if (this.#foreignChanged) this.#dropNeedless();
    if (this.#connectChanged) this.#replaceConnect();
    return this.#resources.take(settled);
  }

  /** Forgets all results for it. */
  end(): void {
    const missing = this.#next?.missing.keys() ?? [];
    for (const name of [this.#listenersName, ...this.#frontends.keys(), ...this.#backends, ...missing]) {
      this.#units.forget(name);
    }
  }

  #isDue(name: string): boolean {
    return this.#units.dueSince(name) !== undefined;
  }

  #frontend({ host, port }: HostPort): ServiceUnit {
    return { kind: 'frontend', waypoint: this.#key, address: { host, port } };
  }

  #backend(backend: BackendKey): ServiceUnit {
    return { kind: 'backend', waypoint: this.#key, backend };
  }

  #ownBackend({ host, port }: HostPort): ServiceUnit {
    return this.#backend({ host, port, owned: true });
  }

  #make(name: string, unit: ServiceUnit): boolean {
    let isInForce = true;
    if (unit.kind === 'backend') this.#makeBackend(name, unit.backend);
    else isInForce = this.#makeFrontend(name, unit.address);
    this.#next?.missing.delete(name);
    return isInForce;
  }

  #makeListeners(): true {
    const name = this.#listenersName;
    const since = this.#units.dueSince(name) ?? this.#units.changes;
    const part = this.#units.compute(name, (context) => makeListenerPart(context, this.#key));
    const services = (part?.served ?? []).map((each) => ({
      each,
      frontend: withName(this.#frontend(each.address)),
      backend: withName(this.#ownBackend(each.address)),
    }));
    const named = [
      ...services.flatMap(({ frontend, backend }) => [frontend, backend]),
      ...(part?.backends ?? []).map((key) => withName(this.#backend(key))),
    ];
    const missing = new Map(named.filter(([each]) => !this.#units.isDone(each)));
    for (const each of missing.keys()) this.#units.demand(each, since);
    for (const each of this.#next?.missing.keys() ?? []) if (!missing.has(each)) this.#units.forget(each);
    this.#next = {
      part,
      served: new Map(services.map(({ each, frontend: [frontend] }) => [frontend, each])),
      owned: new Set(services.map(({ backend: [backend] }) => backend)),
      missing,
    };
    return true;
  }

  /** Puts the next list of services in force: everything that it names is there. */
  #putListeners(): void {
    // Later changes are taken in now: left for later, they could postpone this list for ever.
    if (this.#isDue(this.#listenersName)) this.#makeListeners();
    if (this.#next === undefined) return;
    const { part, served, owned, missing } = this.#next;
    for (const [name, unit] of missing) this.#make(name, unit);
    this.#next = undefined;
    for (const [name, each] of served) {
      if (!this.#isDue(name)) continue;
      if (this.#waiting.has(name) || !isDeepEqual(each, this.#served.get(name)))
        this.#make(name, this.#frontend(each.address));
    }
    this.#bring(part?.backends ?? []);
    this.#waiting.clear();
    this.#listeners = part;
    this.#served = served;
    this.#owned = owned;
    this.#replace(this.#listenersName, part?.resources ?? []);
    for (const name of this.#frontends.keys()) {
      if (served.has(name)) continue;
      this.#frontends.delete(name);
      this.#drop(name);
    }
    this.#foreignChanged = this.#connectChanged = this.#isServed = true;
  }

  #makeFrontend(name: string, address: HostPort): boolean {
    const since = this.#units.dueSince(name);
    const made = this.#units.compute(name, (context) => makeFrontendPart(context, this.#key, address));
    const before = this.#frontends.get(name);
    if (before !== undefined && since !== undefined && this.#waitsForListeners(before, made)) {
      this.#units.demand(name, since);
      this.#waiting.add(name);
      return false;
    }
    this.#frontends.set(name, made);
    this.#bring(made.backends);
    this.#replace(name, made.resources);
    this.#foreignChanged ||= !isDeepEqual(foreignOf(before), foreignOf(made));
    this.#connectChanged ||= [before?.tcp, made.tcp].some((tcp) => tcp !== undefined && isDecidedAtConnect(tcp));
    return true;
  }

  #waitsForListeners(before: FrontendPart, made: FrontendPart): boolean {
    if (this.#next === undefined && !this.#isDue(this.#listenersName)) return false;
    return (
      formatShape(before) !== formatShape(made) ||
      made.backends.some((key) => key.owned && !this.#units.isDone(formatUnit(this.#backend(key))))
    );
  }

  /** Computes the backends that are named now, if their newest form is not there. */
  #bring(backends: readonly BackendKey[]): void {
    for (const key of backends) {
      const unit = this.#backend(key);
      const name = formatUnit(unit);
      const isMissing = !key.owned && !this.#units.isDone(name);
      if (isMissing || this.#isDue(name)) this.#make(name, unit);
    }
  }

  #makeBackend(name: string, key: BackendKey): void {
    const resources = this.#units.compute(name, (context) => makeBackendPart(context, this.#key, key));
    this.#backends.add(name);
    this.#replace(name, resources);
  }

  #replaceConnect(): void {
    this.#connectChanged = false;
    if (this.#listeners === undefined) return this.#replace(connect, []);
    const tcp = [...this.#served.keys()].flatMap((name): TcpFrontend[] => {
      const found = this.#frontends.get(name)?.tcp;
      return found === undefined ? [] : [found];
    });
    this.#replace(connect, makeConnectPart(tcp, this.#listeners));
  }

  /** Drops the backends that neither the services nor the routes name. */
  #dropNeedless(): void {
    this.#foreignChanged = false;
    const listeners = [this.#listeners, this.#next?.part].filter((part) => part !== undefined);
    const foreign = [...listeners, ...this.#frontends.values()].flatMap(foreignOf);
    const wanted = new Set([
      ...this.#owned,
      ...(this.#next?.owned ?? []),
      ...foreign.map((key) => formatUnit(this.#backend(key))),
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

function withName<U extends PartUnit>(unit: U): readonly [name: string, unit: U] {
  return [formatUnit(unit), unit];
}

/** The facts on which a frontend's listener and the CONNECT must agree. */
function formatShape({ resources, tcp }: FrontendPart): string {
  return [tcp?.decidedAt, ...resources.map(({ typeUrl, name }) => `${typeUrl} ${name}`).sort()].join('\n');
}

/** The backends of other waypoints' services that a part names. */
function foreignOf(part: Pick<FrontendPart, 'backends'> | undefined): readonly BackendKey[] {
  return part?.backends.filter(({ owned }) => !owned) ?? [];
}
