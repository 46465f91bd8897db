// The internal listeners behind the tunnel. They never change: everything about services comes with
// the routes of their tunnels and requests, and the filters by ECDS.

import {
  type Any,
  encodeOnce,
  type EnvoyResource,
  type MessageTypes,
  typed,
  typeUrls,
} from '../../../envoy-api/index.ts';
import type { AccessLogging } from '../../model/access-log.ts';
import { tcpVerdict } from '../authorization.ts';
import { encap, filterState, mainInternal, mainSniffed, mainTcp, unknownService } from '../names.ts';
import { renderConnectionLog } from './access-log.ts';
import { makeDiscovery, nameManager, renderExtension } from './extension.ts';
import { managerNames, managerType } from './http-manager.ts';

type OnMatch = MessageTypes['xds.type.matcher.v3.Matcher.OnMatch'];
type FilterChain = MessageTypes['envoy.config.listener.v3.FilterChain'];
type Filter = MessageTypes['envoy.config.listener.v3.Filter'];
type Listener = MessageTypes['envoy.config.listener.v3.Listener'];
type ListenerFilter = MessageTypes['envoy.config.listener.v3.ListenerFilter'];

/** The listeners. A connection that no chain takes is closed. */
export function renderInternalListeners(): readonly EnvoyResource[] {
  return listeners.map((json) => ({ typeUrl: typeUrls.listener, name: json.name ?? '', json }));
}

/** The name of the extension configuration of a connection manager in these listeners. */
export function nameManagerExtension(name: string): string {
  return nameManager(name, bareListeners);
}

function makeListeners(nameExtension: (manager: string) => string): readonly Listener[] {
  const managers = managerNames.map((name) => ({
    name,
    filters: [{ name: nameExtension(name), config_discovery: makeDiscovery(managerType) }],
  }));
  return [
    makeListener(mainInternal, [], toManager, managers),
    makeListener(mainTcp, [], toTcp, tcpChains),
    makeListener(mainSniffed, [inspector], toSniffed, [...managers, ...managers.map(toDialled), ...tcpChains]),
  ];
}

function makeListener(
  name: string,
  inspectors: readonly ListenerFilter[],
  { matcher }: OnMatch,
  chains: readonly FilterChain[],
): Listener {
  return {
    name,
    internal_listener: {},
    traffic_direction: 'INBOUND',
    listener_filters: [originalDestinationFilter, ...inspectors],
    ...(matcher === undefined ? {} : { filter_chain_matcher: matcher }),
    filter_chains: chains,
  };
}

/** Restores the address that the client dialled, from filter state or endpoint metadata. */
export const originalDestinationFilter: ListenerFilter = {
  name: 'envoy.filters.listener.original_dst',
  typed_config: typed('envoy.extensions.filters.listener.original_dst.v3.OriginalDst', {}),
};

/** The client's protocol, from its first bytes. */
const inspector: ListenerFilter = {
  name: 'envoy.filters.listener.http_inspector',
  typed_config: typed('envoy.extensions.filters.listener.http_inspector.v3.HttpInspector', {}),
};

const proxyType = 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';
const proxyFilter: Filter = { name: 'tcp_proxy', config_discovery: makeDiscovery(proxyType) };

/** Copies filter state from the tunnel, which does not cross a connection by itself. */
function copyState(name: string, from: string, to: string): Filter {
  return {
    name,
    typed_config: typed('envoy.extensions.filters.network.set_filter_state.v3.Config', {
      on_new_connection: [
        {
          object_key: to,
          format_string: { text_format_source: { inline_string: `%FILTER_STATE(${from}:PLAIN)%` } },
          ...(from === to ? { shared_with_upstream: 'ONCE' } : {}),
        },
      ],
    }),
  };
}

const cluster = copyState('cairn.cluster', filterState.cluster, 'envoy.tcp_proxy.cluster');
/** The address that the client dialled, for `connect_originate`. */
const dialled = copyState('cairn.dialled', filterState.originalDestination, filterState.originalDestination);

/** The chain of the same connections to workloads themselves. */
function toDialled({ name = '', filters = [] }: FilterChain): FilterChain {
  return { name: nameDialled(name), filters: [dialled, ...filters] };
}

function nameDialled(chain: string): string {
  return `${chain}|dialled`;
}

const tcpChain: FilterChain = { name: 'tcp', filters: [cluster, proxyFilter] };
const tcpChains = [tcpChain, toDialled(tcpChain)];

/** The configuration of TCP connections: the cluster is that of the connection's filter state. */
export function renderTcpProxy(accessLog: AccessLogging): EnvoyResource {
  return renderExtension(
    proxyFilter.name ?? '',
    typed(proxyType, {
      stat_prefix: 'tcp',
      cluster: unknownService,
      // The tunnel has the limits.
      idle_timeout: '0s',
      access_log: renderConnectionLog(accessLog),
    }),
  );
}

const toManager = chooseManager((name) => toChain(name));
const toTcp = orDialled(toChain(tcpChain.name ?? ''), toChain(nameDialled(tcpChain.name ?? '')));
const toAnyManager = orDialled(
  toManager,
  chooseManager((name) => toChain(nameDialled(name))),
);

function chooseManager(choose: (name: string) => OnMatch): OnMatch {
  return byFilterState(filterState.manager, Object.fromEntries(managerNames.map((name) => [name, choose(name)])));
}

/** Connections to workloads have a cluster of their own. */
function orDialled(otherwise: OnMatch, toWorkload: OnMatch): OnMatch {
  return byFilterState(filterState.cluster, { [encap]: toWorkload }, otherwise);
}

/** Everything but HTTP is TCP, and needs the verdict of its policies. */
const toSniffed: OnMatch = {
  matcher: {
    matcher_tree: {
      input: {
        name: 'application-protocol',
        typed_config: typed('envoy.extensions.matching.common_inputs.network.v3.ApplicationProtocolInput', {}),
      },
      exact_match_map: { map: { "'h2c'": toAnyManager, "'http/1.0'": toAnyManager, "'http/1.1'": toAnyManager } },
    },
    on_no_match: byFilterState(filterState.verdict, { [tcpVerdict.allowed]: toTcp }),
  },
};

function byFilterState(key: string, map: Readonly<Record<string, OnMatch>>, otherwise?: OnMatch): OnMatch {
  return {
    matcher: {
      matcher_tree: {
        input: {
          name: key,
          typed_config: typed('envoy.extensions.matching.common_inputs.network.v3.FilterStateInput', { key }),
        },
        exact_match_map: { map },
      },
      ...(otherwise === undefined ? {} : { on_no_match: otherwise }),
    },
  };
}

function toChain(name: string): OnMatch {
  const value: Any = { '@type': 'type.googleapis.com/google.protobuf.StringValue', value: name };
  return { action: { name, typed_config: value } };
}

const bareListeners = makeListeners((name) => name);
const listeners = makeListeners(nameManagerExtension).map(encodeOnce);
