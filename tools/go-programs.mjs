// Builds programs out of pinned Go modules, once, into a cache with the version in the path. A
// program that is built alone is taken, by atomic rename.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail } from './downloads.mjs';

const tools = dirname(fileURLToPath(import.meta.url));

/** The installed Go's version, or undefined without one. */
export function goVersion() {
  const { status, stdout } = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8', cwd: tools });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * Builds those of the programs that are not in `target` yet. `packages` has the package of each by
 * the program's name, `module` is the folder below `tools` whose go.mod pins them. Ends the process
 * with an explanation when it cannot.
 */
export async function buildGoPrograms({ title, module, packages, linkerFlags = '', target, takes, advice }) {
  const missing = Object.keys(packages).filter((program) => !existsSync(join(target, program)));
  if (missing.length === 0) return;
  if (goVersion() === undefined) fail(`Go is needed once to build ${missing.join(', ')}: ${advice}`);
  mkdirSync(target, { recursive: true });
  const folder = mkdtempSync(join(target, '.build-'));
  const started = Date.now();
  process.stderr.write(`setup: building ${missing.join(', ')} of ${title}, once; it takes ${takes}\n`);
  const paths = missing.map((program) => packages[program]);
  const problems = await build(module, ['-trimpath', '-ldflags', `-s -w ${linkerFlags}`, '-o', `${folder}/`, ...paths]);
  if (problems === undefined) {
    for (const program of missing) renameSync(join(folder, outputName(packages[program])), join(target, program));
    process.stderr.write(`setup: they are in ${target}, after ${Math.round((Date.now() - started) / 1000)} s\n`);
  }
  rmSync(folder, { recursive: true, force: true });
  if (problems !== undefined) fail(`${title} could not be built:\n${problems}`);
}

/** Go names a program by its package's last element that is not a major version. */
function outputName(path) {
  return path.replace(/\/v\d+$/, '').replace(/^.*\//, '');
}

/**
 * Runs Go, whose verbose output is a line for each package: they are counted. Resolves to the other
 * lines when Go fails.
 */
function build(module, args) {
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false' };
  const go = spawn('go', ['build', '-v', ...args], {
    cwd: join(tools, module),
    env,
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let packages = 0;
  let shownAt = Date.now();
  let rest = '';
  let problems = '';
  go.stderr.setEncoding('utf8').on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (/^[\w./~-]+$/.test(line)) packages += 1;
      else if (!line.startsWith('go: downloading ')) problems += `${line}\n`;
    }
    const every = process.stderr.isTTY ? 200 : 20_000;
    if (Date.now() - shownAt < every) return;
    shownAt = Date.now();
    process.stderr.write(
      process.stderr.isTTY ? `\r\u001b[Ksetup: ${packages} packages` : `setup: ${packages} packages\n`,
    );
  });
  return new Promise((resolve) => {
    go.once('error', (error) => resolve(`go cannot be run: ${error.message}`));
    go.once('close', (code) => {
      if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
      resolve(code === 0 ? undefined : problems + rest);
    });
  });
}
