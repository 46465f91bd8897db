// A real Envoy as a child process, for tests of Envoy's behaviour with a configuration. It is ended
// by pid, keeps its log, and shares no port.

import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { newestEnvoy, oldestEnvoy, type EnvoyRelease } from '../../tools/fetch-envoy.mjs';
import { freePort } from './loopback.ts';
import { waitFor } from './wait.ts';

/**
 * The Envoy releases that the tests need: the one they are written against, and the oldest that
 * accepts what Cairn generates.
 */
const releases: Readonly<Record<'newest' | 'oldest', EnvoyRelease>> = { newest: newestEnvoy, oldest: oldestEnvoy };

/** The releases that are supported, each once. */
export const testedReleases: readonly ('newest' | 'oldest')[] =
  newestEnvoy.version === oldestEnvoy.version ? ['newest'] : ['newest', 'oldest'];

/** Where a socket listens. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** The command and its settings. */
export interface EnvoyOptions {
  /** The bootstrap as ProtoJSON. Without `admin`, one on a free port of 127.0.0.1 is added. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Further command-line arguments, e.g. ['--drain-time-s', '4']. */
  readonly args?: readonly string[];
  /** Worker threads; 1 by default. */
  readonly concurrency?: number;
  /** `newest` by default. */
  readonly release?: 'newest' | 'oldest';
  /** Default `info`; e.g. `debug`, when a test fails for no visible reason. */
  readonly logLevel?: string;
  /**
   * `ready` (default): /ready says LIVE, all initial configuration is there. `admin`: the admin
   * port answers.
   */
  readonly waitFor?: 'ready' | 'admin';
  /** Milliseconds until waiting fails; 20,000 by default. */
  readonly timeout?: number;
  /** Access logs on stdout go nowhere, for measurements; by default they are kept. */
  readonly dropsOutput?: boolean;
}

/** A running Envoy. */
export interface RunningEnvoy {
  readonly pid: number;
  readonly admin: SocketAddress;
  /** Everything written to stdout and stderr up to now. */
  logs(): string;
  /** Body of GET `path` on the admin port; rejects unless the status is 2xx. */
  adminGet(path: string): Promise<string>;
  /** Waits until the admin port says LIVE. */
  ready(timeout?: number): Promise<void>;
  /** Value of one counter or gauge; undefined while Envoy does not have it. */
  stat(name: string): Promise<number | undefined>;
  /** True from when the process is gone. */
  exited(): boolean;
  /**
   * SIGTERM, then SIGKILL after 5 s; resolves when the process is gone and its files are removed.
   */
  stop(): Promise<void>;
  /** SIGKILL: a crash. Resolves when the process is gone. */
  kill(): Promise<void>;
}

// An Envoy that still runs when the test process ends, by a failure or a signal of the runner, must
// not remain.
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Path of an Envoy binary: ENVOY_BIN (the oldest: ENVOY_OLDEST_BIN), or the cache that `npm test`
 * fills. Throws when there is none: such a test fails, it never skips.
 */
export function findEnvoy(release: 'newest' | 'oldest' = 'newest'): string {
  const { version, variable } = releases[release];
  const path = process.env[variable] ?? join(homedir(), '.cache', 'cairn', 'envoy', version, 'envoy');
  try {
    accessSync(path, constants.X_OK);
  } catch (cause) {
    throw new Error(`no Envoy at ${path}: run "npm test" or set ${variable}`, { cause });
  }
  return path;
}

/**
 * A random loopback address (127.64.0.0/10, Linux answers on all of them), so that tests at the
 * same time can use the same well-known ports.
 */
export function randomLoopback(): string {
  const part = (low: number, high: number): number => low + Math.floor(Math.random() * (high - low + 1));
  return `127.${part(64, 127)}.${part(0, 255)}.${part(1, 254)}`;
}

/**
 * Starts Envoy and waits for it; when it does not become ready, rejects with the end of its log.
 */
export async function startEnvoy(options: EnvoyOptions): Promise<RunningEnvoy> {
  const binary = findEnvoy(options.release);
  const admin = adminOf(options.config) ?? { address: '127.0.0.1', port: await freePort() };
  const config = { ...options.config, admin: { ...record(options.config['admin']), address: socketAddress(admin) } };
  const directory = mkdtempSync(join(tmpdir(), 'cairn-envoy-'));
  const file = join(directory, 'bootstrap.json');
  writeFileSync(file, JSON.stringify(config));
  const child = spawn(
    binary,
    [
      '-c',
      file,
      '--disable-hot-restart',
      '--concurrency',
      String(options.concurrency ?? 1),
      '--log-level',
      options.logLevel ?? 'info',
      ...(options.args ?? []),
    ],
    { stdio: ['ignore', options.dropsOutput === true ? 'ignore' : 'pipe', 'pipe'] },
  );
  running.add(child);
  let text = '';
  const keep = (chunk: Buffer): void => {
    text += chunk.toString();
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  let gone = false;
  const exit = new Promise<void>((resolve) => {
    const end = (): void => {
      gone = true;
      running.delete(child);
      rmSync(directory, { recursive: true, force: true });
      resolve();
    };
    child.once('exit', end);
    child.once('error', end);
  });

  const adminGet = (path: string): Promise<string> => get(admin, path);
  const answers = async (path: string, timeout = options.timeout ?? 20_000): Promise<void> => {
    try {
      await waitFor(async () => (await adminGet(path)) !== '', {
        timeout,
        what: `Envoy ${path}`,
        hopeless: () => (gone ? 'Envoy ended' : undefined),
      });
    } catch (cause) {
      throw new Error(`Envoy did not come up; the end of its log:\n${text.slice(-4000)}`, { cause });
    }
  };
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    if (!gone) child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await exit;
    clearTimeout(timer);
  };
  const envoy: RunningEnvoy = {
    pid: child.pid ?? -1,
    admin,
    logs: () => text,
    adminGet,
    ready: (timeout) => answers('/ready', timeout),
    stat: async (name) => {
      const lines = (await adminGet('/stats')).split('\n');
      const line = lines.find((candidate) => candidate.startsWith(`${name}: `));
      return line === undefined ? undefined : Number(line.slice(name.length + 2));
    },
    exited: () => gone,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
  try {
    await answers(options.waitFor === 'admin' ? '/server_info' : '/ready');
  } catch (error) {
    await envoy.stop();
    throw error;
  }
  return envoy;
}

/** Envoy's `Address` message for a socket address. */
export function socketAddress(at: SocketAddress): {
  readonly socket_address: { readonly address: string; readonly port_value: number };
} {
  return { socket_address: { address: at.address, port_value: at.port } };
}

function adminOf(config: Readonly<Record<string, unknown>>): SocketAddress | undefined {
  const socket = record(record(record(config['admin'])['address'])['socket_address']);
  const { address, port_value: port } = socket;
  return typeof address === 'string' && typeof port === 'number' && port > 0 ? { address, port } : undefined;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function get(at: SocketAddress, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ host: at.address, port: at.port, path, agent: false, timeout: 5_000 }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.once('error', reject);
      response.once('end', () => {
        const status = response.statusCode ?? 0;
        if (status >= 200 && status < 300) resolve(body);
        else reject(new Error(`GET ${path}: ${status} ${body}`));
      });
    });
    call.once('timeout', () => call.destroy(new Error(`GET ${path}: no answer`)));
    call.once('error', reject);
    call.end();
  });
}
