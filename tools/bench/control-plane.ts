// A process with a control plane for benchmarks: the store, generator, cache and server of `cairn run`, without its proxies, or the whole
// control plane of a cluster. Its parent tells it what to serve and asks what it used.

import { ServerCredentials } from '@grpc/grpc-js';
import { Generator } from '../../generator/index.ts';
import { DirectorySource } from '../../gateway-controller/directory-source.ts';
import { loadClusterAccess } from '../../kubernetes/index.ts';
import { type AnyMeshObject, type MeshChange, MeshStore, refOf } from '../../mesh/index.ts';
import { clusterSettings, startControlPlane } from '../../test/support/cluster-mesh.ts';
import { SnapshotCache, XdsServer } from '../../xds/index.ts';
import { type Edit, makeMesh, meshGateway, meshNamespace } from './mesh.ts';

/** What the parent says. */
export type Order =
  | { readonly type: 'serve'; readonly services: number; readonly rich: boolean }
  | { readonly type: 'watch'; readonly directory: string }
  | { readonly type: 'follow'; readonly kubeconfig: string }
  | { readonly type: 'edits'; readonly edits: readonly Edit[]; readonly oneByOne: boolean }
  | { readonly type: 'usage' };

/** What the child answers: milliseconds of CPU since its start, bytes, and where it listens. */
export interface Answer {
  readonly address: string;
  readonly cpu: number;
  readonly rss: number;
  readonly heap: number;
  /** Milliseconds that the work of the order took. */
  readonly took: number;
}

const key = `waypoint/${meshNamespace}/${meshGateway}`;
const cache = new SnapshotCache();
const xds = new XdsServer({ cache, authorize: () => ({ key }), log: () => undefined });
let store = new MeshStore();
let generator = new Generator(store);
let address = '';
/** Put or deleted since the last step: what a watch delivers in one turn of the event loop is one step. */
let gathered: MeshChange[] = [];

// The schema and the paths of the code are loaded as in a control plane that has been running.
function warmUp(): void {
  const other = new MeshStore();
  const all = makeMesh(20, { rich: true });
  new Generator(other).update(other.apply(all.map(put)));
}

function step(): void {
  const changes = gathered;
  gathered = [];
  if (changes.length === 0) return;
  for (const [proxy, change] of generator.update(store.apply(changes)).proxies) cache.apply(proxy, change);
}

function put(object: AnyMeshObject): MeshChange {
  return { type: 'put', object };
}

function gather({ put: puts, removed }: Edit): void {
  if (gathered.length === 0) setImmediate(step);
  gathered.push(...puts.map(put), ...removed.map((object): MeshChange => ({ type: 'delete', ref: refOf(object) })));
}

async function follow(order: Order): Promise<void> {
  switch (order.type) {
    case 'serve':
      store = new MeshStore();
      generator = new Generator(store);
      gathered = makeMesh(order.services, { rich: order.rich }).map(put);
      return step();
    case 'watch': {
      const source = new DirectorySource({
        directory: order.directory,
        onChange: ({ changes }) => {
          gathered = [...changes];
          step();
        },
        onError: (error) => process.stderr.write(`${String(error)}\n`),
      });
      return source.start();
    }
    case 'follow': {
      const { access } = await loadClusterAccess({ kubeconfig: order.kubeconfig, env: {} });
      address = (await startControlPlane(access, clusterSettings('bench'))).grpc;
      return;
    }
    case 'edits':
      for (const edit of order.edits) {
        gather(edit);
        if (order.oneByOne) await new Promise((resolve) => setImmediate(resolve));
      }
      return;
    case 'usage':
      globalThis.gc?.();
      return;
  }
}

function usage(took: number): Answer {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { address, cpu: (user + system) / 1000, rss, heap: heapUsed + external, took };
}

process.on('message', (order: Order) => {
  const start = performance.now();
  void follow(order).then(() => process.send?.(usage(performance.now() - start)));
});
process.on('disconnect', () => process.exit(0));

warmUp();
address = await xds.start('127.0.0.1:0', ServerCredentials.createInsecure());
process.send?.(usage(0));
