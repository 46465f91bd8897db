// The block of addresses of a run. The process that listens on the xDS port of its first address
// owns it.

import { createServer } from 'node:net';
import { controlPlaneAddress, formatAddressBlock } from './addresses.ts';
import type { AddressBlock } from './addresses.ts';
import { isRunning, parseMark, readProcess } from './process-table.ts';
import { readStateFields, writeState } from './state.ts';
import type { StatePaths } from './state.ts';

/** The port of the proxies' configuration. */
export const xdsPort: number = 15011;
/** The port of the agents' certificates. */
export const caPort: number = 15012;

const firstOctet = 64;
const lastOctet = 127;

/** The reason why a run could not begin. */
export class RunError extends Error {
  readonly code: 'StateInUse' | 'BlockInUse';

  constructor(code: 'StateInUse' | 'BlockInUse', message: string) {
    super(message);
    this.name = 'RunError';
    this.code = code;
  }
}

/**
 * The block to use: as asked, as last time, or the first free one. Throws RunError when the state
 * or the block is in use.
 */
export async function chooseBlock(paths: StatePaths, asked: AddressBlock | undefined): Promise<AddressBlock> {
  const last = await readStateFields(paths.run);
  const runner = await findRunner(paths);
  if (runner !== undefined) {
    throw new RunError(
      'StateInUse',
      `process ${runner} already runs with ${paths.root}; end it, or give another --state`,
    );
  }
  const octet = last['octet'];
  const lastBlock = typeof octet === 'number' ? { octet } : undefined;
  const fixed = asked ?? lastBlock;
  if (fixed === undefined) {
    for (let octet = firstOctet; octet <= lastOctet; octet += 1) if (await isFree({ octet })) return { octet };
    throw new RunError(
      'BlockInUse',
      'no block from 127.64.0.0/16 to 127.127.0.0/16 is free; choose another with --address-block',
    );
  }
  if (await isFree(fixed)) return fixed;
  throw new RunError(
    'BlockInUse',
    `${formatAddressBlock(fixed)} is in use by another run (port ${xdsPort} of ${controlPlaneAddress(fixed)} is taken); end that run, or choose another block with --address-block`,
  );
}

/** The pid of another process that runs with this state; undefined when there is none. */
export async function findRunner(paths: StatePaths): Promise<number | undefined> {
  const mark = parseMark(await readStateFields(paths.run));
  return mark !== undefined && mark.pid !== process.pid && (await isRunning(mark)) ? mark.pid : undefined;
}

/** Writes down the owner of the block and its trust domain, for the next process. */
export async function keepBlock(paths: StatePaths, { octet }: AddressBlock, trustDomain: string): Promise<void> {
  const mark = await readProcess(process.pid);
  await writeState(paths.run, JSON.stringify({ octet, trustDomain, ...mark }));
}

function isFree(block: AddressBlock): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host: controlPlaneAddress(block), port: xdsPort, exclusive: true }, () => {
      probe.close(() => resolve(true));
    });
  });
}
