// The node's life: its first process, its link, and the files that it leaves behind.

import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../../test/support/wait.ts';
import type { NodeProgram } from '../fetch-kubernetes.mjs';
import { components } from './components.ts';
import { configurationFiles } from './configuration.ts';
import { writeKeys } from './keys.ts';
import { findPluginFolder, searchPath } from './requirements.ts';
import { addresses, cgroup, ClusterError, folder, inFolder, linkName } from './settings.ts';

const logs = inFolder('logs');
/**
 * No packet to the node's addresses leaves the machine. The number tells this route from those of
 * others.
 */
const closedRoute = ['root', addresses.block, 'proto', '119'];

/** The node's processes as the machine counts them. */
interface NodeProcesses {
  /** `unshare`, which waits for the first process of the node. */
  readonly outer: number;
  /** The first process of the node. */
  readonly first: number;
}

/** The running node; undefined when there is none. */
export function findNode(): NodeProcesses | undefined {
  for (const outer of readIfFolder('/proc').filter((name) => /^\d+$/.test(name))) {
    const [program, ...args] = (readIfThere(`/proc/${outer}/cmdline`) ?? '').split('\0');
    if (program !== 'unshare' || !args.includes(inFolder('node.sh'))) continue;
    const first = Number(readIfThere(`/proc/${outer}/task/${outer}/children`)?.trim() || 0);
    if (first !== 0) return { outer: Number(outer), first };
  }
  return undefined;
}

/**
 * Starts a node in an empty folder, and links the machine to it. Its components are not ready then.
 */
export async function startNode(programs: Readonly<Record<NodeProgram, string>>): Promise<void> {
  const plugins = findPluginFolder();
  if (plugins === undefined) throw new ClusterError('the plugins of the pod network are gone');
  for (const path of [logs, inFolder('pod-logs')]) mkdirSync(path, { recursive: true, mode: 0o700 });
  for (const [name, text] of Object.entries(configurationFiles(plugins))) write(name, text);
  for (const [stage, commands] of Object.entries(components(programs))) {
    for (const [name, command] of Object.entries(commands as Readonly<Record<string, readonly string[]>>)) {
      write(join('components', stage, name), command.map((part) => `${part}\0`).join(''));
    }
  }
  await writeKeys();
  await startFirstProcess();
}

async function startFirstProcess(): Promise<void> {
  const log = openSync(join(logs, 'node.log'), 'a');
  // The shell reads the script while the node lives: a copy, which no change of the checkout
  // reaches.
  const script = inFolder('node.sh');
  copyFileSync(join(import.meta.dirname, 'node.sh'), script);
  const own = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const args = ['bash', script, folder, `${addresses.node}/${addresses.linkPrefix}`, addresses.services, cgroup];
  const child = spawn('unshare', [...own, ...args], {
    // Ctrl-C in the terminal is not for the node.
    detached: true,
    stdio: ['ignore', log, log],
    env: { PATH: searchPath, HOME: folder },
  });
  closeSync(log);
  child.unref();
  const { first } = await waitFor(() => findNode(), { what: 'the first process of the node' });
  ip('link', 'add', linkName, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(first));
  ip('addr', 'add', `${addresses.machine}/${addresses.linkPrefix}`, 'dev', linkName);
  ip('link', 'set', linkName, 'up');
  ip('route', 'add', 'unreachable', addresses.block, 'proto', '119', 'metric', '4000');
}

/**
 * Ends the node, if one runs, and removes the files that any node has left behind, except for the
 * logs.
 */
export async function removeNode(): Promise<void> {
  const node = findNode();
  if (node !== undefined) {
    process.kill(node.first, 'SIGKILL');
    // The kernel ends all the others before `unshare` sees the end of the first one.
    await waitFor(() => findNode() === undefined, { timeout: 60_000, what: 'the end of the node' });
    while (readIfThere(`/proc/${node.outer}/cmdline`)) await sleep(20);
  }
  removeLink();
  if (ip('route', 'show', ...closedRoute) !== '') ip('route', 'flush', ...closedRoute);
  removeCgroups();
  for (const name of readIfFolder(folder)) {
    if (name !== 'logs') rmSync(inFolder(name), { recursive: true, force: true });
  }
}

/** Removes the logs of the last node. */
export function removeLogs(): void {
  rmSync(logs, { recursive: true, force: true });
}

/**
 * The last lines of components that ended, or of the node itself: the reason why it did not come
 * up.
 */
export function describeFailure(): string {
  const files = readIfFolder(logs).map((name) => ({ name, text: readIfThere(join(logs, name)) ?? '' }));
  const ended = files.filter(({ name, text }) => name === 'node.log' || text.includes('\n### ended with '));
  const tails = ended.flatMap(({ name, text }) => {
    const lines = text.trimEnd().split('\n').slice(-8);
    return text === '' ? [] : [`${name}:`, ...lines.map((line) => `  ${line.slice(0, 300)}`)];
  });
  return [...tails, `All logs are in ${logs}.`].join('\n');
}

/** Throws ClusterError when the machine has routes to the node's addresses already. */
export function checkAddresses(): void {
  const taken = ip('route', 'show', 'root', addresses.block).trimEnd();
  if (taken === '') return;
  const routes = taken.replaceAll(/^ */gm, '  ');
  throw new ClusterError(`the node's addresses, ${addresses.block}, are in use on this machine:\n${routes}`);
}

/** The kernel removes the link by itself some time after the node's end. */
function removeLink(): void {
  const isThere = (): boolean => readIfFolder('/sys/class/net').includes(linkName);
  try {
    if (isThere()) ip('link', 'del', linkName);
  } catch (error) {
    if (isThere()) throw error;
  }
}

/** Pods of a node that was killed leave empty folders. */
function removeCgroups(): void {
  for (const hierarchy of ['.', ...readIfFolder('/sys/fs/cgroup')]) {
    removeEmptyFolders(join('/sys/fs/cgroup', hierarchy, cgroup));
  }
}

function removeEmptyFolders(path: string): void {
  for (const name of readIfFolder(path)) removeEmptyFolders(join(path, name));
  try {
    rmdirSync(path);
  } catch {
    // It is no folder, or one with processes, which are not of this node.
  }
}

function ip(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('ip', [...args], {
    encoding: 'utf8',
    env: { ...process.env, PATH: searchPath },
  });
  if (status !== 0) throw new ClusterError(`ip ${args.join(' ')} failed: ${stderr.trim()}`);
  return stdout;
}

function write(name: string, text: string): void {
  mkdirSync(dirname(inFolder(name)), { recursive: true, mode: 0o700 });
  writeFileSync(inFolder(name), text, { mode: 0o600 });
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function readIfFolder(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
