// Makes a checkout ready with nothing but Node and Python, and runs a task: `setup`, `demo`,
// `test`, `test:soak` (the property tests, with counts that take an hour or two), `test:api` (tests
// against a Kubernetes API of their own, for which Go is needed once), `test:cluster` (in the
// cluster of KUBECONFIG, or in one of their own) or `cluster` (the commands of tools/cluster). It
// skips steps whose inputs have not changed, so that a second run starts at once. Node 20 can run
// this file; its child processes run on a Node that Cairn supports, which is fetched if the
// machine's own is older.

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchEnvoy, newestEnvoy, oldestEnvoy } from './fetch-envoy.mjs';
import { canFetchKubernetes, fetchClusterDefinitions, fetchKubernetes } from './fetch-kubernetes.mjs';
import { fetchNode, oldestNode, provideNode } from './fetch-node.mjs';

const repository = dirname(dirname(fileURLToPath(import.meta.url)));
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const programs = join(repository, 'node_modules/.bin');
// As npm does for its scripts: a fetched Node is among these programs, and has precedence over the
// machine's.
const env = { ...process.env, PATH: `${programs}${delimiter}${process.env.PATH ?? ''}` };

function run(title, command, args, options = {}) {
  const started = Date.now();
  if (title !== undefined) process.stderr.write(`setup: ${title}\n`);
  const { status, error } = spawnSync(command, args, {
    cwd: repository,
    stdio: ['inherit', 2, 'inherit'],
    env,
    ...options,
  });
  if (error !== undefined) throw error;
  if (status !== 0) {
    process.stderr.write(`setup: failed: ${command} ${args.join(' ')}\n`);
    process.exit(status ?? 1);
  }
  if (title !== undefined)
    process.stderr.write(`setup: ${title} took ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

/**
 * Runs checks side by side. The output of each is printed when it ends, and the others go on if one
 * fails.
 */
async function checkAll(checks) {
  const ends = await Promise.all(
    checks.map(async ([title, command, args]) => {
      const started = Date.now();
      const check = spawn(command, args, { cwd: repository, stdio: ['ignore', 'pipe', 'pipe'], env });
      const said = [];
      for (const stream of [check.stdout, check.stderr]) stream.on('data', (chunk) => said.push(chunk));
      const [status] = await once(check, 'close');
      process.stderr.write(Buffer.concat(said));
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      process.stderr.write(`setup: ${title} ${status === 0 ? 'took' : 'FAILED after'} ${seconds} s\n`);
      return status;
    }),
  );
  if (ends.some((status) => status !== 0)) process.exit(1);
}

/**
 * Runs a step once for each state of its inputs; the state is remembered in node_modules, which
 * goes when it is stale.
 */
function onceFor(name, inputs, step) {
  const hash = createHash('sha256');
  for (const file of inputs) hash.update(readFileSync(join(repository, file)));
  const stamp = join(repository, 'node_modules/.cairn', name);
  const state = hash.digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === state) return;
  step();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, state);
}

/**
 * True when the tests of the Kubernetes API can run. Where nothing is there to make it from they
 * are left out, except in CI.
 */
async function hasKubernetes() {
  if ((process.env.CI ?? '') !== '' || canFetchKubernetes()) {
    await fetchKubernetes();
    return true;
  }
  process.stderr.write(
    'setup: the tests of the Kubernetes API (test/api) are NOT run: neither Go nor kube-apiserver and etcd are installed\n',
  );
  return false;
}

/**
 * Runs a command of tools/cluster, and waits for it on signals too: the command then takes its
 * cluster down.
 */
async function runCluster(args) {
  const main = join(repository, 'tools/cluster/main.ts');
  const child = spawn(node, ['--import', import.meta.resolve('tsx'), main, ...args], { env, stdio: 'inherit' });
  // Ctrl-C in the terminal reaches it as it reaches us.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  const [code] = await once(child, 'exit');
  process.exit(code ?? 1);
}

/** Without a given cluster, the tests bring up one of their own, and start again in it. */
async function testInCluster() {
  if ((process.env.KUBECONFIG ?? '') === '') {
    process.stderr.write(
      'setup: KUBECONFIG is not set: the tests run in a cluster of their own on this machine, which is taken down after them\n',
    );
    await runCluster(['run', '--', node, 'tools/setup.mjs', 'test:cluster', ...args]);
  }
  if ((process.env.CAIRN_IMAGE_LOAD ?? '') === '') {
    process.stderr.write(
      'setup: CAIRN_IMAGE_LOAD is not set: the images of this checkout are taken to be on the nodes (tools/cluster/README.md)\n',
    );
  }
  await fetchClusterDefinitions();
  run(undefined, bin('tsc'), ['-p', 'tsconfig.build.json']);
  vitest(['cluster']);
}

const [task = 'setup', ...args] = process.argv.slice(2);
onceFor('installed', ['package-lock.json'], () =>
  run('installing dependencies', npm, ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']),
);
const node = await provideNode();
if (task === 'cluster') await runCluster(args);
run(undefined, node, ['tools/generate.mjs']);
await fetchEnvoy(newestEnvoy);

const bin = (name) => join(programs, name);
const inherit = { stdio: 'inherit' };
const vitest = (projects) =>
  run(undefined, bin('vitest'), ['run', ...projects.flatMap((name) => ['--project', name]), ...args], inherit);
switch (task) {
  case 'setup':
    run('building', bin('tsc'), ['-p', 'tsconfig.build.json']);
    process.stderr.write('setup: done; cairn is in bin/: export PATH="$PWD/bin:$PATH"\n');
    break;
  case 'demo': {
    run(undefined, bin('tsc'), ['-p', 'tsconfig.build.json']);
    const { status } = spawnSync(node, ['dist/cli/main.js', 'demo', ...args], { cwd: repository, env, ...inherit });
    process.exit(status ?? 1);
    break;
  }
  case 'test':
    await fetchEnvoy(oldestEnvoy);
    await fetchNode(oldestNode);
    run(undefined, bin('tsc'), ['-p', 'tsconfig.build.json']);
    await checkAll([
      ['checking the format', bin('prettier'), ['--check', '--cache', '--log-level', 'warn', '.']],
      ['checking types', bin('tsc'), ['-p', 'tsconfig.json']],
      ['linting', bin('oxlint'), ['--type-aware', '--deny-warnings', '--quiet']],
      ['looking for dead exports', bin('knip'), ['--no-progress']],
    ]);
    vitest((await hasKubernetes()) ? ['main', 'properties', 'api'] : ['main', 'properties']);
    break;
  case 'test:soak':
    env.CAIRN_SOAK = '1';
    vitest(['properties']);
    break;
  case 'test:api':
    await fetchKubernetes();
    run(undefined, bin('tsc'), ['-p', 'tsconfig.build.json']);
    vitest(['api']);
    break;
  case 'test:cluster':
    await testInCluster();
    break;
  default:
    process.stderr.write(
      `setup: unknown task "${task}": use setup, demo, test, test:soak, test:api, test:cluster or cluster\n`,
    );
    process.exit(2);
}
