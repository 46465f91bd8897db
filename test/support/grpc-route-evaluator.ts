// GRPCRoutes for the second opinion on routing: a call is a request for the path
// `/<service>/<method>`.

import type {
  WrittenFilter,
  WrittenHttpRoute,
  WrittenNamedMatch,
  WrittenRouteMatch,
  WrittenRouteRule,
} from './http-route-evaluator.ts';
import { matchesWhole } from './routing-terms.ts';

/** Conditions that all have to hold. */
export interface WrittenCallMatch {
  readonly method?: {
    readonly type?: 'Exact' | 'RegularExpression';
    readonly service?: string;
    readonly method?: string;
  };
  readonly headers?: readonly WrittenNamedMatch[];
}

/** A GRPCRoute as it is written. */
export interface WrittenGrpcRoute extends Pick<WrittenHttpRoute, 'metadata'> {
  readonly spec: Pick<WrittenHttpRoute['spec'], 'parentRefs'> & {
    readonly rules: readonly {
      readonly matches?: readonly WrittenCallMatch[];
      readonly filters?: readonly WrittenFilter[];
      readonly backendRefs?: NonNullable<WrittenRouteRule['backendRefs']>;
    }[];
  };
}

/** The rules with their methods as conditions on paths. */
export function toPaths({ parentRefs, rules }: WrittenGrpcRoute['spec']): WrittenHttpRoute['spec'] {
  return {
    parentRefs,
    rules: rules.map(({ matches, ...rest }) => ({
      ...rest,
      ...(matches === undefined ? {} : { matches: matches.map(toPath) }),
    })),
  };
}

function toPath({ method: call, headers = [] }: WrittenCallMatch): WrittenRouteMatch {
  if (call === undefined) return { headers };
  const { type = 'Exact', service = '', method = '' } = call;
  const isText = type === 'Exact' && service !== '';
  const holds = (path: string): boolean => {
    const [before, first, second, ...more] = path.split('/');
    if (before !== '' || first === undefined || second === undefined) return false;
    // A text may go on if only the service is asked for; a pattern has to hold for the whole.
    if (isText && method === '') return first === service;
    if (type === 'RegularExpression') {
      return matchesWhole(
        `/${service === '' ? '[^/]+' : `(${service})`}/${method === '' ? '[^/]+' : `(${method})`}`,
        path,
      );
    }
    return first !== '' && (service === '' || first === service) && second === method && more.length === 0;
  };
  const kind = isText ? (method === '' ? 'PathPrefix' : 'Exact') : 'RegularExpression';
  return { headers, call: { service, method, kind, holds } };
}
