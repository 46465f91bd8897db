// `main_internal`: the internal listener behind the tunnel. The original destination, address then
// port, chooses the filter chain.

import { splitRange } from '../../../mesh/index.ts';
import {
  type Any,
  encodeOnce,
  type EnvoyResource,
  type MessageTypes,
  typed,
  typeUrls,
} from '../../../envoy-api/index.ts';
import type { AddressDispatch, ListenerModel } from '../../model/waypoint.ts';
import {
  directDeclaredTcp,
  directHttp,
  directTcp,
  filterState,
  formatChainName,
  formatConditionalChainName,
  mainInternal,
} from '../names.ts';
import { renderDirectChains } from './direct.ts';
import { renderHttpChain } from './http-chain.ts';
import { renderTcpChains } from './tcp-chain.ts';
import { renderTcpDispatch } from './tcp-dispatch.ts';
import type { FrontendAddress, ServedAddress } from '../../model/frontend.ts';

type OnMatch = MessageTypes['xds.type.matcher.v3.Matcher.OnMatch'];
type FilterChain = MessageTypes['envoy.config.listener.v3.FilterChain'];
type ListenerFilter = MessageTypes['envoy.config.listener.v3.ListenerFilter'];

/**
 * The listener for all frontends of a waypoint. An address or port that no frontend has matches
 * nothing, and is closed.
 */
export function renderMainInternal(model: ListenerModel): EnvoyResource {
  const { dispatch, direct } = model;
  const json: MessageTypes['envoy.config.listener.v3.Listener'] = {
    name: mainInternal,
    internal_listener: {},
    traffic_direction: 'INBOUND',
    listener_filters: [originalDestinationFilter, ...renderInspector(model)],
    ...(dispatch.length === 0
      ? { filter_chains: [closedChain] }
      : {
          filter_chain_matcher: renderDispatch(dispatch, direct?.tcpPorts ?? []),
          filter_chains: [
            ...model.served
              .filter(({ address }) => address.addresses.length > 0)
              .flatMap((each) => renderChains(each, model)),
            ...(dispatch.some(({ to }) => to === 'closed') ? [closedChain] : []),
            ...(direct === undefined ? [] : renderDirectChains(direct, model)),
          ],
        }),
  };
  return { typeUrl: typeUrls.listener, name: mainInternal, json };
}

function renderChains(served: ServedAddress, settings: Pick<ListenerModel, 'accessLog'>): readonly FilterChain[] {
  const { address } = served;
  return [
    ...(hasHttp(address) ? [renderHttpChain(served, settings)] : []),
    ...(address.tcpVerdict === undefined ? [] : renderTcpChains(served)),
  ];
}

/**
 * A chain without filters closes every connection; a listener without any chain would be refused.
 */
const closedChain = { name: 'closed' };

const hasHttp = ({ protocol }: FrontendAddress): boolean => protocol !== 'tcp';

/** Restores the address that the client dialled, from filter state or endpoint metadata. */
export const originalDestinationFilter: ListenerFilter = {
  name: 'envoy.filters.listener.original_dst',
  typed_config: typed('envoy.extensions.filters.listener.original_dst.v3.OriginalDst', {}),
};

function renderInspector({ sniffing }: Pick<ListenerModel, 'sniffing'>): readonly ListenerFilter[] {
  if (sniffing === undefined) return [];
  const disabled = sniffing.exceptPorts.map((port) => ({ destination_port_range: { start: port, end: port + 1 } }));
  return [
    {
      name: 'envoy.filters.listener.http_inspector',
      typed_config: typed('envoy.extensions.filters.listener.http_inspector.v3.HttpInspector', {}),
      ...(disabled.length === 0
        ? {}
        : { filter_disabled: disabled.length === 1 ? { ...disabled[0] } : { or_match: { rules: disabled } } }),
    },
  ];
}

