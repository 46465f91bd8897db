// The cluster: brought up until it can be used, taken down, or both around one command.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Resolver } from 'node:dns/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { ApiClient, type KubernetesObject, loadClusterAccess, resources } from '../../kubernetes/index.ts';
import { waitFor } from '../../test/support/wait.ts';
import { fetchNodePrograms } from '../fetch-kubernetes.mjs';
import { writeImage } from '../images/archive.mjs';
import { runtimeSocket } from './configuration.ts';
import { withLock } from './lock.ts';
import { checkAddresses, describeFailure, findNode, removeLogs, removeNode, startNode } from './node.ts';
import { checkMachine, checkRoot, searchPath } from './requirements.ts';
import {
  addresses,
  clusterDomain,
  ClusterError,
  inFolder,
  Interruption,
  kubeconfig,
  nodeName,
  pauseImage,
  say,
} from './settings.ts';

type Programs = Awaited<ReturnType<typeof fetchNodePrograms>>;

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
/** A file that is there once the cluster was whole. */
const whole = inFolder('whole');
const patience = { timeout: 180_000, interval: 100 };

/** The environment in which a program can use the cluster, and bring images to it. */
export function clusterVariables(): Readonly<Record<string, string>> {
  const load = [process.execPath, ...process.execArgv, join(import.meta.dirname, 'main.ts'), 'load'];
  return { KUBECONFIG: kubeconfig, CAIRN_IMAGE_LOAD: load.map(shellQuoted).join(' ') };
}

/** A word in the form that a shell reads. */
export function shellQuoted(word: string): string {
  return /^[\w:=,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Brings the cluster up unless it is. */
export async function bringUp(): Promise<void> {
  checkRoot();
  if (isUp()) return say('the cluster is up already');
  checkMachine();
  const programs = await fetchNodePrograms();
  await withLock(async () => {
    if (!isUp()) await start(programs, interruptions());
  });
}

/** Takes the cluster down if it is up. */
export async function takeDown(): Promise<void> {
  checkRoot();
  await withLock(removeNode);
  say('the cluster is down');
}

/** Copies the archive of an image to the node. */
export function loadImage(archive: string): void {
  checkRoot();
  if (findNode() === undefined) throw new ClusterError('the cluster is not up');
  importImage(archive);
}

/**
 * Brings a cluster up for one command, and takes it down when the command ends, or when this
 * process is told to end. Resolves to its exit code.
 */
export async function runInCluster(command: readonly string[]): Promise<number> {
  checkMachine();
  refuseWhenUp();
  const programs = await fetchNodePrograms();
  return withLock(async () => {
    refuseWhenUp();
    const interrupted = interruptions();
    await start(programs, interrupted);
    try {
      return await runCommand(command, interrupted);
    } finally {
      await removeNode();
      say('the cluster is down');
    }
  });
}

function isUp(): boolean {
  return findNode() !== undefined && existsSync(whole);
}

function refuseWhenUp(): void {
  if (!isUp()) return;
  throw new ClusterError(
    'a cluster is up on this machine already, and may be in use. This uses it, too:\n' +
      '  eval "$(npm run --silent cluster env)"\n' +
      'and this takes it down:\n' +
      '  npm run cluster down',
  );
}

/** From now on, signals do not end this process: they abort with an Interruption. */
function interruptions(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => controller.abort(new Interruption(signal)));
  }
  return controller.signal;
}

async function start(programs: Programs, interrupted: AbortSignal): Promise<void> {
  const started = performance.now();
  // A node that is not whole, or that was killed, leaves files behind.
  await removeNode();
  removeLogs();
  checkAddresses();
  try {
    await startNode(programs);
    await waitUntilUsable(programs.pause, interrupted);
    writeFileSync(whole, '');
  } catch (error) {
    const reason = describeFailure();
    await removeNode();
    interrupted.throwIfAborted();
    throw new ClusterError(`the cluster did not come up: ${(error as Error).message}\n${reason}`);
  }
  say(`the cluster is up, after ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

async function waitUntilUsable(pause: string, interrupted: AbortSignal): Promise<void> {
  const wait = (what: string, check: () => boolean | Promise<boolean>): Promise<boolean> =>
    waitFor(check, { ...patience, what, hopeless: () => (interrupted.aborted ? 'interrupted' : undefined) });
  await wait('containerd', () => ctr('version').status === 0);
  importPause(pause);
  const { access } = await loadClusterAccess({ kubeconfig, env: {} });
  const client = new ApiClient(access, { userAgent: 'cairn-cluster', timeoutMs: 2_000 });
  try {
    await wait('the node to be ready', async () => {
      const node = await client.get(resources.Node, undefined, nodeName).catch(() => undefined);
      return node !== undefined && isReady(node);
    });
  } finally {
    client.stop();
  }
  await wait('DNS', resolvesNames);
}

function isReady({ status }: KubernetesObject): boolean {
  const { conditions = [] } = (status ?? {}) as { readonly conditions?: readonly { type: string; status: string }[] };
  return conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
}

async function resolvesNames(): Promise<boolean> {
  const resolver = new Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([addresses.node]);
  const found = await resolver.resolve4(`kubernetes.default.svc.${clusterDomain}`).catch(() => []);
  return found.length > 0;
}

function importPause(program: string): void {
  const image = writeImage({
    names: [pauseImage],
    architecture: architectures[process.arch] ?? process.arch,
    config: { Entrypoint: ['/pause'], User: '65535:65535' },
    layers: [{ title: 'pause', entries: [{ path: 'pause', mode: 0o755, data: readFileSync(program) }] }],
  });
  const archive = inFolder('pause.tar');
  writeFileSync(archive, image);
  importImage(archive);
}

function importImage(archive: string): void {
  const { status, stderr } = ctr('images', 'import', archive);
  if (status !== 0) throw new ClusterError(`${archive} could not be loaded: ${stderr.trim()}`);
}

function ctr(...args: readonly string[]): { readonly status: number | null; readonly stderr: string } {
  return spawnSync('ctr', ['--address', runtimeSocket, '--namespace', 'k8s.io', ...args], {
    encoding: 'utf8',
    env: { ...process.env, PATH: searchPath },
  });
}

async function runCommand([program = '', ...args]: readonly string[], interrupted: AbortSignal): Promise<number> {
  interrupted.throwIfAborted();
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...clusterVariables() } });
  // Ctrl-C in the terminal reaches the command by itself; a second one would end it before it has
  // tidied up.
  const pass = (): void => {
    const { signal: received } = interrupted.reason as Interruption;
    if (received !== 'SIGINT') child.kill(received);
  };
  interrupted.addEventListener('abort', pass);
  const [code, killedBy] = (await once(child, 'exit').catch((error: Error) => {
    throw new ClusterError(error.message);
  })) as [number | null, NodeJS.Signals | null];
  interrupted.removeEventListener('abort', pass);
  return code ?? 128 + (killedBy === null ? 0 : constants.signals[killedBy]);
}
