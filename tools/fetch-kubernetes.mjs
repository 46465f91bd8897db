// Gets kube-apiserver and etcd for the tests of the Kubernetes API (from KUBEBUILDER_ASSETS or
// PATH, or built once with Go), the rest of Kubernetes and a DNS server for tools/cluster, and the
// CustomResourceDefinitions of Istio and the Gateway API (out of their Go modules). All go into a
// cache with the version in the path.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cache as programCache, fail } from './downloads.mjs';
import { buildGoPrograms, goVersion } from './go-programs.mjs';

const tools = dirname(fileURLToPath(import.meta.url));
const kubernetesVersion = pinnedVersion('kubernetes', 'k8s.io/kubernetes');
const packages = {
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  etcd: 'go.etcd.io/etcd/server/v3',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
  'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
  'kube-proxy': 'k8s.io/kubernetes/cmd/kube-proxy',
  kubelet: 'k8s.io/kubernetes/cmd/kubelet',
  pause: 'cairn.dev/tools/kubernetes/pause',
};
/** The programs that tests of the API need. */
const programs = ['kube-apiserver', 'etcd'];
const dnsVersion = pinnedVersion('coredns', 'github.com/coredns/coredns');
const dnsPackages = { coredns: 'cairn.dev/tools/coredns' };

/** The modules with the definitions, and their checksums as `go.sum` has them. */
const definitionModules = [
  {
    module: 'istio.io/api',
    version: 'v1.30.2',
    sum: 'h1:xWno52OskZ51HBBOaQdLQ7GWXoooYVWGKEd9KY+dzVM=',
    folder: 'kubernetes',
    files: /^customresourcedefinitions\.gen\.yaml$/,
  },
  {
    module: 'sigs.k8s.io/gateway-api',
    version: 'v1.6.3',
    sum: 'h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=',
    // The experimental channel has every field. The policy that guards against it belongs to the
    // other channel and is left out.
    folder: 'config/crd/experimental',
    files: /^gateway\.networking\.(?:k8s\.io_(?!vap_)|x-k8s\.io_xbackendtrafficpolicies)/,
  },
];

const cache = join(programCache, 'kubernetes');
const built = join(cache, kubernetesVersion);
const builtDns = join(programCache, 'coredns', dnsVersion);
const definitions = join(
  cache,
  'definitions',
  definitionModules.map(({ module, version }) => `${module.replaceAll('/', '-')}-${version}`).join('+'),
  // Another choice of files is another version.
  `${hash(definitionModules.map(({ folder, files }) => `${folder}/${files.source}`).join(' '))}.json`,
);

/**
 * The programs and the file of definitions, or undefined for missing ones. Only looks; throws when
 * KUBEBUILDER_ASSETS is wrong.
 */
export function findKubernetes() {
  return { programs: findPrograms(), definitions: existsSync(definitions) ? definitions : undefined };
}

/** True when `fetchKubernetes` has everything that it needs: the files are there, or Go is. */
export function canFetchKubernetes() {
  const found = findOrFail();
  return (found.programs !== undefined && found.definitions !== undefined) || goVersion() !== undefined;
}

/** Builds and downloads missing files. Ends the process with an explanation when it cannot. */
export async function fetchKubernetes() {
  const found = findOrFail();
  if (found.programs !== undefined && found.definitions !== undefined) return;
  if (goVersion() === undefined) {
    const what =
      found.programs === undefined ? 'kube-apiserver and etcd' : 'the definitions of Istio and the Gateway API';
    fail(
      `Go is needed once to get ${what}: install Go 1.24 or newer${found.programs === undefined ? ', or set KUBEBUILDER_ASSETS to a folder with the programs' : ''}`,
    );
  }
  if (found.definitions === undefined) await fetchDefinitions();
  if (found.programs === undefined) await buildPrograms(programs);
}

/**
 * The path of each program of a node, by name. Builds the missing ones; ends the process with an
 * explanation when it cannot.
 */
