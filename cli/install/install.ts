// `cairn install`: prints the objects of an installation, writes them as files, or applies them in
// the order in which they depend on each other. It leaves existing objects alone that are not
// Cairn's, and reports them.

import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolder } from '../../certificates/index.ts';
import { ApiError, resources } from '../../kubernetes/index.ts';
import type { ApiClient, KubernetesObject } from '../../kubernetes/index.ts';
import {
  controlPlaneName,
  defaultInstallSettings,
  partOfLabel,
  renderHelmChart,
  renderInstallation,
  renderKustomizeBase,
  type InstallSettings,
  type RenderedFiles,
  version,
} from '../../templates/index.ts';
import type { ClusterOptions } from '../cluster-options.ts';
import { withCluster } from '../cluster.ts';
import { adviseOnIstio, adviseOnNodeProxy, installGatewayApi } from '../missing-parts.ts';
import { CommandError, exitCodes } from '../io.ts';
import type { ExitCode, Io } from '../io.ts';
import { formatData } from '../output.ts';
import type { DataFormat } from '../output.ts';
import { listChanges } from './changes.ts';
import { formatObject, resourceOf } from './objects.ts';
import { formatGiven, readGiven, readStored, settle, withStored } from './settings.ts';
import type { GivenSettings } from './settings.ts';
import { uninstall } from './uninstall.ts';
import { waitUntilAvailable } from './wait.ts';

/** The options of `cairn install`; those that are settings carry the settings' names. */
export interface InstallOptions extends ClusterOptions, Partial<Readonly<Record<keyof InstallSettings, string>>> {
  readonly output?: DataFormat;
  readonly dryRun?: boolean;
  readonly reset?: boolean;
  readonly values?: string;
  readonly uninstall?: boolean;
  readonly purge?: boolean;
  readonly yes?: boolean;
  readonly helm?: string;
  readonly kustomize?: string;
  readonly wait?: boolean;
  /** Milliseconds. */
  readonly timeout: number;
}

/** The writer of installed objects, to the API server. */
const fieldManager = 'cairn-install';

/** Prints, writes, applies or removes an installation. */
export async function runInstall(options: InstallOptions, io: Io): Promise<ExitCode> {
  const given = await readGiven(options, options.values);
  const settings = settle(options.namespace, given);
  const timeoutMs = options.timeout;
  if (options.helm !== undefined || options.kustomize !== undefined) {
    if (options.helm !== undefined) await writeFiles(options.helm, renderHelmChart(version), io);
    if (options.kustomize !== undefined) await writeFiles(options.kustomize, renderKustomizeBase(settings), io);
    return exitCodes.success;
  }
  if (options.output !== undefined) {
    const objects = renderInstallation(settings);
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    io.stdout.write(
      options.output === 'json'
        ? formatData(list, 'json')
        : objects.map((object) => formatData(object, 'yaml')).join('---\n'),
    );
    return exitCodes.success;
  }
  const dryRun = options.dryRun === true;
  return await withCluster(options, io, async ({ client }) => {
    const say = (text: string): void => io.stdout.write(`${text}\n`);
    if (options.uninstall === true) {
      const { purge = false, yes = false } = options;
      await uninstall(client, settings, { dryRun, purge, yes, timeoutMs, say, ask: io.ask });
      return exitCodes.success;
    }
    await install(client, { namespace: settings.namespace, given, reset: options.reset === true }, { dryRun, say });
    if (options.wait === true && !dryRun) {
      await waitUntilAvailable(client, settings.namespace, timeoutMs, io);
      say('the control plane runs');
    }
    if (!dryRun) for (const advice of await advise(client)) io.stderr.write(`note: ${advice}\n`);
    return exitCodes.success;
  });
}

async function writeFiles(directory: string, files: RenderedFiles, io: Io): Promise<void> {
  for (const [path, text] of files) {
    const target = join(directory, path);
    await makeFolder(dirname(target), 0o777);
    await writeFile(target, text);
  }
  io.stdout.write(`${files.size} files written to ${directory}\n`);
}

/** The parts of a mesh that this command does not install. */
async function advise(client: ApiClient): Promise<readonly string[]> {
  const advice = await Promise.all([adviseOnIstio(client), adviseOnNodeProxy(client)]);
  return advice.filter((text) => text !== undefined);
}

interface InstallRequest {
  readonly namespace: string;
  readonly given: GivenSettings;
  /** Leaves out the options of the installed control plane. */
  readonly reset: boolean;
}

