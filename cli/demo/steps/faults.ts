// Injected faults: every request is delayed, then half of them are refused.

import { logField } from '../access-log.ts';
import { compare, compareShare, compareTime } from '../check.ts';
import type { Check } from '../check.ts';
import { parallelRequests } from '../tour.ts';
import type { LoggedAnswer, Tour, TourStep } from '../tour.ts';

const faultFile = 'productpage-fault.yaml';
const delayMs = 5_000;
/** For the request itself, and for a busy machine. */
const slackMs = 2_000;
/** All at once, so that their delays overlap. */
const delayedCount = parallelRequests;
const abortedCount = 1_000;
/** An answer that takes longer was delayed. */
const promptMs = 1_000;

/** A delay of 5 s for all, then 503 for half. */
export const faultsStep: TourStep = {
  title: 'productpage: a delay of 5 s for every request, then 503 for half of them',
  walk: async (tour) => {
    try {
      return [...(await walkDelay(tour)), ...(await walkAbort(tour))];
    } finally {
      await tour.remove(faultFile);
      await waitUntilGone(tour);
    }
  },
};

/**
 * A deletion counts after a second. Half of the requests were refused, so a row of requests without
 * a refusal is no luck.
 */
async function waitUntilGone(tour: Tour): Promise<void> {
  let answered = 0;
  await tour.waitForEffect(
    'no request is refused any more',
    () => tour.ask('sleep', 'productpage', '/health'),
    ({ status }) => {
      answered = status === 200 ? answered + 1 : 0;
      return answered === 20;
    },
  );
}

async function walkDelay(tour: Tour): Promise<readonly Check[]> {
  await tour.copy('productpage-delay.yaml', faultFile);
  await tour.waitForEffect('requests are held back', () => tour.ask('sleep', 'productpage', '/health'), isHeldBack);
  tour.progress(`${delayedCount} requests are held back`);
  const answers = await tour.askMany(delayedCount, 'sleep', 'productpage', '/productpage');
  const times = answers.map(({ duration }) => duration);
  const limits = { from: delayMs, to: delayMs + slackMs };
  return [
    compareTime(`delay: fastest of ${delayedCount} requests`, limits, Math.min(...times)),
    compareTime('delay: slowest', limits, Math.max(...times)),
    compareShare('delay: answered with 200', 1, delayedCount, countStatus(answers, 200)),
  ];
}

async function walkAbort(tour: Tour): Promise<readonly Check[]> {
  await tour.copy('productpage-abort.yaml', faultFile);
  // A request that still meets the delay is abandoned: one that is answered promptly has met the
  // abort's configuration.
  const ask = (): Promise<LoggedAnswer> => tour.ask('sleep', 'productpage', '/health', { timeout: promptMs });
  await tour.waitForEffect('requests are not held back any more', ask, () => true);
  const answers = await tour.askMany(abortedCount, 'sleep', 'productpage', '/health');
  const aborted = answers.find(({ status }) => status === 503);
  const line = aborted === undefined ? undefined : await tour.findLine(aborted);
  return [
    compareShare(`abort: 503 of ${abortedCount} requests`, 0.5, abortedCount, countStatus(answers, 503)),
    compareShare('abort: 200', 0.5, abortedCount, countStatus(answers, 200)),
    compare('abort: in the log', 'fault_filter_abort', logField(line, 'response_code_details')),
  ];
}

function isHeldBack({ duration }: LoggedAnswer): boolean {
  return duration > promptMs;
}

function countStatus(answers: readonly LoggedAnswer[], wanted: number): number {
  return answers.filter(({ status }) => status === wanted).length;
}
