// Calls to the Kubernetes API: read, write, apply and delete objects of any kind. Every error names
// the request, and says what to do.

import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterAccess } from './access.ts';
import { BusyError, parseStatus, readText, unlessNotFound } from './answer.ts';
import { Connections } from './connections.ts';
import { ApiError, ApiUnreachableError, ClusterAccessError } from './errors.ts';
import { type ForwardedPort, forwardPodPort } from './port-forward.ts';
import {
  type ApiResource,
  apiVersionOf,
  describeObject,
  groupPath,
  type KubernetesObject,
  resourcePath,
  withQuery,
} from './resource.ts';

/** Settings of a client. */
export interface ApiClientOptions {
  readonly userAgent?: string;
  /**
   * The limit of one call with its body, 30 s by default; a watch needs only its first answer
   * within it.
   */
  readonly timeoutMs?: number;
}

/** The objects of a list or a watch. */
export interface ListOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Objects in one page, 500 by default. */
  readonly limit?: number;
}

/** A list as of one moment. */
export interface ObjectList {
  readonly objects: readonly KubernetesObject[];
  /** The place from which a watch goes on. */
  readonly resourceVersion: string;
}

/** How owned objects are deleted. */
export interface DeleteOptions {
  readonly propagation?: 'Foreground' | 'Background' | 'Orphan';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

/** Settings of a raw call. */
export interface RequestOptions {
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Of the body, `application/json` by default. */
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

interface Call extends RequestOptions {
  /** For the error message: `apply Gateway shop/waypoint`. */
  readonly what: string;
  readonly method: string;
  readonly path: string;
}

/** The head of an answer; `signal` ends it, with its reason. */
interface OpenAnswer {
  readonly response: IncomingMessage;
  readonly signal: AbortSignal;
}

interface ListAnswer {
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly KubernetesObject[] | null;
}

const defaultTimeoutMs = 30_000;
const defaultPageSize = 500;
const patchTypes = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
} as const;

/** A client of one API server. Connections are made when they are needed; `stop` ends them. */
export class ApiClient {
  /** The address of the API server, for messages. */
  readonly server: string;
  readonly #connections: Connections;
  readonly #timeoutMs: number;
  readonly #underWay = new Set<AbortController>();
  readonly #forwarded = new Set<ForwardedPort>();
  #isStopped = false;
  readonly #requests = new Map<string, number>();
  readonly #answers = new Map<string, number>();

