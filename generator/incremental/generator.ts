// The incremental generator. It keeps the inputs of each part of each waypoint. After a change it
// computes only the dirty parts: those that read something that changed. When everything is
// computed, its resources equal those of a full translation.

import { typeUrls } from '../../envoy-api/index.ts';
import type { Finding, MeshSnapshot, ObjectRef, QueryKey } from '../../mesh/index.ts';
import { analyzeObject, isAnalyzedKind } from '../analyze/objects.ts';
import type { GatewayKey } from '../resolve/waypoint/gateway.ts';
import { listWaypoints } from '../whole/waypoint.ts';
import type { ResourceChanges } from './served-resources.ts';
import { formatUnit, parseUnit } from './unit-name.ts';
import { Units } from './units.ts';
import { WaypointState } from './waypoint-state.ts';

/**
 * The changes for proxies; those without changes are absent. Waypoints are named
 * `waypoint/<ns>/<name>`.
 */
export interface GeneratorUpdate {
  readonly proxies: ReadonlyMap<string, ResourceChanges>;
  readonly removedProxies: readonly string[];
}

/** The unit from which all others of waypoints follow. */
const waypointList = formatUnit({ kind: 'waypoints' });

/** The name of a waypoint among proxies. */
export function formatProxyKey({ namespace, name }: GatewayKey): string {
  return `waypoint/${namespace}/${name}`;
}

/**
 * Computes the configuration of each waypoint, and keeps it up to date. The caller reports every
 * change of the snapshot.
 */
export class Generator {
  readonly #mesh: MeshSnapshot;
  readonly #eager: number;
  readonly #units: Units;
  readonly #waypoints = new Map<string, WaypointState>();

  /**
   * Of a waypoint with more than `eager` services only those are rendered that proxies ask for, see
   * `want`.
   */
  constructor(mesh: MeshSnapshot, { eager = Infinity }: { readonly eager?: number } = {}) {
    this.#mesh = mesh;
    this.#eager = eager;
    this.#units = new Units(mesh);
    this.#units.demand(waypointList, 0);
  }

  /**
   * Marks the units that a change of the snapshot makes dirty, and returns the change's number.
   * `touched` are the queries whose answers may have changed.
   */
  invalidate(touched: ReadonlySet<QueryKey>): number {
    this.#units.invalidate(touched);
    return this.#units.changes;
  }

  /**
   * Computes dirty parts in the order of the queue: all of them, or as long as `goesOn` returns
   * true after a part. The rest stays dirty; the results so far are valid without it, and may be
   * served.
   */
  advance(goesOn: () => boolean = () => true): GeneratorUpdate {
    const removedProxies = this.#updateWaypointList();
    this.#work(goesOn);
    const { settled } = this.#units;
    const proxies = new Map<string, ResourceChanges>();
    for (const [name, state] of this.#waypoints) {
      const changes = state.take(settled);
      if (changes !== undefined) proxies.set(name, changes);
    }
    return { proxies, removedProxies };
  }

  /**
   * Makes a resource due that is on offer, because a proxy wants it. `advance` renders it with
   * everything that it names.
   */
  want(proxy: string, { typeUrl, name }: { readonly typeUrl: string; readonly name: string }): void {
    if (typeUrl === typeUrls.routeConfiguration) this.#waypoints.get(proxy)?.want(name);
  }

  /** The number of the last change of which, and of all before it, every result is computed. */
  get settled(): number {
    return this.#units.settled;
  }

  /** Whether the proxies of all waypoints can be served. */
  get isServing(): boolean {
    return [...this.#waypoints.values()].every(({ isServed }) => isServed);
  }

  /** Whether a proxy waits for something that is dirty. */
  get isUrgent(): boolean {
    return this.#units.isUrgent;
  }

  /** Whether nothing is dirty. */
  get isUpToDate(): boolean {
    return this.#units.isUpToDate;
  }

  /** All Findings about the configuration, each once, sorted. */
  findings(): readonly Finding[] {
    return this.#units.findings;
  }

  #updateWaypointList(): readonly string[] {
    if (this.#units.dueSince(waypointList) === undefined) return [];
    const keys = this.#units.compute(waypointList, ({ mesh }) => listWaypoints(mesh));
    const names = new Set(keys.map(formatProxyKey));
    const removed = [...this.#waypoints.keys()].filter((name) => !names.has(name));
    for (const name of removed) {
      this.#waypoints.get(name)?.end();
      this.#waypoints.delete(name);
    }
    for (const key of keys) {
      const name = formatProxyKey(key);
      if (!this.#waypoints.has(name)) this.#waypoints.set(name, new WaypointState(key, this.#units, this.#eager));
    }
    return removed;
  }

  #work(goesOn: () => boolean): void {
    for (let unit = this.#units.next(); unit !== undefined; unit = this.#units.next()) {
      this.#compute(unit);
      if (!goesOn()) return;
    }
  }

  #compute(name: string): void {
    const unit = parseUnit(name);
    if (unit.kind === 'object') return this.#analyze(name, unit.ref);
    const waypoint = unit.kind === 'waypoints' ? undefined : this.#waypoints.get(formatProxyKey(unit.waypoint));
    if (unit.kind === 'waypoints' || waypoint === undefined) this.#units.forget(name);
    else waypoint.compute(name, unit);
  }

  #analyze(name: string, ref: ObjectRef): void {
    this.#units.compute(name, (context) => analyzeObject(context, ref));
    if (isAnalyzedKind(ref.kind) && this.#mesh.get(ref.kind, ref.namespace, ref.name) === undefined) {
      this.#units.forget(name);
    }
  }
}
