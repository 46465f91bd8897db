// `cairn install --uninstall`. First the control plane ends, so that nothing is made again. Then
// the command removes all objects that the control plane made and all statuses that it wrote, and
// then the installed objects. Gateways, routes and policies are the user's, and stay. The key of
// the authority stays with its namespace by default, so that the next installation has the same
// identities.

import { setTimeout as sleep } from 'node:timers/promises';
import { withdrawStatuses } from '../../gateway-controller/index.ts';
import { resources } from '../../kubernetes/index.ts';
import type { ApiClient, ApiResource, KubernetesObject } from '../../kubernetes/index.ts';
import {
  authoritySecret,
  controlPlaneLabels,
  controlPlaneName,
  gatewayClassLabel,
  leaseName,
  managedByLabel,
  partOfLabel,
  pluggedAuthoritySecret,
  renderInstallation,
  type InstallSettings,
} from '../../templates/index.ts';
import { CommandError } from '../io.ts';
import { formatObject, resourceOf } from './objects.ts';

/** The options of the removal. */
export interface UninstallOptions {
  /** Only prints what would be removed. */
  readonly dryRun: boolean;
  /** Also the namespace and the authority's key. */
  readonly purge: boolean;
  /** The user has confirmed it already. */
  readonly yes: boolean;
  /** Asks for confirmation; undefined when nobody can be asked. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  /** For the pods of the control plane to end. */
  readonly timeoutMs: number;
  readonly say: (text: string) => void;
}

/** Kinds that are deployed for Gateways. */
const deployedKinds: readonly ApiResource[] = [
  resources.HorizontalPodAutoscaler,
  resources.PodDisruptionBudget,
  resources.Deployment,
  resources.Service,
  resources.ServiceAccount,
];

/** Removes one installation after a confirmation; objects that are gone already are skipped. */
export async function uninstall(
  client: ApiClient,
  settings: InstallSettings,
  options: UninstallOptions,
): Promise<void> {
  if (options.dryRun || options.yes) return removeAll(client, settings, options);
  if (options.ask === undefined) {
    throw new CommandError(
      'nobody is there to be asked whether all of this installation is to be removed: say -y, or look first with --dry-run',
    );
  }
  await removeAll(client, settings, { ...options, dryRun: true });
  const answer = await options.ask(`Remove all of this from ${client.server}? [y/N] `);
  if (!/^y(?:es)?$/i.test(answer.trim())) throw new CommandError('nothing was removed');
  await removeAll(client, settings, options);
}

async function removeAll(client: ApiClient, given: InstallSettings, options: UninstallOptions): Promise<void> {
  const { namespace } = given;
  const settings = await readActual(client, given);
  const installed = await findInstalled(client, settings);
  const isControlPlane = ({ kind }: KubernetesObject): boolean => kind === 'Deployment';
  await remove(client, installed.filter(isControlPlane), options);
  await untilPodsEnd(client, namespace, options);
  const { dryRun } = options;
  const { controllerName, revision } = settings;
  const statuses = await withdrawStatuses(client, { controllerName, revision, dryRun });
  for (const [kind, count] of statuses) {
    options.say(`what was said in the status of ${count} ${kind} ${dryRun ? 'would be removed' : 'removed'}`);
  }
  const made = await findMade(client, settings, options.purge);
  tellOfWaypoints(made, options);
  await remove(client, made, options);
  // The namespace is last: objects that others have put there go with it.
  const rest = installed.filter((object) => !isControlPlane(object)).toReversed();
  await remove(
    client,
    rest.filter(({ kind }) => options.purge || kind !== 'Namespace'),
    options,
  );
  if (!installed.some(({ kind }) => kind !== 'Namespace')) options.say(`nothing of Cairn is installed in ${namespace}`);
  if (!options.purge && rest.some(({ kind }) => kind === 'Namespace'))
    await tellOfNamespace(client, namespace, options);
}

