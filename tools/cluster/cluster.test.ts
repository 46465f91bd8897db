// The answers of the commands if no cluster can be, and their output for other programs. "npm run
// test:cluster" tests the cluster itself.

import { execFileSync, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { shellQuoted } from './cluster.ts';
import { checkMachine, searchPath } from './requirements.ts';
import { ClusterError } from './settings.ts';

const main = [process.execPath, '--import', import.meta.resolve('tsx'), join(import.meta.dirname, 'main.ts')];
const [program = '', ...args] = main;

afterEach(() => vi.restoreAllMocks());

it('without root, says so, and how the tests run in another cluster', () => {
  vi.spyOn(process, 'getuid').mockReturnValue(1000);
  expect(checkMachine).toThrow(ClusterError);
  expect(checkMachine).toThrow(/only root may make.*\n.*KUBECONFIG.*CAIRN_IMAGE_LOAD[^]*"kind load image-archive"/);
});

it('elsewhere than on Linux, says so', () => {
  vi.spyOn(process, 'platform', 'get').mockReturnValue('darwin');
  expect(checkMachine).toThrow(/a node runs on Linux only, this is darwin\n.*KUBECONFIG/);
});

it('prints variables with which a shell loads images from any folder', () => {
  const env = execFileSync(program, [...args, 'env'], { encoding: 'utf8' });
  const { status, stdout } = spawnSync('sh', ['-c', 'eval "$0"; echo "$KUBECONFIG"; $CAIRN_IMAGE_LOAD --help', env], {
    cwd: tmpdir(),
    encoding: 'utf8',
  });
  expect(status).toBe(0);
  expect(stdout).toMatch(/^\/var\/lib\/cairn-cluster\/kubeconfig\nUsage: .* load .*<archive/);
});

it('quotes what a shell would read otherwise', () => {
  const words = ['plain/path-1.ts', "it's", 'two words', '$HOME', '', '*'];
  const echoed = execFileSync('sh', ['-c', `printf '%s\\n' ${words.map(shellQuoted).join(' ')}`], { encoding: 'utf8' });
  expect(echoed).toBe(words.map((word) => `${word}\n`).join(''));
});

it('takes no program of a package for one of the system', () => {
  // `npm test` puts them first, and `nft` is the name of one.
  expect(searchPath).not.toContain('node_modules');
  expect(searchPath).toContain('/usr/sbin');
});

it('does not know a command that is not there', () => {
  const { status, stderr } = spawnSync(program, [...args, 'upp'], { encoding: 'utf8' });
  expect(status).toBe(1);
  expect(stderr).toContain("unknown command 'upp'");
});
