// Gets the Node that a checkout runs on if the machine's is older than Cairn supports: npm's
// package of its binary, in a cache with the version in the path. NODE_BIN names another. This
// file, `setup.mjs` and `generate.mjs` run on Node 20; everything else on a Node from here.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync, renameSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cache, checkPackage, fail, fetchIntoCache } from './downloads.mjs';

const repository = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * The Node of the images, and of a machine whose own is too old. `checksums` is the package's
 * SHA-512 by machine, as npm prints it.
 */
export const newestNode = {
  version: '24.22.3',
  variable: 'NODE_BIN',
  size: '53 MB',
  checksums: {
    x64: 'KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA==',
    arm64: 'IZx0J52/1NDwAsY2iyWR9nlPIYuYviTWetjj8+ElvYQh2+XRhLfCfkbFEF/2O5vGI2hcUbyPNHV+nz342FbJXw==',
  },
};

/** The oldest Node that Cairn runs on, which is the floor of `engines`; only tests need it. */
export const oldestNode = {
  version: '22.19.0',
  variable: 'NODE_OLDEST_BIN',
  size: '50 MB',
  checksums: { x64: 'kjgmAijr2xPcEIrK1eky8L05W9pZcVUYihQbsN99F0zQP6VXX+DlAbSFbVre3bI7oLjtyUd10/vCdCkxfqnysw==' },
};

const link = join(repository, 'node_modules/.bin/node');

/**
 * The path of one of these Nodes, downloaded unless it is there. Ends the process with an
 * explanation when it cannot.
 */
export async function fetchNode({ version, variable, size, checksums }) {
  const override = process.env[variable] ?? '';
  if (override !== '') {
    if (existsSync(override)) return override;
    fail(`${variable} is ${override}, which does not exist`);
  }
  const target = join(cache, 'node', version, 'bin/node');
  await fetchIntoCache(target, (folder) => {
    const checksum = checksums[process.arch];
    const advice = `install Node ${version} and set ${variable}`;
    if (process.platform !== 'linux' || checksum === undefined)
      fail(`no package of Node ${version} is known for ${process.platform} ${process.arch}: ${advice}`);
    process.stderr.write(`setup: downloading Node ${version} (${size})\n`);
    const name = `node-linux-${process.arch}`;
    run('npm', ['pack', `${name}@${version}`, '--pack-destination', folder, '--loglevel=error'], advice);
    const file = join(folder, `${name}-${version}.tgz`);
    checkPackage(file, 'sha512', checksum, 'base64');
    run('tar', ['-xzf', file, '-C', folder, 'package/bin/node'], advice);
    return join(folder, 'package/bin/node');
  });
  return target;
}

/**
 * The path of a Node that Cairn supports. Where that is not the machine's own, a link in
 * `node_modules/.bin`, which npm and npx search first, makes it the `node` of this checkout.
 */
export async function provideNode() {
  const linked = existsSync(link) ? realpathSync(link) : undefined;
  // `npm ci` removes the link while the process that it started goes on.
  const wasLinked = process.execPath === linked || process.execPath.startsWith(`${join(cache, 'node')}/`);
  const isChosen = (process.env[newestNode.variable] ?? '') !== '' || wasLinked;
  if (!isChosen && !isOlder(process.versions.node, oldestNode.version)) return process.execPath;
  const node = realpathSync(await fetchNode(newestNode));
  if (node === linked) return node;
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  if (isOlder((stdout ?? '').trim().slice(1), oldestNode.version))
    fail(`${newestNode.variable} is ${node}, which is not Node ${oldestNode.version} or newer`);
  mkdirSync(dirname(link), { recursive: true });
  const made = `${link}.${process.pid}`;
  symlinkSync(node, made);
  renameSync(made, link);
  return node;
}

function isOlder(version, floor) {
  const [a, b] = [version, floor].map((text) => text.split('.').map(Number));
  const place = a.findIndex((part, index) => part !== b[index]);
  return place >= 0 && !(a[place] > b[place]);
}

function run(command, args, advice) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (error !== undefined) fail(`${command} cannot be run (${error.message}): install it, or ${advice}`);
  if (status !== 0) fail(`${command} ${args[0]} failed; look above, or ${advice}`);
}
