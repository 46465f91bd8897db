// The version of Cairn, which is the package's, and its images by the names that `npm run images`
// gives them.

import manifest from '../package.json' with { type: 'json' };

export const version: string = manifest.version;

/** The control plane. */
export const controllerImage: string = `cairn/controller:${version}`;

/** Envoy and the agent beside it. */
export const waypointImage: string = `cairn/waypoint:${version}`;
