// The one mesh that all cases of the matrix share: a waypoint, the workloads `a` and `b` (versions
// v1 and v2) behind every case's service, and a sink for mirrors.

import { stringify } from 'yaml';
import { allocateBlock } from '../support/loopback.ts';
import { startWaypoint, type TestWaypoint } from '../support/waypoint.ts';
import { type EchoWorkload, startEcho, startTcpBanner, type Workload } from '../support/workload.ts';
import type { MatrixCase } from './case.ts';

/** The running parts. */
export interface Matrix {
  readonly waypoint: TestWaypoint;
  readonly echoes: readonly EchoWorkload[];
  readonly sink: EchoWorkload;
  readonly stop: () => Promise<void>;
}

/**
 * Headers by which a client asks an application for a status, with `x-fail: 2` for its first two
 * attempts only, or to take its time.
 */
const wanted = { status: 'x-status', fail: 'x-fail', delay: 'x-delay' };

/** The header that tells the requests of the matrix apart. */
export const markHeader = 'x-mark';

/** The addresses of a case. */
export function netOf(index: number): string {
  return `10.30.${index}`;
}

/** Starts everything. */
export async function startMatrix(cases: readonly MatrixCase[]): Promise<Matrix> {
  const block = await allocateBlock();
  const addresses = [block.address(100, 1), block.address(100, 2), block.address(100, 3)] as const;
  const attempts = new Map<string, number>();
  const [a, b, sink] = await Promise.all([
    startWorkload('a', addresses[0], attempts),
    startWorkload('b', addresses[1], attempts),
    startWorkload('sink', addresses[2], attempts),
  ]);
  const banners = await Promise.all([startBanner('a', addresses[0]), startBanner('b', addresses[1])]);
  const waypoint = await startWaypoint(writeMesh(cases, addresses));
  return {
    waypoint,
    echoes: [a, b],
    sink,
    stop: async () => {
      await waypoint.stop();
      await Promise.all([a, b, sink, ...banners].map((workload) => workload.close()));
      await block.release();
    },
  };
}

function startBanner(name: string, host: string): Promise<Workload> {
  return startTcpBanner(host, 5432, `${name}\n`);
}

function startWorkload(name: string, host: string, attempts: Map<string, number>): Promise<EchoWorkload> {
  return startEcho(host, 8080, {
    name,
    reply: ({ headers: list }) => {
      const headers = new Map(list.map(([header, value]) => [header.toLowerCase(), value]));
      const mark = headers.get(markHeader) ?? '';
      const attempt = (attempts.get(mark) ?? 0) + 1;
      attempts.set(mark, attempt);
      const fails = headers.get(wanted.fail);
      const isFailing = fails === undefined || attempt <= Number(fails);
      return {
        status: isFailing ? Number(headers.get(wanted.status) ?? 200) : 200,
        delayMs: Number(headers.get(wanted.delay) ?? 0),
      };
    },
  });
}

const workloadEntry = (name: string, address: string, labels: Readonly<Record<string, string>>): object => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'WorkloadEntry',
  metadata: { name, namespace: 'shop' },
  spec: { address, labels },
});

function writeMesh(cases: readonly MatrixCase[], addresses: readonly string[]): string {
  const [a = '', b = '', sink = ''] = addresses;
  const objects = [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'shop', labels: { 'istio.io/use-waypoint': 'waypoint' } },
    },
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name: 'waypoint', namespace: 'shop', annotations: { 'cairn.dev/listen-address': '$ADDRESS' } },
      spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
    },
    workloadEntry('a', a, { app: 'echo', version: 'v1' }),
    workloadEntry('b', b, { app: 'echo', version: 'v2' }),
    workloadEntry('sink', sink, { app: 'sink' }),
    serviceOf('sink', '10.30.255.1', { selector: { app: 'sink' } }),
    ...cases.map(({ name, service }, index) => serviceOf(name, `${netOf(index)}.1`, service)),
  ];
  const own = cases.flatMap(({ name, manifests }, index) =>
    manifests === ''
      ? []
      : [manifests.replaceAll('$NAME', name).replaceAll('$NET', netOf(index)).replaceAll('$A', a).replaceAll('$B', b)],
  );
  return [...objects.map((object) => stringify(object)), ...own].join('\n---\n');
}

function serviceOf(name: string, clusterIP: string, fields: Readonly<Record<string, unknown>> = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: {
      clusterIP,
      selector: { app: 'echo' },
      ports: [
        { name: 'http', port: 80, targetPort: 8080 },
        { name: 'http-more', port: 81, targetPort: 8080 },
        { name: 'tcp', port: 5432 },
      ],
      ...fields,
    },
  };
}
