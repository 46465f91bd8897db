// An agent process with a real Envoy, certificate service and xDS server: certificates by SDS,
// rotation under open connections, a killed Envoy, a killed agent, and an orderly end.

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServerCredentials } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { agentNodeFlags } from '../../agent/index.ts';
import {
  CertificateServer,
  createAuthority,
  createPrivateKey,
  createTokenSigner,
  formatPrivateKey,
  type Authority,
} from '../../certificates/index.ts';
import { encodeResource, typed, typeUrls, type EncodedResource, type JsonObject } from '../../envoy-api/index.ts';
import { SnapshotCache, XdsServer } from '../../xds/index.ts';
import { findEnvoy, randomLoopback } from '../support/envoy.ts';
import { expectLogLines } from '../support/log-line.ts';
import { waitFor } from '../support/wait.ts';

const root = join(import.meta.dirname, '../..');
const trustDomain = 'cluster.local';
const controlPlane = 'spiffe://cluster.local/ns/cairn-system/sa/cairn';
const own = 'spiffe://cluster.local/ns/default/sa/waypoint';
const reviews = 'spiffe://cluster.local/ns/default/sa/reviews';
const server = randomLoopback();
const signer = createTokenSigner();
const refusals: string[] = [];

let authority: Authority;
let certificates: CertificateServer;
let xds: XdsServer;
let cache: SnapshotCache;
let application: Server;

/** Where the proxy of one test lives, and the agent that runs it. */
let proxy: string;
let state: string;
let agents: ChildProcess[];
let log: string;

beforeAll(async () => {
  authority = await createAuthority({ trustDomain, now: new Date() });
  const pair = await issuePair(controlPlane, ['cairn.test']);
  certificates = new CertificateServer({
    authority,
    authenticate: async (token) => ({ trustDomain, ...signer.verifyToken(token, new Date()) }),
    mayImpersonate: (caller, identity) => caller.nodeName === 'node-1' && identity.namespace === 'default',
    log: (message, fields) => {
      if (message.includes('refused')) refusals.push(JSON.stringify(fields));
    },
  });
  await certificates.start(`${server}:15010`, ServerCredentials.createSsl(null, [pair], false));
  cache = new SnapshotCache();
  xds = new XdsServer({
    cache,
    authorize: ({ identities }, node) =>
      identities.includes(own) && node.cluster === 'waypoint.default' ? { key: 'waypoint' } : { denied: 'not yours' },
    log: (level, message, fields) => {
      if (level === 'warn') refusals.push(`${message} ${JSON.stringify(fields)}`);
    },
  });
  await xds.start(`${server}:15012`, ServerCredentials.createSsl(Buffer.from(authority.rootPem), [pair], true));
  application = createServer((_, response) => response.end('hello\n'));
  // Only the proxy may close a connection.
  application.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => application.listen(8080, server, resolve));
});
afterAll(async () => {
  await Promise.all([certificates.stop(), xds.stop()]);
  application.closeAllConnections();
  application.close();
});

beforeEach(async () => {
  proxy = randomLoopback();
  state = await mkdtemp(join(tmpdir(), 'cairn-agent-'));
  agents = [];
  log = '';
  const token = signer.signToken(
    { namespace: 'default', serviceAccount: 'waypoint', nodeName: 'node-1' },
    600,
    new Date(),
  );
  await writeFile(join(state, 'token'), token);
  await writeFile(join(state, 'root-cert.pem'), authority.rootPem);
  cache.set('waypoint', [cluster(), listener(15008, 'default')]);
});
afterEach(async () => {
  for (const agent of agents) {
    if (agent.exitCode !== null || agent.signalCode !== null) continue;
    agent.kill('SIGTERM');
    await ended(agent);
  }
  await rm(state, { recursive: true, force: true });
});

