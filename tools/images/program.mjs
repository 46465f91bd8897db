// The files that a program needs to run: its modules, those of packages, and what they read from
// beside themselves, found by following every import and require from where the program starts.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { nodeFileTrace, resolve } from '@vercel/nft';

/** Modules that packages try to load, and do without. */
const optional = new Set(['bufferutil', 'encoding', 'supports-color', 'utf-8-validate']);

/** The terms that a package is given under go wherever it goes. */
const terms = /^(licen[cs]e|notice|copying)/i;

/**
 * Entries of an image for what runs from `starts`, paths in the compiled project `dist`: files of
 * packages, and modules of the project. Throws where a module would not be found.
 */
export async function traceProgram(root, dist, starts) {
  const packages = join(root, 'node_modules');
  const { fileList, warnings } = await nodeFileTrace(
    starts.map((start) => join(dist, start)),
    {
      base: '/',
      processCwd: root,
      // A build elsewhere finds the packages of this checkout.
      resolve: (id, parent, job, isRequire) =>
        resolve(id, isBelow(parent, dist) && !id.startsWith('.') ? join(root, 'index.js') : parent, job, isRequire),
    },
  );
  const missing = [...warnings].flatMap(({ message }) => /^Failed to resolve dependency.*/.exec(message) ?? []);
  const needed = missing.filter((message) => !optional.has(/"(.+?)"/.exec(message)?.[1] ?? ''));
  if (needed.length > 0) throw new Error(needed.join('\n'));
  const files = [...fileList].map((file) => `/${file}`).sort();
  const foreign = files.filter((file) => ![packages, dist].some((folder) => isBelow(file, folder)));
  const stray = foreign.filter((file) => file !== join(root, 'package.json'));
  if (stray.length > 0) throw new Error(`these are of no package: ${stray.join(', ')}`);
  const ofPackages = files.filter((file) => isBelow(file, packages) && !isBelow(file, dist));
  return {
    packages: [...new Set([...ofPackages, ...ofPackages.flatMap(listTerms)])].map((file) =>
      entry(`app/node_modules/${relative(packages, file)}`, file),
    ),
    modules: [
      entry('app/package.json', join(root, 'package.json')),
      ...files.filter((file) => isBelow(file, dist)).map((file) => entry(`app/dist/${relative(dist, file)}`, file)),
    ],
  };
}

function entry(path, file) {
  return { path, mode: 0o644, data: readFileSync(file) };
}

/** The files with the terms of a package, for the `package.json` of it. */
function listTerms(file) {
  if (basename(file) !== 'package.json') return [];
  return readdirSync(dirname(file))
    .filter((name) => terms.test(name))
    .map((name) => join(dirname(file), name))
    .filter((path) => statSync(path).isFile());
}

function isBelow(file, folder) {
  return file.startsWith(`${folder}/`);
}
