// The incremental generator: keeps what each part of each waypoint was computed from, and after a change computes again only the
// parts that read something that was touched. Its resources always equal those of a full translation.

import { encodeResource, type EncodedResource, type EnvoyResource } from '../envoy-api/index.ts';
import { type Finding, type MeshSnapshot, type ObjectRef, type QueryKey, refOf, trackReads } from '../mesh/index.ts';
import { analyzedKinds, analyzeObject, isAnalyzedKind } from './analysis.ts';
import { findingKey, sortFindings } from './findings.ts';
import type { TcpFrontend } from './model/waypoint.ts';
import {
  type BackendKey,
  type FrontendPart,
  type HostPort,
  type ListenerPart,
  makeBackendPart,
  makeConnectPart,
  makeFrontendPart,
  makeListenerPart,
} from './parts.ts';
import type { GatewayKey } from './resolve/binding.ts';
import type { ResolveContext } from './resolve/context.ts';
import { listWaypoints } from './translation.ts';
import { isDecidedAtConnect } from './render/listeners/connect-terminate.ts';

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

/** What a change of the configuration changed; proxies without changes are absent. Waypoints are named `waypoint/<ns>/<name>`. */
export interface GeneratorUpdate {
  readonly proxies: ReadonlyMap<string, ResourceChanges>;
  readonly removedProxies: readonly string[];
}

/** A computation that has been done: what it read and what it found. */
interface Unit {
  readonly reads: ReadonlySet<QueryKey>;
  readonly findings: readonly Finding[];
}

/** The state of one waypoint. Parts are named `listeners`, `connect`, `frontend <host>:<port>` and `backend …`. */
interface WaypointState {
  readonly key: GatewayKey;
  readonly parts: Map<string, ReadonlyMap<string, EncodedResource>>;
  listeners: ListenerPart | undefined;
  readonly frontends: Map<string, FrontendPart>;
}

/** The name of a waypoint among proxies. */
export function formatProxyKey({ namespace, name }: GatewayKey): string {
  return `waypoint/${namespace}/${name}`;
}

/** Computes what each waypoint is served, and keeps it up to date. `update` is to be called after every change of the snapshot. */
export class Generator {
  readonly #mesh: MeshSnapshot;
  readonly #units = new Map<string, Unit>();
  readonly #readers = new Map<QueryKey, Set<string>>();
  readonly #waypoints = new Map<string, WaypointState>();
  readonly #findings = new Map<string, { readonly finding: Finding; count: number }>();

  constructor(mesh: MeshSnapshot) {
    this.#mesh = mesh;
  }

  /**
   * Brings every waypoint up to date with the snapshot. `touched` are the queries whose answers may have changed since the last call;
   * `all` computes everything again.
   */
  update(touched: ReadonlySet<QueryKey> | 'all'): GeneratorUpdate {
    const dirty = touched === 'all' ? this.#allUnits() : this.#unitsThatRead(touched);
    for (const unit of dirty) if (unit.startsWith('object ')) this.#analyze(unit);
    const proxies = new Map<string, ResourceChanges>();
    const removedProxies = this.#updateWaypointList(dirty);
    const byWaypoint = groupByWaypoint(dirty);
    for (const [name, state] of this.#waypoints) {
      const changes = this.#updateWaypoint(name, state, byWaypoint.get(name) ?? new Set());
      if (changes.upserts.length > 0 || changes.removals.length > 0) proxies.set(name, changes);
    }
    return { proxies, removedProxies };
  }

