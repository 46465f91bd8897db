// A storm is served in steps, between which others have their turn, and in the end as if there had
// been one.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { encodeResource, typeUrls } from '../../envoy-api/index.ts';
import { translateWaypoint } from '../../generator/index.ts';
import type { AnyMeshObject, MeshChange } from '../../mesh/index.ts';
import { makeHttpRoute, makeMesh, makePolicy, makeVirtualService, usesHttpRoute } from '../../tools/bench/mesh.ts';
import { SnapshotCache } from '../../xds/index.ts';
import { Distribution, StageClock } from '../../gateway-controller/serving/distribution.ts';
import type { PipelineStep } from '../../gateway-controller/serving/distribution.ts';
import { waitFor } from '../support/wait.ts';

const gateway = { namespace: 'bench', name: 'waypoint' };
const key = `waypoint/${gateway.namespace}/${gateway.name}`;
const services = 200;
const put = (object: AnyMeshObject): MeshChange => ({ type: 'put', object });
const storm = Array.from({ length: services }, (_, index) => [makeVirtualService(index, 2), makePolicy(index, 2)])
  .filter((_, index) => !usesHttpRoute(index))
  .flat()
  .map(put);
const quietRoute = 'inbound-vip|80|http|s00009.bench.svc.cluster.local';

async function start(onStep?: (step: PipelineStep) => void): Promise<{
  readonly cache: SnapshotCache;
  readonly distribution: Distribution;
}> {
  const cache = new SnapshotCache();
  const distribution = new Distribution({ cache, ...(onStep === undefined ? {} : { onStep }) });
  const { step, number } = distribution.apply(makeMesh(services).map(put), new StageClock());
  // Every proxy can be served after the first step; Findings may follow.
  expect(step.changedResources).toBeGreaterThan(services);
  await waitFor(() => distribution.settled >= number, { interval: 1 });
  return { cache, distribution };
}

function versions(cache: SnapshotCache): readonly string[] {
  return Object.values(typeUrls)
    .flatMap((typeUrl) =>
      [...cache.names(key, typeUrl)].map((name) => `${name} ${cache.get(key, typeUrl, name)?.version}`),
    )
    .sort();
}

it('takes the first configuration whole and a storm in steps, which a lone edit overtakes', async () => {
  const steps: PipelineStep[] = [];
  const { cache, distribution } = await start((step) => steps.push(step));
  steps.length = 0;
  const before = cache.get(key, typeUrls.routeConfiguration, quietRoute);
  const { number, step } = distribution.apply(storm, new StageClock());
  expect(step.changedObjects).toBe(storm.length);
  expect(distribution.settled).toBeLessThan(number);
  const lone = distribution.apply([put(makeHttpRoute(9, 2))], new StageClock());
  await waitFor(() => cache.get(key, typeUrls.routeConfiguration, quietRoute) !== before, { interval: 1 });
  // It is the first of its kind, of three.
  expect(steps.length).toBeLessThanOrEqual(3);
  expect(distribution.settled).toBeLessThan(number);
  await waitFor(() => distribution.settled >= lone.number, { interval: 1 });
  expect(steps.length).toBeGreaterThan(3);
  const wanted = translateWaypoint(distribution.mesh, gateway).resources.map(encodeResource);
  expect(versions(cache)).toEqual(wanted.map(({ name, version }) => `${name} ${version}`).sort());
});

it('computes nothing more once it is stopped', async () => {
  const steps: PipelineStep[] = [];
  const { distribution } = await start((step) => steps.push(step));
  steps.length = 0;
  const { number } = distribution.apply(storm, new StageClock());
  distribution.stop();
  await sleep(50);
  expect([steps, distribution.settled < number]).toEqual([[], true]);
});

it('does everything in one step where nobody asked for more', async () => {
  const { distribution } = await start();
  const { number } = distribution.apply(storm, new StageClock());
  expect(distribution.settled).toBe(number);
});
