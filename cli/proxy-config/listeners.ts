// `cairn proxy-config listener`: which connections lead to which chain, and where a chain leads.

import type { Column } from '../table.ts';
import { listResources } from './dump.ts';
import type { ProxyDump } from './dump.ts';
import { listExtensions } from './extensions.ts';
import { at, fields, items, text } from './json.ts';

/** One filter chain of one listener. */
export interface ChainRow {
  readonly listener: string;
  readonly address: string;
  readonly port: string;
  readonly chain: string;
  readonly match: string;
  readonly destination: string;
}

/** The filters of listeners; all that are given must hold. */
export interface ListenerFilter {
  readonly address?: string;
  readonly port?: string;
  readonly type?: string;
}

const address: Column<ChainRow> = { title: 'addresses', cell: (row) => row.address };
const port: Column<ChainRow> = { title: 'port', cell: (row) => row.port };
const match: Column<ChainRow> = { title: 'match', cell: (row) => row.match };
const destination: Column<ChainRow> = { title: 'destination', cell: (row) => row.destination };

/** The columns that istioctl shows. */
export const listenerColumns: readonly Column<ChainRow>[] = [address, port, match, destination];

/** Those of `--waypoint`: by chain. */
export const waypointColumns: readonly Column<ChainRow>[] = [
  { title: 'listener', cell: (row) => row.listener },
  { title: 'chain', cell: (row) => row.chain },
  match,
  destination,
];

/** The columns of `--verbose=false`: a row for each listener. */
export const shortListenerColumns: readonly Column<unknown>[] = [
  { title: 'addresses', cell: (listener) => readAddress(listener).address },
  { title: 'port', cell: (listener) => readAddress(listener).port },
  { title: 'type', cell: readType },
];

/** The listeners that pass, by name. */
export function listListeners(dump: ProxyDump, filter: ListenerFilter): readonly unknown[] {
  const lists = ['static_listeners', 'dynamic_listeners'];
  return listResources(dump, 'ListenersConfigDump', lists, ['listener'], ['active_state', 'listener'])
    .filter((listener) => {
      const found = readAddress(listener);
      return (
        (filter.address === undefined || found.address === filter.address) &&
        (filter.port === undefined || found.port === filter.port) &&
        (filter.type === undefined || readType(listener).toLowerCase() === filter.type.toLowerCase())
      );
    })
    .sort((a, b) => text(at(a, 'name')).localeCompare(text(at(b, 'name')), 'en'));
}

/** A row for each filter chain of the listeners, with the connections that lead to it. */
export function listChains(dump: ProxyDump, listeners: readonly unknown[]): readonly ChainRow[] {
  const found = new Map(listExtensions(dump).map((extension) => [text(at(extension, 'name')), extension]));
  // In the listener, a filter that came by name has only its name.
  const resolve = (filter: unknown): unknown =>
    at(filter, 'config_discovery') === undefined ? filter : (found.get(text(at(filter, 'name'))) ?? filter);
  return listeners.flatMap((listener) => {
    const matches = readMatches(at(listener, 'filter_chain_matcher'), []);
    const fallback = at(listener, 'default_filter_chain');
    const chains = [
      ...items(at(listener, 'filter_chains')).map((chain) => ({ chain, isDefault: false })),
      ...(fallback === undefined ? [] : [{ chain: fallback, isDefault: true }]),
    ];
    return chains.map(({ chain, isDefault }) => {
      const name = text(at(chain, 'name'));
      const leading = matches.filter((found) => found.chain === name).map((found) => found.match);
      return {
        listener: text(at(listener, 'name')),
        ...readAddress(listener),
        chain: name,
        match: isDefault ? 'UNMATCHED' : matches.length === 0 ? formatChainMatch(chain) : leading.join('; ') || 'NONE',
        destination: formatDestination(items(at(chain, 'filters')).map(resolve)),
      };
    });
  });
}

/** An internal listener has no address, and port 0. */
function readAddress(listener: unknown): { readonly address: string; readonly port: string } {
  const socket = at(listener, 'address', 'socket_address');
  return { address: text(at(socket, 'address')), port: text(at(socket, 'port_value')) || '0' };
}

function readType(listener: unknown): string {
  const kinds = new Set(
    [...items(at(listener, 'filter_chains')), at(listener, 'default_filter_chain')].map((chain) =>
      items(at(chain, 'filters')).some((filter) => isHttp(filter)) ? 'HTTP' : 'TCP',
    ),
  );
  return kinds.size > 1 ? 'HTTP+TCP' : ([...kinds][0] ?? 'TCP');
}

