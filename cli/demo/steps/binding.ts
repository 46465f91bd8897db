// The services of a waypoint: one label takes a service off it, another one takes all. Their
// traffic goes on, encrypted and with identities, but nobody reads it any more.

import { compare } from '../check.ts';
import type { Check } from '../check.ts';
import type { LoggedAnswer, Tour, TourStep } from '../tour.ts';

const policyFile = 'details-closed.yaml';
const paths = { productpage: '/productpage', details: '/details/0' } as const;
type Service = keyof typeof paths;

/** `use-waypoint: none` on a service, then `waypoint-for: workload` on the waypoint. */
export const bindingStep: TourStep = {
  title: 'without a waypoint a service is L4 only: no verdict on requests, no x-request-id',
  walk: async (tour) => {
    try {
      return [...(await walkNone(tour)), ...(await walkWorkload(tour))];
    } finally {
      await tour.remove(policyFile);
      await tour.restore('details.yaml');
      await tour.restore('waypoint.yaml');
      await waitUntilRead(tour, 'details', true);
      await waitUntilRead(tour, 'productpage', true);
    }
  },
};

/** A policy that closes details shows that a waypoint decides, and then that none does. */
async function walkNone(tour: Tour): Promise<readonly Check[]> {
  const before = await askService(tour, 'details');
  await tour.copy(policyFile);
  const { answer: closed } = await tour.waitForEffect(
    'details is closed',
    () => askService(tour, 'details'),
    ({ status }) => status === 403,
  );
  const linesBefore = await tour.countLines([before, closed]);
  await tour.copy('details-no-waypoint.yaml', 'details.yaml');
  const opened = await waitUntilRead(tour, 'details', false);
  const findings = await tour.waitForFindings((all) => all.some(({ object }) => object.name === 'details-closed'));
  return [
    compare('details on the waypoint: x-request-id', 'present', requestIdAt(before)),
    compare('details closed by a DENY policy: sleep GET', 403, closed.status),
    compare('lines in the log about the two', 2, linesBefore),
    compare('use-waypoint none: sleep GET, policy or not', 200, opened.status),
    compare('use-waypoint none: x-request-id', 'absent', requestIdAt(opened)),
    compare('use-waypoint none: lines in the log', 0, await tour.countLines([opened])),
    compare(
      'use-waypoint none: Finding about the policy',
      'PolicyTargetNotBound',
      findings.find(({ object }) => object.name === 'details-closed')?.code,
    ),
    compare('productpage still on it: x-request-id', 'present', requestIdAt(await askService(tour, 'productpage'))),
  ];
}

async function walkWorkload(tour: Tour): Promise<readonly Check[]> {
  await tour.copy('waypoint-for-workload.yaml', 'waypoint.yaml');
  const answer = await waitUntilRead(tour, 'productpage', false);
  const findings = await tour.waitForFindings((all) => all.some(({ object }) => object.name === 'productpage'));
  return [
    compare('waypoint-for workload: sleep GET productpage', 200, answer.status),
    compare('waypoint-for workload: x-request-id', 'absent', requestIdAt(answer)),
    compare(
      'waypoint-for workload: Finding about productpage',
      'WaypointTrafficType',
      findings.find(({ object }) => object.kind === 'Service' && object.name === 'productpage')?.code,
    ),
  ];
}

/** Resolves to the first answer of a service that a waypoint has read, or not read. */
async function waitUntilRead(tour: Tour, service: Service, isRead: boolean): Promise<LoggedAnswer> {
  const { answer } = await tour.waitForEffect(
    `requests to ${service} are ${isRead ? '' : 'not '}read`,
    () => askService(tour, service),
    (answer) => requestIdAt(answer) === (isRead ? 'present' : 'absent'),
  );
  return answer;
}

function askService(tour: Tour, service: Service): Promise<LoggedAnswer> {
  return tour.ask('sleep', service, paths[service]);
}

/** The app's own statement about the header that only a proxy adds that reads requests. */
function requestIdAt({ headers }: LoggedAnswer): string {
  return String(headers['x-bookinfo-request-id'] ?? 'not told');
}
