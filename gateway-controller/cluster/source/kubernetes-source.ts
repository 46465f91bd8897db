// A cluster as a source of objects: it follows every kind from the API. It reports nothing before
// everything is known once. Afterwards it reports a lone change at once, and a storm in batches.

import { formatRef, isDeepEqual, meshConfigMap, refOf } from '../../../mesh/index.ts';
import type { AnyMeshObject, Finding, MeshChange, MeshSettings, ObjectRef } from '../../../mesh/index.ts';
import { Reflector, resources, watchedResources } from '../../../kubernetes/index.ts';
import type { ApiClient, ApiResource, KubernetesObject, ReflectorProblem } from '../../../kubernetes/index.ts';
import { meshKey, readClusterObject, refOfKubernetes, trimObject } from './kubernetes-objects.ts';
import { Pace } from './pace.ts';
import { ReferencedConfigMaps } from './referenced-config-maps.ts';

/** The changes since the last call. */
export interface SourceChange {
  /** Objects whose text or status changed, each once. */
  readonly changed: readonly ObjectRef[];
  readonly meshChanges: readonly MeshChange[];
  /** Objects with other Findings of reading than before. */
  readonly said: readonly ObjectRef[];
}

/** The parts of a source. */
export interface KubernetesSourceOptions {
  readonly client: ApiClient;
  /** The settings of the process; the MeshConfig is looked for in its root namespace. */
  readonly settings: MeshSettings;
  /** The address that waypoints listen on; every IPv4 address by default. */
  readonly waypointAddress?: string;
  /**
   * Called with everything once all kinds are known, then after changes. Its own duration decides
   * how many changes are batched.
   */
  readonly onChange: (change: SourceChange) => void;
  readonly onProblem: (problem: ReflectorProblem & { readonly kind: string }) => void;
  /** Of reflectors, for tests. */
  readonly timing?: ConstructorParameters<typeof Reflector>[0]['timing'];
}

/** Restricts the objects of a kind; all of them by default. */
interface Selection {
  readonly namespace?: string;
  readonly fieldSelector?: string;
}

/** One object of the API with the objects that it put in force. */
interface Known {
  readonly object: KubernetesObject;
  readonly inForce: readonly AnyMeshObject[];
}

/** Follows a cluster. */
export class KubernetesSource {
  readonly #options: KubernetesSourceOptions;
  readonly #reflectors = new Map<string, Reflector>();
  readonly #referenced: ReferencedConfigMaps;
  /** By kind, then by `namespace/name`. */
  readonly #known = new Map<string, Map<string, Known>>();
  /** The Findings of reading, by the references of the objects. */
  readonly #findings = new Map<string, readonly Finding[]>();
  /** Objects that wait for objects that they name. */
  readonly #awaited = new Map<string, KubernetesObject>();
  readonly #pending = new Map<string, { readonly ref: ObjectRef; readonly before: readonly AnyMeshObject[] }>();
  readonly #said = new Map<string, ObjectRef>();
  readonly #pace = new Pace(() => this.#flush());
  #isComplete = false;
  #isStopped = false;

