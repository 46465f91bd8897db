// Writes the images of the control plane and of the waypoint as archives, without a container
// engine and without a network: from the compiled project (`npm run setup` makes it), Node 24, and
// Envoy. The same input gives the same bytes.
//
//   npm run images, or
//   node tools/images.mjs DIR [--dist DIR] [--tag TAG] [--node PATH] [--envoy PATH]
// or, for the Dockerfile, only the files of the program, in a folder `app`:
//   node tools/images.mjs DIR --app

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { fetchNode, newestNode } from './fetch-node.mjs';
import { writeImage } from './images/archive.mjs';
import { programEntries, systemEntries } from './images/contents.mjs';
import { traceProgram } from './images/program.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const user = 1337;
const architectures = { x64: 'amd64', arm64: 'arm64' };

/** The programs of each image: the entry module is where the container starts. */
const images = [
  { name: 'controller', entry: 'cli/main.js', withEnvoy: false },
  { name: 'waypoint', entry: 'agent/main.js', withEnvoy: true },
];

function fail(message) {
  process.stderr.write(`images: ${message}\n`);
  process.exit(1);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dist: { type: 'string', default: join(root, 'dist') },
    tag: { type: 'string', default: JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version },
    node: { type: 'string' },
    envoy: { type: 'string' },
    app: { type: 'boolean' },
  },
});
const [folder, ...others] = positionals;
if (folder === undefined || others.length > 0)
  fail('usage: node tools/images.mjs DIR [--dist DIR] [--tag TAG] [--node PATH] [--envoy PATH]');
const dist = resolve(values.dist);
for (const { entry } of images) {
  if (!existsSync(join(dist, entry))) fail(`${join(dist, entry)} is not there; run "npm run setup" first`);
}
// Both images hold the same program, so that a node with both keeps these layers once.
const program = await traceProgram(
  root,
  dist,
  images.map(({ entry }) => entry),
).catch((error) => fail(error.message));
if (values.app) {
  for (const { path, data } of [...program.packages, ...program.modules]) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), data);
  }
  process.exit(0);
}
const { envoyVersion } = await import(pathToFileURL(join(dist, 'agent/envoy-binary.js')));
const { agentNodeFlags } = await import(pathToFileURL(join(dist, 'agent/node-flags.js')));
const envoy = values.envoy ?? process.env.ENVOY_BIN ?? join(homedir(), '.cache/cairn/envoy', envoyVersion, 'envoy');
if (!existsSync(envoy)) fail(`${envoy} is not there; run "npm run setup" first, or give --envoy`);

const layers = [
  {
    title: 'system and Node',
    entries: [...systemEntries(user), ...programEntries(values.node ?? (await fetchNode(newestNode)), 'usr/bin/node')],
  },
  { title: 'packages', entries: program.packages },
  { title: 'modules', entries: program.modules },
];
const envoyLayer = { title: 'Envoy', entries: programEntries(envoy, 'usr/local/bin/envoy') };
mkdirSync(folder, { recursive: true });
for (const { name, entry, withEnvoy } of images) {
  const archive = writeImage({
    names: [`cairn/${name}:${values.tag}`],
    architecture: architectures[process.arch] ?? process.arch,
    config: {
      User: `${user}:${user}`,
      WorkingDir: '/app',
      Env: ['PATH=/usr/bin:/usr/local/bin', 'NODE_ENV=production', 'MALLOC_ARENA_MAX=1'],
      Entrypoint: ['/usr/bin/node', ...(withEnvoy ? agentNodeFlags : []), `/app/dist/${entry}`],
    },
    layers: withEnvoy ? layers.toSpliced(1, 0, envoyLayer) : layers,
  });
  const path = join(folder, `${name}.tar`);
  writeFileSync(path, archive);
  const digest = createHash('sha256').update(archive).digest('hex');
  process.stdout.write(`${path} ${(archive.length / 1e6).toFixed(1)} MB sha256:${digest}\n`);
}
