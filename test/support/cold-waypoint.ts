// A waypoint that has loaded no service: the first client of each is the one that makes it load.

import type { MeshSettings } from '../../mesh/index.ts';
import { randomLoopback } from './envoy.ts';
import { connectHbone } from './hbone-client.ts';
import { readMesh } from './mesh.ts';
import { startServedWaypoint } from './served-waypoint.ts';
import { issueTexts } from './test-certificates.ts';
import type { TestWaypoint } from './waypoint.ts';

/** Starts the only waypoint of the manifests. Its Gateway listens on an address of its own. */
export async function startColdWaypoint(
  manifests: string,
  options: { readonly settings?: Partial<MeshSettings>; readonly concurrency?: number } = {},
): Promise<Pick<TestWaypoint, 'authority' | 'hbone' | 'connectAs' | 'stop'>> {
  const host = randomLoopback();
  const { objects } = readMesh({ 'test.yaml': manifests.replaceAll('$ADDRESS', host) }, options.settings);
  const { authority, stop } = await startServedWaypoint(objects, host, { ...options, onDemandAbove: 0 });
  const hbone = { host, port: 15008 };
  return {
    authority,
    hbone,
    connectAs: async (account, extra = {}) => {
      const [namespace, name] = account.includes('/') ? account.split('/') : ['shop', account];
      const certificate = await issueTexts(authority, `spiffe://cluster.local/ns/${namespace}/sa/${name}`);
      return connectHbone({ waypoint: hbone, certificate, ...extra });
    },
    stop,
  };
}
