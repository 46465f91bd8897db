// The common part of the offline commands: `-f` and `--address-block`, and reading the files that
// they name.

import { assembleMesh, parseAddressBlock, readManifests } from '../gateway-controller/index.ts';
import type { AddressBlock, OfflineMesh } from '../gateway-controller/index.ts';
import { CommandError, isForeseen } from './io.ts';
import type { Io } from './io.ts';

/** The options that name the input of a command. */
export interface ConfigurationOptions {
  /** Files and directories; `-` is the standard input. */
  readonly filename: readonly string[];
  /** `127.B.0.0/16` */
  readonly addressBlock?: string;
}

const defaultBlock: AddressBlock = { octet: 64 };

/** Reads `--address-block`; throws CommandError. */
export function readAddressBlock(text: string | undefined): AddressBlock | undefined {
  if (text === undefined) return undefined;
  const block = parseAddressBlock(text);
  if (block === undefined)
    throw new CommandError(`--address-block must be 127.B.0.0/16 with B from 1 to 254, not ${text}`);
  return block;
}

/**
 * Reads the configuration that the options name; throws CommandError when a path cannot be read.
 * `expectsPods` as of `assembleMesh`.
 */
export async function readConfiguration(
  options: ConfigurationOptions,
  io: Io,
  { expectsPods = false }: { readonly expectsPods?: boolean } = {},
): Promise<OfflineMesh> {
  const block = readAddressBlock(options.addressBlock) ?? defaultBlock;
  try {
    return assembleMesh(await readManifests(options.filename, io.readInput), block, { expectsPods });
  } catch (cause) {
    if (!isForeseen(cause)) throw cause;
    throw new CommandError(`cannot read the configuration: ${cause.message}`, cause);
  }
}