function renderDispatch(
  dispatch: readonly AddressDispatch[],
  tcpPorts: readonly number[],
): MessageTypes['xds.type.matcher.v3.Matcher'] {
  return {
    matcher_tree: {
      input: {
        name: 'ip',
        typed_config: typed('envoy.extensions.matching.common_inputs.network.v3.DestinationIPInput', {}),
      },
      custom_match: {
        name: 'ip',
        typed_config: typed('xds.type.matcher.v3.IPMatcher', {
          range_matchers: dispatch.map(({ addresses, to }) => ({
            ranges: addresses.map(renderRange),
            on_match:
              to === 'closed'
                ? toChain(closedChain.name)
                : to === 'workloads'
                  ? renderDirect(tcpPorts)
                  : renderPorts(to.ports),
            // Without this, a port that a range lacks would be looked up in the ranges around it.
            ...(typeof to === 'object' && addresses.some((address) => address.includes('/'))
              ? { exclusive: true }
              : {}),
          })),
        }),
      },
    },
  };
}

function renderRange(address: string): MessageTypes['xds.core.v3.CidrRange'] {
  const range = splitRange(address);
  return { address_prefix: range.address, prefix_len: range.prefix };
}

const portInput = encodeOnce({
  name: 'port',
  typed_config: typed('envoy.extensions.matching.common_inputs.network.v3.DestinationPortInput', {}),
});

function renderPorts(ports: readonly ServedAddress[]): OnMatch {
  return {
    matcher: {
      matcher_tree: {
        input: portInput,
        exact_match_map: {
          map: Object.fromEntries(ports.map((each) => [String(each.address.port), renderProtocol(each)])),
        },
      },
    },
  };
}

function renderProtocol(served: ServedAddress): OnMatch {
  const { address } = served;
  const http = toChain(formatChainName(address.host, address.port, 'http'));
  if (address.tcpVerdict === undefined) return http;
  const tcp = renderTcp(served);
  if (hasHttp(address)) return renderSniffed(http, tcp);
  return address.tcpVerdict === 'connect' ? onlyDecided(tcp) : tcp;
}

/**
 * A chain without policies takes only tunnels whose CONNECT was judged for them; others match
 * nothing. While the place of a port's policies changes, a tunnel may be older or newer than the
 * listener that it meets.
 */
function onlyDecided(tcp: OnMatch): OnMatch {
  return { matcher: { matcher_tree: { input: decidedAtInput, exact_match_map: { map: { connect: tcp } } } } };
}

const decidedAtInput = encodeOnce({
  name: 'decided-at',
  typed_config: typed('envoy.extensions.matching.common_inputs.network.v3.FilterStateInput', {
    key: filterState.decidedAt,
  }),
});

/** The client's protocol decides; everything but HTTP is TCP. */
function renderSniffed(http: OnMatch, tcp: OnMatch): OnMatch {
  return {
    matcher: {
      matcher_tree: {
        input: {
          name: 'application-protocol',
          typed_config: typed('envoy.extensions.matching.common_inputs.network.v3.ApplicationProtocolInput', {}),
        },
        exact_match_map: { map: { "'h2c'": http, "'http/1.0'": http, "'http/1.1'": http } },
      },
      on_no_match: tcp,
    },
  };
}

/**
 * Connections to workloads themselves: sniffed, except on the ports that every service declares as
 * TCP.
 */
function renderDirect(declared: readonly number[]): OnMatch {
  const sniffed = renderSniffed(toChain(directHttp), toChain(directTcp));
  if (declared.length === 0) return sniffed;
  const known = toChain(directDeclaredTcp);
  return {
    matcher: {
      matcher_tree: {
        input: portInput,
        exact_match_map: { map: Object.fromEntries(declared.map((port) => [String(port), known])) },
      },
      on_no_match: sniffed,
    },
  };
}

function renderTcp({ address: { host, port }, tcpConditions }: ServedAddress): OnMatch {
  const branches = tcpConditions.map((matches) => ({
    matches,
    onMatch: toChain(formatConditionalChainName(host, port, matches)),
  }));
  return renderTcpDispatch(branches, toChain(formatChainName(host, port, 'tcp')));
}

function toChain(name: string): OnMatch {
  const value: Any = { '@type': 'type.googleapis.com/google.protobuf.StringValue', value: name };
  return { action: { name, typed_config: value } };
}
