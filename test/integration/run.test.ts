// `cairn run` as people use it: the Bookinfo manifests in, requests through real Envoys, and the
// effect of losing the control plane, an Envoy or a file.

import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectDeltaAds, endedWith } from '../support/delta-ads-client.ts';
import { runCommand } from '../support/command-line.ts';
import { awaitRun } from '../support/local-run.ts';
import { allocateBlock } from '../support/loopback.ts';
import type { AddressBlock } from '../support/loopback.ts';
import { startProcess, stopAll } from '../support/processes.ts';
import type { StartedProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';
import { startEcho } from '../support/workload.ts';
import type { EchoWorkload } from '../support/workload.ts';

const root = resolve(import.meta.dirname, '../..');
const viewer = readFileSync(join(root, 'examples/bookinfo-tour/productpage-viewer.yaml'), 'utf8');

let directory: string;
let config: string;
let state: string;
let block: AddressBlock;
let productpage: EchoWorkload;
let controller: StartedProcess;
let admin: string;
let vip: string;
const addresses = new Map<string, string>();

interface Answer {
  readonly status: number;
  readonly body: string;
}

interface Waypoint {
  readonly hbone: string;
  readonly admin: string;
  readonly pid: number;
  readonly state: string;
  readonly logFile: string;
  readonly sync: { readonly state: string };
  readonly findings: readonly { readonly message: string; readonly file: string; readonly line: number }[];
}

function call(url: string, options: { readonly from?: string; readonly method?: string } = {}): Promise<Answer> {
  return new Promise((done, fail) => {
    const { from, method = 'GET' } = options;
    const source = from === undefined ? {} : { localAddress: addresses.get(from) ?? from };
    const sent = request(url, { method, agent: false, timeout: 10_000, ...source }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.once('error', fail);
      response.once('end', () => done({ status: response.statusCode ?? 0, body }));
    });
    sent.once('timeout', () => sent.destroy(new Error(`${url}: no answer`)));
    sent.once('error', fail);
    sent.end();
  });
}

function productpageFrom(from: string, method = 'GET'): Promise<Answer> {
  return call(`http://${vip}:9080/productpage`, { from, method });
}

async function api<T>(path: string): Promise<T> {
  return JSON.parse((await call(`${admin}${path}`)).body) as T;
}

async function waypoint(): Promise<Waypoint> {
  const [first, ...others] = await api<Waypoint[]>('/api/waypoints');
  expect(others).toEqual([]);
  if (first === undefined) throw new Error('no waypoint');
  return first;
}

function cairn(...args: readonly string[]): Promise<StartedProcess> {
  return startProcess(process.execPath, ['--import', 'tsx', join(root, 'cli/main.ts'), ...args], { cwd: root });
}

/** Starts the control plane and waits until every proxy is ready. */
async function startRun(): Promise<void> {
  controller = await cairn('run', '--config', config, '--state', state, '--address-block', block.cidr);
  admin = await awaitRun(controller);
}

/** The processes, by pid, that were started with a path below the state directory. */
function processesOfState(): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      const commandLine = readFileSync(`/proc/${name}/cmdline`, 'utf8');
      if (commandLine.includes(state)) found.set(Number(name), commandLine.replaceAll('\0', ' '));
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cairn-run-'));
  config = join(directory, 'config');
  state = join(directory, 'state');
  block = await allocateBlock();
  cpSync(join(root, 'examples/bookinfo'), config, {
    recursive: true,
    filter: (source) => !basename(source).includes('.') || source.endsWith('.yaml'),
  });
  await startRun();
  const workloads = await api<{ name: string; address: string }[]>('/api/workloads');
  for (const { name, address } of workloads) addresses.set(name, address);
  const services = await api<{ name: string; addresses: string[] }[]>('/api/services');
  vip = services.find(({ name }) => name === 'productpage')?.addresses[0] ?? '';
  productpage = await startEcho(addresses.get('productpage-v1') ?? '', 9080, { name: 'productpage' });
}, 90_000);

