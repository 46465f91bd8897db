// Finds the example: its manifests, and the app behind them, from the sources or from a build.

import { existsSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandError } from '../io.ts';

/** Absolute paths. */
export interface ExampleFiles {
  /** Manifests to start from. */
  readonly manifests: string;
  /** Manifests that the tour adds and removes. */
  readonly edits: string;
  /** The entry file of the bookstore app. */
  readonly app: string;
}

/** Finds the example; throws CommandError when the package is incomplete. */
export function findExampleFiles(): ExampleFiles {
  const here = fileURLToPath(import.meta.url);
  const code = dirname(dirname(dirname(here)));
  const editsOf = (directory: string): string => join(directory, 'examples', 'bookinfo-tour');
  // The build does not copy manifests: they are in the package itself, one level above its output.
  const root = [code, dirname(code)].find((directory) => existsSync(editsOf(directory))) ?? code;
  const files = {
    manifests: join(root, 'examples', 'bookinfo'),
    edits: editsOf(root),
    app: join(code, 'examples', 'bookinfo', 'app', `main${extname(here)}`),
  };
  const missing = Object.values(files).find((path) => !existsSync(path));
  if (missing !== undefined) throw new CommandError(`${missing} is missing: the package is incomplete`);
  return files;
}