/** The effect on the traffic of waypoints that end. */
function tellOfWaypoints(made: readonly KubernetesObject[], { dryRun, say }: UninstallOptions): void {
  const waypoints = made.filter(({ kind }) => kind === 'Deployment');
  if (waypoints.length === 0) return;
  const names = waypoints.map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`).join(', ');
  say(
    `${waypoints.length} waypoint${waypoints.length === 1 ? '' : 's'} ${dryRun ? 'would end' : 'end'} (${names}): node proxies refuse ` +
      'what is still sent there, until the labels istio.io/use-waypoint are taken away',
  );
}

async function tellOfNamespace(client: ApiClient, namespace: string, { say }: UninstallOptions): Promise<void> {
  const keys = await Promise.all(
    [authoritySecret, pluggedAuthoritySecret].map((name) => client.get(resources.Secret, namespace, name)),
  );
  const secrets = keys.flatMap((secret) =>
    secret === undefined ? [] : [`Secret ${namespace}/${secret.metadata.name}`],
  );
  const what = [...secrets, `Namespace ${namespace}`].join(' and ');
  say(
    `${what} ${secrets.length === 0 ? 'stays' : 'stay: whoever has its certificates is trusted after the next installation too'} (--purge removes it)`,
  );
}

/** The objects that `cairn install` made, and that still carry its label. */
async function findInstalled(client: ApiClient, settings: InstallSettings): Promise<readonly KubernetesObject[]> {
  const found: KubernetesObject[] = [];
  for (const { kind, metadata } of renderInstallation(settings)) {
    const object = await client.get(resourceOf(kind), metadata.namespace, metadata.name);
    const isGoing = object?.metadata.deletionTimestamp !== undefined;
    if (object?.metadata.labels?.[partOfLabel] === 'cairn' && !isGoing) found.push({ ...object, kind });
  }
  if (!(await isOnlyOne(client))) return found;
  // Classes of earlier options, which no other installation can need.
  const classes = await client.list(resources.GatewayClass, { labelSelector: `${partOfLabel}=cairn` });
  const isFound = ({ metadata }: KubernetesObject): boolean =>
    found.some((object) => object.kind === 'GatewayClass' && object.metadata.name === metadata.name);
  return [...found, ...classes.filter((object) => !isFound(object))];
}

/** Whether no other installation of Cairn is in the cluster. */
async function isOnlyOne(client: ApiClient): Promise<boolean> {
  return (await client.list(resources.ClusterRole, { labelSelector: `${partOfLabel}=cairn` })).length <= 1;
}

/** The settings that the installation really has, whatever the flags are now. */
async function readActual(client: ApiClient, given: InstallSettings): Promise<InstallSettings> {
  const deployment = await client.get(resources.Deployment, given.namespace, controlPlaneName);
  const environment = readEnvironment(deployment?.metadata.labels?.[partOfLabel] === 'cairn' ? deployment : undefined);
  return {
    ...given,
    gatewayClass: environment.get('CAIRN_GATEWAY_CLASS') ?? given.gatewayClass,
    controllerName: environment.get('CAIRN_CONTROLLER_NAME') ?? given.controllerName,
    revision: environment.get('CAIRN_REVISION') ?? given.revision,
  };
}

/**
 * The objects that the controller made while it ran: waypoints of its class, root certificates, its
 * key and its Lease.
 */
async function findMade(
  client: ApiClient,
  { namespace, gatewayClass }: InstallSettings,
  purge: boolean,
): Promise<readonly KubernetesObject[]> {
  const made: KubernetesObject[] = [];
  const labelSelector = `${managedByLabel}=cairn`;
  for (const resource of deployedKinds) {
    const selector = `${labelSelector},${gatewayClassLabel}=${gatewayClass}`;
    made.push(...(await client.list(resource, { labelSelector: selector })));
  }
  const classes = await client.list(resources.GatewayClass, { labelSelector });
  made.push(...classes.filter(({ metadata }) => metadata.name === gatewayClass));
  // Another installation's waypoints trust the same ConfigMaps.
  if (await isOnlyOne(client)) made.push(...(await client.list(resources.ConfigMap, { labelSelector })));
  const named = [[resources.Lease, leaseName] as const, [resources.Secret, authoritySecret] as const];
  for (const [resource, name] of purge ? named : named.slice(0, 1)) {
    const object = await client.get(resource, namespace, name);
    if (object !== undefined) made.push({ ...object, kind: resource.kind });
  }
  return made;
}

/** The variables of the control plane's container. */
function readEnvironment(deployment: KubernetesObject | undefined): ReadonlyMap<string, string> {
  interface PodTemplate {
    readonly template?: {
      readonly spec?: {
        readonly containers?: readonly {
          readonly env?: readonly { readonly name: string; readonly value?: string }[];
        }[];
      };
    };
  }
  const { template } = (deployment?.['spec'] ?? {}) as PodTemplate;
  const [container] = template?.spec?.containers ?? [];
  // A variable that comes from a field of the pod has no value here.
  return new Map((container?.env ?? []).map(({ name, value = '' }) => [name, value]));
}

async function remove(
  client: ApiClient,
  objects: readonly KubernetesObject[],
  { dryRun, say }: UninstallOptions,
): Promise<void> {
  for (const object of objects) {
    const { namespace, name, uid } = object.metadata;
    if (dryRun) {
      say(`${formatObject(object)} would be removed`);
      continue;
    }
    const wasThere = await client.delete(resourceOf(object.kind ?? ''), namespace, name, {
      propagation: 'Background',
      ...(uid === undefined ? {} : { preconditions: { uid } }),
    });
    if (wasThere) say(`${formatObject(object)} removed`);
  }
}

/** A controller that still runs would make the removed objects again. */
async function untilPodsEnd(client: ApiClient, namespace: string, options: UninstallOptions): Promise<void> {
  if (options.dryRun) return;
  const labelSelector = Object.entries(controlPlaneLabels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  for (const end = Date.now() + options.timeoutMs; ; await sleep(250)) {
    const pods = await client.list(resources.Pod, { namespace, labelSelector });
    if (pods.length === 0) return;
    if (Date.now() > end) {
      options.say(`pods of ${namespace}/${controlPlaneName} have not ended; they may make again what is removed now`);
      return;
    }
  }
}
