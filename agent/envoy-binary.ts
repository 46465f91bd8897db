// Finds Envoy's binary.

import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { AgentError } from './error.ts';

/** The Envoy release that configuration is made for. */
export const envoyVersion: string = '1.40.0';

/**
 * The path of an executable Envoy: as given, ENVOY_BIN, the cache of `npm run setup`, or PATH. A
 * path that is given but absent is an error, and no reason to look further. Throws `EnvoyNotFound`.
 */
export function findEnvoyBinary(
  given: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  home: string = homedir(),
): string {
  const named = given ?? env['ENVOY_BIN'];
  if (named !== undefined && named !== '') {
    if (isExecutable(named)) return named;
    throw new AgentError('EnvoyNotFound', `${named} is not an executable file; correct --envoy or ENVOY_BIN`);
  }
  const cached = join(home, '.cache/cairn/envoy', envoyVersion, 'envoy');
  const onPath = (env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, 'envoy'));
  const found = [cached, ...onPath].find(isExecutable);
  if (found !== undefined) return found;
  throw new AgentError(
    'EnvoyNotFound',
    `Envoy is neither at ${cached} nor on PATH; run "npm run setup" to fetch Envoy ${envoyVersion}, or set ENVOY_BIN`,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