  /** Everything that there is to say about the configuration, each Finding once, sorted. */
  findings(): readonly Finding[] {
    return sortFindings(new Map([...this.#findings].map(([key, { finding }]) => [key, finding])));
  }

  /** The resources of a waypoint as they stand, for comparison with a full translation. */
  resources(proxy: string): readonly EncodedResource[] {
    return [...(this.#waypoints.get(proxy)?.parts.values() ?? [])].flatMap((part) => [...part.values()]);
  }

  #unitsThatRead(touched: ReadonlySet<QueryKey>): ReadonlySet<string> {
    const units = new Set(touchedObjects(touched).map(objectUnit));
    for (const key of touched) for (const unit of this.#readers.get(key) ?? []) units.add(unit);
    return units;
  }

  #allUnits(): ReadonlySet<string> {
    const objects = analyzedKinds.flatMap((kind) => this.#mesh.list(kind).map((object) => objectUnit(refOf(object))));
    return new Set([...this.#units.keys(), ...objects]);
  }

  #updateWaypointList(dirty: ReadonlySet<string>): readonly string[] {
    if (this.#units.has('waypoints') && !dirty.has('waypoints')) return [];
    const keys = this.#compute('waypoints', ({ mesh }) => listWaypoints(mesh));
    const names = new Set(keys.map(formatProxyKey));
    const removed = [...this.#waypoints.keys()].filter((name) => !names.has(name));
    for (const name of removed) {
      const state = this.#waypoints.get(name);
      for (const part of state?.parts.keys() ?? []) this.#forget(`${name} ${part}`);
      this.#waypoints.delete(name);
    }
    for (const key of keys) {
      const name = formatProxyKey(key);
      if (!this.#waypoints.has(name)) {
        this.#waypoints.set(name, { key, parts: new Map(), listeners: undefined, frontends: new Map() });
      }
    }
    return removed;
  }

  #updateWaypoint(name: string, state: WaypointState, dirty: ReadonlySet<string>): ResourceChanges {
    const changes = new ChangeSet();
    const isDirty = (part: string): boolean => dirty.has(part) || !this.#units.has(`${name} ${part}`);
    const relisted = isDirty('listeners');
    if (relisted) {
      const listeners = this.#compute(`${name} listeners`, (context) => makeListenerPart(context, state.key));
      state.listeners = listeners;
      this.#replace(state, 'listeners', listeners?.resources ?? [], changes);
    } else if (dirty.size === 0) return changes;
    const served = state.listeners?.served.map(({ address }) => address) ?? [];
    if (relisted) this.#dropUnserved(name, state, new Set(served.map(frontendPart)), changes);
    const candidates = relisted ? served : hostPortsOf(dirty, 'frontend ');
    let connectChanged = relisted;
    let foreignChanged = relisted;
    for (const target of candidates) {
      const part = frontendPart(target);
      if (!isDirty(part)) continue;
      const before = state.frontends.get(part);
      const made = this.#compute(`${name} ${part}`, (context) => makeFrontendPart(context, state.key, target));
      state.frontends.set(part, made);
      this.#replace(state, part, made.resources, changes);
      foreignChanged ||= formatForeign(before) !== formatForeign(made);
      connectChanged ||= [before?.tcp, made.tcp].some((tcp) => tcp !== undefined && isDecidedAtConnect(tcp));
    }
    this.#updateBackends(name, state, { served, foreignChanged, isDirty, dirty }, changes);
    if (connectChanged) this.#updateConnect(name, state, served, changes);
    return changes;
  }

  #updateBackends(
    name: string,
    state: WaypointState,
    work: {
      readonly served: readonly HostPort[];
      readonly foreignChanged: boolean;
      readonly isDirty: (part: string) => boolean;
      readonly dirty: ReadonlySet<string>;
    },
    changes: ChangeSet,
  ): void {
    const wanted = new Map<string, BackendKey>();
    if (work.foreignChanged) {
      for (const { host, port } of work.served)
        wanted.set(backendPart({ host, port, owned: true }), { host, port, owned: true });
      for (const { foreign } of [
        ...state.frontends.values(),
        ...(state.listeners === undefined ? [] : [state.listeners]),
      ]) {
        for (const { host, port } of foreign) {
          wanted.set(backendPart({ host, port, owned: false }), { host, port, owned: false });
        }
      }
      for (const part of state.parts.keys()) {
        if (part.startsWith('backend ') && !wanted.has(part)) this.#drop(name, state, part, changes);
      }
    } else {
      for (const key of hostPortsOf(work.dirty, 'backend owned '))
        wanted.set(backendPart({ ...key, owned: true }), { ...key, owned: true });
      for (const key of hostPortsOf(work.dirty, 'backend foreign '))
        wanted.set(backendPart({ ...key, owned: false }), { ...key, owned: false });
    }
    for (const [part, key] of wanted) {
      if (!work.isDirty(part)) continue;
      const resources = this.#compute(`${name} ${part}`, (context) => makeBackendPart(context, state.key, key));
      this.#replace(state, part, resources, changes);
    }
  }

  #dropUnserved(name: string, state: WaypointState, served: ReadonlySet<string>, changes: ChangeSet): void {
    for (const part of state.frontends.keys()) {
      if (served.has(part)) continue;
      state.frontends.delete(part);
      this.#drop(name, state, part, changes);
    }
  }

  #updateConnect(name: string, state: WaypointState, served: readonly HostPort[], changes: ChangeSet): void {
    if (state.listeners === undefined) return this.#drop(name, state, 'connect', changes);
    const tcp = served.flatMap((target): TcpFrontend[] => {
      const found = state.frontends.get(frontendPart(target))?.tcp;
      return found === undefined ? [] : [found];
    });
    this.#replace(state, 'connect', makeConnectPart(tcp, state.listeners), changes);
  }

  #replace(state: WaypointState, part: string, resources: readonly EnvoyResource[], changes: ChangeSet): void {
    const before = state.parts.get(part) ?? new Map<string, EncodedResource>();
    const after = new Map(
      resources.map((resource) => [`${resource.typeUrl} ${resource.name}`, encodeResource(resource)]),
    );
    for (const [key, resource] of after)
      if (before.get(key)?.version !== resource.version) changes.upsert(key, resource);
    for (const [key, resource] of before) if (!after.has(key)) changes.remove(key, resource);
    state.parts.set(part, after);
  }

  #drop(name: string, state: WaypointState, part: string, changes: ChangeSet): void {
    for (const [key, resource] of state.parts.get(part) ?? []) changes.remove(key, resource);
    state.parts.delete(part);
    this.#forget(`${name} ${part}`);
  }

  #analyze(unit: string): void {
    const ref = parseObjectUnit(unit);
    this.#compute(unit, (context) => analyzeObject(context, ref));
    if (isAnalyzedKind(ref.kind) && this.#mesh.get(ref.kind, ref.namespace, ref.name) === undefined) this.#forget(unit);
  }

  /** Runs a computation, and records what it read and found in place of what it read and found before. */
  #compute<T>(unit: string, compute: (context: ResolveContext) => T): T {
    this.#forget(unit);
    const { snapshot, reads } = trackReads(this.#mesh);
    const findings: Finding[] = [];
    const result = compute({ mesh: snapshot, report: (finding) => void findings.push(finding) });
    this.#units.set(unit, { reads, findings });
    for (const key of reads) {
      const readers = this.#readers.get(key) ?? new Set();
      this.#readers.set(key, readers.add(unit));
    }
    for (const finding of findings) {
      const key = findingKey(finding);
      const known = this.#findings.get(key);
      if (known === undefined) this.#findings.set(key, { finding, count: 1 });
      else known.count += 1;
    }
    return result;
  }

  #forget(unit: string): void {
    const known = this.#units.get(unit);
    if (known === undefined) return;
    this.#units.delete(unit);
    for (const key of known.reads) {
      const readers = this.#readers.get(key);
      readers?.delete(unit);
      if (readers?.size === 0) this.#readers.delete(key);
    }
    for (const finding of known.findings) {
      const key = findingKey(finding);
      const entry = this.#findings.get(key);
      if (entry !== undefined && --entry.count === 0) this.#findings.delete(key);
    }
  }
}

/** Collects changes; a resource that moves from one part to another is not removed. */
class ChangeSet implements ResourceChanges {
  readonly #upserts = new Map<string, EncodedResource>();
  readonly #removals = new Map<string, ResourceKey>();

