// The agent: the process that runs beside Envoy, in a pod or on one machine. It gets the proxy's
// certificates, starts Envoy with a bootstrap that uses them, answers for its health, and ends it
// in good order. Configuration does not pass through it.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ownCertificateSecret, renderBootstrap, rootSecret } from '../bootstrap/index.ts';
import { CertificateError, formatIdentity, makeFolder, requestCertificate } from '../certificates/index.ts';
import { identityScheme } from '../mesh/identity.ts';
import { CertificateSource, type IssuedCertificate } from './certificate-source.ts';
import { drainEnvoy } from './drain.ts';
import { EnvoyProcess } from './envoy-process.ts';
import { AgentError, type Log } from './error.ts';
import { HealthServer } from './health-server.ts';
import { readHeapLimit } from './memory-limit.ts';
import { formatAgentMetrics } from './metrics.ts';
import type { AgentOptions } from './options.ts';
import { readPodLabels } from './pod-labels.ts';
import { SecretServer } from './secret-server.ts';

/** The longest path of a Unix socket that Linux takes, without the final zero. */
const longestSocketPath = 107;

/**
 * Runs until the signal aborts and everything has ended. Rejects with AgentError when it cannot
 * start.
 */
export async function runAgent(options: AgentOptions, signal: AbortSignal, log: Log): Promise<void> {
  const quit = new AbortController();
  const stopping = AbortSignal.any([signal, quit.signal]);
  const certificates = createCertificates(options, log);
  const labels = { ...(await readPodLabels(options.labelsFile)), ...options.labels };
  await makeFolder(options.stateDirectory);
  const socket = await chooseSocket(options.stateDirectory);
  const envoy = new EnvoyProcess({
    binary: options.envoyBinary,
    directory: options.stateDirectory,
    bootstrap: renderBootstrap({
      ...options,
      labels,
      stats: options.envoyStats,
      sdsSocket: socket.path,
      heapLimit: (options.heapLimitMiB ?? (await readHeapLimit())) * 1024 * 1024,
    }),
    drainTimeSeconds: options.drainTimeSeconds,
    flushIntervalMs: options.flushIntervalMs,
    proxyLog: options.proxyLog,
    log,
    ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
    ...(options.logFile === undefined ? {} : { logFile: options.logFile }),
  });
  const health = new HealthServer({
    ...options,
    isDraining: () => stopping.aborted,
    envoyStarts: () => envoy.starts,
    formatMetrics: () =>
      formatAgentMetrics({
        ...certificates.counts(),
        envoyStarts: envoy.starts,
        residentBytes: process.memoryUsage.rss(),
      }),
    onQuit: () => quit.abort(),
  });
  try {
    await certificates.start(socket.path);
    await health.start();
    await envoy.start();
    if (!stopping.aborted) await new Promise<void>((resolve) => stopping.addEventListener('abort', () => resolve()));
    log('info', 'stopping', { drainSeconds: options.terminationDrainSeconds });
    await drainEnvoy(options.admin, {
      minimumSeconds: options.minimumDrainSeconds,
      seconds: options.terminationDrainSeconds,
    });
  } finally {
    await envoy.stop();
    await Promise.all([health.stop(), certificates.stop()]);
    await socket.remove();
    log('info', 'stopped', {});
  }
}

interface Certificates {
  start(socket: string): Promise<void>;
  stop(): Promise<void>;
  counts(): {
    readonly certificates: ReadonlyMap<string, Date>;
    readonly certificatesIssued: number;
    readonly certificateFailures: number;
  };
}

/**
 * Brings certificates from the certificate service to Envoy: the agent's own always, others for as
 * long as Envoy asks for them.
 */
function createCertificates(options: AgentOptions, log: Log): Certificates {
  const own = formatIdentity(options);
  const expiries = new Map<string, Date>();
  let issued = 0;
  let failed = 0;
  const source = new CertificateSource({
    request: async (identity, csrPem) => {
      try {
        const chain = await requestFor(options, identity === own ? undefined : identity, csrPem);
        issued += 1;
        return chain;
      } catch (error) {
        failed += 1;
        throw error;
      }
    },
    publish: (identity, certificate) => {
      expiries.set(identity, certificate.notAfter);
      secrets.set(identity === own ? ownCertificateSecret : identity, renderCertificate(certificate));
      if (identity === own) {
        secrets.set(rootSecret, { validation_context: { trusted_ca: { inline_string: certificate.rootPem } } });
      }
    },
    clock: { now: () => new Date(), wait: (ms, signal) => sleep(ms, undefined, { signal }) },
    random: Math.random,
    log,
  });
  const secrets = new SecretServer({
    onWanted: (name) => {
      if (name.startsWith(identityScheme) && name !== own) source.start(name);
    },
    onUnwanted: (name) => {
      if (!name.startsWith(identityScheme) || name === own) return;
      expiries.delete(name);
      secrets.delete(name);
      void source.stop(name);
    },
    log,
  });
  return {
    start: async (socket) => {
      await secrets.start(socket);
      source.start(own);
    },
    stop: async () => {
      await source.stop();
      await secrets.stop();
    },
    counts: () => ({ certificates: expiries, certificatesIssued: issued, certificateFailures: failed }),
  };
}

function renderCertificate({ chainPem, keyPem }: IssuedCertificate): Parameters<SecretServer['set']>[1] {
  return {
    tls_certificate: { certificate_chain: { inline_string: chainPem }, private_key: { inline_string: keyPem } },
  };
}

async function requestFor(
  { ca }: AgentOptions,
  impersonate: string | undefined,
  csrPem: string,
): Promise<readonly string[]> {
  const [rootPem, token] = await Promise.all([readCredential(ca.rootCertFile), readCredential(ca.tokenFile)]);
  return requestCertificate({
    address: ca.address,
    serverName: ca.serverName,
    ttlSeconds: ca.ttlSeconds,
    rootPem,
    token: token.trim(),
    csrPem,
    ...(impersonate === undefined ? {} : { impersonate }),
  });
}

async function readCredential(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new CertificateError('Unavailable', `${path} cannot be read`, cause);
  }
}

/**
 * A socket in the state directory, or in a directory of its own when that path would be too long.
 */
async function chooseSocket(directory: string): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = join(directory, 'sds.sock');
  if (Buffer.byteLength(path) > longestSocketPath) {
    const short = await mkdtemp(join(tmpdir(), 'cairn-'));
    return { path: join(short, 'sds.sock'), remove: () => rm(short, { recursive: true, force: true }) };
  }
  if (await isAnswered(path)) {
    throw new AgentError('StateInUse', `another agent runs in ${directory}; give each agent a directory of its own`);
  }
  return { path, remove: () => rm(path, { force: true }) };
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}
