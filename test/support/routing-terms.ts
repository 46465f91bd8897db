// The words of the second opinion on routing: requests, rules, and possible outcomes.

import type { WrittenGrpcRoute } from './grpc-route-evaluator.ts';
import type { WrittenHttpRoute } from './http-route-evaluator.ts';
import type { WrittenVirtualService } from './virtual-service-evaluator.ts';

/** Names and values in order; a name may come twice. */
export type Headers = readonly (readonly [name: string, value: string])[];

/** A request for a service port, and its client. */
export interface RoutedRequest {
  /** The namespace of the client's identity. */
  readonly client: string;
  /** `<namespace>/<name>` of a Service. */
  readonly service: string;
  readonly port: number;
  readonly method: string;
  /** As sent. */
  readonly path: string;
  readonly host: string;
  readonly headers: Headers;
}

/** A request as rules see it: its path normalized, and its query apart. */
export interface SeenRequest extends Omit<RoutedRequest, 'path'> {
  readonly path: string;
  /** With its question mark; empty when there is none. */
  readonly query: string;
}

/** A possible outcome of a request. */
export type Outcome =
  | { readonly status: number; readonly body?: string; readonly location?: string }
  | {
      /** `<namespace>/<name>:<port>`, and `/<subset>`. */
      readonly destination: string;
      readonly path: string;
      readonly host: string;
      readonly headers: Headers;
      /** Edits of the answer. */
      readonly response: readonly HeaderEdits[];
    };

/** Names and values to set and to add, and names to remove. */
export interface HeaderEdits {
  readonly set: Headers;
  readonly add: Headers;
  readonly remove: readonly string[];
}

/**
 * One rule in force: when it holds, and its possible outcomes, one for each destination that can be
 * chosen.
 */
export interface Rule {
  readonly holds: (request: SeenRequest) => boolean;
  readonly outcomes: (request: SeenRequest) => readonly Outcome[];
  /** Whether it takes every request of every client, so that no later rule counts. */
  readonly isCatchAll: boolean;
}

/** Manifests of a mesh, as written. */
export interface WrittenMesh {
  /** The namespace of the waypoint that serves all of them. */
  readonly waypoint: string;
  /** Ports by `<namespace>/<name>`. */
  readonly services: ReadonlyMap<string, readonly number[]>;
  /** Subsets by `<namespace>/<name>`. */
  readonly subsets: ReadonlyMap<string, readonly string[]>;
  /**
   * `<kind> <namespace of the route> <namespace>/<name>` of the Services that ReferenceGrants open.
   */
  readonly grants: ReadonlySet<string>;
  readonly virtualServices: readonly WrittenVirtualService[];
  readonly httpRoutes: readonly WrittenHttpRoute[];
  readonly grpcRoutes: readonly WrittenGrpcRoute[];
}

/**
 * The values of a header, one for each line. A rule holds for a header when it holds for one of
 * them.
 */
export function headerValues(headers: Headers, name: string): readonly string[] {
  return headers.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
}

/** The first value of a query parameter, as written; undefined when it is not there. */
export function queryValue(query: string, name: string): string | undefined {
  for (const pair of query.slice(1).split('&')) {
    const [key = '', ...value] = pair.split('=');
    if (key === name) return value.join('=');
  }
  return undefined;
}

/** Whether a regular expression takes the whole of a text. */
export function matchesWhole(regex: string, text: string): boolean {
  return new RegExp(`^(?:${regex})$`).test(text);
}

/** A path whose parts that a regular expression takes are replaced; `\1` is its first group. */
export function rewriteByRegex(path: string, regex: string, substitution: string): string {
  return path.replace(new RegExp(regex.replaceAll('(?P<', '(?<'), 'g'), substitution.replace(/\\(\d)/g, '$$$1'));
}

/** Headers after edits: removals come first, then values are set, then added. */
export function editHeaders(headers: Headers, { set, add, remove }: HeaderEdits): Headers {
  const gone = new Set([...remove, ...set.map(([name]) => name)].map((name) => name.toLowerCase()));
  return [...headers.filter(([name]) => !gone.has(name.toLowerCase())), ...set, ...add];
}
