// What a waypoint listens for: the ports of every service bound to it.

import type { ListenerModel, ServedAddress, WaypointGateway } from '../model/waypoint.ts';
import { resolveServedServices } from './binding.ts';
import type { ResolveContext } from './context.ts';
import { resolveDirect } from './direct.ts';
import { resolveFrontendAddress } from './frontend.ts';
import { resolveTcpConditions } from './virtual-service/tcp-routes.ts';

/** The listeners of a waypoint. An address and port that two services claim goes to the first by host name, and is reported. */
export function resolveListeners(context: ResolveContext, gateway: WaypointGateway): ListenerModel {
  const { trustDomain, escapedSlashes } = context.mesh.settings;
  const served: ServedAddress[] = [];
  const taken = new Map<string, string>();
  for (const service of resolveServedServices(context, gateway)) {
    for (const port of service.ports) {
      const address = resolveFrontendAddress(service, port);
      if (address === undefined) continue;
      const free = address.addresses.filter((ip) => {
        const key = `${ip} ${address.port}`;
        const owner = taken.get(key);
        if (owner === undefined) taken.set(key, address.host);
        else {
          context.report({
            code: 'AddressConflict',
            severity: 'error',
            ref: service.ref,
            path: ['spec'],
            message: `${ip} port ${address.port} belongs to "${owner}" already, so this service is not reached there`,
            hint: 'give each service an address of its own',
          });
        }
        return owner === undefined;
      });
      served.push({
        address: { ...address, addresses: free },
        tcpConditions:
          address.protocol === 'tcp' || address.protocol === 'auto'
            ? resolveTcpConditions(context, { gateway, service, port })
            : [],
        service: { namespace: service.namespace, name: service.name },
      });
    }
  }
  served.sort(({ address: a }, { address: b }) => (a.host < b.host ? -1 : a.host > b.host ? 1 : a.port - b.port));
  const direct = resolveDirect(context, gateway, served);
  return { gateway, trustDomain, escapedSlashes, served, ...(direct === undefined ? {} : { direct }) };
}
