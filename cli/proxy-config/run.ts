// `cairn proxy-config`: one section of a proxy's contents, as a table for people or as data for
// scripts.

import { exitCodes } from '../io.ts';
import type { ExitCode, Io } from '../io.ts';
import { formatData } from '../output.ts';
import type { DataFormat } from '../output.ts';
import { formatTable } from '../table.ts';
import type { Column } from '../table.ts';
import { clusterColumns, listClusters } from './clusters.ts';
import type { ClusterFilter } from './clusters.ts';
import { findSection } from './dump.ts';
import type { ProxyDump } from './dump.ts';
import { endpointColumns, listEndpoints } from './endpoints.ts';
import type { EndpointFilter } from './endpoints.ts';
import { extensionColumns, listExtensions } from './extensions.ts';
import { at, text } from './json.ts';
import { listChains, listenerColumns, listListeners, shortListenerColumns, waypointColumns } from './listeners.ts';
import type { ListenerFilter } from './listeners.ts';
import { listRouteConfigurations, listRoutes, routeColumns } from './routes.ts';
import { listScopeRows, listScopes, scopeColumns } from './scopes.ts';
import { listSecrets, secretColumns } from './secrets.ts';
import { readProxy } from './source.ts';
import type { ProxyOptions } from './source.ts';

/** The sections that can be shown. */
export type Section = 'bootstrap' | 'listener' | 'scope' | 'route' | 'cluster' | 'endpoint' | 'ecds' | 'secret' | 'all';

/** The options of every section; a filter of another section has no effect. */
export interface ProxyConfigOptions extends ProxyOptions, ClusterFilter, EndpointFilter, ListenerFilter {
  readonly name?: string;
  readonly waypoint?: boolean;
  readonly verbose?: boolean;
  readonly output: 'short' | DataFormat;
}

/** Prints the section; exit code 1 when the proxy cannot be read. */
export async function runProxyConfig(
  section: Section,
  target: string | undefined,
  options: ProxyConfigOptions,
  io: Io,
): Promise<ExitCode> {
  const dump = await readProxy(target, options, io);
  io.stdout.write(
    options.output === 'short'
      ? formatSection(section, dump, options)
      : formatData(readSection(section, dump, options), options.output),
  );
  return exitCodes.success;
}

/** The section as Envoy wrote it. */
function readSection(section: Section, dump: ProxyDump, options: ProxyConfigOptions): unknown {
  switch (section) {
    case 'bootstrap':
      return findSection(dump, 'BootstrapConfigDump') ?? {};
    case 'listener':
      return listListeners(dump, options);
    case 'scope':
      return listScopes(dump, options.name);
    case 'route':
      return listRouteConfigurations(dump, options.name);
    case 'cluster':
      return listClusters(dump, options);
    case 'endpoint':
      return listEndpoints(dump, options);
    case 'ecds':
      return listExtensions(dump);
    case 'secret':
      return listSecrets(dump, new Date());
    case 'all':
      return dump.config;
  }
}

function formatSection(section: Section, dump: ProxyDump, options: ProxyConfigOptions): string {
  switch (section) {
    case 'bootstrap':
      return formatBootstrap(dump);
    case 'listener':
      return formatListeners(dump, options);
    case 'scope':
      return formatRows(scopeColumns, listScopeRows(dump, options.name));
    case 'route':
      return formatRows(routeColumns, listRoutes(dump, options.name));
    case 'cluster':
      return formatRows(clusterColumns, listClusters(dump, options));
    case 'endpoint':
      return formatRows(endpointColumns, listEndpoints(dump, options));
    case 'ecds':
      return formatRows(extensionColumns, listExtensions(dump));
    case 'secret':
      return formatRows(secretColumns, listSecrets(dump, new Date()));
    case 'all':
      return (['cluster', 'listener', 'scope', 'route', 'endpoint', 'ecds', 'secret'] as const)
        .map((part) => formatSection(part, dump, options))
        .join('\n');
  }
}

function formatListeners(dump: ProxyDump, { waypoint, verbose, ...filter }: ProxyConfigOptions): string {
  const listeners = listListeners(dump, filter);
  if (waypoint === true) return formatRows(waypointColumns, listChains(dump, listeners));
  return verbose === false
    ? formatRows(shortListenerColumns, listeners)
    : formatRows(listenerColumns, listChains(dump, listeners));
}

function formatBootstrap(dump: ProxyDump): string {
  const node = at(findSection(dump, 'BootstrapConfigDump'), 'bootstrap', 'node');
  const version = at(node, 'user_agent_build_version', 'version');
  const numbers = ['major_number', 'minor_number', 'patch'].map((part) => text(at(version, part)) || '0');
  return `Node: ${text(at(node, 'id'))}\nEnvoy Version: ${numbers.join('.')}\n`;
}

function formatRows<T>(columns: readonly Column<T>[], rows: readonly T[]): string {
  return formatTable(columns, rows, ' '.repeat(5));
}
