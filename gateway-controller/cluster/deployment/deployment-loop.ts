// The deployment loop: on the leader, it applies for each Gateway of ours the objects that differ,
// by server-side apply, and no others.

import { formatIdentity } from '../../../certificates/index.ts';
import { ApiError, type KubernetesObject, resources } from '../../../kubernetes/index.ts';
import { type Finding, formatRef, gatewayNameLabel, type MeshObject, type ObjectRef } from '../../../mesh/index.ts';
import {
  defaultWaypointTemplateSettings,
  formatManagedLabel,
  renderWaypoint,
  type TemplateObject,
  type WaypointTemplateSettings,
} from '../../../templates/index.ts';
import type { ClusterContext, ClusterStep, LeaderLoop } from '../cluster-context.ts';
import { type ClusterSettings, controlPlaneServiceAccount } from '../cluster-settings.ts';
import { WorkQueue } from '../leader/work-queue.ts';
import { WrittenObjects } from '../leader/written-objects.ts';
import { readApplied } from './applied.ts';
import { describeGateway, isManaged, listOverlays, parametersOf } from './managed.ts';
import { findDeployedKind, OwnedObjects } from './owned-objects.ts';
import { type AppliedMemory, type DeploymentPlan, planDeployment, type PlannedApply } from './plan.ts';

/** The field manager of everything that is deployed. */
const fieldManager = 'cairn-deployment';
/**
 * An object in the way of a Gateway's objects is looked at again this often, since no watch reports
 * that it has gone.
 */
const obstacleMs = 30_000;
const classKey = 'GatewayClass';

interface Term {
  readonly queue: WorkQueue;
  readonly owned: OwnedObjects;
  readonly timer: NodeJS.Timeout;
  /** Nothing is compared before everything is known. */
  isSynced: boolean;
}

/** Keeps deployed objects as they should be while this replica leads. */
export class DeploymentLoop implements LeaderLoop {
  readonly name = 'deployment';
  readonly #context: ClusterContext;
  readonly #templates: WaypointTemplateSettings;
  readonly #findings = new Map<string, readonly Finding[]>();
  readonly #listeners = new Set<() => void>();
  readonly #memory = new Map<string, AppliedMemory>();
  readonly #written = new WrittenObjects();
  #term: Term | undefined;
  #writes = 0;

  constructor(context: ClusterContext) {
    this.#context = context;
    this.#templates = templateSettings(context.settings);
  }

  /** Objects that were applied or removed, of all terms. */
  get writes(): number {
    return this.#writes;
  }

  /** Gateways that are still to be looked at. */
  get pending(): number {
    const { queue, isSynced = true } = this.#term ?? {};
    return (queue?.size ?? 0) + (isSynced ? 0 : 1);
  }