  upsert(key: string, resource: EncodedResource): void {
    this.#upserts.set(key, resource);
    this.#removals.delete(key);
  }

  remove(key: string, { typeUrl, name }: EncodedResource): void {
    if (!this.#upserts.has(key)) this.#removals.set(key, { typeUrl, name });
  }

  get upserts(): readonly EncodedResource[] {
    return [...this.#upserts.values()];
  }

  get removals(): readonly ResourceKey[] {
    return [...this.#removals.values()];
  }
}

function formatForeign(part: FrontendPart | undefined): string {
  return (part?.foreign ?? []).map(({ host, port }) => `${host}:${port}`).join(' ');
}

function frontendPart({ host, port }: HostPort): string {
  return `frontend ${host}:${port}`;
}

function backendPart({ host, port, owned }: BackendKey): string {
  return `backend ${owned ? 'owned' : 'foreign'} ${host}:${port}`;
}

function hostPortsOf(parts: ReadonlySet<string>, prefix: string): readonly HostPort[] {
  return [...parts]
    .filter((part) => part.startsWith(prefix))
    .map((part) => {
      const text = part.slice(prefix.length);
      const colon = text.lastIndexOf(':');
      return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
    });
}

/** Units of waypoints are named `<proxy> <part>`. */
function groupByWaypoint(units: ReadonlySet<string>): ReadonlyMap<string, ReadonlySet<string>> {
  const groups = new Map<string, Set<string>>();
  for (const unit of units) {
    if (!unit.startsWith('waypoint/')) continue;
    const space = unit.indexOf(' ');
    const group = groups.get(unit.slice(0, space)) ?? new Set();
    groups.set(unit.slice(0, space), group.add(unit.slice(space + 1)));
  }
  return groups;
}

function objectUnit({ kind, namespace, name }: ObjectRef): string {
  return `object ${kind}/${namespace}/${name}`;
}

function parseObjectUnit(unit: string): ObjectRef {
  const [kind = '', namespace = '', name = ''] = unit.slice('object '.length).split('/');
  return { kind, namespace, name };
}

/** The objects that a change put or deleted: each touches the query for itself. */
function touchedObjects(touched: ReadonlySet<QueryKey>): readonly ObjectRef[] {
  const refs: ObjectRef[] = [];
  for (const key of touched) {
    if (!key.startsWith('get:')) continue;
    const [kind = '', namespace = '', name = ''] = key.slice('get:'.length).split('/');
    if (isAnalyzedKind(kind)) refs.push({ kind, namespace, name });
  }
  return refs;
}
