// Watches the deployed objects of a cluster: every object with the label of a controller of
// Gateways, and the ConfigMaps that overlay them.

import { type ApiResource, type KubernetesObject, Reflector, resources } from '../../../kubernetes/index.ts';
import type { ApiClient } from '../../../kubernetes/index.ts';
import { classDefaultsLabel, managedLabel } from '../../../templates/index.ts';

/** The kinds that are deployed for Gateways, by name. */
const deployedKinds: Readonly<Record<string, ApiResource>> = {
  ServiceAccount: resources.ServiceAccount,
  Deployment: resources.Deployment,
  Service: resources.Service,
  HorizontalPodAutoscaler: resources.HorizontalPodAutoscaler,
  PodDisruptionBudget: resources.PodDisruptionBudget,
};

/** The resource of a deployed kind; undefined for kinds that are not deployed. */
export function findDeployedKind(kind: string): ApiResource | undefined {
  return Object.hasOwn(deployedKinds, kind) ? deployedKinds[kind] : undefined;
}

/** The objects to watch, and the callbacks. */
export interface OwnedObjectsOptions {
  readonly client: ApiClient;
  /** The namespace of the classes' overlays. */
  readonly namespace: string;
  /** A deployed object was added, changed or removed. */
  readonly onObject: (object: KubernetesObject) => void;
  /** An overlay of a class was added, changed or removed. */
  readonly onDefaults: () => void;
  /** The ConfigMap `<namespace>/<name>` was added, changed or removed. */
  readonly onParameters: (key: string) => void;
  readonly onProblem: (message: string) => void;
}

/** Watches deployed objects from `start` to `stop`. */
export class OwnedObjects {
  readonly #options: OwnedObjectsOptions;
  readonly #objects = new Map<string, KubernetesObject>();
  readonly #defaults = new Map<string, KubernetesObject>();
  readonly #parameters = new Map<string, { readonly reflector: Reflector; object: KubernetesObject | undefined }>();
  #reflectors: readonly Reflector[] = [];

  constructor(options: OwnedObjectsOptions) {
    this.#options = options;
  }

  /** Settles when everything is known; rejects when stopped before. */
  async start(): Promise<void> {
    const { namespace, onObject, onDefaults } = this.#options;
    const followed = Object.values(deployedKinds).map((resource) =>
      this.#follow(resource, { labelSelector: managedLabel }, (key, object) => {
        const before = this.#objects.get(key);
        put(this.#objects, key, object);
        const told = object ?? before;
        if (told !== undefined) onObject(told);
      }),
    );
    const defaults = this.#follow(
      resources.ConfigMap,
      { namespace, labelSelector: classDefaultsLabel },
      (key, object) => {
        put(this.#defaults, key, object);
        onDefaults();
      },
    );
    this.#reflectors = [...followed, defaults];
    for (const reflector of this.#reflectors) reflector.start();
    await Promise.all(this.#reflectors.map(({ synced }) => synced));
  }

  async stop(): Promise<void> {
    const parameters = [...this.#parameters.values()].map(({ reflector }) => reflector);
    this.#parameters.clear();
    await Promise.all([...this.#reflectors, ...parameters].map((reflector) => reflector.stop()));
  }

  /** A deployed object with the label of a controller. */
  get(kind: string, namespace: string, name: string): KubernetesObject | undefined {
    return this.#objects.get(`${kind}/${namespace}/${name}`);
  }

  list(): Iterable<KubernetesObject> {
    return this.#objects.values();
  }

  /** Overlays of classes. */
  defaults(): readonly KubernetesObject[] {
    return [...this.#defaults.values()];
  }

  /**
   * The ConfigMap `<namespace>/<name>`, which is watched from now on; undefined when there is none.
   */
  async parameters(key: string): Promise<KubernetesObject | undefined> {
    const known = this.#parameters.get(key);
    if (known !== undefined) {
      await known.reflector.synced;
      return known.object;
    }
    const [namespace = '', name = ''] = key.split('/');
    const reflector = this.#follow(
      resources.ConfigMap,
      { namespace, fieldSelector: `metadata.name=${name}` },
      (_key, object) => {
        entry.object = object;
        this.#options.onParameters(key);
      },
    );
    const entry: { readonly reflector: Reflector; object: KubernetesObject | undefined } = {
      reflector,
      object: undefined,
    };
    this.#parameters.set(key, entry);
    reflector.start();
    await reflector.synced;
    return entry.object;
  }

  /** Watches no other ConfigMaps of Gateways than these. */
  async keepParameters(keys: ReadonlySet<string>): Promise<void> {
    const unused = [...this.#parameters].filter(([key]) => !keys.has(key));
    for (const [key] of unused) this.#parameters.delete(key);
    await Promise.all(unused.map(([, { reflector }]) => reflector.stop()));
  }

  #follow(
    resource: ApiResource,
    selection: { readonly namespace?: string; readonly labelSelector?: string; readonly fieldSelector?: string },
    onChange: (key: string, object: KubernetesObject | undefined) => void,
  ): Reflector {
    const known = new Set<string>();
    const keyOf = ({ metadata }: KubernetesObject): string =>
      `${resource.kind}/${metadata.namespace ?? ''}/${metadata.name}`;
    return new Reflector({
      client: this.#options.client,
      resource,
      ...selection,
      transform: trim,
      onReplace: (objects) => {
        const gone = new Set(known);
        known.clear();
        for (const object of objects) {
          gone.delete(keyOf(object));
          known.add(keyOf(object));
          onChange(keyOf(object), object);
        }
        for (const key of gone) onChange(key, undefined);
      },
      onEvent: ({ type, object }) => {
        const key = keyOf(object);
        if (type === 'DELETED') known.delete(key);
        else known.add(key);
        onChange(key, type === 'DELETED' ? undefined : object);
      },
      onProblem: ({ code, message }) => this.#options.onProblem(`${resource.plural}: ${code}: ${message}`),
    });
  }
}

function put(objects: Map<string, KubernetesObject>, key: string, object: KubernetesObject | undefined): void {
  if (object === undefined) objects.delete(key);
  else objects.set(key, object);
}

/** Without the parts that only other writers need. */
function trim(object: KubernetesObject): KubernetesObject {
  const { managedFields: _managedFields, ...metadata } = object.metadata;
  return { ...object, metadata };
}
