// Envoy must not outlive its agent. A small shell waits on a pipe for the agent to close its end,
// which happens however the agent dies, and then ends Envoy. Where there is no shell, an agent that
// starts ends the Envoy that an earlier agent left in its directory.

import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const patienceMs = 5000;

/**
 * Ends `pid` when this process is gone. The returned function cancels that, and must be called when
 * `pid` has ended.
 */
export function guardProcess(pid: number): () => void {
  // The shell looks often, so that a pid that is meanwhile given to another program is not mistaken
  // for Envoy.
  const script = `read -r _; kill -TERM "$1" 2>/dev/null || exit
for _ in $(seq ${patienceMs / 100}); do sleep 0.1; kill -0 "$1" 2>/dev/null || exit; done
kill -KILL "$1" 2>/dev/null`;
  const shell = spawn('/bin/sh', ['-c', script, 'sh', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // A signal to the process group reaches the agent, which alone decides about Envoy.
    detached: true,
  });
  shell.on('error', () => undefined);
  shell.stdin.on('error', () => undefined);
  shell.unref();
  return () => shell.kill('SIGKILL');
}

/**
 * Ends the Envoy whose pid is in `pidFile`, if it still runs with `bootstrapFile`; true if there
 * was one.
 */
export async function endOrphan(pidFile: string, bootstrapFile: string): Promise<boolean> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 1 || !(await runsWith(pid, bootstrapFile))) return false;
  signal(pid, 'SIGTERM');
  for (let waited = 0; waited < 2 * patienceMs; waited += 50) {
    if (!(await runsWith(pid, bootstrapFile))) return true;
    if (waited === patienceMs) signal(pid, 'SIGKILL');
    await sleep(50);
  }
  return true;
}

/** The pid alone may meanwhile belong to another program. */
async function runsWith(pid: number, argument: string): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return commandLine.split('\0').includes(argument);
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself.
  }
}
