// A second opinion on routing: the destination of a request and its form there, from the manifests
// alone as the APIs document them. It shares nothing with the generator, so a disagreement between
// the two (through a real Envoy) is a bug in one.

import { normalizePath } from './path-evaluator.ts';
import { findRouteRules } from './http-route-evaluator.ts';
import type { Outcome, RoutedRequest, Rule, SeenRequest, WrittenMesh } from './routing-terms.ts';
import { findVirtualServiceRules } from './virtual-service-evaluator.ts';

/** The outcomes that are right for a request: several if weights leave a choice. */
export function evaluateRouting(mesh: WrittenMesh, request: RoutedRequest): readonly Outcome[] {
  const path = normalizePath(request.path);
  if (path === undefined) return [{ status: 400 }];
  const mark = request.path.indexOf('?');
  const seen: SeenRequest = { ...request, path, query: mark < 0 ? '' : request.path.slice(mark) };
  const rules = rulesInForce(mesh, request);
  return rules.find(({ holds }) => holds(seen))?.outcomes(seen) ?? [{ status: 404 }];
}

function rulesInForce(mesh: WrittenMesh, request: RoutedRequest): readonly Rule[] {
  const gateway = findRouteRules(mesh, request);
  const virtual = findVirtualServiceRules(mesh, request);
  const all = [...gateway.rules, ...virtual.rules];
  if (!virtual.isPresent && !gateway.hasProducer) all.push(defaultRule(request));
  const end = all.findIndex(({ isCatchAll }) => isCatchAll);
  return end < 0 ? all : all.slice(0, end + 1);
}

function defaultRule({ service, port }: RoutedRequest): Rule {
  return {
    holds: () => true,
    outcomes: (request) => [
      {
        destination: `${service}:${port}`,
        path: request.path + request.query,
        host: request.host,
        headers: request.headers,
        response: [],
      },
    ],
    isCatchAll: true,
  };
}
