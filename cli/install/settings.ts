// The settings of an installation. Precedence: flags, a file of values, the options of the
// installed control plane, the defaults. Chosen options are kept with the Deployment, so that a
// later `cairn install` changes only what it is told to.

import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import type { KubernetesObject } from '../../kubernetes/index.ts';
import {
  checkInstallSettings,
  defaultInstallSettings,
  isPodSetting,
  settingNames,
  type InstallSettings,
} from '../../templates/index.ts';
import { CommandError } from '../io.ts';

/**
 * Settings that somebody chose, by the names of the chart's values; the namespace says which
 * installation it is.
 */
export type GivenSettings = Readonly<Partial<Record<Exclude<keyof InstallSettings, 'namespace'>, unknown>>>;

/** The annotation of the Deployment with the options that were given, as JSON. */
const optionsAnnotation = 'cairn.dev/install-options';

/** The settings in flags and in the file of `--values`; throws CommandError. */
export async function readGiven(
  flags: Partial<Readonly<Record<keyof InstallSettings, string>>>,
  valuesFile: string | undefined,
): Promise<GivenSettings> {
  const values = valuesFile === undefined ? {} : await readValues(valuesFile);
  const given = Object.fromEntries(
    settingNames.flatMap((name) => {
      const text = flags[name];
      if (text === undefined || name === 'namespace') return [];
      return [[name, name === 'replicas' ? Number(text) : text]];
    }),
  );
  return { ...values, ...given };
}

async function readValues(file: string): Promise<GivenSettings> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new CommandError(`--values ${file} cannot be read`, cause);
  });
  let values: unknown;
  try {
    values = parse(text);
  } catch (cause) {
    throw new CommandError(`--values ${file} is not YAML`, cause);
  }
  return checkNames(values ?? {}, `--values ${file}`);
}

function checkNames(values: unknown, what: string): GivenSettings {
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw new CommandError(`${what} must be a mapping of settings`);
  const names = settingNames.filter((name) => name !== 'namespace');
  const unknown = Object.keys(values).filter((key) => !names.some((name) => name === key));
  if (unknown.length > 0)
    throw new CommandError(`${what}: ${unknown.join(', ')} is no setting; settings are ${names.join(', ')}`);
  return values;
}

/** The resulting settings; throws CommandError with all their faults. */
export function settle(namespace: string | undefined, ...layers: readonly GivenSettings[]): InstallSettings {
  const given: unknown = Object.assign({}, ...layers);
  const chosen = merge(defaultInstallSettings, given) as InstallSettings;
  const settings = namespace === undefined ? chosen : { ...chosen, namespace };
  const problems = checkInstallSettings(settings);
  if (problems.length > 0) throw new CommandError(problems.join('; '));
  return settings;
}

/**
 * As Helm merges values: mappings field by field, where null removes a field, and everything else
 * as a whole.
 */
function merge(base: unknown, over: unknown): unknown {
  if (!isMapping(base) || !isMapping(over)) return over;
  const merged = Object.entries(over).map(
    ([key, value]) => [key, key in base ? merge(base[key], value) : value] as const,
  );
  return Object.fromEntries(
    Object.entries({ ...base, ...Object.fromEntries(merged) }).filter(([, value]) => value !== null),
  );
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The options of an installed control plane; throws CommandError when it was not installed by this
 * command.
 */
export function readStored(deployment: KubernetesObject): GivenSettings {
  const { annotations = {}, namespace = '', name } = deployment.metadata;
  const release = annotations['meta.helm.sh/release-name'];
  if (release !== undefined) {
    throw new CommandError(
      `Deployment ${namespace}/${name} was installed with Helm as the release ${release}: change it with "helm upgrade"`,
    );
  }
  const text = annotations[optionsAnnotation];
  if (text === undefined) {
    throw new CommandError(
      `Deployment ${namespace}/${name} was not installed by this command, so the options that it was given are not known: ` +
        'change it the way it was made, or take it over with --reset and every option that it is to have',
    );
  }
  try {
    return checkNames(JSON.parse(text), `annotation ${optionsAnnotation} of ${namespace}/${name}`);
  } catch (cause) {
    if (cause instanceof CommandError) throw cause;
    throw new CommandError(
      `annotation ${optionsAnnotation} of ${namespace}/${name} is not JSON; --reset leaves it out`,
    );
  }
}

/** The object, with the chosen options if it is the control plane's Deployment. */
export function withStored<T extends KubernetesObject>(object: T, given: GivenSettings): T {
  if (object.kind !== 'Deployment') return object;
  const ordered = Object.fromEntries(Object.entries(given).sort(([a], [b]) => (a < b ? -1 : 1)));
  const annotations = { ...object.metadata.annotations, [optionsAnnotation]: JSON.stringify(ordered) };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** `--replicas 3`, or the name of a setting that has no flag. */
export function formatGiven(given: GivenSettings): string {
  return settingNames
    .flatMap((name) => {
      const value = name === 'namespace' ? undefined : given[name];
      if (value === undefined) return [];
      const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
      return [
        isPodSetting(name)
          ? `${name} of its values`
          : `${flag} ${typeof value === 'string' ? value : JSON.stringify(value)}`,
      ];
    })
    .join(', ');
}
