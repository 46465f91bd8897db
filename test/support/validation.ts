// The verdict of `envoy --mode validate` on generated resources in their static form, many
// waypoints in one run of Envoy.

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runtimeKeys } from '../../bootstrap/index.ts';
import type { EnvoyResource } from '../../envoy-api/index.ts';
import { inlineResources } from '../../envoy-api/index.ts';
import { findEnvoy } from './envoy.ts';
import type { CertificateFiles } from './test-certificates.ts';

/** The resources of one waypoint, and a name to report them by. */
export interface NamedResources {
  readonly name: string;
  readonly resources: readonly EnvoyResource[];
}

/**
 * The release of Envoy, the folder of its files, and certificates to stand for those that
 * configurations name.
 */
export interface ValidationOptions {
  readonly folder: string;
  readonly certificates: CertificateFiles;
  readonly release?: Parameters<typeof findEnvoy>[0];
}

/**
 * The sets that Envoy refuses, with its message. All are put into one configuration, which is
 * halved if it is refused.
 */
export async function findRefused(
  sets: readonly NamedResources[],
  options: ValidationOptions,
): Promise<readonly { readonly name: string; readonly message: string }[]> {
  const [first] = sets;
  if (first === undefined) return [];
  const message = await validate(sets, options);
  if (message === '') return [];
  if (sets.length === 1) return [{ name: first.name, message }];
  const middle = Math.ceil(sets.length / 2);
  return [...(await findRefused(sets.slice(0, middle), options)), ...(await findRefused(sets.slice(middle), options))];
}

let fileCount = 0;

async function validate(
  sets: readonly NamedResources[],
  { folder, certificates, release }: ValidationOptions,
): Promise<string> {
  const file = join(folder, `validate-${++fileCount}.json`);
  const bootstrap = {
    bootstrap_extensions: [
      {
        name: 'envoy.bootstrap.internal_listener',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
        },
      },
    ],
    layered_runtime: { layers: [{ name: 'static', static_layer: runtimeKeys }] },
    static_resources: mergeStatics(sets, certificates),
  };
  writeFileSync(file, JSON.stringify(bootstrap));
  try {
    await promisify(execFile)(findEnvoy(release), ['--mode', 'validate', '-l', 'error', '-c', file]);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

interface NamedJson {
  readonly name: string;
  readonly address?: unknown;
}

/**
 * Listeners and clusters of all sets. Equal ones are kept once; of one name with two meanings the
 * second gets another name and other ports, since Envoy would refuse it for these alone. References
 * need no care: Envoy does not check them by name, except those that the first of a name serves as
 * well.
 */
function mergeStatics(
  sets: readonly NamedResources[],
  certificates: CertificateFiles,
): { readonly listeners: readonly unknown[]; readonly clusters: readonly unknown[] } {
  const listeners = new Map<string, unknown>();
  const clusters = new Map<string, unknown>();
  const taken = new Set<string>();
  const add = (kind: Map<string, unknown>, text: string): void => {
    if (kind.has(text)) return;
    const json = JSON.parse(text) as NamedJson;
    const prefix = kind === listeners ? 'listener' : 'cluster';
    const isFirst = !taken.has(`${prefix} ${json.name}`);
    taken.add(`${prefix} ${json.name}`);
    if (isFirst) kind.set(text, json);
    else
      kind.set(
        text,
        kind === listeners ? moveListener(text, kind.size) : { ...json, name: `${json.name}~${kind.size}` },
      );
  };
  for (const { resources } of sets) {
    const statics = inlineResources(resources, { certificates: { default: certificates }, roots: certificates.roots });
    for (const listener of statics.listeners) add(listeners, standIn(listener, certificates));
    for (const cluster of statics.clusters) add(clusters, standIn(cluster, certificates));
  }
  return { listeners: [...listeners.values()], clusters: [...clusters.values()] };
}

function moveListener(text: string, number: number): unknown {
  const json = JSON.parse(text) as NamedJson & { readonly additional_addresses?: readonly unknown[] };
  const move = (value: unknown, offset: number): unknown =>
    JSON.parse(JSON.stringify(value).replace(/"port_value":\d+/, `"port_value":${20_000 + number * 4 + offset}`));
  return {
    ...json,
    name: `${json.name}~${number}`,
    ...(json.address === undefined ? {} : { address: move(json.address, 0) }),
    ...(json.additional_addresses === undefined
      ? {}
      : { additional_addresses: json.additional_addresses.map((each, index) => move(each, index + 1)) }),
  };
}

/** Text of a resource with the test's own files for those that it names; Envoy reads them. */
function standIn(resource: unknown, { chain, key, roots }: CertificateFiles): string {
  const files: Readonly<Record<string, string>> = {
    certificate_chain: chain,
    private_key: key,
    trusted_ca: roots,
    crl: roots,
  };
  return JSON.stringify(resource).replaceAll(
    /"(certificate_chain|private_key|trusted_ca|crl)":\{"filename":"(?:[^"\\]|\\.)*"/g,
    (_text, field: string) => `"${field}":{"filename":${JSON.stringify(files[field])}`,
  );
}
