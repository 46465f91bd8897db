// `cairn waypoint delete`: by name, by revision, or all of a namespace. A Gateway that is no
// waypoint is left alone.

import { resources } from '../../kubernetes/index.ts';
import type { ApiClient } from '../../kubernetes/index.ts';
import type { ClusterOptions } from '../cluster-options.ts';
import { withCluster } from '../cluster.ts';
import { exitCodes } from '../io.ts';
import type { ExitCode, Io } from '../io.ts';
import { fail } from '../istioctl.ts';
import { readWaypoint, requireGateways } from './gateway.ts';

/** The options of `cairn waypoint delete`. */
export interface DeleteOptions extends ClusterOptions {
  readonly all?: boolean;
  readonly revision?: string;
  readonly serviceAccount?: string;
  readonly gatewayClass: string;
}

/**
 * Deletes and reports each, also one that does not exist: exit code 0, since the wanted state is
 * reached.
 */
export async function runDelete(names: readonly string[], options: DeleteOptions, io: Io): Promise<ExitCode> {
  const { all, revision, serviceAccount, gatewayClass } = options;
  const hasSelection = all === true || revision !== undefined;
  const named = serviceAccount === undefined ? names : [...names, serviceAccount];
  if (named.length > 0 && hasSelection) fail('cannot specify waypoint names when deleting all waypoints');
  if (named.length === 0 && !hasSelection) {
    fail('must specify a waypoint name or delete all using --all or delete specific revision using --revision');
  }
  return await withCluster(options, io, async ({ client, namespace }) => {
    await requireGateways(client);
    const gateways = await client.list(resources.Gateway, { namespace });
    const waypoints = gateways.flatMap((gateway) => readWaypoint(gateway, gatewayClass) ?? []);
    const others = gateways.filter((gateway) => readWaypoint(gateway, gatewayClass) === undefined);
    const selected = waypoints
      .filter((waypoint) => revision === undefined || waypoint.revision === revision)
      .map(({ name }) => name);
    const doomed = hasSelection ? selected : [...new Set(named)];
    if (doomed.length === 0) io.stdout.write('No waypoints found.\n');
    for (const name of doomed) {
      if (others.some(({ metadata }) => metadata.name === name)) {
        fail(`gateway ${namespace}/${name} is not a waypoint: its class is not ${gatewayClass}`);
      }
      const isDeleted = await client.delete(resources.Gateway, namespace, name, {});
      io.stdout.write(`waypoint ${namespace}/${name} ${isDeleted ? 'deleted' : 'not found'}\n`);
      if (isDeleted) await warnOfEnrolled(client, namespace, name, io);
    }
    return exitCodes.success;
  });
}

/**
 * A namespace that still asks for the waypoint has none now: its policies of L7 are not in force,
 * which its owner should not learn later.
 */
async function warnOfEnrolled(client: ApiClient, namespace: string, name: string, io: Io): Promise<void> {
  const found = await client.get(resources.Namespace, undefined, namespace);
  if (found?.metadata.labels?.['istio.io/use-waypoint'] !== name) return;
  io.stderr.write(
    `⚠️ Warning: namespace ${namespace} still has the label istio.io/use-waypoint=${name}. ` +
      `Remove it with \`kubectl label namespace ${namespace} istio.io/use-waypoint-\`, or apply the waypoint again.\n`,
  );
}
