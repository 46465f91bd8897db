// Gets what tests of the Kubernetes API run on: kube-apiserver and etcd (KUBEBUILDER_ASSETS, PATH, or built once with Go), and the
// CustomResourceDefinitions of Istio and the Gateway API (out of their Go modules). Both go into a cache with the version in the path.

import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const kubernetesVersion = 'v1.34.4';
const programs = ['kube-apiserver', 'etcd'];

/** The modules with the definitions, and their checksums as `go.sum` has them. */
const definitionModules = [
  {
    module: 'istio.io/api',
    version: 'v1.30.2',
    sum: 'h1:xWno52OskZ51HBBOaQdLQ7GWXoooYVWGKEd9KY+dzVM=',
    files: (folder) => [join(folder, 'kubernetes/customresourcedefinitions.gen.yaml')],
  },
  {
    module: 'sigs.k8s.io/gateway-api',
    version: 'v1.6.3',
    sum: 'h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=',
    // The experimental channel has every field. The policy that guards against it belongs to the other channel and is left out.
    files: (folder) =>
      readdirSync(join(folder, 'config/crd/experimental'))
        .filter((name) => name.startsWith('gateway.networking.k8s.io_') && !name.includes('_vap_'))
        .map((name) => join(folder, 'config/crd/experimental', name)),
  },
];

const tools = dirname(fileURLToPath(import.meta.url));
const cache = join(homedir(), '.cache/cairn/kubernetes');
const built = join(cache, kubernetesVersion);
const definitions = join(
  cache,
  'definitions',
  definitionModules.map(({ module, version }) => `${module.replaceAll('/', '-')}-${version}`).join('+'),
  'definitions.json',
);

/** The programs and the file of definitions, or undefined for what is not there. Looks only; throws when KUBEBUILDER_ASSETS is wrong. */
export function findKubernetes() {
  return { programs: findPrograms(), definitions: existsSync(definitions) ? definitions : undefined };
}

/** True when `fetchKubernetes` has what it needs: everything is there, or Go is. */
export function canFetchKubernetes() {
  const found = findOrFail();
  return (found.programs !== undefined && found.definitions !== undefined) || goVersion() !== undefined;
}

/** Builds and downloads what is missing. Ends the process with an explanation when it cannot. */
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
  if (found.programs === undefined) await buildPrograms();
}

/** Downloads the definitions alone, for tests in a cluster that has the programs. Ends the process with an explanation when it cannot. */
export async function fetchClusterDefinitions() {
  if (existsSync(definitions)) return;
  if (goVersion() === undefined)
    fail('Go is needed once to get the definitions of Istio and the Gateway API: install Go 1.24 or newer');
  await fetchDefinitions();
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

function goVersion() {
  const { status, stdout } = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8', cwd: tools });
  return status === 0 ? stdout.trim() : undefined;
}

async function fetchDefinitions() {
  // Not there yet when a fresh checkout loads this file.
  const { parseAllDocuments } = await import('yaml');
  const documents = [];
  for (const { module, version, sum, files } of definitionModules) {
    const { status, stdout } = spawnSync('go', ['mod', 'download', '-json', `${module}@${version}`], {
      cwd: tools,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (status !== 0) fail(`the Go module ${module} ${version} cannot be downloaded: ${stdout.trim()}`);
    const download = JSON.parse(stdout);
    if (download.Sum !== sum) fail(`the checksum of ${module} ${version} is ${download.Sum}, expected ${sum}`);
    for (const file of files(download.Dir)) documents.push(...parseAllDocuments(readFileSync(file, 'utf8')));
  }
  const objects = documents.map((document) => document.toJS()).filter((object) => object !== null);
  mkdirSync(dirname(definitions), { recursive: true });
  const unfinished = `${definitions}.${process.pid}`;
  writeFileSync(unfinished, JSON.stringify(objects));
  renameSync(unfinished, definitions);
  process.stderr.write(`setup: ${objects.length} definitions of Istio and the Gateway API are in ${definitions}\n`);
}

async function buildPrograms() {
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, '.build-'));
  const started = Date.now();
  const [, minor] = kubernetesVersion.split('.');
  const variable = 'k8s.io/component-base/version';
  const stamps = `-X ${variable}.gitVersion=${kubernetesVersion} -X ${variable}.gitMajor=1 -X ${variable}.gitMinor=${minor}`;
  process.stderr.write(
    `setup: building kube-apiserver ${kubernetesVersion} and etcd, once; five minutes on two cores, 2 GB of Go's caches\n`,
  );
  try {
    await build([
      'build',
      '-v',
      '-trimpath',
      '-ldflags',
      `-s -w ${stamps}`,
      '-o',
      `${folder}/`,
      'k8s.io/kubernetes/cmd/kube-apiserver',
      'go.etcd.io/etcd/server/v3',
    ]);
    renameSync(join(folder, 'server'), join(folder, 'etcd'));
    rmSync(built, { recursive: true, force: true });
    renameSync(folder, built);
    process.stderr.write(
      `setup: kube-apiserver and etcd are in ${built}, after ${Math.round((Date.now() - started) / 1000)} s\n`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs Go, whose verbose output is a line for each package: they are counted. What is not a package is an error and is shown. */
function build(args) {
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false' };
  const go = spawn('go', args, { cwd: join(tools, 'kubernetes'), env, stdio: ['ignore', 'inherit', 'pipe'] });
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
    go.once('error', (error) => fail(`go cannot be run: ${error.message}`));
    go.once('close', (code) => {
      if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
      if (code === 0) resolve();
      else fail(`kube-apiserver and etcd could not be built:\n${problems}${rest}`);
    });
  });
}

function fail(message) {
  process.stderr.write(`setup: ${message}\n`);
  process.exit(1);
}