  /** The faults that keep objects of any Gateway from being applied. */
  findings(): readonly Finding[] {
    return [...this.#findings.values()].flat();
  }

  /**
   * The Findings about the objects of one Gateway, overlays included; undefined before the loop
   * looked at it.
   */
  findingsOf({ namespace, name }: Pick<ObjectRef, 'name' | 'namespace'>): readonly Finding[] | undefined {
    return this.#findings.get(`${namespace}/${name}`);
  }

  /** Calls `listener` whenever the Findings changed, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(): void {
    if (this.#term !== undefined) return;
    const { client, settings, log } = this.#context;
    const queue = new WorkQueue({
      work: (key) => (key === classKey ? this.#createClass() : this.#reconcile(key)),
      onError: (key, error, retryMs) => {
        log('warn', 'not deployed', { gateway: key, error: String(error), retryMs: Math.round(retryMs) });
      },
    });
    const owned = new OwnedObjects({
      client,
      namespace: settings.namespace,
      onObject: ({ metadata }) => {
        const gateway = metadata.labels?.[gatewayNameLabel];
        if (gateway !== undefined) this.#add(`${metadata.namespace ?? ''}/${gateway}`);
      },
      onDefaults: () => this.#addAll(),
      onParameters: (key) => this.#addAll((gateway) => parametersOf(gateway) === key),
      onProblem: (message) => log('warn', 'deployed objects', { message }),
    });
    const timer = setInterval(() => {
      for (const [key, findings] of this.#findings) if (findings.length > 0) this.#add(key);
    }, obstacleMs);
    timer.unref();
    const term: Term = { queue, owned, timer, isSynced: false };
    this.#term = term;
    this.#memory.clear();
    this.#findings.clear();
    this.#written.clear();
    void this.#follow(term);
  }

  onStep({ changed }: ClusterStep): void {
    for (const { kind, namespace, name } of changed) {
      if (kind === 'Gateway') this.#add(`${namespace}/${name}`);
      else if (kind === 'Namespace') this.#addAll(({ metadata }) => metadata.namespace === name);
      else if (kind === 'GatewayClass') {
        this.#add(classKey);
        this.#addAll(({ spec }) => spec.gatewayClassName === name);
      }
    }
  }

  async stop(): Promise<void> {
    const term = this.#term;
    this.#term = undefined;
    if (term === undefined) return;
    clearInterval(term.timer);
    // Ends first the callers that wait for a reflector, then those that wait for an answer.
    await Promise.all([term.owned.stop(), term.queue.stop()]);
  }

  async #follow(term: Term): Promise<void> {
    try {
      await term.owned.start();
    } catch (error) {
      if (this.#term === term) this.#context.log('error', 'deployed objects are not known', { error: String(error) });
      return;
    }
    term.isSynced = true;
    this.#addAll();
    this.#add(classKey);
  }

  #add(key: string): void {
    if (this.#term?.isSynced === true) this.#term.queue.add(key);
  }

  #addAll(isMeant: (gateway: MeshObject<'Gateway'>) => boolean = () => true): void {
    for (const gateway of this.#context.mesh.list('Gateway')) {
      if (isMeant(gateway)) this.#add(`${gateway.metadata.namespace}/${gateway.metadata.name}`);
    }
  }

  async #createClass(): Promise<boolean> {
    const { client, mesh, settings } = this.#context;
    const { gatewayClass: name, controllerName } = settings;
    if (mesh.get('GatewayClass', '', name) !== undefined) return false;
    const term = this.#term;
    if (!(await client.serves(resources.GatewayClass)) || this.#term !== term) return false;
    const labels = { 'app.kubernetes.io/managed-by': 'cairn', 'app.kubernetes.io/part-of': 'cairn' };
    const spec = { controllerName, description: 'Waypoints that Cairn deploys and configures' };
    try {
      await client.create(resources.GatewayClass, { metadata: { name, labels }, spec }, { fieldManager });
      this.#writes += 1;
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 409) return false;
      throw error;
    }
  }

  async #reconcile(key: string): Promise<boolean> {
    const term = this.#term;
    const [namespace, name] = splitKey(key);
    const { mesh, settings } = this.#context;
    const gateway = mesh.get('Gateway', namespace, name);
    const live = this.#context.object('Gateway', namespace, name);
    const uid = live?.metadata.uid;
    if (gateway === undefined || live === undefined || uid === undefined || term === undefined) {
      this.#publish(key, []);
      return false;
    }
    if (!isManaged(mesh, gateway, live)) {
      this.#publish(key, []);
      return false;
    }
    const overlays = await this.#overlays(term, gateway);
    const rendered = renderWaypoint({
      gateway: describeGateway(gateway, uid),
      className: gateway.spec.gatewayClassName,
      controllerName: settings.controllerName,
      settings: this.#templates,
      overlays,
    });
    const found = await this.#find(term, namespace, rendered.objects);
    const plan = planDeployment({
      gateway: { ref: { kind: 'Gateway', namespace, name }, uid },
      managedBy: formatManagedLabel(settings.controllerName),
      rendered: rendered.objects,
      find: (kind, objectName) => found.get(`${kind}/${namespace}/${objectName}`),
      owned: [...term.owned.list()].filter(
        ({ metadata }) => metadata.namespace === namespace && metadata.labels?.[gatewayNameLabel] === name,
      ),
      remember: (object) => this.#memory.get(keyOf(object)),
    });
    return this.#term === term ? this.#execute(term, key, plan, rendered.findings) : false;
  }

  async #overlays(term: Term, gateway: MeshObject<'Gateway'>): Promise<ReturnType<typeof listOverlays>> {
    const named = this.#context.mesh.list('Gateway').flatMap((each) => parametersOf(each) ?? []);
    await term.owned.keepParameters(new Set(named));
    const key = parametersOf(gateway);
    const parameters = key === undefined ? undefined : await term.owned.parameters(key);
    return listOverlays(gateway, term.owned.defaults(), parameters);
  }

  /**
   * The existing objects under the names to apply: the loop does not watch an object without a
   * controller's label, and asks for it.
   */
  async #find(
    term: Term,
    namespace: string,
    objects: readonly TemplateObject[],
  ): Promise<ReadonlyMap<string, KubernetesObject>> {
    const found = new Map<string, KubernetesObject>();
    for (const object of objects) {
      const { kind, metadata } = object;
      const key = keyOf(object);
      const resource = findDeployedKind(kind);
      if (resource === undefined) continue;
      const known = this.#written.newest(key, term.owned.get(kind, namespace, metadata.name));
      const live = known ?? (await this.#context.client.get(resource, namespace, metadata.name));
      if (live !== undefined) found.set(key, { kind, ...live });
    }
    return found;
  }

  async #execute(term: Term, key: string, plan: DeploymentPlan, said: readonly Finding[]): Promise<boolean> {
    const [namespace, name] = splitKey(key);
    const findings = [...said, ...plan.findings];
    const fail = (what: string, error: unknown): void => {
      const message = `${what} was refused: ${error instanceof Error ? error.message : String(error)}`;
      findings.push({
        code: 'DeploymentFailed',
        severity: 'error',
        ref: { kind: 'Gateway', namespace, name },
        path: [],
        message,
      });
    };
    let failure: unknown;
    let wrote = false;
    for (const planned of plan.apply) {
      if (this.#term !== term) return wrote;
      try {
        await this.#apply(planned);
        wrote = true;
      } catch (error) {
        failure ??= error;
        if (isRefusal(error)) fail(`${planned.object.kind} ${planned.object.metadata.name}`, error);
      }
    }
    for (const object of failure === undefined ? plan.remove : []) {
      if (this.#term !== term) return wrote;
      wrote = (await this.#remove(object)) || wrote;
    }
    this.#publish(key, findings);
    if (failure !== undefined) throw failure;
    return wrote;
  }

  async #apply({ object, digest, uid }: PlannedApply): Promise<void> {
    const resource = findDeployedKind(object.kind);
    if (resource === undefined) return;
    // With its uid, the object is the one that was read. Without a uid there was none, and the
    // apply must not take another writer's fields.
    const metadata = { ...object.metadata, ...(uid === undefined ? {} : { uid }) };
    const options = { fieldManager, force: uid !== undefined };
    const answer = await this.#context.client.apply(resource, { ...object, metadata }, options);
    const { managedFields: _managedFields, ...rest } = answer.metadata;
    const key = keyOf(object);
    this.#memory.set(key, { digest, answer: readApplied(answer, object) });
    this.#written.remember(key, { ...answer, kind: object.kind, metadata: rest });
    this.#writes += 1;
    this.#context.log('info', 'deployed', { object: key });
  }

  async #remove(object: KubernetesObject): Promise<boolean> {
    const { kind = '', metadata } = object;
    const resource = findDeployedKind(kind);
    if (resource === undefined || metadata.uid === undefined) return false;
    const options = { preconditions: { uid: metadata.uid } };
    const removed = await this.#context.client.delete(resource, metadata.namespace, metadata.name, options);
    if (removed) this.#writes += 1;
    this.#context.log('info', 'removed', { object: `${kind}/${metadata.namespace ?? ''}/${metadata.name}` });
    return removed;
  }

  #publish(key: string, findings: readonly Finding[]): void {
    const before = this.#findings.get(key);
    if (this.#context.object('Gateway', ...splitKey(key)) === undefined) this.#findings.delete(key);
    else this.#findings.set(key, findings);
    if (JSON.stringify(before) === JSON.stringify(findings)) return;
    for (const { ref, message } of findings) {
      this.#context.log('warn', 'deployment', { object: formatRef(ref), finding: message });
    }
    for (const listener of this.#listeners) listener();
  }
}

/** The settings of the templates that follow from those of the control plane. */
function templateSettings(settings: ClusterSettings): WaypointTemplateSettings {
  const { image, imagePullPolicy, discoveryAddress, ca, trustDomain, namespace } = settings;
  const { clusterDomain, clusterId, network, revision } = settings;
  const policy = (['Always', 'IfNotPresent', 'Never'] as const).find((each) => each === imagePullPolicy);
  return {
    ...defaultWaypointTemplateSettings,
    image,
    ...(policy === undefined ? {} : { imagePullPolicy: policy }),
    discoveryAddress,
    discoveryIdentity: formatIdentity({ trustDomain, namespace, serviceAccount: controlPlaneServiceAccount }),
    ca: ca.kind === 'istiod' ? { kind: 'istiod', address: ca.address } : { kind: 'cairn' },
    trustDomain,
    clusterDomain,
    clusterId,
    network,
    revision,
  };
}

function keyOf({ kind, metadata }: TemplateObject): string {
  return `${kind}/${metadata.namespace ?? ''}/${metadata.name}`;
}

/** Namespace and name of a Gateway's key. */
function splitKey(key: string): readonly [string, string] {
  const [namespace = '', name = ''] = key.split('/');
  return [namespace, name];
}

/** The API understood, and will answer the same until somebody changes something. */
function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 409;
}
