// The client, the route and the instance of a request: the waypoint knows them, and logs them.

import { logField } from '../access-log.ts';
import { compare } from '../check.ts';
import type { TourStep } from '../tour.ts';

/** A request through node proxy and waypoint, and the line about it. */
export const identityStep: TourStep = {
  title: 'sleep reads the product page through the waypoint, which logs who asked',
  walk: async (tour) => {
    const answer = await tour.ask('sleep', 'productpage', '/productpage');
    const line = await tour.findLine(answer);
    const instance = tour.workloadAddress('productpage');
    return [
      compare('status', 200, answer.status),
      compare('client in the log', 'spiffe://cluster.local/ns/default/sa/sleep', logField(line, 'source_principal')),
      compare('route in the log', 'default', logField(line, 'route_name')),
      compare(
        'upstream cluster',
        'inbound-vip|9080|http|productpage.default.svc.cluster.local',
        logField(line, 'upstream_cluster'),
      ),
      compare('upstream host', `envoy://connect_originate/${instance}:9080`, logField(line, 'upstream_host')),
    ];
  },
};