  constructor(options: KubernetesSourceOptions) {
    this.#options = options;
    for (const resource of watchedResources) this.#add(resource);
    const { rootNamespace } = options.settings;
    this.#add(resources.ConfigMap, {
      namespace: rootNamespace,
      fieldSelector: `metadata.name=${meshConfigMap}`,
      isOwn: ({ name, namespace }) => name === meshConfigMap && namespace === rootNamespace,
    });
    this.#referenced = new ReferencedConfigMaps({
      client: options.client,
      timing: options.timing,
      onPut: (object) => this.#put(object),
      onDelete: (ref) => this.#delete(ref),
      onProblem: (problem) => options.onProblem({ ...problem, kind: resources.ConfigMap.kind }),
    });
  }

  /**
   * Resolves when every kind is known and the first change was reported; rejects when it is stopped
   * before.
   */
  async start(): Promise<void> {
    for (const reflector of this.#reflectors.values()) reflector.start();
    await Promise.all([...this.#reflectors.values()].map(({ synced }) => synced));
    await this.#referenced.synced();
    this.#isComplete = true;
    this.#pace.take();
  }

  /** Ends every watch; nothing is reported afterwards. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#pace.stop();
    await Promise.all([
      ...[...this.#reflectors.values()].map((reflector) => reflector.stop()),
      this.#referenced.stop(),
    ]);
  }

  /** The kinds that are not known yet. */
  unsynced(): readonly string[] {
    const kinds = [...this.#reflectors].filter(([, { isSynced }]) => !isSynced).map(([kind]) => kind);
    return [...kinds, ...this.#referenced.unsynced()];
  }

  /** A watched object as the API gave it, trimmed. */
  object(kind: string, namespace: string, name: string): KubernetesObject | undefined {
    return this.#known.get(kind)?.get(`${namespace}/${name}`)?.object;
  }

  objects(kind: string): readonly KubernetesObject[] {
    return [...(this.#known.get(kind)?.values() ?? [])].map(({ object }) => object);
  }

  /** The Findings of reading the objects. */
  findings(): readonly Finding[] {
    return [...this.#findings.values()].flat();
  }

  #add(
    resource: ApiResource,
    { isOwn = () => true, ...selection }: Selection & { readonly isOwn?: (ref: ObjectRef) => boolean } = {},
  ): void {
    const { client, onProblem, timing } = this.#options;
    const { kind } = resource;
    this.#reflectors.set(
      kind,
      new Reflector({
        client,
        resource,
        ...selection,
        ...(timing === undefined ? {} : { timing }),
        transform: trimObject,
        onReplace: (objects) => this.#replace(kind, objects, isOwn),
        onEvent: ({ type, object }) => (type === 'DELETED' ? this.#delete(refOfKubernetes(object)) : this.#put(object)),
        onProblem: (problem) => onProblem({ ...problem, kind }),
      }),
    );
  }

  #replace(kind: string, objects: readonly KubernetesObject[], isOwn: (ref: ObjectRef) => boolean): void {
    const there = new Set(objects.map((object) => keyOf(refOfKubernetes(object))));
    const before = [...(this.#known.get(kind)?.values() ?? [])].map(({ object }) => refOfKubernetes(object));
    for (const ref of before) if (isOwn(ref) && !there.has(keyOf(ref))) this.#delete(ref);
    for (const object of objects) this.#put(object);
  }

  #put(object: KubernetesObject, isLate = false): void {
    const ref = refOfKubernetes(object);
    const objects = this.#known.get(ref.kind) ?? new Map<string, Known>();
    this.#known.set(ref.kind, objects);
    const before = objects.get(keyOf(ref));
    const { uid, resourceVersion } = object.metadata;
    if (before?.object.metadata.uid === uid && before?.object.metadata.resourceVersion === resourceVersion) return;
    const inForce = before?.inForce ?? [];
    const { settings, waypointAddress } = this.#options;
    const address = waypointAddress === undefined ? {} : { waypointAddress };
    const read = readClusterObject(object, { inForce, settings, ...address });
    const unknown = this.#referenced.follow(ref, read.objects);
    if (unknown !== undefined && this.#isComplete && !isLate) {
      this.#awaited.set(formatRef(ref), object);
      void unknown.then(() => this.#putAwaited(ref, object));
      return;
    }
    this.#awaited.delete(formatRef(ref));
    this.#referenced.settle(ref, read.objects);
    objects.set(keyOf(ref), { object, inForce: read.objects });
    this.#say(ref, read.findings);
    this.#note(ref, inForce);
  }

  /** The objects that an object names are known now, or will not be soon. */
  #putAwaited(ref: ObjectRef, object: KubernetesObject): void {
    if (this.#isStopped || this.#awaited.get(formatRef(ref)) !== object) return;
    this.#put(object, true);
  }

  #delete(ref: ObjectRef): void {
    this.#awaited.delete(formatRef(ref));
    this.#referenced.settle(ref, []);
    const before = this.#known.get(ref.kind)?.get(keyOf(ref));
    if (before === undefined) return;
    this.#known.get(ref.kind)?.delete(keyOf(ref));
    this.#say(ref, []);
    this.#note(ref, before.inForce);
  }

  #say(ref: ObjectRef, findings: readonly Finding[]): void {
    const key = formatRef(ref);
    if (!isDeepEqual(this.#findings.get(key) ?? [], findings)) this.#said.set(key, ref);
    if (findings.length > 0) this.#findings.set(key, findings);
    else this.#findings.delete(key);
  }

  /** Remembers the last reported version of an object, and plans the report of the change. */
  #note(ref: ObjectRef, before: readonly AnyMeshObject[]): void {
    const key = formatRef(ref);
    if (!this.#pending.has(key)) this.#pending.set(key, { ref, before });
    if (this.#isComplete && !this.#isStopped) this.#pace.plan();
  }

  #flush(): void {
    if (this.#isStopped) return;
    const meshChanges: MeshChange[] = [];
    for (const { ref, before } of this.#pending.values()) {
      const now = this.#known.get(ref.kind)?.get(keyOf(ref))?.inForce ?? [];
      const kept = new Set(now.map(meshKey));
      for (const object of before)
        if (!kept.has(meshKey(object))) meshChanges.push({ type: 'delete', ref: refOf(object) });
      for (const object of now) if (!before.includes(object)) meshChanges.push({ type: 'put', object });
    }
    const changed = [...this.#pending.values()].map(({ ref }) => ref);
    const said = [...this.#said.values()];
    this.#pending.clear();
    this.#said.clear();
    this.#options.onChange({ changed, meshChanges, said });
  }
}

function keyOf({ namespace, name }: ObjectRef): string {
  return `${namespace}/${name}`;
}