async function issuePair(
  identity: string,
  dnsNames: string[] = [],
): Promise<{ private_key: Buffer; cert_chain: Buffer }> {
  const key = createPrivateKey();
  const chain = await authority.issue({ identity, csr: key, now: new Date(), dnsNames });
  return { private_key: Buffer.from(formatPrivateKey(key)), cert_chain: Buffer.from(chain.slice(0, -1).join('')) };
}

function cluster(): EncodedResource {
  const address = { socket_address: { address: server, port_value: 8080 } };
  const json = {
    name: 'application',
    connect_timeout: '1s',
    load_assignment: { cluster_name: 'application', endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
  };
  return encodeResource({ typeUrl: typeUrls.cluster, name: 'application', json });
}

/** Mutual TLS in front of the application, with the certificate of one secret. */
function listener(port: number, secret: string): EncodedResource {
  const name = `port-${port}`;
  const filter = {
    name: 'tcp',
    typed_config: typed('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
      stat_prefix: name,
      cluster: 'application',
    }),
  };
  const context = typed('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
    require_client_certificate: true,
    common_tls_context: {
      tls_params: { tls_minimum_protocol_version: 'TLSv1_3' },
      tls_certificate_sds_secret_configs: [sds(secret)],
      validation_context_sds_secret_config: sds('ROOTCA'),
    },
  });
  const json = {
    name,
    address: { socket_address: { address: proxy, port_value: port } },
    filter_chains: [{ filters: [filter], transport_socket: { name: 'tls', typed_config: context } }],
  };
  return encodeResource({ typeUrl: typeUrls.listener, name, json });
}

function sds(name: string): JsonObject & { name: string } {
  return {
    name,
    sds_config: {
      resource_api_version: 'V3',
      initial_fetch_timeout: '0s',
      api_config_source: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'sds-grpc' } }],
      },
    },
  };
}

function startAgent(...flags: string[]): ChildProcess {
  const values = {
    gateway: 'waypoint',
    namespace: 'default',
    'service-account': 'waypoint',
    'pod-name': 'waypoint-1',
    'instance-ip': proxy,
    'node-name': 'node-1',
    'xds-address': `${server}:15012`,
    'xds-identity': controlPlane,
    'ca-address': `${server}:15010`,
    'ca-server-name': 'cairn.test',
    'root-cert-file': join(state, 'root-cert.pem'),
    'token-file': join(state, 'token'),
    'admin-address': `${proxy}:15000`,
    'stats-address': `${proxy}:15020`,
    'health-address': `${proxy}:15021`,
    'envoy-stats-address': `${proxy}:15090`,
    'state-dir': join(state, 'agent'),
    'termination-drain': '2',
    concurrency: '1',
    envoy: findEnvoy(),
  };
  const argv = Object.entries(values).map(([flag, value]) => `--${flag}=${value}`);
  const main = [...agentNodeFlags, '--import', 'tsx', join(root, 'agent/main.ts')];
  const agent = spawn(process.execPath, [...main, ...argv, ...flags], { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] });
  for (const output of [agent.stdout, agent.stderr]) output.on('data', (chunk: Buffer) => (log += chunk.toString()));
  agents.push(agent);
  return agent;
}

async function get(port: number, path: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://${proxy}:${port}${path}`, { headers: { connection: 'close' } });
  return { status: response.status, body: await response.text() };
}

async function ready(): Promise<void> {
  let answer = '';
  try {
    await waitFor(
      async () => {
        const { status, body } = await get(15021, '/healthz/ready');
        answer = body;
        return status === 200;
      },
      { what: 'the proxy is ready', timeout: 20_000 },
    );
  } catch (cause) {
    throw new Error(`not ready: ${answer}\n${log}\n${refusals.join('\n')}`, { cause });
  }
}

async function ended(agent: ChildProcess): Promise<number | null> {
  if (agent.exitCode === null && agent.signalCode === null) {
    await new Promise((resolve) => agent.once('exit', resolve));
  }
  return agent.exitCode;
}

