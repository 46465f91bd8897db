// What `cairn install` does: the objects of an installation printed, written as files, or applied, in the order in which they depend on
// each other. Whatever is there already and is not Cairn's is left alone, and said.

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { ApiError, resources } from '../../kubernetes/index.ts';
import type { ApiClient, KubernetesObject } from '../../kubernetes/index.ts';
import { parseDuration } from '../../mesh/index.ts';
import {
  checkInstallSettings,
  controlPlaneName,
  defaultInstallSettings,
  partOfLabel,
  renderHelmChart,
  renderInstallation,
  renderKustomizeBase,
  settingNames,
  type InstallSettings,
  type RenderedFiles,
} from '../../templates/index.ts';
import type { ClusterOptions } from '../cluster-options.ts';
import { withCluster } from '../cluster.ts';
import { CommandError, exitCodes } from '../io.ts';
import type { ExitCode, Io } from '../io.ts';
import { formatData } from '../output.ts';
import type { DataFormat } from '../output.ts';
import { version } from '../program.ts';
import { formatObject, resourceOf } from './objects.ts';
import { uninstall } from './uninstall.ts';

/** The options of `cairn install`; those that are settings carry the settings' names. */
export interface InstallOptions extends ClusterOptions, Partial<Readonly<Record<keyof InstallSettings, string>>> {
  readonly output?: DataFormat;
  readonly dryRun?: boolean;
  readonly uninstall?: boolean;
  readonly helm?: string;
  readonly kustomize?: string;
  readonly wait?: boolean;
  readonly timeout: string;
}

/** The writer of installed objects, to the API server. */
const fieldManager = 'cairn-install';

/** Prints, writes, applies or removes an installation. */
export async function runInstall(options: InstallOptions, io: Io): Promise<ExitCode> {
  const settings = readSettings(options);
  const timeoutMs = parseDuration(options.timeout);
  if (timeoutMs === undefined)
    throw new CommandError(`--timeout must be a duration such as 90s, not ${options.timeout}`);
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
  return await withCluster(options, io, async ({ client }) => {
    const say = (text: string): void => io.stdout.write(`${text}\n`);
    if (options.uninstall === true) {
      await uninstall(client, settings, { dryRun: options.dryRun === true, timeoutMs, say });
      return exitCodes.success;
    }
    await install(client, settings, { dryRun: options.dryRun === true, say });
    if (options.wait === true && options.dryRun !== true) {
      await waitUntilAvailable(client, settings.namespace, timeoutMs);
      say('the control plane runs');
    }
    return exitCodes.success;
  });
}

function readSettings(options: InstallOptions): InstallSettings {
  const { replicas, ...given } = Object.fromEntries(
    settingNames.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  );
  const settings = {
    ...defaultInstallSettings,
    ...given,
    ...(replicas === undefined ? {} : { replicas: Number(replicas) }),
  };
  const problems = checkInstallSettings(settings);
  if (problems.length > 0) throw new CommandError(problems.join('; '));
  return settings;
}

async function writeFiles(directory: string, files: RenderedFiles, io: Io): Promise<void> {
  for (const [path, text] of files) {
    const target = join(directory, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, text);
  }
  io.stdout.write(`${files.size} files written to ${directory}\n`);
}

async function install(
  client: ApiClient,
  settings: InstallSettings,
  { dryRun, say }: { readonly dryRun: boolean; readonly say: (text: string) => void },
): Promise<void> {
  const objects = renderInstallation(settings);
  if (!(await client.serves(resources.gatewayClasses))) {
    throw new CommandError('the cluster has no Gateway API; install its CustomResourceDefinitions first');
  }
  const found = new Map<KubernetesObject, KubernetesObject | undefined>();
  for (const object of objects) {
    const { namespace, name } = object.metadata;
    found.set(object, await client.get(resourceOf(object.kind), namespace, name));
  }
  // Everything is looked at before anything is changed.
  const foreign = objects.filter((object) => object.kind !== 'Namespace' && isForeign(found.get(object)));
  if (foreign.length > 0) {
    throw new CommandError(
      `${foreign.map(formatObject).join(', ')} exists already and is not Cairn's (no label ${partOfLabel}=cairn); ` +
        `remove it, or choose another namespace (-n) or class (--gateway-class)`,
    );
  }
  const namespaceExists = found.get(objects[0] ?? { metadata: { name: '' } }) !== undefined;
  for (const object of objects) {
    const existing = found.get(object);
    if (object.kind === 'Namespace' && isForeign(existing)) {
      say(`${formatObject(object)} is there already and stays as it is`);
    } else if (dryRun && object.metadata.namespace !== undefined && !namespaceExists) {
      say(`${formatObject(object)} would be created (not checked: the namespace is not there yet)`);
    } else {
      const applied = await apply(client, object, dryRun);
      say(`${formatObject(object)} ${describeChange(existing, applied, dryRun)}`);
    }
  }
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

function describeChange(before: KubernetesObject | undefined, after: KubernetesObject, dryRun: boolean): string {
  if (before === undefined) return dryRun ? 'would be created' : 'created';
  if (isDeepStrictEqual(withoutBookkeeping(before), withoutBookkeeping(after))) return 'unchanged';
  return dryRun ? 'would be changed' : 'changed';
}

/** What people write; a version can also change by what the API server fills in itself. */
function withoutBookkeeping({ metadata, status: _status, ...rest }: KubernetesObject): unknown {
  const { resourceVersion: _version, managedFields: _fields, ...meta } = metadata;
  return { ...rest, metadata: meta };
}

interface DeploymentStatus {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly updatedReplicas?: number;
  readonly availableReplicas?: number;
}

async function waitUntilAvailable(client: ApiClient, namespace: string, timeoutMs: number): Promise<void> {
  for (const end = Date.now() + timeoutMs; ; await sleep(500)) {
    const deployment = await client.get(resources.deployments, namespace, controlPlaneName);
    const { replicas: wanted = 1 } = (deployment?.['spec'] ?? {}) as { readonly replicas?: number };
    const status = (deployment?.['status'] ?? {}) as DeploymentStatus;
    const isObserved = (status.observedGeneration ?? 0) >= (deployment?.metadata.generation ?? 1);
    const counts = [status.replicas, status.updatedReplicas, status.availableReplicas];
    if (isObserved && counts.every((count) => count === wanted)) return;
    if (Date.now() > end) {
      throw new CommandError(
        `the control plane does not run yet: ${status.availableReplicas ?? 0} of ${wanted} pods are available; ` +
          `look at "kubectl -n ${namespace} get pods"`,
      );
    }
  }
}
