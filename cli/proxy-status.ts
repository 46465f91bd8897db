// `cairn proxy-status`: which proxies are connected to which replica of the control plane, and
// whether they accepted what they were sent.

import type { ClusterProxyView } from '../gateway-controller/index.ts';
import { resources } from '../kubernetes/index.ts';
import type { ApiClient, KubernetesObject } from '../kubernetes/index.ts';
import type { ClusterOptions } from './cluster-options.ts';
import { withCluster } from './cluster.ts';
import { exitCodes } from './io.ts';
import type { ExitCode, Io } from './io.ts';
import { fail } from './istioctl.ts';
import { formatData } from './output.ts';
import type { DataFormat } from './output.ts';
import { formatTable } from './table.ts';
import type { Column } from './table.ts';

/** The options of `cairn proxy-status`. */
export interface ProxyStatusOptions extends ClusterOptions {
  /** The namespace of the control plane. */
  readonly controlPlaneNamespace: string;
  readonly output: 'table' | DataFormat;
}

const types = ['CDS', 'LDS', 'EDS', 'RDS', 'ECDS'] as const;
const controlPlane = 'app.kubernetes.io/name=cairn,app.kubernetes.io/component=control-plane';
const adminPort = 15_014;
const answerTimeoutMs = 15_000;

const columns: readonly Column<ClusterProxyView>[] = [
  { title: 'name', cell: ({ pod, namespace }) => `${pod}.${namespace}` },
  { title: 'gateway', cell: ({ gateway }) => gateway },
  { title: 'status', cell: ({ state }) => state },
  ...types.map((type) => ({ title: type, cell: (row: ClusterProxyView) => formatType(row.types[type]) })),
  { title: 'control plane', cell: ({ replica }) => replica },
  { title: 'connected', cell: ({ connectedSince }) => connectedSince },
];

/**
 * Asks every replica. With `pod` (`name[.namespace]`), of that proxy only; exit code 1 when it is
 * not connected.
 */
export async function runProxyStatus(pod: string | undefined, options: ProxyStatusOptions, io: Io): Promise<ExitCode> {
  return await withCluster(options, io, async ({ client }) => {
    const replicas = await findReplicas(client, options.controlPlaneNamespace);
    const answers = await Promise.all(replicas.map((replica) => askReplica(client, replica, io)));
    const rows = answers
      .flat()
      .filter(({ pod: name, namespace }) => pod === undefined || pod === name || pod === `${name}.${namespace}`)
      .filter(({ namespace }) => options.namespace === undefined || namespace === options.namespace)
      .sort((a, b) => `${a.namespace}/${a.pod}`.localeCompare(`${b.namespace}/${b.pod}`, 'en'));
    if (pod !== undefined && rows.length === 0)
      fail(`proxy ${pod} is not connected to any replica of the control plane`);
    if (options.output !== 'table') io.stdout.write(formatData(rows, options.output));
    else if (rows.length === 0) io.stdout.write('No proxies are connected.\n');
    else io.stdout.write(formatTable(columns, rows, ' '.repeat(5)) + rows.map(formatRejections).join(''));
    return exitCodes.success;
  });
}

async function findReplicas(client: ApiClient, namespace: string): Promise<readonly KubernetesObject[]> {
  const pods = await client.list(resources.Pod, { namespace, labelSelector: controlPlane });
  const running = pods.filter(({ status, metadata }) => isRunning(status) && metadata.deletionTimestamp === undefined);
  if (running.length === 0) {
    fail(
      `no replica of the control plane runs in namespace ${namespace}: ` +
        'install it with `cairn install`, or name its namespace with --control-plane-namespace',
    );
  }
  return running;
}

/** The command reports a replica that does not answer, and shows what the others know. */
async function askReplica(
  client: ApiClient,
  { metadata }: KubernetesObject,
  io: Io,
): Promise<readonly ClusterProxyView[]> {
  const { namespace = '', name } = metadata;
  try {
    const forward = await client.forwardPort({ namespace, pod: name, port: adminPort });
    try {
      const response = await fetch(`http://127.0.0.1:${forward.port}/api/proxies`, {
        signal: AbortSignal.timeout(answerTimeoutMs),
      });
      return (await response.json()) as readonly ClusterProxyView[];
    } finally {
      await forward.close();
    }
  } catch (error) {
    io.stderr.write(
      `cairn: replica ${name} does not answer: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    return [];
  }
}

function isRunning(status: unknown): boolean {
  return typeof status === 'object' && status !== null && 'phase' in status && status.phase === 'Running';
}

function formatType(status: ClusterProxyView['types'][string] | undefined): string {
  if (status === undefined) return 'NOT SENT';
  if (status.rejected.length > 0) return 'REJECTED';
  return status.pending > 0 ? 'STALE' : 'SYNCED';
}

/** Envoy's own words, below the table, for each type that it refused. */
function formatRejections({ pod, namespace, types: found }: ClusterProxyView): string {
  return types
    .flatMap((type) => {
      const { rejected = [], lastNack } = found[type] ?? {};
      if (rejected.length === 0) return [];
      const message = lastNack === undefined ? '' : ` at ${lastNack.time}: ${lastNack.message}`;
      return [`\n${pod}.${namespace} rejected ${type} ${rejected.join(', ')}${message}\n`];
    })
    .join('');
}