interface Telling {
  readonly dryRun: boolean;
  readonly say: (text: string) => void;
}

async function install(client: ApiClient, request: InstallRequest, telling: Telling): Promise<void> {
  const { namespace, given } = request;
  if (!(await client.serves(resources.GatewayClass))) {
    throw new CommandError(`the cluster has no Gateway API; bring it with\n  ${installGatewayApi}`);
  }
  const kept = await readKept(client, request);
  const settings = settle(namespace, kept, given);
  const all = { ...kept, ...given };
  const objects = renderInstallation(settings).map((object) => withStored(object, all));
  const found = new Map<KubernetesObject, KubernetesObject | undefined>();
  for (const object of objects) {
    found.set(object, await client.get(resourceOf(object.kind), object.metadata.namespace, object.metadata.name));
  }
  // Everything is checked before anything is changed.
  refuseForeign(objects.filter((object) => object.kind !== 'Namespace' && isForeign(found.get(object))));
  const unsaid = Object.fromEntries(Object.entries(kept).filter(([name]) => !Object.hasOwn(given, name)));
  if (Object.keys(unsaid).length > 0) telling.say(`kept from the installed one: ${formatGiven(unsaid)}`);
  const namespaceExists = found.get(objects[0] ?? { metadata: { name: '' } }) !== undefined;
  for (const object of objects) {
    const existing = found.get(object);
    if (object.kind === 'Namespace' && isForeign(existing)) {
      telling.say(`${formatObject(object)} is there already and stays as it is`);
    } else if (telling.dryRun && object.metadata.namespace !== undefined && !namespaceExists) {
      telling.say(`${formatObject(object)} would be created (not checked: the namespace is not there yet)`);
    } else {
      const applied = await apply(client, object, telling.dryRun);
      tellChange(object, existing, applied, telling);
    }
  }
}

/**
 * The options of the installed control plane that stay as they are, because this command says
 * nothing else.
 */
async function readKept(client: ApiClient, { namespace, reset }: InstallRequest): Promise<GivenSettings> {
  const installed = await client.get(resources.Deployment, namespace, controlPlaneName);
  if (installed === undefined || isForeign(installed)) return {};
  if (!reset) return readStored(installed);
  // The owner of the release has to be named all the same.
  if (installed.metadata.annotations?.['meta.helm.sh/release-name'] !== undefined) readStored(installed);
  return {};
}

function refuseForeign(foreign: readonly KubernetesObject[]): void {
  if (foreign.length === 0) return;
  const isTheirClass = foreign.some(
    ({ kind, metadata }) => kind === 'GatewayClass' && metadata.name === defaultInstallSettings.gatewayClass,
  );
  throw new CommandError(
    `${foreign.map(formatObject).join(', ')} exists already and is not Cairn's (no label ${partOfLabel}=cairn); ` +
      `remove it, or choose another namespace (-n) or class (--gateway-class)` +
      (isTheirClass
        ? `. Beside istiod, whose class this is:\n  cairn install --gateway-class cairn-waypoint --controller-name cairn.dev/waypoint-controller --ca istiod`
        : ''),
  );
}

async function apply(client: ApiClient, object: KubernetesObject, dryRun: boolean): Promise<KubernetesObject> {
  try {
    return await client.apply(resourceOf(object.kind ?? ''), object, { fieldManager, force: true, dryRun });
  } catch (error) {
    const isRole = object.kind === 'ClusterRole' || object.kind === 'Role';
    if (error instanceof ApiError && error.status === 403 && isRole) {
      throw new CommandError(`${formatObject(object)} gives rights that you must have yourself to give them`, error);
    }
    throw error;
  }
}

function isForeign(existing: KubernetesObject | undefined): boolean {
  return existing !== undefined && existing.metadata.labels?.[partOfLabel] !== 'cairn';
}

function tellChange(
  object: KubernetesObject,
  before: KubernetesObject | undefined,
  after: KubernetesObject,
  { dryRun, say }: Telling,
): void {
  const tell = (text: string): void => say(`${formatObject(object)} ${text}`);
  if (before === undefined) return tell(dryRun ? 'would be created' : 'created');
  const changes = listChanges(before, after);
  if (changes.length === 0) return tell('unchanged');
  tell(dryRun ? 'would be changed' : 'changed');
  for (const change of changes) say(`  ${change}`);
}
