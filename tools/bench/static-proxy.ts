// Envoys of a benchmark that run Cairn's configuration in its static form: without a control plane,
// and with any address as the waypoint's.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ProxyRole, renderBootstrap } from '../../bootstrap/index.ts';
import { createAuthority, formatIdentity } from '../../certificates/index.ts';
import { type EnvoyResource, inlineResources, type SecretFiles } from '../../envoy-api/index.ts';
import { type RunningEnvoy, startEnvoy } from '../../test/support/envoy.ts';
import { freePort } from '../../test/support/loopback.ts';
import { type CertificateFiles, writeTestCertificates } from '../../test/support/test-certificates.ts';

/** Settings of Envoys in benchmarks: errors are logged, and access logs are written to nowhere. */
export const quiet = { logLevel: 'error', args: ['--component-log-level', 'main:off'], dropsOutput: true } as const;

/** Starts an Envoy with one worker that runs these resources, with Cairn's own bootstrap. */
export async function startProxy(
  { role, namespace, address }: { readonly role: ProxyRole; readonly namespace: string; readonly address: string },
  resources: readonly EnvoyResource[],
  secrets: SecretFiles,
): Promise<RunningEnvoy> {
  const { dynamic_resources: _dynamic, ...rest } = renderBootstrap({
    role,
    podName: role,
    namespace,
    serviceAccount: role,
    instanceIp: address,
    domain: 'cluster.local',
    labels: {},
    admin: { address: '127.0.0.1', port: await freePort() },
    stats: { address: '127.0.0.1', port: await freePort() },
    xds: { host: '127.0.0.1', port: 1, identity: '' },
    sdsSocket: '/none.sock',
    heapLimit: 1024 * 1024 * 1024,
  });
  return startEnvoy({ config: { ...rest, static_resources: { ...inlineResources(resources, secrets) } }, ...quiet });
}

/** The certificates of a mesh without a control plane, as files. */
export interface MeshCertificates {
  /** Of a waypoint, by its service account. */
  readonly waypoint: (account: string) => SecretFiles;
  /** Of a node proxy: one for each of its workloads. */
  readonly node: SecretFiles;
  readonly remove: () => void;
}

/** Certificates for the service accounts of waypoints and of workloads. */
export async function makeCertificates(
  namespace: string,
  accounts: { readonly waypoints: readonly string[]; readonly workloads: readonly string[] },
): Promise<MeshCertificates> {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-bench-'));
  const authority = await createAuthority({ trustDomain: 'cluster.local', now: new Date() });
  const identify = (serviceAccount: string): string =>
    formatIdentity({ trustDomain: 'cluster.local', namespace, serviceAccount });
  const files: Record<string, CertificateFiles> = {};
  for (const account of [...accounts.waypoints, ...accounts.workloads]) {
    files[account] = await writeTestCertificates(mkdtempSync(join(folder, account)), identify(account), authority);
  }
  const find = (account: string): CertificateFiles => {
    const found = files[account];
    if (found === undefined) throw new Error(`no certificate of ${account}`);
    return found;
  };
  const [first = ''] = accounts.waypoints;
  return {
    waypoint: (account) => ({ certificates: { default: find(account) }, roots: find(account).roots }),
    node: {
      certificates: Object.fromEntries(accounts.workloads.map((account) => [identify(account), find(account)])),
      roots: find(first).roots,
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
