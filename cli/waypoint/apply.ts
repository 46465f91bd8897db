// `cairn waypoint apply` and `generate`: the Gateway of a waypoint, written to the cluster or to
// the terminal.

import { resources } from '../../kubernetes/index.ts';
import type { ApiClient, KubernetesObject } from '../../kubernetes/index.ts';
import type { ClusterOptions } from '../cluster-options.ts';
import { withCluster } from '../cluster.ts';
import { exitCodes } from '../io.ts';
import type { ExitCode, Io } from '../io.ts';
import { fail } from '../istioctl.ts';
import { formatData } from '../output.ts';
import type { DataFormat } from '../output.ts';
import { adviseOnNodeProxy } from '../missing-parts.ts';
import { createGateway, requireGateways } from './gateway.ts';
import type { WaypointFlags } from './gateway.ts';
import { waitUntilProgrammed } from './wait.ts';

/** The options of `cairn waypoint generate`. */
export interface GenerateOptions extends WaypointFlags {
  readonly namespace?: string;
  readonly output: DataFormat;
}

/** The options of `cairn waypoint apply`. */
export interface ApplyOptions extends WaypointFlags, ClusterOptions {
  readonly enrollNamespace?: boolean;
  readonly overwrite?: boolean;
  readonly wait?: boolean;
  /** Milliseconds. */
  readonly waypointTimeout: number;
  readonly output?: DataFormat;
}

const useWaypoint = 'istio.io/use-waypoint';
const dataplaneMode = 'istio.io/dataplane-mode';
const fieldManager = 'cairn';

/** Prints the manifest; needs no cluster. */
export function runGenerate(options: GenerateOptions, io: Io): ExitCode {
  io.stdout.write(formatData(createGateway(options, options.namespace), options.output));
  return exitCodes.success;
}

/** Applies the Gateway, and with `--enroll-namespace` sends the namespace's services through it. */
export async function runApply(options: ApplyOptions, io: Io): Promise<ExitCode> {
  // The command rejects a wrong flag before it asks the cluster anything.
  createGateway(options, undefined);
  return await withCluster(options, io, async ({ client, namespace }) => {
    const gateway = createGateway(options, namespace);
    const { name } = gateway.metadata;
    const found = await client.get(resources.Namespace, undefined, namespace);
    if (found === undefined) fail(`namespace: ${namespace} not found`);
    if (options.enrollNamespace === true && !mayEnroll(found, name, options, io)) return exitCodes.success;
    await requireGateways(client);
    const applied = await client.apply(resources.Gateway, gateway, { fieldManager });
    const told = options.output === undefined ? io.stdout : io.stderr;
    const say = (text: string): void => told.write(`${text}\n`);
    say(`✅ waypoint ${namespace}/${name} applied`);
    if (options.output !== undefined) io.stdout.write(formatData(withoutManagedFields(applied), options.output));
    if (options.serviceAccount !== undefined) {
      say(
        `note: waypoints of service accounts are a form of Istio 1.18; the current one is ` +
          `\`cairn waypoint apply --name ${name}\` and the label ${useWaypoint}=${name} on what it serves`,
      );
    }
    if (options.wait === true) {
      const isReady = await waitUntilProgrammed(
        client,
        { namespace, name, gatewayClass: options.gatewayClass },
        options.waypointTimeout,
        io,
      );
      if (!isReady) fail(`timed out while waiting for waypoint\t${namespace}/${name}`);
      say(`✅ waypoint ${namespace}/${name} is ready!`);
    }
    if (options.enrollNamespace === true) {
      const advice = await adviseOnNodeProxy(client);
      if (advice !== undefined) io.stderr.write(`note: ${advice}\n`);
      await enroll(client, namespace, name);
      say(`✅ namespace ${namespace} labeled with "${useWaypoint}: ${name}"`);
    }
    return exitCodes.success;
  });
}

/**
 * False when the namespace is enrolled already and `--overwrite` was not given. Reports that, and
 * other unusual settings.
 */
function mayEnroll(found: KubernetesObject, name: string, { overwrite }: ApplyOptions, io: Io): boolean {
  const { name: namespace, labels = {} } = found.metadata;
  const enrolled = labels[useWaypoint];
  if (enrolled !== undefined && enrolled !== name && overwrite !== true) {
    io.stdout.write(
      `⚠️ Warning: namespace (${namespace}) already has an enrolled Waypoint. ` +
        'Consider adding the `--overwrite` flag to your apply command.\n',
    );
    return false;
  }
  if (labels[dataplaneMode] !== 'ambient') {
    io.stdout.write(
      '⚠️ Warning: namespace is not enrolled in ambient. Consider running\t' +
        `\`kubectl label namespace ${namespace} ${dataplaneMode}=ambient\`\n`,
    );
  }
  return true;
}

async function enroll(client: ApiClient, namespace: string, name: string): Promise<void> {
  const patch = { metadata: { labels: { [useWaypoint]: name } } };
  await client.patch(resources.Namespace, undefined, namespace, patch, { type: 'merge', fieldManager });
}

function withoutManagedFields(object: KubernetesObject): KubernetesObject {
  const metadata = { ...object.metadata, managedFields: undefined };
  return JSON.parse(JSON.stringify({ ...object, metadata })) as KubernetesObject;
}
