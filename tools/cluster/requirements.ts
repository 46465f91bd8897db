// The requirements of a node: Linux, root, a few programs of the system, and a kernel that lets a
// node have its own resources.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ClusterError, folder } from './settings.ts';

/** Programs by the Debian package that has them. */
const systemPrograms: Readonly<Record<string, readonly string[]>> = {
  containerd: ['containerd', 'containerd-shim-runc-v2', 'ctr'],
  runc: ['runc'],
  nftables: ['nft'],
  iproute2: ['ip'],
  'util-linux': ['unshare'],
  mount: ['mount'],
};
const pluginPackage = 'containernetworking-plugins';
const plugins = ['loopback', 'ptp', 'host-local'];
/** The folders of distributions, and of the plugins' own releases. */
const pluginFolders = ['/usr/lib/cni', '/usr/libexec/cni', '/opt/cni/bin'];

/**
 * The search path of the node: the caller's, and the places of programs for root. npm puts the
 * programs of packages first, and one of them is called `nft` as well.
 */
export const searchPath: string = [
  ...(process.env['PATH'] ?? '').split(delimiter).filter((path) => !path.includes('node_modules')),
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
].join(delimiter);

const elsewhere = `The tests run in any cluster as well: set KUBECONFIG, and CAIRN_IMAGE_LOAD to the command that brings an
archive of an image to its nodes: "kind load image-archive", "k3d image import", "minikube image load".`;

/** The Debian packages that this machine lacks. */
export function missingPackages(): readonly string[] {
  const lacking = Object.entries(systemPrograms).filter(([, programs]) => !programs.every(isInstalled));
  return [...lacking.map(([name]) => name), ...(findPluginFolder() === undefined ? [pluginPackage] : [])];
}

/** The folder with the plugins of the pods' network. */
export function findPluginFolder(): string | undefined {
  return pluginFolders.find((path) => plugins.every((plugin) => existsSync(join(path, plugin))));
}

/** Throws ClusterError when no node can run on this machine. */
export function checkMachine(): void {
  if (process.platform !== 'linux') throw unusable(`a node runs on Linux only, this is ${process.platform}`);
  checkRoot();
  const missing = missingPackages();
  if (missing.length > 0) {
    throw unusable(
      `programs of the system are missing. On Debian and Ubuntu this brings them:\n` +
        `  apt-get install --no-install-recommends ${missing.join(' ')}`,
    );
  }
  const refused = probeKernel();
  if (refused.length > 0)
    throw unusable(`this kernel, or the container that this is, does not have ${refused.join(', ')}`);
}

/** Throws ClusterError unless this is root. */
export function checkRoot(): void {
  if (process.getuid?.() !== 0)
    throw unusable('a node is made of namespaces, links and mounts, which only root may make: use sudo');
}

function probeKernel(): readonly string[] {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const tried = mkdtempSync(join(folder, '.probe-'));
  try {
    const probe = join(import.meta.dirname, 'probe.sh');
    const { status, stdout } = spawnSync(
      'unshare',
      ['--net', '--mount', '--pid', '--fork', '--mount-proc', 'bash', probe, tried],
      { encoding: 'utf8', env: { ...process.env, PATH: searchPath } },
    );
    return status === 0
      ? stdout.split('\n').filter((line) => line !== '')
      : ['namespaces of networks, mounts and processes'];
  } finally {
    rmSync(tried, { recursive: true, force: true });
  }
}

function isInstalled(program: string): boolean {
  return searchPath.split(delimiter).some((path) => path !== '' && existsSync(join(path, program)));
}

function unusable(reason: string): ClusterError {
  return new ClusterError(`${reason}\n${elsewhere}`);
}
