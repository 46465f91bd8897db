// The mesh of a demo, assembled and taken apart: directory, control plane with its proxies,
// bookstore.

import { setTimeout as sleep } from 'node:timers/promises';
import { createMachineController } from '../../gateway-controller/index.ts';
import type {
  MachineController,
  MachineEndpoints,
  MachineEvent,
  WaypointView,
} from '../../gateway-controller/index.ts';
import { CommandError } from '../io.ts';
import type { Io } from '../io.ts';
import { controllerOptions } from '../run.ts';
import { bookstorePort, startBookstore } from './bookstore.ts';
import type { Bookstore } from './bookstore.ts';
import { createClient } from './client.ts';
import { findExampleFiles } from './example-files.ts';
import type { ExampleFiles } from './example-files.ts';
import { demoPlaces, preparePlaces, removePlaces } from './places.ts';
import type { DemoPlaces } from './places.ts';

/** The parts of a demo. */
export interface DemoMeshOptions {
  readonly name: 'demo' | 'tour';
  readonly io: Io;
  readonly addressBlock: string | undefined;
  /** Aborts a pending start. */
  readonly stop: AbortSignal;
  readonly onEvent: (event: MachineEvent) => void;
  /** Called with the event that the start waits for. */
  readonly onProgress: (text: string) => void;
}

const startTimeoutMs = 60_000;
const pollMs = 50;

/** One demo. */
export class DemoMesh {
  readonly places: DemoPlaces;
  readonly examples: ExampleFiles = findExampleFiles();
  readonly #options: DemoMeshOptions;
  #controller: MachineController | undefined;
  #endpoints: MachineEndpoints | undefined;
  #bookstore: Bookstore | undefined;
  #isPrepared = false;

  constructor(options: DemoMeshOptions) {
    this.#options = options;
    this.places = demoPlaces(options.name, options.io.env);
  }

  /**
   * Resolves when sleep gets an answer from productpage. Rejects with CommandError; the caller must
   * stop the demo then too.
   */
  async start(): Promise<void> {
    const { io, addressBlock, onEvent, onProgress } = this.#options;
    await preparePlaces(this.places, this.examples.manifests);
    this.#isPrepared = true;
    const { manifests: config, state } = this.places;
    const run = { config, state, adminPort: '0', ...(addressBlock === undefined ? {} : { addressBlock }) };
    onProgress('starting the control plane');
    const controller = await createMachineController(controllerOptions(run, io, onEvent));
    this.#endpoints = await controller.start();
    this.#controller = controller;
    onProgress('opening the bookstore');
    this.#bookstore = await startBookstore({
      command: [...io.nodeCommand, this.examples.app],
      env: io.env,
      workloads: controller.workloads(),
      services: controller.services(),
      logFile: this.places.appLog,
    });
    await this.#waitUntilReady(controller);
  }

  /** Ends everything that was started; `keepFiles` leaves manifests and logs. */
  async stop({ keepFiles }: { readonly keepFiles: boolean }): Promise<void> {
    await this.#controller?.stop();
    await this.#bookstore?.stop();
    if (this.#isPrepared && !keepFiles) await removePlaces(this.places);
  }

  get controller(): MachineController {
    if (this.#controller === undefined) throw new Error('the demo is not started');
    return this.#controller;
  }

  get endpoints(): MachineEndpoints {
    if (this.#endpoints === undefined) throw new Error('the demo is not started');
    return this.#endpoints;
  }

  /** Resolves when the bookstore's process is gone. */
  get bookstoreEnded(): Promise<void> {
    return this.#bookstore?.ended ?? Promise.resolve();
  }

  /** The waypoint of the demo. */
  get waypoint(): WaypointView {
    const [waypoint] = this.controller.waypoints();
    if (waypoint === undefined) throw new CommandError('the demo has no waypoint');
    return waypoint;
  }

  /** The address of a workload, or its first one when the app has several versions. */
  workloadAddress(app: string): string {
    const found = this.controller.workloads().find(({ labels }) => labels['app'] === app);
    if (found === undefined) throw new CommandError(`the demo has no workload of ${app}`);
    return found.address;
  }

  /** The address at which clients reach a service. */
  serviceAddress(name: string): string {
    const address = this.controller.services().find((service) => service.name === name)?.addresses[0];
    if (address === undefined) throw new CommandError(`the demo has no service ${name}`);
    return address;
  }

  async #waitUntilReady(controller: MachineController): Promise<void> {
    const { stop, onProgress } = this.#options;
    const client = createClient(this.workloadAddress('sleep'));
    const address = this.serviceAddress('productpage');
    const question = {
      address,
      port: bookstorePort,
      host: 'productpage',
      path: '/productpage',
      userAgent: 'cairn-demo',
    };
    const end = Date.now() + startTimeoutMs;
    for (;;) {
      if (stop.aborted) throw new CommandError('stopped before it was ready');
      const waiting = await controller.unready();
      const answer =
        waiting.length > 0 ? undefined : await client.ask({ ...question, timeout: 2_000 }).catch(() => undefined);
      if (answer?.status === 200) return;
      const what = waiting.length > 0 ? waiting.join(', ') : `productpage answers ${answer?.status ?? 'nothing'}`;
      onProgress(`waiting for the proxies (${what})`);
      if (Date.now() > end) throw new CommandError(`not ready after ${startTimeoutMs / 1_000} s: ${what}`);
      await sleep(pollMs);
    }
  }
}