export async function fetchNodePrograms() {
  const given = process.env.CAIRN_CLUSTER_PROGRAMS ?? '';
  if (given === '') {
    await buildPrograms(Object.keys(packages));
    await buildGoPrograms({
      title: `CoreDNS ${dnsVersion}`,
      takes: 'a minute on two cores',
      module: 'coredns',
      packages: dnsPackages,
      target: builtDns,
      advice: 'install Go 1.25 or newer',
    });
  }
  const folders = given === '' ? [built, builtDns] : [given];
  const paths = Object.keys({ ...packages, ...dnsPackages }).map((program) => [
    program,
    folders.map((folder) => join(folder, program)).find((path) => existsSync(path)),
  ]);
  const missing = paths.flatMap(([program, path]) => (path === undefined ? [program] : []));
  if (missing.length > 0) fail(`CAIRN_CLUSTER_PROGRAMS is ${given}, where ${missing.join(', ')} cannot be found`);
  return Object.fromEntries(paths);
}

/**
 * Downloads the definitions alone, for tests in a cluster that has the programs. Ends the process
 * with an explanation when it cannot.
 */
export async function fetchClusterDefinitions() {
  if (existsSync(definitions)) return;
  if (goVersion() === undefined)
    fail('Go is needed once to get the definitions of Istio and the Gateway API: install Go 1.24 or newer');
  await fetchDefinitions();
}

/** The version of a module in a go.mod of this folder. */
function pinnedVersion(folder, module) {
  const lines = readFileSync(join(tools, folder, 'go.mod'), 'utf8').split('\n');
  const [, version] = lines
    .map((line) => line.replace('require ', '').trim().split(' '))
    .find(([name]) => name === module);
  return version;
}

function findOrFail() {
  try {
    return findKubernetes();
  } catch (error) {
    return fail(error.message);
  }
}

function findPrograms() {
  const isComplete = (folder) => programs.every((program) => existsSync(join(folder, program)));
  const assets = process.env.KUBEBUILDER_ASSETS;
  if (assets !== undefined && assets !== '') {
    if (isComplete(assets)) return assets;
    throw new Error(`KUBEBUILDER_ASSETS is ${assets}, where ${programs.join(' and ')} are not both to be found`);
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...folders, built].find(isComplete);
}

function hash(text) {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

async function fetchDefinitions() {
  // Not there yet when a fresh checkout loads this file.
  const { parseAllDocuments } = await import('yaml');
  const documents = [];
  for (const { module, version, sum, folder, files } of definitionModules) {
    const { status, stdout } = spawnSync('go', ['mod', 'download', '-json', `${module}@${version}`], {
      cwd: tools,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (status !== 0) fail(`the Go module ${module} ${version} cannot be downloaded: ${stdout.trim()}`);
    const download = JSON.parse(stdout);
    if (download.Sum !== sum) fail(`the checksum of ${module} ${version} is ${download.Sum}, expected ${sum}`);
    const found = join(download.Dir, folder);
    for (const name of readdirSync(found).filter((each) => files.test(each))) {
      documents.push(...parseAllDocuments(readFileSync(join(found, name), 'utf8')));
    }
  }
  const objects = documents.map((document) => document.toJS()).filter((object) => object !== null);
  mkdirSync(dirname(definitions), { recursive: true });
  const unfinished = `${definitions}.${process.pid}`;
  writeFileSync(unfinished, JSON.stringify(objects));
  renameSync(unfinished, definitions);
  process.stderr.write(`setup: ${objects.length} definitions of Istio and the Gateway API are in ${definitions}\n`);
}

/** Builds those of the programs that are not in the cache. */
function buildPrograms(wanted) {
  const [, minor] = kubernetesVersion.split('.');
  const variable = 'k8s.io/component-base/version';
  return buildGoPrograms({
    title: `Kubernetes ${kubernetesVersion}`,
    takes: "five minutes or more on two cores, and 4 GB of Go's caches",
    module: 'kubernetes',
    packages: Object.fromEntries(wanted.map((program) => [program, packages[program]])),
    linkerFlags: `-X ${variable}.gitVersion=${kubernetesVersion} -X ${variable}.gitMajor=1 -X ${variable}.gitMinor=${minor}`,
    target: built,
    advice: 'install Go 1.24 or newer',
  });
}
