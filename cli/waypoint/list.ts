// `cairn waypoint list` and `status`: the waypoints of a namespace or of the cluster, in istioctl's
// columns.

import { resources } from '../../kubernetes/index.ts';
import type { ApiClient } from '../../kubernetes/index.ts';
import type { ClusterOptions } from '../cluster-options.ts';
import { withCluster } from '../cluster.ts';
import { exitCodes } from '../io.ts';
import type { ExitCode, Io } from '../io.ts';
import { fail } from '../istioctl.ts';
import { formatData } from '../output.ts';
import type { DataFormat } from '../output.ts';
import { formatTable } from '../table.ts';
import type { Column } from '../table.ts';
import { readWaypoint, requireGateways } from './gateway.ts';
import type { Waypoint } from './gateway.ts';
import { waitUntilProgrammed } from './wait.ts';

/** The options of `cairn waypoint list`. */
export interface ListOptions extends ClusterOptions {
  readonly allNamespaces?: boolean;
  readonly gatewayClass: string;
  readonly output?: DataFormat;
}

/** The options of `cairn waypoint status`. */
export interface StatusOptions extends ListOptions {
  /** This waypoint only. */
  readonly name?: string;
  readonly wait: boolean;
  /** Milliseconds. */
  readonly waypointTimeout: number;
}

const gap = ' '.repeat(5);
const nothing = 'No waypoints found.\n';
const namespaceColumn: Column<Waypoint> = { title: 'namespace', cell: ({ namespace }) => namespace };
const nameColumn: Column<Waypoint> = { title: 'name', cell: ({ name }) => name };

const listColumns: readonly Column<Waypoint>[] = [
  nameColumn,
  { title: 'revision', cell: ({ revision }) => revision },
  { title: 'traffic type', cell: ({ trafficType }) => trafficType },
  { title: 'programmed', cell: ({ programmed }) => programmed?.status ?? 'False' },
];

const statusColumns: readonly Column<Waypoint>[] = [
  nameColumn,
  { title: 'status', cell: ({ programmed }) => programmed?.status ?? 'Unknown' },
  { title: 'type', cell: ({ programmed }) => programmed?.type ?? 'Programmed' },
  { title: 'reason', cell: ({ programmed }) => programmed?.reason ?? 'Pending' },
  { title: 'message', cell: ({ programmed }) => programmed?.message ?? 'no controller has answered yet' },
];

/** Prints the waypoints; exit code 0 also when there are none. */
export async function runList(options: ListOptions, io: Io): Promise<ExitCode> {
  return await withCluster(options, io, async ({ client, namespace }) => {
    const waypoints = await readWaypoints(client, options, namespace);
    if (options.output !== undefined) io.stdout.write(formatData(waypoints, options.output));
    else if (waypoints.length === 0) io.stdout.write(nothing);
    else io.stdout.write(formatTable(withNamespace(listColumns, options), waypoints, gap));
    return exitCodes.success;
  });
}

/** Prints whether each waypoint is programmed, and waits until it is unless `--wait=false`. */
export async function runStatus(options: StatusOptions, io: Io): Promise<ExitCode> {
  const timeoutMs = options.waypointTimeout;
  return await withCluster(options, io, async ({ client, namespace }) => {
    const all = await readWaypoints(client, options, namespace);
    const wanted = all.filter(({ name }) => options.name === undefined || options.name === '' || name === options.name);
    if (wanted.length === 0) {
      io.stdout.write(options.output === undefined ? nothing : formatData([], options.output));
      return exitCodes.success;
    }
    const late = options.wait ? await waitForAll(client, wanted, { ...options, timeoutMs }, io) : undefined;
    const rows = options.wait ? await readWaypoints(client, options, namespace) : wanted;
    const shown = rows.filter(({ name, namespace: of }) =>
      wanted.some((waypoint) => waypoint.name === name && waypoint.namespace === of),
    );
    io.stdout.write(
      options.output === undefined
        ? formatTable(withNamespace(statusColumns, options), shown, gap)
        : formatData(shown, options.output),
    );
    if (late !== undefined) {
      fail(
        `failed to print waypoint status: timed out while retrieving status for waypoint\t${late.namespace}/${late.name}`,
      );
    }
    return exitCodes.success;
  });
}

/** The first waypoint that was not programmed in time; undefined when all are. */
async function waitForAll(
  client: ApiClient,
  waypoints: readonly Waypoint[],
  { gatewayClass, timeoutMs }: { readonly gatewayClass: string; readonly timeoutMs: number },
  io: Io,
): Promise<Waypoint | undefined> {
  const deadline = Date.now() + timeoutMs;
  for (const waypoint of waypoints) {
    if (waypoint.programmed?.status === 'True') continue;
    const target = { namespace: waypoint.namespace, name: waypoint.name, gatewayClass };
    if (!(await waitUntilProgrammed(client, target, Math.max(0, deadline - Date.now()), io))) return waypoint;
  }
  return undefined;
}

async function readWaypoints(
  client: ApiClient,
  { allNamespaces, gatewayClass }: ListOptions,
  namespace: string,
): Promise<readonly Waypoint[]> {
  await requireGateways(client);
  const gateways = await client.list(resources.Gateway, allNamespaces === true ? {} : { namespace });
  return gateways
    .flatMap((gateway) => readWaypoint(gateway, gatewayClass) ?? [])
    .sort((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function withNamespace(
  columns: readonly Column<Waypoint>[],
  { allNamespaces }: ListOptions,
): readonly Column<Waypoint>[] {
  return allNamespaces === true ? [namespaceColumn, ...columns] : columns;
}
