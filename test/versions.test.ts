// A version that has to stand in several files is the same in all of them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { envoyVersion } from '../agent/index.ts';
import manifest from '../package.json' with { type: 'json' };
import { newestEnvoy } from '../tools/fetch-envoy.mjs';
import { newestNode, oldestNode } from '../tools/fetch-node.mjs';

const root = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const majorOf = (version: string): string => version.split('.')[0] ?? '';

it('Cairn itself: what people are told to install is what is built', () => {
  const images = [...read('docs/guide/install.md').matchAll(/cairn\/(?:controller|waypoint):([\w.-]*\w)/g)];
  expect(images.length).toBeGreaterThan(4);
  expect(new Set(images.map(([, version]) => version))).toEqual(new Set([manifest.version]));
});

it('Node: the floor that is declared is the one that is tested and typed, and both kinds of images hold the same', () => {
  expect(manifest.engines.node).toBe(`>=${oldestNode.version}`);
  expect(majorOf(manifest.devDependencies['@types/node'])).toBe(majorOf(oldestNode.version));
  const [, ofDockerfile] = /NODE_IMAGE=node:(\d+\.\d+)-/.exec(read('Dockerfile')) ?? [];
  expect(newestNode.version).toMatch(new RegExp(`^${ofDockerfile}\\.`));
  const [, ofReadme] = /runs on Node (\d+\.\d+)\s+or\s+newer/.exec(read('README.md')) ?? [];
  expect(oldestNode.version).toMatch(new RegExp(`^${ofReadme}\\.`));
  // These tests themselves.
  expect(Number(majorOf(process.versions.node))).toBeGreaterThanOrEqual(Number(majorOf(oldestNode.version)));
});

it('Envoy: what is fetched is what the agent looks for, and what both kinds of images hold', () => {
  expect(envoyVersion).toBe(newestEnvoy.version);
  expect(read('Dockerfile')).toContain(`ENVOY_IMAGE=envoyproxy/envoy:distroless-v${newestEnvoy.version}\n`);
});
