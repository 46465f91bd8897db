// `cairn run`: the control plane on a directory of manifests, until Ctrl-C.

import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findEnvoyBinary } from '../agent/index.ts';
import { createMachineController, prepareState, statePaths } from '../gateway-controller/index.ts';
import type { MachineController, MachineEvent, MachineOptions } from '../gateway-controller/index.ts';
import type { PlacedFinding } from '../mesh/index.ts';
import { readAddressBlock } from './configuration.ts';
import { CommandError, exitCodes } from './io.ts';
import type { ExitCode, Io } from './io.ts';
import { formatFinding } from './output.ts';
import { createFileLog } from './file-log.ts';
import { formatTable } from './table.ts';

/** The options of `cairn run`. */
export interface RunOptions {
  readonly config: string;
  readonly state: string;
  readonly addressBlock?: string;
  readonly adminPort: string;
  /** Fetch the keys of issuers from private addresses too. */
  readonly allowPrivateJwks?: boolean;
  /** Interval between two fetches, in milliseconds; 20 minutes by default. */
  readonly jwksRefresh?: number;
}

/** Runs until it is told to stop; nothing that it started remains. */
export async function runRun(options: RunOptions, io: Io): Promise<ExitCode> {
  const stop = io.stopSignal();
  const found = await stat(options.config).catch((cause: unknown) => {
    throw new CommandError(`--config ${options.config} cannot be read`, cause);
  });
  // Reading a pipe would wait for a writer.
  if (!found.isDirectory()) throw new CommandError(`--config ${options.config} is not a folder`);
  await prepareState(statePaths(options.state));
  const findings = createFindingPrinter(io);
  let controller: MachineController | undefined;
  const onEvent = (event: MachineEvent): void => {
    if (event.type === 'step') {
      findings.print(event.findings);
      const { changedObjects, changedResources } = event.step;
      if (controller !== undefined && changedObjects + changedResources > 0) io.stdout.write(formatStep(event));
    } else if (event.type === 'problem') io.stderr.write(`cairn: ${event.message}\n`);
    else if (controller !== undefined) io.stdout.write(formatProxy(event));
  };
  const created = await createMachineController(controllerOptions(options, io, onEvent));
  const endpoints = await created.start();
  controller = created;
  io.stdout.write(`Cairn runs ${options.config} on ${endpoints.block}. Ctrl-C ends it.\n\n`);
  io.stdout.write(`admin         ${endpoints.admin}/api/waypoints\n`);
  io.stdout.write(`xDS           ${endpoints.xds}\n`);
  io.stdout.write(`certificates  ${endpoints.certificates}\n`);
  io.stdout.write(`log           ${statePaths(options.state).log}\n\n`);
  io.stdout.write(formatServed(created));
  io.stdout.write(formatExample(created));
  if (!stop.aborted) await once(stop, 'abort');
  io.stdout.write('ending the proxies\n');
  await created.stop();
  return exitCodes.success;
}

/** An agent does little work: memory matters more than speed. */
const smallProcess: readonly string[] = ['--max-semi-space-size=1', '--optimize-for-size'];

/** The options of a machine controller in this process; `cairn demo` uses them too. */
export function controllerOptions(options: RunOptions, io: Io, onEvent: (event: MachineEvent) => void): MachineOptions {
  const adminPort = Number(options.adminPort);
  if (!/^\d+$/.test(options.adminPort) || adminPort > 65_535) {
    throw new CommandError(`--admin-port must be a port, not ${options.adminPort}`);
  }
  const block = readAddressBlock(options.addressBlock);
  return {
    config: options.config,
    state: options.state,
    ...(block === undefined ? {} : { block }),
    adminPort,
    keys: {
      allowsPrivate: options.allowPrivateJwks ?? false,
      ...(options.jwksRefresh === undefined ? {} : { refreshInterval: options.jwksRefresh }),
    },
    agentCommand: [...io.nodeCommand, ...smallProcess, agentEntry()],
    envoyBinary: findEnvoyBinary(undefined, io.env),
    env: io.env,
    log: createFileLog(statePaths(options.state).log),
    onEvent,
  };
}

/** The served services and their addresses, as two tables. */
export function formatServed(controller: MachineController): string {
  const waypoints = formatTable(
    [
      { title: 'waypoint', cell: ({ namespace, name }) => `${namespace}/${name}` },
      { title: 'hbone', cell: ({ hbone }) => hbone },
      { title: 'envoy admin', cell: ({ admin }) => admin },
      { title: 'state', cell: ({ state }) => state },
    ],
    controller.waypoints(),
  );
  const services = formatTable(
    [
      { title: 'service', cell: ({ host }) => host },
      { title: 'address', cell: ({ addresses }) => addresses.join(',') },
      { title: 'ports', cell: ({ ports }) => ports.join(',') },
      { title: 'waypoint', cell: ({ waypoint }) => waypoint ?? '' },
    ],
    controller.services(),
  );
  const workloads = formatTable(
    [
      { title: 'workload', cell: ({ namespace, name }) => `${namespace}/${name}` },
      { title: 'address', cell: ({ address }) => address },
      { title: 'identity', cell: ({ identity }) => identity },
    ],
    controller.workloads(),
  );
  return `${waypoints}\n${services}\n${workloads}\n`;
}

/** How to ask: a service is for workloads, which the node proxy recognizes by their addresses. */
function formatExample(controller: MachineController): string {
  const [client] = controller.workloads();
  const service = controller.services().find(({ addresses, ports }) => addresses.length > 0 && ports.length > 0);
  if (client === undefined || service === undefined) return '';
  const [address = '', port = ''] = [service.addresses[0], service.ports[0]];
  return `ask as ${client.namespace}/${client.name}: curl --interface ${client.address} http://${address}:${port}/\n\n`;
}

/** The agent's entry file beside this one: TypeScript when this runs from the sources. */
function agentEntry(): string {
  return fileURLToPath(new URL(`../agent/main${extname(import.meta.url)}`, import.meta.url));
}

function formatStep({ step }: Extract<MachineEvent, { type: 'step' }>): string {
  const ms = Object.values(step.times).reduce((sum, time) => sum + time, 0);
  const objects = `${step.changedObjects} object${step.changedObjects === 1 ? '' : 's'}`;
  const resources = `${step.changedResources} resource${step.changedResources === 1 ? '' : 's'}`;
  return `changed: ${objects}, ${resources}, ${step.bytes} bytes for the proxies, in ${ms.toFixed(1)} ms\n`;
}

function formatProxy({ proxy, reason }: Extract<MachineEvent, { type: 'proxy' }>): string {
  const { gateway, state } = proxy;
  const name = gateway === undefined ? 'node proxy' : `waypoint ${gateway.namespace}/${gateway.name}`;
  return `${name} is ${state} (${reason})\n`;
}

/** Prints new Findings and those that are gone, not those that were printed before. */
export function createFindingPrinter(io: Io): { readonly print: (findings: readonly PlacedFinding[]) => void } {
  let known = new Map<string, PlacedFinding>();
  return {
    print: (findings) => {
      const now = new Map(findings.map((finding) => [formatFinding(finding, false), finding]));
      for (const [text, finding] of now) if (!known.has(text)) io.stdout.write(formatFinding(finding, io.isTty));
      const resolved = [...known.keys()].filter((text) => !now.has(text)).length;
      if (resolved > 0) io.stdout.write(`${resolved} finding${resolved === 1 ? '' : 's'} resolved\n`);
      known = now;
    },
  };
}
