// Runs all instances of the bookstore in one process, each at its workload's address: `node main.js
// [FILE|-]`, where the file, or standard input, holds a BookinfoPlan as JSON. Prints one line when
// all listen, and ends on SIGTERM, on SIGINT, or when the process that forked it goes away.

import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { startBookinfo } from './server.ts';
import type { BookinfoInstance, BookinfoService } from './server.ts';

/** One instance to start. */
export interface PlannedInstance {
  readonly service: BookinfoService;
  readonly version: string;
  readonly address: string;
  readonly port: number;
  /** Source address of its calls; `address` by default. */
  readonly localAddress?: string;
}

/** The instances to run, and the base URL at which each service is called. */
export interface BookinfoPlan {
  readonly workloads: readonly PlannedInstance[];
  readonly urls: Readonly<Partial<Record<BookinfoService, string>>>;
}

const source = process.argv[2] ?? '-';
const plan = JSON.parse(source === '-' ? await text(process.stdin) : await readFile(source, 'utf8')) as BookinfoPlan;
const instances: BookinfoInstance[] = [];

const stop = async (): Promise<void> => {
  await Promise.all(instances.map((instance) => instance.close()));
  process.exit(0);
};
for (const event of ['SIGTERM', 'SIGINT', 'disconnect']) process.once(event, () => void stop());

for (const { service, version, address, port, localAddress = address } of plan.workloads) {
  const urlOf = (other: BookinfoService): string | undefined => plan.urls[other];
  instances.push(await startBookinfo(service, version, { host: address, port, urlOf, localAddress }));
}
console.log(`bookinfo: ${instances.length} instances listen`);