async function envoyPid(): Promise<number> {
  return Number(await readFile(join(state, 'agent/envoy.pid'), 'utf8'));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function open(port: number): Promise<TLSSocket> {
  const pair = await issuePair('spiffe://cluster.local/ns/default/sa/client');
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect(
      {
        host: proxy,
        port,
        key: pair.private_key,
        cert: pair.cert_chain,
        ca: authority.rootPem,
        checkServerIdentity: () => undefined,
      },
      () => resolve(socket),
    );
    socket.once('error', reject);
  });
}

/** The certificate that a new connection meets. */
async function served(port: number): Promise<{ serial: string; names: string | undefined }> {
  const socket = await open(port);
  const { serialNumber, subjectaltname } = socket.getPeerCertificate();
  socket.destroy();
  return { serial: serialNumber, names: subjectaltname };
}

/** One request on a connection that stays open. */
async function ask(socket: TLSSocket): Promise<string> {
  const answer = new Promise<string>((resolve, reject) => {
    socket.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    socket.once('close', () => reject(new Error('the connection was closed')));
  });
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  return answer;
}

it('gives Envoy its certificate, connects it to the control plane with it, and says when it is ready', async () => {
  const agent = startAgent();
  await ready();
  expect(await served(15008)).toMatchObject({ names: `URI:${own}` });
  const [connected] = xds.status();
  expect(connected).toMatchObject({
    identities: [own],
    node: { id: `waypoint~${proxy}~waypoint-1.default~default.svc.cluster.local` },
  });
  const { body } = await get(15020, '/stats/prometheus');
  expect(body).toContain('cairn_agent_envoy_starts_total 1');
  expect(body).toContain('envoy_server_live');
  expect((await get(15090, '/stats/prometheus')).body).toContain('envoy_server_live');
  expect((await get(15090, '/quitquitquit')).status).toBe(404);
  const status = await readFile(`/proc/${agent.pid}/status`, 'utf8');
  console.log(`agent, through tsx: ${/VmRSS:\s+(\d+ kB)/.exec(status)?.[1]} resident`);
});

it('rotates a certificate without dropping a connection', async () => {
  startAgent('--certificate-ttl=6');
  await ready();
  const socket = await open(15008);
  expect(await ask(socket)).toContain('hello');
  const first = (await served(15008)).serial;
  const second = await waitFor(
    async () => {
      const { serial } = await served(15008);
      return serial === first ? undefined : serial;
    },
    { what: 'a new certificate' },
  );
  await waitFor(async () => (await served(15008)).serial !== second, { what: 'another new certificate' });
  // By now the certificate that the connection was made with has expired.
  await sleep(1500);
  expect(await ask(socket)).toContain('hello');
  expect((await get(15020, '/metrics')).body).not.toContain('result="issued"} 1\n');
  expect(xds.status()).toHaveLength(1);
  socket.destroy();
});

it('gets certificates of other workloads for as long as Envoy asks for them', async () => {
  cache.set('waypoint', [cluster(), listener(15008, 'default'), listener(15009, reviews)]);
  startAgent('--drain-time=1');
  await ready();
  expect(await served(15009)).toMatchObject({ names: `URI:${reviews}` });
  expect((await get(15020, '/metrics')).body).toContain(`{identity="${reviews}"}`);
  cache.set('waypoint', [cluster(), listener(15008, 'default')]);
  await waitFor(async () => !(await get(15020, '/metrics')).body.includes(reviews), { what: 'nobody asks for it' });
  // Refused: another namespace. The listener waits, and does not open without its certificate.
  const admin = 'spiffe://cluster.local/ns/kube-system/sa/admin';
  cache.set('waypoint', [cluster(), listener(15008, 'default'), listener(15009, admin)]);
  await waitFor(() => refusals.some((line) => line.includes(admin)), { what: 'the request is refused' });
  await expect(served(15009)).rejects.toThrow('ECONNREFUSED');
}, 60_000);

