// A waypoint of many services holds those that proxies ask for, with everything that they name.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage } from '../../envoy-api/encoding.ts';
import { type EncodedResource, encodeResource, type EnvoyResource, typeUrls } from '../../envoy-api/index.ts';
import {
  analyzeMesh,
  formatProxyKey,
  type GatewayKey,
  Generator,
  listWaypoints,
  translateWaypoint,
} from '../../generator/index.ts';
import { MeshStore } from '../../mesh/index.ts';
import { trialsOf } from '../support/counts.ts';
import { expectFullTranslation, HeldResources } from '../support/held-resources.ts';
import { change, put, shop } from '../support/random-shop.ts';

describe('with more services than are rendered before anybody asks', () => {
  const door = /^connect[|]\d+[|]/;
  const step = fc.record({
    batch: fc.array(change, { maxLength: 4 }),
    /** The shares of the services that proxies ask for then. */
    asks: fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { maxLength: 3 }),
  });

  it('holds what was asked for with all that it names, and everything as soon as everything is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3 }), fc.array(step, { minLength: 1, maxLength: 8 }), (eager, steps) => {
        const store = new MeshStore();
        const generator = new Generator(store, { eager });
        const proxies = new Map<string, HeldResources>();
        const advance = (): void => {
          const update = generator.advance();
          for (const name of update.removedProxies) proxies.delete(name);
          for (const [name, changes] of update.proxies) {
            const proxy = proxies.get(name) ?? new HeldResources();
            proxies.set(name, proxy);
            proxy.take(changes);
          }
        };
        const comingOf = (name: string, full: ReadonlyMap<string, EncodedResource>): readonly EncodedResource[] =>
          [...full].flatMap(([resource, each]) => {
            const proxy = proxies.get(name);
            return proxy?.offers.has(resource) === true && !proxy.held.has(resource) ? [each] : [];
          });
        const fullOf = (key: GatewayKey): ReadonlyMap<string, EncodedResource> =>
          new Map(
            translateWaypoint(store, key)
              .resources.map(encodeResource)
              .map((each) => [`${each.typeUrl} ${each.name}`, each]),
          );
        generator.invalidate(store.apply(shop.map(put)));
        for (const { batch, asks } of steps) {
          generator.invalidate(store.apply(batch));
          advance();
          for (const key of listWaypoints(store)) {
            const name = formatProxyKey(key);
            const doors = comingOf(name, fullOf(key)).filter((resource) => door.test(resource.name));
            for (const share of asks) {
              const chosen = doors[Math.floor(share * doors.length)];
              if (chosen !== undefined) generator.want(name, chosen);
            }
            advance();
            const full = fullOf(key);
            const held = proxies.get(name)?.held ?? new Map<string, string>();
            const isComing = new Set(comingOf(name, full).map(({ typeUrl, name: each }) => `${typeUrl} ${each}`));
            const onDemand = versionsOnDemand(translateWaypoint(store, key).resources, isComing);
            for (const [resource, version] of held) {
              expect(onDemand.get(resource) ?? full.get(resource)?.version, resource).toBe(version);
            }
            for (const [resource, { typeUrl }] of full) {
              const isHeld = held.has(resource);
              if (isComing.has(resource)) expect(isHeld, resource).toBe(false);
              else if (typeUrl === typeUrls.routeConfiguration) expect(isHeld, resource).toBe(true);
              if (!isHeld) continue;
              for (const named of referencesOf(full.get(resource))) {
                if (full.has(named)) expect(held.has(named), `${resource} names ${named}`).toBe(true);
              }
            }
          }
          expect(generator.findings()).toEqual(analyzeMesh(store));
        }
        for (const key of listWaypoints(store)) {
          const name = formatProxyKey(key);
          for (const resource of comingOf(name, fullOf(key))) generator.want(name, resource);
        }
        advance();
        expectFullTranslation(store, proxies);
      }),
      trialsOf('stops'),
    );
  });
});

/** The versions of scopes whose routes are not there: these say that they come on demand. */
function versionsOnDemand(
  resources: readonly EnvoyResource[],
  isComing: ReadonlySet<string>,
): ReadonlyMap<string, string> {
  return new Map(
    resources.flatMap(({ typeUrl, name, json }) => {
      const { name: own = '', route_configuration_name: routes = '', ...rest } = json;
      if (typeUrl !== typeUrls.scopedRoute || !name.startsWith('connect|')) return [];
      if (typeof routes !== 'string' || !isComing.has(`${typeUrls.routeConfiguration} ${routes}`)) return [];
      const scope = { name: own, on_demand: true, route_configuration_name: routes, ...rest };
      return [[`${typeUrl} ${name}`, encodeResource({ typeUrl, name, json: scope }).version] as const];
    }),
  );
}

/** The resources that a route configuration or a cluster names. */
function referencesOf(resource: EncodedResource | undefined): readonly string[] {
  if (resource === undefined) return [];
  const { typeUrl, name, bytes } = resource;
  if (typeUrl === typeUrls.cluster) return [`${typeUrls.clusterLoadAssignment} ${name}`];
  if (typeUrl === typeUrls.scopedRoute && !name.startsWith('connect|')) {
    return [`${typeUrls.routeConfiguration} ${name}`];
  }
  if (typeUrl !== typeUrls.routeConfiguration) return [];
  const text = JSON.stringify(decodeMessage('envoy.config.route.v3.RouteConfiguration', bytes));
  return [
    ...[...text.matchAll(/"(?:cluster|name)":"((?:inbound-vip|outbound)[|][^"]+)"/g)].map(
      ([, cluster]) => `${typeUrls.cluster} ${cluster}`,
    ),
    ...[...text.matchAll(/"frontend":"([^"]+)"/g)].map(([, routes]) => `${typeUrls.scopedRoute} ${routes}`),
  ];
}
