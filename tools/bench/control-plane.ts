// A process with a control plane for benchmarks: the store, generator, cache and server of `cairn
// run`, without its proxies, or the whole control plane of a cluster. Its parent sets the
// configuration and asks for its use of resources.

import { ServerCredentials } from '@grpc/grpc-js';
import { DirectorySource } from '../../gateway-controller/machine/directory-source.ts';
import { Distribution, type PipelineStep, StageClock } from '../../gateway-controller/serving/distribution.ts';
import { Pace } from '../../gateway-controller/cluster/source/pace.ts';
import { loadClusterAccess } from '../../kubernetes/index.ts';
import { type AnyMeshObject, formatRef, type MeshChange, refOf } from '../../mesh/index.ts';
import { clusterSettings, startControlPlane } from '../../test/support/cluster-mesh.ts';
import { SnapshotCache, XdsServer } from '../../xds/index.ts';
import { changesOf, type Edit, makeEdit, makeHttpRoute, makeMesh, meshGateway, meshNamespace } from './mesh.ts';

/** The parent's messages. */
export type Order =
  | { readonly type: 'serve'; readonly services: number; readonly rich: boolean; readonly onDemandAbove: number }
  | { readonly type: 'watch'; readonly directory: string; readonly onDemandAbove: number }
  | { readonly type: 'follow'; readonly kubeconfig: string; readonly onDemandAbove: number }
  /** The configuration is gone, and its proxies wait for another one. */
  | { readonly type: 'forget' }
  /** Answered when every result is computed, those that are no proxy's included. */
  | { readonly type: 'finish' }
  | { readonly type: 'edits'; readonly edits: readonly Edit[]; readonly oneByOne: boolean }
  | Storm
  | { readonly type: 'usage' };

/**
 * Events of a tenth of the services, or of nine in ten where all have rules, at a rate, Infinity
 * for all at once; and every tenth of a second a lone edit of one of the others.
 */
export interface Storm {
  readonly type: 'storm';
  readonly services: number;
  readonly rich: boolean;
  readonly events: number;
  readonly perSecond: number;
  /** The number of the first event, so that a second storm changes something again. */
  readonly first: number;
}

/** An edit in the midst of a storm. */
export interface LoneEdit {
  /** The number of the service whose route says the revision now. */
  readonly service: number;
  readonly revision: number;
  /** When it came in, in milliseconds since 1970. */
  readonly at: number;
}

/** The child's answers: milliseconds of CPU since its start, bytes, and its address. */
export interface Answer {
  readonly address: string;
  readonly cpu: number;
  readonly rss: number;
  readonly heap: number;
  /** Milliseconds that the work of the order took. */
  readonly took: number;
  readonly loneEdits: readonly LoneEdit[];
  /** Steps of a storm, and milliseconds of the longest. */
  readonly steps: number;
  readonly longestStep: number;
}

const key = `waypoint/${meshNamespace}/${meshGateway}`;
const cache = new SnapshotCache();
const xds = new XdsServer({ cache, authorize: () => ({ key }), log: () => undefined });
let distribution = makeDistribution(0);
/** The number of the last changes. */
let lastChanges = 0;
let address = '';
/** The changes since the last step; each object once, in its newest form. */
const gathered = new Map<string, MeshChange>();
let loneEdits: LoneEdit[] = [];
let steps = 0;
let longestStep = 0;

// The schema and the paths of the code are loaded as in a control plane that has been running.
function warmUp(): void {
  const all = makeMesh(20, { rich: true });
  new Distribution({ cache: new SnapshotCache() }).apply(all.map(put), new StageClock());
}

// As in the control plane of a cluster.
function makeDistribution(onDemandAbove: number): Distribution {
  return new Distribution({ cache, onDemandAbove, onStep: note });
}

function replaceDistribution(onDemandAbove: number): void {
  distribution.stop();
  cache.remove(key);
  distribution = makeDistribution(onDemandAbove);
}

function step(changes: readonly MeshChange[]): void {
  if (changes.length === 0) return;
  const applied = distribution.apply(changes, new StageClock());
  lastChanges = applied.number;
  note(applied.step);
}

function note({ times }: PipelineStep): void {
  steps += 1;
  longestStep = Math.max(longestStep, times.store + times.generate + times.publish);
}

function put(object: AnyMeshObject): MeshChange {
  return { type: 'put', object };
}

// The source of a cluster tells its changes at this pace.
const pace = new Pace(() => {
  const changes = [...gathered.values()];
  gathered.clear();
  step(changes);
});

function gather(edit: Edit): void {
  for (const change of changesOf(edit)) {
    gathered.set(formatRef(change.type === 'put' ? refOf(change.object) : change.ref), change);
  }
  pace.plan();
}

// Not a busy loop, whose time would count as the control plane's.
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

async function storm({ services, rich, events, perSecond, first }: Storm): Promise<void> {
  loneEdits = [];
  steps = longestStep = 0;
  const all = Array.from({ length: events }, (_, index) =>
    makeEdit(stormKinds[index % 4] ?? 'endpoint', services, first + index, { rich }),
  );
  const start = performance.now();
  let delivered = 0;
  for (let lone = 1; delivered < events || lone === 1; await turn()) {
    const passed = performance.now() - start;
    const until = Math.min(events, perSecond === Infinity ? events : Math.ceil((passed * perSecond) / 1000));
    for (; delivered < until; delivered += 1) gather(all[delivered] ?? { put: [], removed: [], service: 0 });
    if (passed < lone * 100 && delivered < events) continue;
    const revision = first + lone + 1;
    const { service } = makeEdit('HTTPRoute', services, revision);
    gather({ put: [makeHttpRoute(service, revision)], removed: [], service });
    loneEdits.push({ service, revision, at: performance.timeOrigin + performance.now() });
    lone += 1;
  }
}

const stormKinds = ['VirtualService', 'AuthorizationPolicy', 'DestinationRule', 'endpoint'] as const;

async function follow(order: Order): Promise<void> {
  switch (order.type) {
    case 'serve':
      replaceDistribution(order.onDemandAbove);
      return step(makeMesh(order.services, { rich: order.rich }).map(put));
    case 'forget':
      return replaceDistribution(0);
    case 'finish':
      while (distribution.settled < lastChanges) await turn();
      return;
    case 'watch': {
      replaceDistribution(order.onDemandAbove);
      const source = new DirectorySource({
        directory: order.directory,
        onChange: ({ changes }) => step(changes),
        onError: (error) => process.stderr.write(`${String(error)}\n`),
      });
      return source.start();
    }
    case 'follow': {
      const { access } = await loadClusterAccess({ kubeconfig: order.kubeconfig, env: {} });
      address = (await startControlPlane(access, { ...clusterSettings('bench'), onDemandAbove: order.onDemandAbove }))
        .grpc;
      return;
    }
    case 'edits':
      for (const edit of order.edits) {
        if (order.oneByOne) {
          step(changesOf(edit));
          await new Promise((resolve) => setImmediate(resolve));
        } else gather(edit);
      }
      return;
    case 'storm':
      return storm(order);
    case 'usage':
      globalThis.gc?.();
      return;
  }
}

function usage(took: number): Answer {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { address, cpu: (user + system) / 1000, rss, heap: heapUsed + external, took, loneEdits, steps, longestStep };
}

process.on('message', (order: Order) => {
  const start = performance.now();
  void follow(order).then(() => process.send?.(usage(performance.now() - start)));
});
process.on('disconnect', () => process.exit(0));

warmUp();
address = await xds.start('127.0.0.1:0', ServerCredentials.createInsecure());
process.send?.(usage(0));