it('starts Envoy again when it is killed', async () => {
  startAgent();
  await ready();
  const before = await envoyPid();
  process.kill(before, 'SIGKILL');
  await waitFor(async () => (await envoyPid()) !== before, { what: 'another Envoy' });
  await ready();
  expect(await served(15008)).toMatchObject({ names: `URI:${own}` });
  expect(log).toContain('Envoy died');
});

it('lets a connection finish when it is told to stop, then leaves nothing behind', async () => {
  const agent = startAgent();
  await ready();
  const pid = await envoyPid();
  const socket = await open(15008);
  const start = Date.now();
  agent.kill('SIGTERM');
  await waitFor(async () => (await get(15021, '/healthz/ready')).body === 'draining\n', {
    what: 'it says that it drains',
  });
  expect(await ask(socket)).toContain('hello');
  expect(isRunning(pid)).toBe(true);
  socket.destroy();
  expect(await ended(agent)).toBe(0);
  expect(Date.now() - start).toBeLessThan(1900);
  expect(isRunning(pid)).toBe(false);
});

it('does not wait longer for an open connection than it is told', async () => {
  const agent = startAgent();
  await ready();
  const socket = await open(15008);
  socket.on('error', () => undefined);
  const start = Date.now();
  agent.kill('SIGTERM');
  expect(await ended(agent)).toBe(0);
  expect(Date.now() - start).toBeGreaterThan(1900);
  expect(Date.now() - start).toBeLessThan(4500);
});

it('still serves who comes while others do not know yet that it leaves', async () => {
  const agent = startAgent('--minimum-drain=2', '--termination-drain=20');
  await ready();
  agent.kill('SIGTERM');
  await waitFor(async () => (await get(15021, '/healthz/ready')).body === 'draining\n', {
    what: 'it says that it drains',
  });
  // Nobody was connected, so that without the minimum it would be gone by now.
  await sleep(1000);
  const late = await open(15008);
  expect(await ask(late)).toContain('hello');
  late.destroy();
  expect(await ended(agent)).toBe(0);
});

it("tells the control plane the pod's labels, and says as much as it is told to", async () => {
  await writeFile(join(state, 'labels'), 'app="reviews"\nversion="v1"\n');
  startAgent(
    `--labels-file=${join(state, 'labels')}`,
    '--label=version=v2',
    '--proxy-log-level=info',
    '--log-level=warn',
  );
  await ready();
  expect(xds.status()[0]?.node.metadata['LABELS']).toEqual({
    app: 'reviews',
    version: 'v2',
    'gateway.networking.k8s.io/gateway-name': 'waypoint',
  });
  expect(log).toContain('[info]');
  expect(log).not.toContain('"level":"info"');
});

it('writes its own messages in the format of the control plane', async () => {
  startAgent();
  await ready();
  expectLogLines(
    log
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .join('\n'),
  );
});

it('takes Envoy with it when it is killed, and when the process that started it dies', async () => {
  const killed = startAgent();
  await ready();
  const pid = await envoyPid();
  killed.kill('SIGKILL');
  await waitFor(() => !isRunning(pid), { what: 'Envoy is gone' });
  const abandoned = startAgent('--stop-with-stdin');
  await ready();
  const next = await envoyPid();
  abandoned.stdin?.end();
  expect(await ended(abandoned)).toBe(0);
  expect(isRunning(next)).toBe(false);
});

it('refuses to share its directory with an agent that runs', async () => {
  startAgent();
  await ready();
  const pid = await envoyPid();
  const second = startAgent();
  expect(await ended(second)).toBe(1);
  expect(log).toContain('StateInUse');
  expect(isRunning(pid)).toBe(true);
});

it('goes on trying without a control plane, and is not ready', async () => {
  await writeFile(join(state, 'token'), 'nonsense');
  startAgent();
  await waitFor(() => log.includes('no certificate yet'), { what: 'a refusal' });
  expect((await get(15021, '/healthz/ready')).status).toBe(503);
  const token = signer.signToken({ namespace: 'default', serviceAccount: 'waypoint' }, 600, new Date());
  await writeFile(join(state, 'token'), token);
  await ready();
});
