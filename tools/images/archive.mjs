// An image as one file, in the layout that `docker save` writes and `docker load` and `ctr images
// import` read.

import { createHash } from 'node:crypto';
import { writeTar } from './tar.mjs';

/** Layers are lists of entries, the lowest first; `config` is the `config` section of the image. */
export function writeImage({ names, architecture, config, layers }) {
  const created = '1970-01-01T00:00:00Z';
  const tars = layers.map(({ entries }) => writeTar(withFolders(entries)));
  const digests = tars.map(sha256);
  const image = {
    architecture,
    os: 'linux',
    created,
    config,
    rootfs: { type: 'layers', diff_ids: digests.map((digest) => `sha256:${digest}`) },
    history: layers.map(({ title }) => ({ created, created_by: title })),
  };
  const imageText = Buffer.from(JSON.stringify(image));
  const configName = `${sha256(imageText)}.json`;
  const layerNames = digests.map((digest) => `${digest}.tar`);
  const manifest = [{ Config: configName, RepoTags: names, Layers: layerNames }];
  return writeTar([
    { path: 'manifest.json', mode: 0o644, data: Buffer.from(JSON.stringify(manifest)) },
    { path: configName, mode: 0o644, data: imageText },
    ...unique(layerNames).map((path) => ({ path, mode: 0o644, data: tars[layerNames.indexOf(path)] })),
  ]);
}

function withFolders(entries) {
  const byPath = new Map();
  for (const entry of entries) {
    const steps = entry.path.split('/');
    for (let length = 1; length < steps.length; length += 1) {
      const path = steps.slice(0, length).join('/');
      if (!byPath.has(path)) byPath.set(path, { path, mode: 0o755 });
    }
    byPath.set(entry.path, entry);
  }
  return [...byPath.values()];
}

function unique(values) {
  return [...new Set(values)];
}

function sha256(data) {
  return createHash('sha256').update(data).digest('hex');
}
