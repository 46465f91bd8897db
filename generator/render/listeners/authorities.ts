// Authorities that are too many for a scope of each: those of ranges of addresses, and those of
// workloads, which have any port. A filter of `connect_terminate` finds the scope of these. It
// comes by ECDS, so that its table touches no listener.

import { type EnvoyResource, type MessageTypes, typed } from '../../../envoy-api/index.ts';
import { type AddressRange, coversRange, formatHostPort, parseAddressRange } from '../../../mesh/index.ts';
import type { AddressDispatch } from '../../model/connect.ts';
import type { ServedAddress } from '../../model/frontend.ts';
import { connectWorkloads, formatConnectName, scopeHeaders, scopeKeys } from '../names.ts';
import { makeDiscovery, renderExtension } from './extension.ts';

const name = 'cairn.authorities';
const types = {
  script: 'envoy.extensions.filters.http.lua.v3.Lua',
  nothing: 'envoy.extensions.filters.http.set_filter_state.v3.Config',
} as const;

/** The filter; the route is chosen anew after it. */
export const authorityFilter: MessageTypes['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'] = {
  name,
  config_discovery: makeDiscovery(types.script, types.nothing),
};

/** Its configuration; without such authorities it does nothing. */
export function renderAuthorities(dispatch: readonly AddressDispatch[]): EnvoyResource {
  const table = listAuthorities(dispatch);
  if (table.ranges.length + table.workloads.length === 0) return renderExtension(name, typed(types.nothing, {}));
  return renderExtension(
    name,
    typed(types.script, { default_source_code: { inline_string: `${renderTable(table)}${script}` } }),
  );
}

interface Authorities {
  /** The smallest first. */
  readonly ranges: readonly { readonly range: AddressRange; readonly ports: readonly ServedAddress[] }[];
  /** Addresses within ranges that are a service's own. */
  readonly apart: readonly string[];
  readonly workloads: readonly string[];
}

function listAuthorities(dispatch: readonly AddressDispatch[]): Authorities {
  const all = dispatch.flatMap(({ addresses, to }) =>
    addresses.map((address) => ({ address, to, range: parseAddressRange(address) })),
  );
  const ranges = all.flatMap(({ address, to, range }) =>
    range?.family === 4 && (address.includes('/') || to === 'closed')
      ? [{ range, ports: typeof to === 'object' ? to.ports : [] }]
      : [],
  );
  return {
    ranges: ranges.sort((a, b) => sizeOf(a.range) - sizeOf(b.range)),
    apart: all.flatMap(({ address, to, range }) => {
      const isSingle = typeof to === 'object' && range !== undefined && !address.includes('/');
      return isSingle && ranges.some((outer) => coversRange(outer.range, range)) ? [address] : [];
    }),
    workloads: all.flatMap(({ address, to }) => (to === 'workloads' ? [address] : [])),
  };
}

function renderTable({ ranges, apart, workloads }: Authorities): string {
  const set = (addresses: readonly string[]): string =>
    addresses.map((address) => `[${quote(formatHostPort(address, '').slice(0, -1))}]=true`).join(',');
  const rows = ranges.map(({ range: { first, last }, ports }) => {
    const names = ports.map(({ address: { host, port } }) => `[${port}]=${quote(formatConnectName(host, port))}`);
    return `{${first},${last},{${names.join(',')}}}`;
  });
  return `local workloads={${set(workloads)}}\nlocal apart={${set(apart)}}\nlocal ranges={${rows.join(',')}}\n`;
}

function sizeOf({ first, last }: AddressRange): number {
  return Number(last - first);
}

/** A Lua string. Names of hosts have no character that would end it; others become escapes. */
function quote(text: string): string {
  return `"${text.replace(/[^\w.:|*[\]-]/g, (character) => `\\${String(character.charCodeAt(0)).padStart(3, '0')}`)}"`;
}

/** Only canonical authorities are found: others stay with the scope of their own text. */
const script = `
local function number(host)
  local sum, count = 0, 0
  for octet in string.gmatch(host, "[^.]+") do
    local value = tonumber(octet, 10)
    if not value or value > 255 or tostring(value) ~= octet then return nil end
    sum, count = sum * 256 + value, count + 1
  end
  if count == 4 and string.match(host, "^%d+%.%d+%.%d+%.%d+$") then return sum end
end

local function find(host, port)
  if workloads[host] then return "${connectWorkloads}" end
  if apart[host] then return nil end
  local address = number(host)
  if not address then return nil end
  for _, range in ipairs(ranges) do
    if address >= range[1] and address <= range[2] then return range[3][port] end
  end
end

function envoy_on_request(handle)
  local host, port = string.match(handle:headers():get(":authority") or "", "^(.*):([1-9]%d*)$")
  if not host or #port > 5 or tonumber(port) > 65535 then return end
  local name = find(host, tonumber(port))
  if not name then return end
  handle:headers():replace("${scopeHeaders.connect}", "${scopeKeys.named}" .. name)
  handle:clearRouteCache()
end
`;
