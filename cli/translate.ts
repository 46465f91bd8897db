// `cairn translate`: the Envoy resources of a configuration, exactly as they would be served,
// without a network or a proxy.

import { typeUrls } from '../envoy-api/index.ts';
import type { EnvoyResource, JsonObject } from '../envoy-api/index.ts';
import { formatProxyKey, listWaypoints, translateNode, translateWaypoint } from '../generator/index.ts';
import type { GatewayKey } from '../generator/index.ts';
import { nodeProxyAddress } from '../gateway-controller/index.ts';
import { comparePlaces, placeFindings } from '../mesh/index.ts';
import type { Finding, MeshSnapshot } from '../mesh/index.ts';
import { readAddressBlock, readConfiguration } from './configuration.ts';
import type { ConfigurationOptions } from './configuration.ts';
import { CommandError, exitCodes } from './io.ts';
import type { ExitCode, Io } from './io.ts';
import { formatData, formatFinding } from './output.ts';
import type { DataFormat } from './output.ts';

/** The options of `cairn translate`. */
export interface TranslateOptions extends ConfigurationOptions {
  /** `namespace/name`, or a name in namespace `default`; all waypoints when absent. */
  readonly gateway?: string;
  /** The node proxy too, as `cairn run` serves it. */
  readonly node?: boolean;
  readonly output: DataFormat;
  /** One static file in place of the resources. */
  readonly bootstrap?: boolean;
  /** The certificate files of the static form. */
  readonly certs?: string;
}

const groups: readonly (readonly [string, string])[] = [
  ['clusters', typeUrls.cluster],
  ['endpoints', typeUrls.clusterLoadAssignment],
  ['listeners', typeUrls.listener],
  ['scopes', typeUrls.scopedRoute],
  ['routes', typeUrls.routeConfiguration],
  ['extensions', typeUrls.extensionConfig],
  ['secrets', typeUrls.secret],
];

/**
 * Prints the resources on standard output, and on standard error the Findings that belong to them.
 */
export async function runTranslate(options: TranslateOptions, io: Io): Promise<ExitCode> {
  const { mesh, locate, findings: found } = await readConfiguration(options, io);
  const gateways = chooseGateways(mesh, options);
  const translations = gateways.map((key) => ({ key, ...translateWaypoint(mesh, key) }));
  const findings: Finding[] = [
    ...found,
    ...placeFindings(
      translations.flatMap(({ findings }) => findings),
      locate,
    ),
  ];
  if (options.bootstrap === true) {
    const [translation, ...others] = translations;
    if (translation === undefined || others.length > 0) {
      throw new CommandError(
        `--bootstrap writes the file of one proxy; choose it with --gateway: ${gateways.map(formatKey).join(', ')}`,
      );
    }
    const { renderStaticForm } = await import('./static-form.ts');
    const form = await renderStaticForm({ mesh, io, ...translation, certs: options.certs });
    io.stdout.write(formatData(form, options.output));
  } else {
    const proxies = translations.map(({ key, resources }): readonly [string, unknown] => [
      formatProxyKey(key),
      groupResources(resources),
    ]);
    if (options.node === true) {
      const address = nodeProxyAddress(readAddressBlock(options.addressBlock) ?? { octet: 64 });
      const node = translateNode(mesh, { address });
      proxies.push(['node', groupResources(node.resources)]);
      findings.push(...placeFindings(node.findings, locate));
    }
    io.stdout.write(formatData(Object.fromEntries(proxies), options.output));
  }
  for (const finding of findings.sort(comparePlaces)) io.stderr.write(formatFinding(finding, false));
  return exitCodes.success;
}

function chooseGateways(mesh: MeshSnapshot, { gateway, node }: TranslateOptions): readonly GatewayKey[] {
  const all = listWaypoints(mesh);
  if (gateway === undefined) {
    if (all.length > 0 || node === true) return all;
    throw new CommandError('the configuration has no waypoint: a Gateway of class istio-waypoint');
  }
  const wanted = gateway.includes('/') ? gateway : `default/${gateway}`;
  const found = all.find((key) => formatKey(key) === wanted);
  if (found !== undefined) return [found];
  const known = all.length === 0 ? 'there is none' : `there are: ${all.map(formatKey).join(', ')}`;
  throw new CommandError(`no waypoint is named ${wanted}; ${known}`);
}

function formatKey({ namespace, name }: GatewayKey): string {
  return `${namespace}/${name}`;
}

function groupResources(resources: readonly EnvoyResource[]): Record<string, readonly JsonObject[]> {
  return Object.fromEntries(
    groups
      .map(([name, typeUrl]) => [name, resources.filter((resource) => resource.typeUrl === typeUrl)] as const)
      .filter(([, members]) => members.length > 0)
      .map(([name, members]) => [name, members.map(({ json }) => json)]),
  );
}
