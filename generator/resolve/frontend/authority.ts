// The Host towards the application: that of a destination has precedence over that of its route.

import type { WeightedDestination } from '../../model/http-route.ts';

/** Destinations of a route that rewrites the Host, where it does. */
export function withAuthority(
  destinations: readonly WeightedDestination[],
  authority: string | undefined,
): readonly WeightedDestination[] {
  return authority === undefined ? destinations : destinations.map((each) => ({ authority, ...each }));
}
