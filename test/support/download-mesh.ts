// A run of `cairn run` with servers of downloads behind it.

import { connect } from 'node:net';
import { type Download, type Downloaded, readDownload, startDownloads } from './downloads.ts';
import { LocalRun, shopManifests } from './local-run.ts';

/** Where downloads are served, and who asks for them. */
export interface DownloadMesh {
  /** Asks a service (`web` has a waypoint, `bare` has none) as a workload, `client` or `other`. */
  readonly get: (service: string, wanted: Download, from?: string) => Promise<Downloaded>;
  readonly run: LocalRun;
  readonly ports: { readonly http: number; readonly tcp: number };
  readonly close: () => Promise<void>;
}

/** A run of two services in front of one workload that serves downloads. */
export async function startDownloadMesh(): Promise<DownloadMesh> {
  const run = new LocalRun();
  const ports = { http: 8000, tcp: 9000 };
  const workloads = ['web', 'client', 'other'];
  const services = ['web', 'bare'].map(
    (name) => `
---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop${name === 'bare' ? ', labels: { istio.io/use-waypoint: none }' : ''} }
spec: { selector: { app: web }, ports: [{ name: http, port: ${ports.http} }, { name: tcp, port: ${ports.tcp} }] }`,
  );
  const shop = shopManifests({ services: [], port: { name: 'http', port: ports.http }, workloads });
  run.write('shop.yaml', `${shop}${services.join('')}`);
  await run.start();
  const stop = await startDownloads(run.address('web'), ports);
  return {
    run,
    ports,
    get: (service, wanted, from = 'client') =>
      readDownload(
        connect({
          host: run.vip(service),
          port: wanted.ending === 'tcp' ? ports.tcp : ports.http,
          localAddress: run.address(from),
        }),
        wanted,
      ),
    close: async () => {
      await stop();
      await run.close();
    },
  };
}
