// Weighted routes: a canary that gets a tenth of the requests, then a fifth, by editing one file
// while requests flow.

import { logField } from '../access-log.ts';
import { compare, compareShare, compareTime } from '../check.ts';
import type { Check } from '../check.ts';
import { effectLimitMs } from '../tour.ts';
import type { LoggedAnswer, Tour, TourStep } from '../tour.ts';

const requestCount = 1_000;
const routeFile = 'reviews-route.yaml';

/** 90/10, then 80/20. */
export const weightsStep: TourStep = {
  title: 'reviews: 90/10 between v1 and v2, then 80/20 by editing the file',
  walk: async (tour) => {
    try {
      return [...(await walkWeights(tour, 10)), ...(await walkWeights(tour, 20))];
    } finally {
      await tour.remove(routeFile);
    }
  },
};

async function walkWeights(tour: Tour, share: number): Promise<readonly Check[]> {
  const weights = `${100 - share}/${share}`;
  await tour.copy(`reviews-${100 - share}-${share}.yaml`, routeFile);
  // The version that answered does not tell which weights were in force. So the route tells it: its
  // file sets a response header, which changes together with its weights because both are in the
  // same route of the same configuration.
  const ask = (): Promise<LoggedAnswer> => tour.ask('sleep', 'reviews', '/reviews/0');
  const effect = await tour.waitForEffect(
    `requests are routed ${weights}`,
    ask,
    ({ headers }) => headers['x-reviews-weights'] === weights,
  );
  const answers = await tour.askMany(requestCount, 'sleep', 'reviews', '/reviews/0');
  const count = (version: string): number =>
    answers.filter(({ headers }) => String(headers['x-bookinfo-pod']).startsWith(`reviews-${version}-`)).length;
  const line = await tour.findLine(effect.answer);
  return [
    compare(`${weights}: route in the log`, 'VirtualService default/reviews', logField(line, 'route_origin')),
    compareTime(`${weights}: write to first request on it`, { to: effectLimitMs }, effect.after),
    compareShare(`${weights}: v1 of ${requestCount} requests`, 1 - share / 100, requestCount, count('v1')),
    compareShare(`${weights}: v2`, share / 100, requestCount, count('v2')),
    compareShare(`${weights}: v3`, 0, requestCount, count('v3')),
  ];
}