/** Whether a filter, or the one behind its name, is a connection manager. */
function isHttp(filter: unknown): boolean {
  const types = [at(filter, 'typed_config', '@type'), ...items(at(filter, 'config_discovery', 'type_urls'))];
  return types.some((type) => text(type).endsWith('.HttpConnectionManager'));
}

interface Match {
  readonly chain: string;
  readonly match: string;
}

/** Every way through a matcher tree to a chain: `ip=10.0.0.1 -> port=80`. */
function readMatches(matcher: unknown, above: readonly string[]): readonly Match[] {
  const tree = at(matcher, 'matcher_tree');
  const input = text(at(tree, 'input', 'name')) || 'input';
  const step = (value: string): readonly string[] => [...above, `${input}=${value}`];
  const branches = (kind: string, mark: string): readonly Match[] =>
    fields(at(tree, kind, 'map')).flatMap(([value, onMatch]) => readOnMatch(onMatch, step(`${value}${mark}`)));
  return [
    ...branches('exact_match_map', ''),
    ...branches('prefix_match_map', '*'),
    ...items(at(tree, 'custom_match', 'typed_config', 'range_matchers')).flatMap((range) =>
      readOnMatch(at(range, 'on_match'), step(items(at(range, 'ranges')).map(formatRange).join(','))),
    ),
    ...items(at(matcher, 'matcher_list', 'matchers')).flatMap((entry) =>
      readOnMatch(at(entry, 'on_match'), [...above, 'predicate']),
    ),
    ...readOnMatch(at(matcher, 'on_no_match'), [...above, 'ANY']),
  ];
}

function readOnMatch(onMatch: unknown, above: readonly string[]): readonly Match[] {
  const action = text(at(onMatch, 'action', 'name'));
  if (action !== '') return [{ chain: action, match: above.join(' -> ') }];
  const inner = at(onMatch, 'matcher');
  return inner === undefined ? [] : readMatches(inner, above);
}

function formatRange(range: unknown): string {
  const prefix = text(at(range, 'address_prefix'));
  const length = text(at(range, 'prefix_len')) || '0';
  return length === (prefix.includes(':') ? '128' : '32') ? prefix : `${prefix}/${length}`;
}

function formatChainMatch(chain: unknown): string {
  const found = at(chain, 'filter_chain_match');
  const names = items(at(found, 'server_names')).map(text);
  const protocols = items(at(found, 'application_protocols')).map(text);
  const ranges = items(at(found, 'prefix_ranges')).map(formatRange);
  const transport = text(at(found, 'transport_protocol'));
  const parts = [
    ...(ranges.length === 0 ? [] : [`Addr: ${ranges.join(',')}`]),
    ...(names.length === 0 ? [] : [`SNI: ${names.join(',')}`]),
    ...(transport === '' ? [] : [`Trans: ${transport}`]),
    ...(protocols.length === 0 ? [] : [`App: ${protocols.join(',')}`]),
  ];
  return parts.length === 0 ? 'ALL' : parts.join('; ');
}

function formatDestination(filters: readonly unknown[]): string {
  const goals = filters.flatMap((filter) => {
    const config = at(filter, 'typed_config');
    if (isHttp(filter)) {
      const scopes = text(at(config, 'scoped_routes', 'name'));
      if (scopes !== '') return [`Scopes: ${scopes}`];
      const route = text(at(config, 'rds', 'route_config_name'));
      return [route === '' ? `Inline Route: ${formatInline(at(config, 'route_config'))}` : `Route: ${route}`];
    }
    const cluster = text(at(config, 'cluster'));
    if (cluster !== '') return [`Cluster: ${cluster}`];
    const weighted = items(at(config, 'weighted_clusters', 'clusters')).map((entry) => text(at(entry, 'name')));
    if (weighted.length > 0) return [`Clusters: ${weighted.join(',')}`];
    return at(filter, 'config_discovery') === undefined ? [] : [`Filter: ${text(at(filter, 'name'))}`];
  });
  return goals.join('; ') || 'NONE';
}

function formatInline(configuration: unknown): string {
  return items(at(configuration, 'virtual_hosts'))
    .flatMap((host) => items(at(host, 'routes')))
    .map((route) => text(at(route, 'match', 'prefix')) || text(at(route, 'match', 'path')) || '*')
    .join(',');
}
