// `cairn proxy-config route`.

import type { Column } from '../table.ts';
import { listResources, readOrigin } from './dump.ts';
import type { ProxyDump } from './dump.ts';
import { at, fields, items, text } from './json.ts';

/** One route of one virtual host. */
export interface RouteRow {
  readonly name: string;
  readonly virtualHost: string;
  readonly domains: string;
  readonly match: string;
  readonly origin: string;
}

/** The columns that istioctl shows. */
export const routeColumns: readonly Column<RouteRow>[] = [
  { title: 'name', cell: ({ name }) => name },
  { title: 'vhost name', cell: ({ virtualHost }) => virtualHost },
  { title: 'domains', cell: ({ domains }) => domains },
  { title: 'match', cell: ({ match }) => match },
  { title: 'virtual service', cell: ({ origin }) => origin },
];

const shownDomains = 3;

/**
 * The route configurations, of one name if it is given, by name. Those of a static file stand in
 * its scopes.
 */
export function listRouteConfigurations(dump: ProxyDump, name: string | undefined): readonly unknown[] {
  const lists = ['static_route_configs', 'dynamic_route_configs'];
  const inline = listResources(
    dump,
    'ScopedRoutesConfigDump',
    ['inline_scoped_route_configs'],
    ['scoped_route_configs'],
  ).flatMap((scope) => at(scope, 'route_configuration') ?? []);
  const all = [...listResources(dump, 'RoutesConfigDump', lists, ['route_config']), ...inline];
  return [...new Map(all.map((routes) => [text(at(routes, 'name')), routes])).values()]
    .filter((configuration) => name === undefined || text(at(configuration, 'name')) === name)
    .sort((a, b) => text(at(a, 'name')).localeCompare(text(at(b, 'name')), 'en'));
}

/** A row for each route, in the order in which Envoy tries them. */
export function listRoutes(dump: ProxyDump, name: string | undefined): readonly RouteRow[] {
  return listRouteConfigurations(dump, name).flatMap((configuration) =>
    items(at(configuration, 'virtual_hosts')).flatMap((host) => {
      const shared = {
        name: text(at(configuration, 'name')),
        virtualHost: text(at(host, 'name')),
        domains: formatDomains(items(at(host, 'domains')).map(text)),
      };
      const routes = items(at(host, 'routes'));
      if (routes.length === 0) return [{ ...shared, match: '', origin: '' }];
      return routes.map((route) => ({ ...shared, match: formatMatch(at(route, 'match')), origin: readOrigin(route) }));
    }),
  );
}

function formatDomains(domains: readonly string[]): string {
  const more = domains.length - shownDomains;
  return domains.slice(0, shownDomains).join(', ') + (more > 0 ? ` + ${more} more` : '');
}

/**
 * The path as istioctl writes it, and the other conditions after it, so that different routes never
 * look alike.
 */
function formatMatch(match: unknown): string {
  const conditions = [
    ...items(at(match, 'headers')).map((header) => `${text(at(header, 'name'))}${formatHeaderMatch(header)}`),
    ...items(at(match, 'query_parameters')).map((parameter) => `?${text(at(parameter, 'name'))}`),
    ...items(at(match, 'dynamic_metadata')).map(() => 'metadata'),
    ...items(at(match, 'filter_state')).map((state) => text(at(state, 'key'))),
  ];
  return [formatPathMatch(match), ...conditions].join(' ');
}

function formatPathMatch(match: unknown): string {
  if (at(match, 'connect_matcher') !== undefined) return 'CONNECT';
  const prefix = text(at(match, 'prefix'));
  if (prefix !== '') return `${prefix}*`;
  const separated = text(at(match, 'path_separated_prefix'));
  if (separated !== '') return `${separated}[/*]`;
  const path = text(at(match, 'path'));
  if (path !== '') return path;
  return `regex ${text(at(match, 'safe_regex', 'regex'))}`;
}

function formatHeaderMatch(header: unknown): string {
  const not = at(header, 'invert_match') === true ? '!' : '';
  const [kind, value] = fields(at(header, 'string_match')).find(([name]) => name !== 'ignore_case') ?? [];
  if (kind === undefined) return at(header, 'present_match') === false ? ' absent' : `${not}=*`;
  const words = kind === 'safe_regex' ? `~${text(at(value, 'regex'))}` : `=${text(value)}`;
  if (kind === 'prefix') return `${not}${words}*`;
  return kind === 'suffix' ? `${not}=*${text(value)}` : `${not}${words}`;
}
