// `npm run bench -- <benchmark>`: measures, and prints a table, or JSON with `-o json`.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { defaultOnDemandAbove } from '../../gateway-controller/index.ts';
import { measureCluster } from './cluster.ts';
import { measureDataPath } from './data-path.ts';
import { measureEnvoy } from './envoy.ts';
import {
  type LoadOptions,
  measureFirstSync,
  measureMemory,
  measureReconnect,
  measureSoak,
  measureStorm,
} from './load.ts';
import { measurePropagation, type PropagationOptions, sources } from './propagation.ts';
import { formatJson, formatTable, type Report } from './report.ts';
import { measureTransfers } from './transfers.ts';
import { measureUploads } from './uploads.ts';

const usage = `npm run bench -- <propagation|envoy|first-sync|reconnect|storm|memory|soak|data-path|transfers|cluster> [flags]

  --services 10,100,1000   sizes of the mesh
  --edits 50               edits of each kind; of storm and soak: in all
  --sessions 1000          sessions of reconnect
  --asked 100              services that a proxy asks for, or "all", of first-sync, memory, envoy and reconnect
  --on-demand-above 500    a waypoint of more services loads each when a proxy asks for it
  --rounds 5 --seconds 5   rounds of data-path, and how long each is
  --transfers 1000         downloads by each way
  --uploads                transfers: in place of downloads, uploads of --megabytes 200 over a wire of --delay 10, milliseconds there
                           and back; 10 of each kind unless --transfers says otherwise
  --rich                   every service has rules; else one in ten
  --source memory          where edits of propagation go in: memory, files, or api, a kube-apiserver as "npm run test:api" has it;
                           api is for envoy too
  -o json                  JSON in place of a table

Another control plane (propagation): edits are given to a command as manifests on its standard input; VERB is apply or delete.
  --server host:port --node-id … [--metadata '{…}'] [--cert f --key f --ca f --server-name n] --apply 'kubectl $VERB -f -'
`;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    services: { type: 'string' },
    edits: { type: 'string' },
    sessions: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    transfers: { type: 'string' },
    uploads: { type: 'boolean', default: false },
    delay: { type: 'string', default: '10' },
    megabytes: { type: 'string', default: '200' },
    rich: { type: 'boolean', default: false },
    asked: { type: 'string', default: '100' },
    'on-demand-above': { type: 'string', default: String(defaultOnDemandAbove) },
    source: { type: 'string', default: 'memory' },
    output: { type: 'string', short: 'o', default: 'table' },
    server: { type: 'string' },
    'node-id': { type: 'string' },
    metadata: { type: 'string', default: '{}' },
    cert: { type: 'string' },
    key: { type: 'string' },
    ca: { type: 'string' },
    'server-name': { type: 'string' },
    apply: { type: 'string' },
  },
});

function sizes(otherwise: string): readonly number[] {
  return (values.services ?? otherwise).split(',').map(Number);
}

const onDemandAbove = Number(values['on-demand-above']);

function load(services: string, edits = 0): LoadOptions {
  const { rich, sessions, asked } = values;
  return {
    services: sizes(services),
    rich,
    sessions: Number(sessions),
    edits: Number(values.edits ?? edits),
    asks: asked === 'all' ? 'all' : Number(asked),
    onDemandAbove,
  };
}

function propagation(): PropagationOptions {
  const { server, rich, source, metadata, ca, cert, key } = values;
  const own = {
    services: sizes('10,100,1000'),
    edits: Number(values.edits ?? 50),
    rich,
    onDemandAbove,
    source: sources.find((known) => known === source) ?? 'memory',
  };
  if (server === undefined) return own;
  const read = (path: string): string => readFileSync(path, 'utf8');
  return {
    ...own,
    server: {
      address: server,
      apply: values.apply ?? 'kubectl $VERB -f -',
      client: {
        node: { id: values['node-id'] ?? '', metadata: JSON.parse(metadata) as Record<string, unknown> },
        ...(ca === undefined
          ? {}
          : {
              tls: {
                root: read(ca),
                ...(cert === undefined ? {} : { certificate: read(cert) }),
                ...(key === undefined ? {} : { key: read(key) }),
                ...(values['server-name'] === undefined ? {} : { serverName: values['server-name'] }),
              },
            }),
      },
    },
  };
}

function transfers(): Promise<Report> {
  const { uploads, delay, megabytes } = values;
  if (!uploads) return measureTransfers(Number(values.transfers ?? 1000));
  return measureUploads({ count: Number(values.transfers ?? 10), megabytes: Number(megabytes), delay: Number(delay) });
}

const benchmarks: Readonly<Record<string, () => Promise<Report>>> = {
  propagation: () => measurePropagation(propagation()),
  'first-sync': () => measureFirstSync(load('100,1000,10000')),
  reconnect: () => measureReconnect(load('1000')),
  storm: () => measureStorm({ ...load('1000', 10_000), asks: 'all' }),
  memory: () => measureMemory(load('100,1000,10000')),
  envoy: () => measureEnvoy(load('100,1000,10000', 20), values.source === 'api'),
  'data-path': () => measureDataPath({ rounds: Number(values.rounds), seconds: Number(values.seconds) }),
  transfers,
  cluster: () => measureCluster({ services: sizes('1000'), restMs: 60_000 }),
  soak: () => measureSoak({ ...load('1000', 20_000), asks: 'all' }),
};

const run = benchmarks[positionals[0] ?? ''];
if (run === undefined) {
  process.stderr.write(usage);
  process.exitCode = 2;
} else {
  const report = await run();
  process.stdout.write(values.output === 'json' ? formatJson(report) : formatTable(report));
}
