// The number of tries of each property test, in one place: as many as `npm test` has time for, and
// as `npm run test:soak` has. The seed of the random numbers is another one in each run; the
// reporter prints it when a test fails, and the variable CAIRN_SEED sets it.

import { randomInt } from 'node:crypto';

// vitest.config.ts imports this file before any worker starts, and the workers inherit the
// variable: there is one seed for the whole run.
process.env['CAIRN_SEED'] ??= String(randomInt(2 ** 30));

/** For each property: how often `npm test` tries it, and how often a soak does. */
const counts = {
  /** Spoilt manifests that are read, translated and shown to Envoy. */
  mutations: [2_000, 200_000],
  /** Meshes of values at the ends of what schemas allow. */
  extremes: [400, 20_000],
  /** Requests of one client to one service, for the second evaluator of policies. */
  authorizationRequests: [8, 300],
  /** The same for the second evaluator of routes. */
  routingRequests: [16, 500],
  /** Sequences of edits after each of which incremental and full translation are compared. */
  everyEdit: [40, 5_000],
  /** Sequences of edits that are compared at their end. */
  lastEdit: [400, 50_000],
  /** Sequences of edits in which the incremental generator is stopped anywhere. */
  stops: [120, 10_000],
  /** The same for the protocol and the policies of one port. */
  stopsOfOnePort: [100, 5_000],
  /** Storms with a lone edit in them. */
  storms: [60, 2_000],
  /** Sequences of changes, answers and losses of connection of one ADS stream. */
  sessions: [1_000, 300_000],
  /** The same, with resources that name each other. */
  orders: [1_000, 300_000],
  /** The same, with tunnels that are made when they are dialled. */
  tunnels: [400, 50_000],
  /** Edits of a real Envoy under traffic. */
  editsUnderTraffic: [300, 10_000],
  /** Moves of a TCP route and of an authorizer under traffic. */
  moves: [10, 200],
} as const;

/** True in `npm run test:soak`. */
export const isSoak: boolean = process.env['CAIRN_SOAK'] === '1';

/** Where the random numbers of this run begin. */
export const seed: number = Number(process.env['CAIRN_SEED']);

/** How often a property is tried in this run. */
export function countOf(property: keyof typeof counts): number {
  const [usual, soak] = counts[property];
  return isSoak ? soak : usual;
}

/** The same as parameters of fast-check. */
export function trialsOf(property: keyof typeof counts): { readonly numRuns: number; readonly seed: number } {
  return { numRuns: countOf(property), seed };
}
