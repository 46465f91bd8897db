// The directory of a demo: manifests to edit and the state of the run. It is fresh at the start and
// removed at the end.

import { cp, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '../../certificates/index.ts';
import { findRunner, statePaths } from '../../gateway-controller/index.ts';
import { CommandError } from '../io.ts';
import type { Io } from '../io.ts';

/** Absolute paths. */
export interface DemoPlaces {
  readonly root: string;
  /** The directory that is served. */
  readonly manifests: string;
  readonly state: string;
  /** The output of the bookstore app. */
  readonly appLog: string;
}

/**
 * The same directory each time, below `XDG_STATE_HOME` or `~/.local/state`, so that the next demo
 * finds the processes of one that was killed. The guided tour has a directory of its own, so that
 * it can be walked beside a demo.
 */
export function demoPlaces(name: 'demo' | 'tour', env: Io['env']): DemoPlaces {
  const home = env['XDG_STATE_HOME'] ?? join(env['HOME'] ?? homedir(), '.local', 'state');
  const root = join(home, 'cairn', name);
  return { root, manifests: join(root, 'manifests'), state: join(root, 'state'), appLog: join(root, 'bookstore.log') };
}

/**
 * Copies the manifests in; throws CommandError when the directory is in use or cannot be written.
 */
export async function preparePlaces(places: DemoPlaces, manifests: string): Promise<void> {
  const runner = await findRunner(statePaths(places.state));
  if (runner !== undefined) {
    throw new CommandError(`process ${runner} already runs in ${places.root}; end it with Ctrl-C first`);
  }
  try {
    await rm(places.manifests, { recursive: true, force: true });
    await makeFolder(places.root);
    await cp(manifests, places.manifests, { recursive: true, filter: (path) => !/[/\\]app$/.test(path) });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(`cannot write ${places.root} (XDG_STATE_HOME names another place): ${why}`, cause);
  }
}

/** Removes everything. */
export async function removePlaces({ root }: DemoPlaces): Promise<void> {
  await rm(root, { recursive: true, force: true });
}
