// `cairn run` on a small mesh of its own, as a test uses it: files in, addresses and findings out,
// requests from its workloads.

import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request, type RequestOptions } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type AddressBlock, allocateBlock } from './loopback.ts';
import { waypointManifests } from './mesh.ts';
import { startProcess, stopProcess } from './processes.ts';
import type { StartedProcess } from './processes.ts';
import { waitFor, type WaitOptions } from './wait.ts';

const root = resolve(import.meta.dirname, '../..');

/**
 * A namespace `shop` with a waypoint, services that select the workloads of their names, and
 * workloads that run as accounts of theirs.
 */
export function shopManifests(shop: {
  readonly services: readonly string[];
  /** The port of every service; its name sets the protocol. */
  readonly port: { readonly name: string; readonly port: number };
  readonly workloads: readonly string[];
}): string {
  const services = shop.services.map(
    (name) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: ${name} }, ports: [{ name: ${shop.port.name}, port: ${shop.port.port} }] }
---`,
  );
  const workloads = shop.workloads.map(
    (name) => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}, namespace: shop, annotations: { ambient.istio.io/redirection: enabled } }
spec: { labels: { app: ${name} }, serviceAccount: ${name} }
---`,
  );
  return `
${waypointManifests('shop')}
---${services.join('')}${workloads.join('')}`;
}

/** The answer. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Waits until a `cairn run` is ready; resolves with the URL of its admin server. */
export async function awaitRun(run: StartedProcess): Promise<string> {
  const options: WaitOptions = {
    timeout: 30_000,
    seen: run.output,
    hopeless: () => (run.exit() === undefined ? undefined : 'it ended'),
  };
  const address = /http:\/\/127\.0\.0\.1:\d+(?=\/api\/waypoints)/;
  const admin = await waitFor(() => address.exec(run.stdout())?.[0], { ...options, what: 'the admin address' });
  await waitFor(async () => (await call(`${admin}/readyz`)).status === 200, { ...options, what: 'readiness' });
  return admin;
}

/**
 * A control plane that runs a directory of manifests, with addresses of its own. It outlives
 * neither its test nor `close`.
 */
export class LocalRun {
  readonly #directory: string = mkdtempSync(join(tmpdir(), 'cairn-local-run-'));
  readonly #addresses = new Map<string, string>();
  readonly #vips = new Map<string, string>();
  #block: AddressBlock | undefined;
  #controller: StartedProcess | undefined;
  #admin = '';

  readonly #node: string;

  /** By default on the Node of these tests. */
  constructor(node: string = process.execPath) {
    this.#node = node;
    mkdirSync(this.path('config'));
  }

  /** A path in the directory of the run, which has the folders `config` and `state`. */
  path(name: string): string {
    return join(this.#directory, name);
  }

  /** Writes a file of the configuration. */
  write(file: string, text: string): void {
    writeFileSync(this.path(join('config', file)), text);
  }

  /** Starts the control plane, for the first time or once more, and waits until it is ready. */
  async start(...flags: readonly string[]): Promise<void> {
    this.#block ??= await allocateBlock();
    const paths = ['--config', this.path('config'), '--state', this.path('state')];
    const run = ['run', ...paths, '--address-block', this.#block.cidr, ...flags];
    const controller = await startProcess(this.#node, ['--import', 'tsx', join(root, 'cli/main.ts'), ...run], {
      cwd: root,
    });
    this.#controller = controller;
    this.#admin = await awaitRun(controller);
    for (const { name, address } of await this.api<{ name: string; address: string }[]>('/api/workloads')) {
      this.#addresses.set(name, address);
    }
    for (const { name, addresses } of await this.api<{ name: string; addresses: string[] }[]>('/api/services')) {
      this.#vips.set(name, addresses[0] ?? '');
    }
  }

  /** Ends the control plane; its state stays. */
  async stop(): Promise<void> {
    if (this.#controller !== undefined) await stopProcess(this.#controller);
    this.#controller = undefined;
  }

  /** Ends everything and removes the directory. */
  async close(): Promise<void> {
    await this.stop();
    await this.#block?.release();
    rmSync(this.#directory, { recursive: true });
  }

  /** The answer of the admin server at a path. */
  async api<T>(path: string): Promise<T> {
    return JSON.parse((await call(`${this.#admin}${path}`)).body) as T;
  }

  /** The codes of all Findings. */
  async codes(): Promise<readonly string[]> {
    return (await this.api<{ code: string }[]>('/api/findings')).map(({ code }) => code);
  }

  /** The address of a workload. */
  address(workload: string): string {
    return this.#addresses.get(workload) ?? '';
  }

  /** The virtual address of a service. */
  vip(service: string): string {
    return this.#vips.get(service) ?? '';
  }

  /** Asks a service as a workload. */
  async ask(
    service: string,
    { from, port, headers = {} }: { from: string; port: number; headers?: Readonly<Record<string, string>> },
  ): Promise<Answer> {
    return call(`http://${this.vip(service)}:${port}/`, { localAddress: this.address(from), headers });
  }
}

async function call(url: string, options: RequestOptions = {}): Promise<Answer> {
  const sent = request(url, { agent: false, ...options }).end();
  const [response] = (await once(sent, 'response')) as [AsyncIterable<Buffer> & { readonly statusCode?: number }];
  let body = '';
  for await (const chunk of response) body += chunk.toString();
  return { status: response.statusCode ?? 0, body };
}
