// What goes into an image: programs with the libraries that they are linked with, compiled modules, and the packages that these import.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';

/** The system's program that lists libraries. */
const linkedLibraries = 'ldd';

/** A program at a path of the image, and its libraries at the paths where the loader looks for them. */
export function programEntries(file, path) {
  const program = { path, mode: 0o755, data: readFileSync(realpathSync(file)) };
  return [
    program,
    ...librariesOf(file).map((library) => ({ path: library.slice(1), mode: 0o755, data: readFileSync(library) })),
  ];
}

/** Absolute paths; none for a program that is linked statically. */
function librariesOf(file) {
  let output;
  try {
    output = execFileSync(linkedLibraries, [realpathSync(file)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    if (/not a dynamic executable|statically linked/.test(`${error.stdout}${error.stderr}`)) return [];
    throw error;
  }
  return output.split('\n').flatMap((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}

/** Users, name lookup and a folder for temporary files: what programs expect of any system. */
export function systemEntries(user) {
  const text = (path, data) => ({ path, mode: 0o644, data: Buffer.from(data) });
  return [
    text('etc/passwd', `root:x:0:0:root:/:/nologin\ncairn:x:${user}:${user}:cairn:/:/nologin\n`),
    text('etc/group', `root:x:0:\ncairn:x:${user}:\n`),
    text('etc/nsswitch.conf', 'hosts: files dns\n'),
    { path: 'tmp', mode: 0o1777 },
  ];
}

/** Every compiled module that the entries lead to, and the names of the packages that they import. */
export function traceModules(dist, entries) {
  const files = new Set();
  const packages = new Set();
  const visit = (file) => {
    if (files.has(file)) return;
    files.add(file);
    if (!file.endsWith('.js')) return;
    for (const target of importsOf(readFileSync(file, 'utf8'))) {
      if (target.startsWith('.')) visit(resolve(dirname(file), target));
      else if (!target.startsWith('node:') && !builtinModules.includes(target)) packages.add(packageOf(target));
    }
  };
  for (const entry of entries) visit(join(dist, entry));
  return { files: [...files], packages: [...packages] };
}

function importsOf(text) {
  const patterns = [
    /(?:^|[\s;}])(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]/g,
    /(?:^|[\s;])import\s*['"]([^'"]+)['"]/g,
    /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g,
    /\bnew URL\(\s*['"](\.[^'"]+)['"]\s*,\s*import\.meta\.url\s*\)/g,
    /\brequire\(\s*['"]([^'"]+)['"]\s*\)/g,
  ];
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map(([, target]) => target));
}

function packageOf(specifier) {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** The folders of packages and of all that they depend on, as package-lock.json has them: `node_modules/…`. */
export function closePackages(lock, names) {
  const found = new Set();
  const visit = (name, from) => {
    for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
      const path = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
      const known = lock.packages[path];
      if (known !== undefined) {
        if (found.has(path)) return;
        found.add(path);
        for (const dependency of Object.keys(known.dependencies ?? {})) visit(dependency, path);
        for (const optional of Object.keys({ ...known.optionalDependencies, ...known.peerDependencies })) {
          visitOptional(optional, path);
        }
        return;
      }
      if (folder === '')
        throw new Error(`package-lock.json has no ${name}, which ${from === '' ? 'a module' : from} needs`);
    }
  };
  const visitOptional = (name, from) => {
    try {
      visit(name, from);
    } catch {
      // Not installed, and nobody minds.
    }
  };
  for (const name of names) visit(name, '');
  return [...found];
}

/** What nobody needs to run a package. */
const superfluous =
  /(\.d\.[cm]?ts|\.map|\.md|\.markdown|\.ts|\.tsx|\.flow|\.proto\.txt)$|(^|\/)(\.[^/]*|test|tests|docs|example|examples)(\/|$)/;

/** The files of a package, without those of packages inside of it. */
export function packageEntries(root, folder, target) {
  const base = join(root, folder);
  if (!existsSync(base)) return [];
  return readdirSync(base, { recursive: true })
    .map((path) => String(path))
    .filter((path) => !path.startsWith('node_modules') && !superfluous.test(path))
    .filter((path) => statSync(join(base, path)).isFile())
    .map((path) => ({ path: `${target}/${folder}/${path}`, mode: 0o644, data: readFileSync(join(base, path)) }));
}

/** Compiled modules under a folder of the image. */
export function moduleEntries(dist, files, target) {
  return files.map((file) => ({
    path: `${target}/${relative(dist, file)}`,
    mode: 0o644,
    data: readFileSync(file),
  }));
}
