// `cairn proxy-config scope`: which tunnels and requests lead to which routes, and which of these
// are loaded.

import type { Column } from '../table.ts';
import { listResources } from './dump.ts';
import type { ProxyDump } from './dump.ts';
import { at, items, text } from './json.ts';
import { listRouteConfigurations } from './routes.ts';

/** One scope. */
export interface ScopeRow {
  readonly name: string;
  /** The text that leads to it: see the early header mutations of the connection manager. */
  readonly key: string;
  readonly routes: string;
  /** Whether Envoy has the routes, which it asks for when the first client comes. */
  readonly isLoaded: boolean;
}

/** The columns of the table. */
export const scopeColumns: readonly Column<ScopeRow>[] = [
  { title: 'name', cell: ({ name }) => name },
  { title: 'key', cell: ({ key }) => key },
  { title: 'routes', cell: ({ routes }) => routes },
  { title: 'loaded', cell: ({ isLoaded }) => (isLoaded ? 'yes' : 'not asked for') },
];

/**
 * The scopes, of one name if it is given, by name. All connection managers of a proxy show the same
 * ones.
 */
export function listScopes(dump: ProxyDump, name: string | undefined): readonly unknown[] {
  const lists = ['inline_scoped_route_configs', 'dynamic_scoped_route_configs'];
  const found = listResources(dump, 'ScopedRoutesConfigDump', lists, ['scoped_route_configs']);
  const byName = new Map(found.map((scope) => [text(at(scope, 'name')), scope]));
  return [...byName]
    .filter(([each]) => name === undefined || each === name)
    .sort(([a], [b]) => a.localeCompare(b, 'en'))
    .map(([, scope]) => scope);
}

/** A row for each scope. */
export function listScopeRows(dump: ProxyDump, name: string | undefined): readonly ScopeRow[] {
  const loaded = new Set(listRouteConfigurations(dump, undefined).map((routes) => text(at(routes, 'name'))));
  return listScopes(dump, name).map((scope) => {
    const routes = text(at(scope, 'route_configuration_name')) || text(at(scope, 'route_configuration', 'name'));
    const key = items(at(scope, 'key', 'fragments')).map((fragment) => text(at(fragment, 'string_key')));
    return { name: text(at(scope, 'name')), key: key.join(' '), routes, isLoaded: loaded.has(routes) };
  });
}
