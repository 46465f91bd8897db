// How long an edit takes to the bytes at a client, and how many these are, by kind of edit and size
// of the mesh. The edits come from a source that can be exchanged: memory, files, the Kubernetes
// API, or any command that takes manifests.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AnyMeshObject, formatRef, refOf } from '../../mesh/index.ts';
import type { DeltaAdsOptions } from '../../test/support/delta-ads-client.ts';
import { startApiMesh } from './api.ts';
import { type Child, startChild } from './child.ts';
import { Follower } from './follower.ts';
import { type Edit, editKinds, makeEdit, makeMesh, serviceName } from './mesh.ts';
import { type Report, type Row, summarize } from './report.ts';

/** The entry point of edits, if our own control plane is measured. */
export const sources = ['memory', 'files', 'api'] as const;

/** The choice of measurements. */
export interface PropagationOptions {
  readonly services: readonly number[];
  readonly edits: number;
  readonly rich: boolean;
  readonly onDemandAbove: number;
  readonly source: (typeof sources)[number];
  /**
   * Another control plane: its address, the client's node, and a command that applies manifests (on
   * stdin).
   */
  readonly server?: { readonly address: string; readonly client: DeltaAdsOptions; readonly apply: string };
}

/** The target of edits, and the control plane behind it. */
interface EditSource {
  apply(edit: Edit): Promise<void>;
  /** Milliseconds of CPU that the control plane has used, if that can be known. */
  cpu(): Promise<number>;
  readonly address: string;
  readonly client: DeltaAdsOptions;
  stop(): Promise<void>;
}

/** Runs the benchmark. */
export async function measurePropagation(options: PropagationOptions): Promise<Report> {
  const rows: Row[] = [];
  for (const services of options.services) {
    const source = await openSource(options, services);
    const follower = await Follower.connect(source.address, source.client);
    await follower.settle(0, performance.now(), 2500);
    for (const kind of editKinds) {
      const times: number[] = [];
      const writes: number[] = [];
      const cpu: number[] = [];
      // An added service comes in several responses, the next after the client has asked for the
      // resources that it names.
      const quiet = kind.startsWith('service-') ? 400 : 40;
      let came;
      // The first ones warm the paths of the code up.
      for (let round = -5; round < options.edits; round += 1) {
        const edit = makeEdit(kind, services, round + 5);
        const from = follower.client.responses.length;
        const before = await source.cpu();
        const since = performance.now();
        await source.apply(edit);
        const written = performance.now() - since;
        came = await follower.settle(from, since, quiet, 1, 5_000);
        if (round < 0) continue;
        times.push(came.last);
        writes.push(written);
        cpu.push((await source.cpu()) - before);
      }
      if (came === undefined) continue;
      rows.push({
        services,
        edit: kind,
        'time ms': summarize(times),
        'p99 ms': summarize(times).p99,
        'write ms': summarize(writes),
        'cpu ms': summarize(cpu),
        bytes: came.bytes,
        resources: came.resources,
        removed: came.removed,
        types: Object.entries(came.types)
          .map(([type, count]) => `${type} ${count}`)
          .join(', '),
      });
    }
    follower.client.close();
    await source.stop();
  }
  return { benchmark: `propagation from ${options.server === undefined ? options.source : 'a command'}`, rows };
}

async function openSource(options: PropagationOptions, services: number): Promise<EditSource> {
  if (options.server !== undefined) return openCommand(options.server);
  if (options.source === 'api') return openApi(services, options);
  const child = await startChild();
  if (options.source === 'files') return openFiles(child, services, options);
  const { rich, onDemandAbove } = options;
  await child.ask({ type: 'serve', services, rich, onDemandAbove });
  return {
    apply: async (edit) => void (await child.ask({ type: 'edits', edits: [edit], oneByOne: false })),
    cpu: () => cpuOf(child),
    address: child.idle.address,
    client,
    stop: () => child.stop(),
  };
}

/** How the client introduces itself to our own server. */
export const client: DeltaAdsOptions = {
  node: { id: 'waypoint~127.0.0.1~waypoint.bench~bench.svc.cluster.local', cluster: 'waypoint.bench' },
};

async function cpuOf(child: Child): Promise<number> {
  const { cpu } = await child.ask({ type: 'edits', edits: [], oneByOne: false });
  return cpu;
}

/**
 * As people write them: an object without a namespace has no field for it, where our own form has
 * an empty one.
 */
function formatManifests(objects: readonly AnyMeshObject[]): string {
  return objects
    .map((object) => {
      const { namespace, ...metadata } = object.metadata;
      return JSON.stringify({ ...object, metadata: namespace === '' ? metadata : object.metadata });
    })
    .join('\n---\n');
}

/** One file for each service, replaced by renaming as careful editors do. */
async function openFiles(
  child: Child,
  services: number,
  { rich, onDemandAbove }: PropagationOptions,
): Promise<EditSource> {
  const directory = mkdtempSync(join(tmpdir(), 'cairn-bench-'));
  const files = new Map<string, Map<string, AnyMeshObject>>();
  const write = (name: string): void => {
    const objects = [...(files.get(name)?.values() ?? [])];
    const path = join(directory, `${name}.yaml`);
    if (objects.length === 0) return rmSync(path);
    writeFileSync(join(directory, `.${name}`), formatManifests(objects));
    renameSync(join(directory, `.${name}`), path);
  };
  const take = (object: AnyMeshObject): string => {
    const name = /^s\d+/.exec(object.metadata.name)?.[0] ?? 'frame';
    const file = files.get(name) ?? new Map<string, AnyMeshObject>();
    files.set(name, file.set(formatRef(refOf(object)), object));
    return name;
  };
  for (const name of new Set(makeMesh(services, { rich }).map(take))) write(name);
  await child.ask({ type: 'watch', directory, onDemandAbove });
  return {
    apply: async ({ put, removed, service }) => {
      for (const object of put) take(object);
      for (const object of removed) files.get(serviceName(service))?.delete(formatRef(refOf(object)));
      write(serviceName(service));
    },
    cpu: () => cpuOf(child),
    address: child.idle.address,
    client,
    stop: async () => {
      await child.stop();
      rmSync(directory, { recursive: true });
    },
  };
}

async function openApi(services: number, { rich, onDemandAbove }: PropagationOptions): Promise<EditSource> {
  const {
    child,
    address,
    serverName: name,
    own,
    node,
    write,
    stop,
  } = await startApiMesh(makeMesh(services, { rich }), onDemandAbove);
  return {
    apply: ({ put, removed }) => write(put, removed),
    cpu: () => cpuOf(child),
    address,
    client: { node, tls: { root: own.ca, certificate: own.cert, key: own.key, serverName: name } },
    stop,
  };
}

function openCommand({ address, client: introduced, apply }: NonNullable<PropagationOptions['server']>): EditSource {
  const run = (verb: string, objects: readonly AnyMeshObject[]): void => {
    if (objects.length === 0) return;
    const input = formatManifests(objects);
    execFileSync('/bin/sh', ['-c', apply], { input, env: { ...process.env, VERB: verb } });
  };
  return {
    apply: async ({ put, removed }) => {
      run('apply', put);
      run('delete', removed);
    },
    cpu: async () => Number.NaN,
    address,
    client: introduced,
    stop: async () => undefined,
  };
}
