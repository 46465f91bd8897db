// Watches the ConfigMaps that BackendTLSPolicies name, and no others: one watch for each, while a
// policy names it. A cluster holds many ConfigMaps that are large and change all the time.

import { setTimeout as sleep } from 'node:timers/promises';
import { formatRef, isCoreGroup } from '../../../mesh/index.ts';
import type { AnyMeshObject, ObjectRef } from '../../../mesh/index.ts';
import { Reflector, resources } from '../../../kubernetes/index.ts';
import type { ApiClient, KubernetesObject, ReflectorProblem } from '../../../kubernetes/index.ts';
import { trimObject } from './kubernetes-objects.ts';

/** The options of these watches. */
export interface ReferencedConfigMapsOptions {
  readonly client: ApiClient;
  readonly timing: ConstructorParameters<typeof Reflector>[0]['timing'];
  readonly onPut: (object: KubernetesObject) => void;
  readonly onDelete: (ref: ObjectRef) => void;
  readonly onProblem: (problem: ReflectorProblem) => void;
}

/**
 * How long a change of a policy waits for the ConfigMaps that it names, in milliseconds; without
 * them nothing could be sent to the policy's targets.
 */
const patienceMs = 2_000;

/** The ConfigMaps that an object names. */
export function listReferences(object: AnyMeshObject): readonly ObjectRef[] {
  if (object.kind !== 'BackendTLSPolicy') return [];
  return (object.spec.validation.caCertificateRefs ?? []).flatMap(({ group, kind, name }) =>
    isCoreGroup(group) && kind === 'ConfigMap' ? [{ kind, namespace: object.metadata.namespace, name }] : [],
  );
}

/** Watches the named ConfigMaps. */
export class ReferencedConfigMaps {
  readonly #options: ReferencedConfigMapsOptions;
  readonly #reflectors = new Map<string, Reflector>();
  /** By the object that names them. */
  readonly #references = new Map<string, readonly ObjectRef[]>();
  readonly #ended = new AbortController();

  constructor(options: ReferencedConfigMapsOptions) {
    this.#options = options;
  }

  /**
   * Also watches the ConfigMaps that an object names now. Returns a promise if some are not known
   * yet, which resolves once they are, or after a while.
   */
  follow(by: ObjectRef, objects: readonly AnyMeshObject[]): Promise<unknown> | undefined {
    const references = objects.flatMap(listReferences);
    if (references.length === 0 || this.#ended.signal.aborted) return undefined;
    const key = formatRef(by);
    this.#references.set(key, [...(this.#references.get(key) ?? []), ...references]);
    const waiting = references.map((ref) => this.#start(ref)).filter(({ isSynced }) => !isSynced);
    if (waiting.length === 0) return undefined;
    const all = Promise.all(waiting.map(({ synced }) => synced)).catch(() => {});
    const late = sleep(patienceMs, undefined, { signal: this.#ended.signal }).catch(() => {});
    return Promise.race([all, late]);
  }

  /**
   * The object names these ConfigMaps and no others; a ConfigMap that no object names is not
   * watched any more.
   */
  settle(by: ObjectRef, objects: readonly AnyMeshObject[]): void {
    const key = formatRef(by);
    const before = this.#references.get(key);
    if (before === undefined) return;
    const now = objects.flatMap(listReferences);
    if (now.length === 0) this.#references.delete(key);
    else this.#references.set(key, now);
    const wanted = new Set([...this.#references.values()].flat().map(formatRef));
    for (const ref of before) {
      const reflector = this.#reflectors.get(formatRef(ref));
      if (wanted.has(formatRef(ref)) || reflector === undefined) continue;
      this.#reflectors.delete(formatRef(ref));
      void reflector.stop();
      this.#options.onDelete(ref);
    }
  }

  /** Resolves when all named ConfigMaps are known. */
  async synced(): Promise<void> {
    await Promise.all([...this.#reflectors.values()].map(({ synced }) => synced));
  }

  /** The named ConfigMaps that are not known yet. */
  unsynced(): readonly string[] {
    return [...this.#reflectors].filter(([, { isSynced }]) => !isSynced).map(([key]) => key);
  }

  /** Ends every watch. */
  async stop(): Promise<void> {
    this.#ended.abort();
    await Promise.all([...this.#reflectors.values()].map((reflector) => reflector.stop()));
  }

  #start(ref: ObjectRef): Reflector {
    const key = formatRef(ref);
    const known = this.#reflectors.get(key);
    if (known !== undefined) return known;
    const { client, timing, onPut, onDelete, onProblem } = this.#options;
    const reflector = new Reflector({
      client,
      resource: resources.ConfigMap,
      namespace: ref.namespace,
      fieldSelector: `metadata.name=${ref.name}`,
      ...(timing === undefined ? {} : { timing }),
      transform: trimObject,
      onReplace: ([object]) => (object === undefined ? onDelete(ref) : onPut(object)),
      onEvent: ({ type, object }) => (type === 'DELETED' ? onDelete(ref) : onPut(object)),
      onProblem,
    });
    this.#reflectors.set(key, reflector);
    reflector.start();
    return reflector;
  }
}