afterAll(async () => {
  await stopAll();
  // Processes that a failed test left: agents are in groups of their own.
  for (const pid of processesOfState().keys()) process.kill(pid, 'SIGKILL');
  await productpage.close();
  await block.release();
  rmSync(directory, { recursive: true, force: true });
}, 30_000);

test('a request from sleep reaches productpage through the waypoint, with the identity of sleep', async () => {
  const answer = await productpageFrom('sleep');
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.body)).toMatchObject({ name: 'productpage', path: '/productpage' });
  const { logFile, sync } = await waypoint();
  expect(sync.state).toBe('SYNCED');
  const line = await waitFor(
    () =>
      readFileSync(logFile, 'utf8')
        .split('\n')
        .find((text) => text.includes('"response_code":200')),
    {
      what: 'the access log',
    },
  );
  expect(JSON.parse(line)).toMatchObject({ source_principal: 'spiffe://cluster.local/ns/default/sa/sleep' });
});

test('Envoy’s admin interface is for this user alone, on no port', async () => {
  const { admin: envoy, hbone } = await waypoint();
  expect(envoy).toMatch(/^unix:\//);
  expect(statSync(envoy.slice('unix:'.length)).mode & 0o777).toBe(0o600);
  const [host = ''] = hbone.split(':');
  const socket = connect({ host, port: 15_000 });
  await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('`cairn proxy-config` shows what the Envoy of the waypoint holds', async () => {
  const { admin: envoy } = await waypoint();
  const show = async (...args: readonly string[]): Promise<string> => {
    const shown = await runCommand(['proxy-config', ...args]);
    expect(shown.code, shown.err).toBe(0);
    return shown.out;
  };
  const live = (...args: readonly string[]): Promise<string> => show(...args, '--admin-address', envoy);
  const chain = 'inbound-vip|9080|http|productpage.default.svc.cluster.local';
  const [heading, ...chains] = (await live('listener', '--waypoint')).trimEnd().split('\n');
  expect(heading?.split(/ {2,}/)).toEqual(['LISTENER', 'CHAIN', 'MATCH', 'DESTINATION']);
  expect(chains.map((line) => line.split(/ {2,}/))).toContainEqual([
    'main_internal',
    'http|normalize',
    'cairn.manager=http|normalize',
    'Scopes: requests',
  ]);
  const scopes = (await live('scope')).split('\n').map((line) => line.trim().split(/ {2,}/));
  const tunnels = 'connect|9080|productpage.default.svc.cluster.local';
  expect(scopes).toContainEqual([`connect|${vip}:9080`, `out|${vip}:9080`, tunnels, 'yes']);
  expect(scopes).toContainEqual([chain, `in|${chain}`, chain, 'yes']);
  expect(await live('cluster', '--fqdn', 'productpage.default.svc.cluster.local')).toMatch(
    /^productpage\.default\.svc\.cluster\.local +9080 +http +inbound-vip +EDS +-$/m,
  );
  const target = addresses.get('productpage-v1') ?? '';
  expect(await live('endpoint', '--cluster', chain)).toMatch(
    new RegExp(`^envoy://connect_originate/${target}:9080 +HEALTHY +- +inbound-vip`, 'm'),
  );
  expect(await live('route', '--name', chain)).toMatch(/ +\* +\/\* +-$/m);
  expect(await live('secret')).toMatch(/^default +Cert Chain +ACTIVE +true +[0-9a-f]+ +\d{4}-.*Z +\d{4}-.*Z$/m);
  const named = await live('ecds');
  for (const name of ['connect_terminate|', 'http|normalize|', 'tcp_proxy ', 'cairn.authorities ']) {
    expect(named).toContain(name);
  }
  expect(await live('bootstrap')).toContain('"id": "waypoint~');

  // A saved dump shows the same as the live Envoy.
  const dump = join(directory, 'dump.json');
  writeFileSync(dump, await live('all', '-o', 'json'));
  expect(await show('listener', '-f', dump)).toBe(await live('listener'));
  expect(await show('cluster', '-f', dump, '-o', 'yaml')).toBe(await live('cluster', '-o', 'yaml'));
}, 60_000);

test('an address that is no workload is refused, and told what to do', async () => {
  const { status, body } = await productpageFrom(block.address(9, 9));
  expect(status).toBe(403);
  const [, example = ''] = /curl --interface (\S+)/.exec(body) ?? [];
  expect((await productpageFrom(example)).status).toBe(200);
});

test('a workload with a certificate of the mesh gets no configuration of a waypoint, and nobody without one', async () => {
  const out = join(directory, 'sleep');
  const issued = await cairn('certificate', '--service-account', 'default/sleep', '--out', out, '--state', state);
  expect(await issued.exited).toMatchObject({ code: 0 });
  const read = (name: string): string => readFileSync(join(out, name), 'utf8');
  const node = {
    id: 'waypoint~127.0.0.1~x.default~default.svc.cluster.local',
    metadata: { NAMESPACE: 'default', LABELS: { 'gateway.networking.k8s.io/gateway-name': 'waypoint' } },
  };
  const ask = async (own: { readonly certificate?: string; readonly key?: string }): Promise<string> => {
    const client = await connectDeltaAds(block.address(0, 1) + ':15011', {
      node,
      tls: { root: read('root-cert.pem'), serverName: 'cairn.cairn-system.svc', ...own },
    });
    client.subscribe('type.googleapis.com/envoy.config.listener.v3.Listener');
    const status = await client.end();
    client.close();
    expect(client.responses).toEqual([]);
    return endedWith(status, 'PERMISSION_DENIED') ? `denied: ${status.details}` : 'not connected';
  };
  expect(await ask({ certificate: read('cert-chain.pem'), key: read('key.pem') })).toBe(
    'denied: the configuration of Gateway default/waypoint was asked for by spiffe://cluster.local/ns/default/sa/sleep',
  );
  expect(await ask({})).toBe('not connected');
}, 30_000);

test('a policy takes effect, stays while its file is broken, and goes with it', async () => {
  const file = join(config, 'productpage-viewer.yaml');
  writeFileSync(file, viewer);
  await waitFor(async () => (await productpageFrom('notsleep')).status === 403, { what: 'the policy' });
  expect((await productpageFrom('sleep')).status).toBe(200);
  expect(await productpageFrom('sleep', 'DELETE')).toEqual({ status: 403, body: 'RBAC: access denied' });
  appendFileSync(file, '---\nkind: [\n');
  const broken = await waitFor(async () => (await api<Waypoint['findings']>('/api/findings'))[0], {
    what: 'the Finding',
  });
  expect(broken).toMatchObject({ file, line: viewer.split('\n').length + 2 });
  expect((await productpageFrom('notsleep')).status).toBe(403);
  expect((await productpageFrom('sleep')).status).toBe(200);
  rmSync(file);
  await waitFor(async () => (await productpageFrom('notsleep')).status === 200, { what: 'the end of the policy' });
  expect(await api('/api/findings')).toEqual([]);
});

test('a second run with the same state, or on the same addresses, is refused and says why', async () => {
  const sameState = await cairn('run', '--config', config, '--state', state);
  expect(await sameState.exited).toMatchObject({ code: 2 });
  expect(sameState.stderr()).toContain(`process ${controller.pid} already runs with ${state}`);
  const other = join(directory, 'other');
  const sameBlock = await cairn('run', '--config', config, '--state', other, '--address-block', block.cidr);
  expect(await sameBlock.exited).toMatchObject({ code: 2 });
  expect(sameBlock.stderr()).toContain(`${block.cidr} is in use by another run`);
  expect((await productpageFrom('sleep')).status).toBe(200);
}, 30_000);

test('an Envoy that is killed comes back with its configuration', async () => {
  const { logFile } = await waypoint();
  const findEnvoy = (): number | undefined => {
    const [pid] =
      [...processesOfState()].find(([, line]) => /envoy -c/.test(line) && line.includes(dirname(logFile))) ?? [];
    return pid;
  };
  const killed = await waitFor(findEnvoy, { what: 'Envoy' });
  process.kill(killed, 'SIGKILL');
  await waitFor(() => (findEnvoy() ?? killed) !== killed, { seen: () => [...processesOfState().values()].join('\n') });
  await waitFor(async () => (await productpageFrom('sleep').catch(() => undefined))?.status === 200, {
    timeout: 20_000,
    what: 'traffic',
  });
}, 30_000);

test('an agent that is killed is started again', async () => {
  const { pid } = await waypoint();
  process.kill(pid, 'SIGKILL');
  const isAnotherReady = async (): Promise<boolean> => {
    const now = await waypoint();
    return now.state === 'ready' && now.pid !== pid;
  };
  await waitFor(isAnotherReady, { timeout: 20_000, seen: () => controller.output() });
  expect((await productpageFrom('sleep')).status).toBe(200);
}, 30_000);

test('the control plane killed and restarted: no request fails, the same proxies go on, and an edit is applied', async () => {
  const before = await waypoint();
  const failures: string[] = [];
  let count = 0;
  const end = new AbortController();
  const load = (async () => {
    while (!end.signal.aborted) {
      const status = await productpageFrom('sleep').then(
        (answer) => answer.status,
        (error: unknown) => String(error),
      );
      if (status !== 200) failures.push(String(status));
      count += 1;
      await sleep(5);
    }
  })();
  process.kill(controller.pid, 'SIGKILL');
  await controller.exited;
  const killedCount = count;
  await waitFor(() => count > killedCount + 10, {
    what: 'requests while there is no control plane',
    seen: () => failures,
  });
  await startRun();
  // The new control plane asks the proxies that go on; until they answer they are `starting`.
  await waitFor(async () => (await waypoint()).state === 'ready', { what: 'the word of the proxy' });
  const after = await waypoint();
  end.abort();
  await load;
  expect(failures).toEqual([]);
  expect(after).toMatchObject({ pid: before.pid, hbone: before.hbone, state: 'ready' });
  writeFileSync(join(config, 'productpage-viewer.yaml'), viewer);
  await waitFor(async () => (await productpageFrom('notsleep')).status === 403, { what: 'the policy' });
}, 60_000);

test('a Gateway that goes takes its proxy with it, and its services are reached without it', async () => {
  const { pid } = await waypoint();
  rmSync(join(config, 'waypoint.yaml'));
  await waitFor(async () => (await api<Waypoint[]>('/api/waypoints')).length === 0, {
    what: 'the end of the waypoint',
  });
  await waitFor(() => !existsSync(`/proc/${pid}`), { what: 'the end of its agent' });
  const findings = await api<{ code: string }[]>('/api/findings');
  expect(findings.map(({ code }) => code)).toContain('WaypointNotFound');
  cpSync(join(root, 'examples/bookinfo/waypoint.yaml'), join(config, 'waypoint.yaml'));
  await waitFor(async () => (await productpageFrom('notsleep').catch(() => undefined))?.status === 403, {
    timeout: 20_000,
    what: 'the waypoint again',
  });
}, 60_000);

test('Ctrl-C ends everything and leaves no process', async () => {
  expect(processesOfState().size).toBeGreaterThan(3);
  process.kill(controller.pid, 'SIGINT');
  expect(await controller.exited).toEqual({ code: 0, signal: null });
  await waitFor(() => processesOfState().size === 0, {
    timeout: 2_000,
    seen: () => [...processesOfState().values()].join('\n'),
  });
}, 30_000);
