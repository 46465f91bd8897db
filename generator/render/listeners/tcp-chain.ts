// The filter chain of a TCP frontend. Ports declared as TCP are decided on the CONNECT; ports whose protocol is sniffed, and ranges of
// addresses, carry their policy in the chain, as extension configurations of their own, so that a change of policy leaves the listener
// alone.

import { type EnvoyResource, type MessageTypes, typed, typeUrls } from '../../../envoy-api/index.ts';
import { type FrontendAddress, isDecidedInChain, type TcpFrontend } from '../../model/waypoint.ts';
import { type NetworkAuthorizationAction, renderNetworkAuthorization } from '../authorization.ts';
import { formatChainName, formatClusterName } from '../names.ts';
import { aggregatedSource } from '../tls.ts';
import { connectionLog } from './access-log.ts';

type FilterChain = MessageTypes['envoy.config.listener.v3.FilterChain'];
type Filter = MessageTypes['envoy.config.listener.v3.Filter'];

const networkRbac = 'type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC';

/** The chain of a TCP frontend. */
export function renderTcpChain(address: FrontendAddress): FilterChain {
  const { host, port } = address;
  const name = formatChainName(host, port, 'tcp');
  const cluster = formatClusterName({ owned: true, host, port, protocol: 'tcp' });
  return {
    name,
    filters: [
      ...(isDecidedInChain(address) ? [discovered(name, 'deny'), discovered(name, 'allow')] : []),
      {
        name: 'envoy.filters.network.tcp_proxy',
        typed_config: typed('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
          stat_prefix: name,
          cluster,
          access_log: [connectionLog],
        }),
      },
    ],
  };
}

function discovered(chain: string, action: NetworkAuthorizationAction): Filter {
  return {
    name: policyName(chain, action),
    config_discovery: { config_source: aggregatedSource, type_urls: [networkRbac] },
  };
}

function policyName(chain: string, action: NetworkAuthorizationAction): string {
  return `${action}|${chain}`;
}

/** The policies of a port that is decided in its chain, as the extension configurations that its chain refers to. */
export function renderChainPolicies(frontend: TcpFrontend): readonly EnvoyResource[] {
  if (frontend.decidedAt !== 'chain') return [];
  return (['deny', 'allow'] as const).map((action) => {
    const name = policyName(formatChainName(frontend.host, frontend.port, 'tcp'), action);
    const json: MessageTypes['envoy.config.core.v3.TypedExtensionConfig'] = {
      name,
      typed_config: renderNetworkAuthorization(frontend.authorization, action),
    };
    return { typeUrl: typeUrls.extensionConfig, name, json };
  });
}