  constructor(access: ClusterAccess, options: ApiClientOptions = {}) {
    this.server = access.server;
    this.#connections = new Connections(access, options.userAgent ?? 'cairn');
    this.#timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  }

  /**
   * Calls made so far, by verb and kind: `list Gateway`, `apply Gateway/status`, `GET /version`.
   */
  get requests(): ReadonlyMap<string, number> {
    return this.#requests;
  }

  /**
   * Answers so far, by method and status: `PATCH 409`, and `GET <error>` if there was none. One
   * call may have several.
   */
  get answers(): ReadonlyMap<string, number> {
    return this.#answers;
  }

  /** Undefined when there is no such object, or no such kind. */
  async get(
    resource: ApiResource,
    namespace: string | undefined,
    name: string,
    options: { readonly timeoutMs?: number } = {},
  ): Promise<KubernetesObject | undefined> {
    const what = this.#count('get', resource, describeObject(resource, namespace, name));
    const path = resourcePath(resource, namespace, name);
    return unlessNotFound(this.#object({ what, method: 'GET', path, ...options }));
  }

  /**
   * Every object, page by page. A kind that the server does not have throws an ApiError of status
   * 404.
   */
  async list(resource: ApiResource, options: ListOptions = {}): Promise<readonly KubernetesObject[]> {
    return (await this.readList(resource, options)).objects;
  }

  /**
   * Like `list`, with the place for a watch; each object passes through `transform` as soon as its
   * page is there.
   */
  async readList(
    resource: ApiResource,
    options: ListOptions & {
      readonly transform?: ((object: KubernetesObject) => KubernetesObject) | undefined;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<ObjectList> {
    const { transform = (object) => object, limit = defaultPageSize } = options;
    const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
    const readPages = async (pageSize: number | undefined): Promise<ObjectList> => {
      const objects: KubernetesObject[] = [];
      for (let next: string | undefined; ;) {
        const what = this.#count('list', resource, describeObject(resource, options.namespace));
        const query = { ...selectors(options), limit: pageSize, continue: next };
        const path = resourcePath(resource, options.namespace);
        const page = (await this.#call({ what, method: 'GET', path, query, signal: options.signal })) as ListAnswer;
        for (const item of page.items ?? []) objects.push(transform({ ...type, ...item }));
        next = page.metadata.continue;
        if (next === undefined || next === '') return { objects, resourceVersion: page.metadata.resourceVersion ?? '' };
      }
    };
    try {
      return await readPages(limit);
    } catch (error) {
      // The moment of the first page has been compacted away. A list of everything at once cannot
      // be overtaken.
      if (error instanceof ApiError && error.status === 410) return readPages(undefined);
      throw error;
    }
  }

  create(
    resource: ApiResource,
    object: KubernetesObject,
    options: { readonly dryRun?: boolean; readonly fieldManager?: string; readonly timeoutMs?: number } = {},
  ): Promise<KubernetesObject> {
    const { namespace, name } = object.metadata;
    const { timeoutMs } = options;
    const what = this.#count('create', resource, describeObject(resource, namespace, name));
    const path = resourcePath(resource, namespace);
    const query = { dryRun: dryRun(options), fieldManager: options.fieldManager };
    return this.#object({ what, method: 'POST', path, query, body: typed(resource, object), timeoutMs });
  }

  /**
   * Writes the whole object; refused with 409 when its `resourceVersion` is no longer the newest.
   */
  replace(
    resource: ApiResource,
    object: KubernetesObject,
    options: { readonly subresource?: string; readonly timeoutMs?: number } = {},
  ): Promise<KubernetesObject> {
    const { namespace, name } = object.metadata;
    const { subresource, timeoutMs } = options;
    const what = this.#count('replace', resource, describeObject(resource, namespace, name), subresource);
    const path = resourcePath(resource, namespace, name, subresource);
    return this.#object({ what, method: 'PUT', path, body: typed(resource, object), timeoutMs });
  }

  /**
   * Server-side apply: sets the fields of `fieldManager`, and leaves other writers' fields alone.
   * Without `force`, a field of another writer is a 409.
   */
  apply(
    resource: ApiResource,
    object: KubernetesObject,
    options: {
      readonly fieldManager: string;
      readonly force?: boolean;
      readonly subresource?: 'status';
      readonly dryRun?: boolean;
    },
  ): Promise<KubernetesObject> {
    const { namespace, name } = object.metadata;
    const { fieldManager, force, subresource } = options;
    const what = this.#count('apply', resource, describeObject(resource, namespace, name), subresource);
    const path = resourcePath(resource, namespace, name, subresource);
    const query = { fieldManager, force: force === true ? true : undefined, dryRun: dryRun(options) };
    const contentType = 'application/apply-patch+yaml';
    return this.#object({ what, method: 'PATCH', path, query, body: typed(resource, object), contentType });
  }

  patch(
    resource: ApiResource,
    namespace: string | undefined,
    name: string,
    patch: unknown,
    options: {
      readonly type: keyof typeof patchTypes;
      readonly subresource?: string;
      readonly fieldManager?: string;
      readonly dryRun?: boolean;
    },
  ): Promise<KubernetesObject> {
    const { type, subresource, fieldManager } = options;
    const what = this.#count('patch', resource, describeObject(resource, namespace, name), subresource);
    const path = resourcePath(resource, namespace, name, subresource);
    const query = { fieldManager, dryRun: dryRun(options) };
    return this.#object({ what, method: 'PATCH', path, query, body: patch, contentType: patchTypes[type] });
  }

  /**
   * False when there was nothing to delete. An object with finalizers is still there afterwards,
   * with a `deletionTimestamp`.
   */
  async delete(
    resource: ApiResource,
    namespace: string | undefined,
    name: string,
    options: DeleteOptions = {},
  ): Promise<boolean> {
    const what = this.#count('delete', resource, describeObject(resource, namespace, name));
    const path = resourcePath(resource, namespace, name);
    const { propagation = 'Background', preconditions } = options;
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: propagation, preconditions };
    return (await unlessNotFound(this.#call({ what, method: 'DELETE', path, body }))) !== undefined;
  }

  /** Any call: the parsed body, or the text of one that is not JSON. */
  request(method: string, path: string, options: RequestOptions = {}): Promise<unknown> {
    const what = this.#tally(`${method} ${path}`);
    return this.#call({ ...options, what, method, path });
  }

  /**
   * True when the API server has the kind in this version: its CustomResourceDefinition is
   * installed and established.
   */
  async serves(resource: ApiResource): Promise<boolean> {
    const what = this.#count('discover', resource, describeObject(resource, undefined));
    const answer = await unlessNotFound(this.#call({ what, method: 'GET', path: groupPath(resource) }));
    const { resources = [] } = (answer ?? {}) as { readonly resources?: readonly { readonly name: string }[] };
    return resources.some(({ name }) => name === resource.plural);
  }

  /**
   * Opens a watch: the answer's body is lines of events until the server, the signal or `stop` ends
   * it.
   */
  async watch(
    resource: ApiResource,
    options: ListOptions & {
      readonly resourceVersion: string;
      readonly timeoutSeconds: number;
      readonly signal: AbortSignal;
      readonly timeoutMs?: number;
    },
  ): Promise<IncomingMessage> {
    const what = this.#count('watch', resource, describeObject(resource, options.namespace));
    const path = resourcePath(resource, options.namespace);
    const query = {
      ...selectors(options),
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: options.resourceVersion,
      timeoutSeconds: options.timeoutSeconds,
    };
    const { signal, timeoutMs } = options;
    return (await this.#open({ what, method: 'GET', path, query, signal, timeoutMs }, true)).response;
  }

  /** A loopback port that leads to a port of a pod, as `kubectl port-forward` does. */
  async forwardPort(target: {
    readonly namespace: string;
    readonly pod: string;
    readonly port: number;
  }): Promise<ForwardedPort> {
    const forwarded = await forwardPodPort(this.#connections, target);
    this.#forwarded.add(forwarded);
    return forwarded;
  }

  /** Ends pending calls and watches, and the connections. */
  stop(): void {
    this.#isStopped = true;
    for (const controller of this.#underWay) controller.abort(new Error('the client was stopped'));
    for (const forwarded of this.#forwarded) void forwarded.close();
    this.#connections.close();
  }

  #count(verb: string, resource: ApiResource, object: string, subresource?: string): string {
    const suffix = subresource === undefined ? '' : `/${subresource}`;
    this.#tally(`${verb} ${resource.kind}${suffix}`);
    return `${verb} ${object}${suffix}`;
  }

  #countAnswer({ method }: Call, code: string): void {
    const key = `${method} ${code}`;
    this.#answers.set(key, (this.#answers.get(key) ?? 0) + 1);
  }

  #tally(key: string): string {
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
    return key;
  }

  async #object(call: Call): Promise<KubernetesObject> {
    return (await this.#call(call)) as KubernetesObject;
  }

  async #call(call: Call): Promise<unknown> {
    const deadline = performance.now() + (call.timeoutMs ?? this.#timeoutMs);
    for (;;) {
      const remaining = Math.max(1, deadline - performance.now());
      try {
        return await this.#read(call, await this.#open({ ...call, timeoutMs: remaining }, false));
      } catch (error) {
        if (!(error instanceof BusyError)) throw error;
        if (performance.now() + error.retryAfterMs > deadline) throw error.answer;
        await sleep(error.retryAfterMs);
      }
    }
  }

  /**
   * Sends the request and checks its status. The time limit holds until the body has ended, except
   * for a watch.
   */
  async #open(call: Call, isWatch: boolean): Promise<OpenAnswer> {
    const controller = new AbortController();
    const abort = (): void => controller.abort(new Error('it was given up'));
    const limit = call.timeoutMs ?? this.#timeoutMs;
    if (this.#isStopped || call.signal?.aborted === true) {
      throw new ApiUnreachableError(call.what, this.server, new Error('it was given up'));
    }
    this.#underWay.add(controller);
    call.signal?.addEventListener('abort', abort);
    const late = new Error(`no answer within ${Math.round(limit / 100) / 10} s`);
    const timer = setTimeout(() => controller.abort(late), limit);
    const settle = (): void => {
      clearTimeout(timer);
      this.#underWay.delete(controller);
      call.signal?.removeEventListener('abort', abort);
    };
    try {
      const response = await this.#connections.send({
        method: call.method,
        path: withQuery(call.path, call.query),
        body: call.body === undefined ? undefined : JSON.stringify(call.body),
        headers: call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' },
        isWatch,
        signal: controller.signal,
      });
      response.once('close', settle);
      const { statusCode = 0 } = response;
      this.#countAnswer(call, String(statusCode));
      if (statusCode >= 200 && statusCode < 300) {
        if (isWatch) clearTimeout(timer);
        return { response, signal: controller.signal };
      }
      if (statusCode === 401) this.#connections.forgetCredentials();
      const answer = new ApiError(call.what, statusCode, parseStatus(await readText(response)), this.server);
      throw statusCode === 429 ? new BusyError(answer, response.headers['retry-after']) : answer;
    } catch (error) {
      settle();
      if (!(error instanceof ApiError) && !(error instanceof BusyError)) this.#countAnswer(call, '<error>');
      throw this.#explain(call, error, controller.signal);
    }
  }

  async #read(call: Call, { response, signal }: OpenAnswer): Promise<unknown> {
    try {
      const text = await readText(response);
      return (response.headers['content-type'] ?? '').includes('json') ? (JSON.parse(text) as unknown) : text;
    } catch (error) {
      throw this.#explain(call, error, signal);
    }
  }

  #explain(call: Call, error: unknown, signal: AbortSignal): unknown {
    if (error instanceof ApiError || error instanceof BusyError || error instanceof ClusterAccessError) return error;
    return new ApiUnreachableError(call.what, this.server, signal.aborted ? signal.reason : error);
  }
}

function typed(resource: ApiResource, object: KubernetesObject): KubernetesObject {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
}

function selectors(options: ListOptions): RequestOptions['query'] {
  return { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector };
}

function dryRun(options: { readonly dryRun?: boolean }): string | undefined {
  return options.dryRun === true ? 'All' : undefined;
}
