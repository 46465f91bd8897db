// The tour as its user walks it, step by step on real Envoys, and the demo as its user runs it: the
// printed commands work, and when it has ended nothing is left, however it ended.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { walkStep, walkTour } from '../../cli/demo/command.ts';
import { compare } from '../../cli/demo/check.ts';
import { DemoMesh } from '../../cli/demo/demo-mesh.ts';
import { tourSteps } from '../../cli/demo/steps/index.ts';
import { Tour } from '../../cli/demo/tour.ts';
import type { Io } from '../../cli/io.ts';
import { expectLogLines } from '../support/log-line.ts';
import { allocateBlock } from '../support/loopback.ts';
import type { AddressBlock } from '../support/loopback.ts';
import { startProcess, stopAll } from '../support/processes.ts';
import type { StartedProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';

const home = mkdtempSync(join(tmpdir(), 'cairn-tour-'));
const repository = resolve(import.meta.dirname, '../..');
const nodeCommand = [process.execPath, '--import', 'tsx'];
let block: AddressBlock;

beforeAll(async () => {
  block = await allocateBlock();
});

afterAll(async () => {
  await stopAll();
  await block.release();
  rmSync(home, { recursive: true, force: true });
});

/**
 * Command lines of processes that were started with our state in their environment: agents, their
 * Envoys, the bookstore.
 */
function running(): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const isOurs = readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`XDG_STATE_HOME=${home}`);
        return isOurs ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')] : [];
      } catch {
        return [];
      }
    });
}

/** The process as the command sees it, with a state of its own; its output is kept. */
function createIo(): Io & { readonly printed: () => string } {
  let printed = '';
  const output = { write: (text: string): void => void (printed += text) };
  return {
    stdout: output,
    stderr: output,
    readInput: () => Promise.resolve(''),
    isTty: false,
    ask: undefined,
    env: { ...process.env, XDG_STATE_HOME: home },
    stopSignal: () => new AbortController().signal,
    nodeCommand,
    printed: () => printed,
  };
}

describe('the tour', () => {
  let mesh: DemoMesh;
  let tour: Tour;

  beforeAll(async () => {
    const ignore = (): void => {};
    const { signal: stop } = new AbortController();
    mesh = new DemoMesh({
      name: 'tour',
      io: createIo(),
      addressBlock: block.cidr,
      stop,
      onEvent: ignore,
      onProgress: ignore,
    });
    await mesh.start();
    tour = new Tour(mesh, ignore, stop);
  });

  afterAll(() => mesh.stop({ keepFiles: false }));

  for (const step of tourSteps) {
    it(step.title, { timeout: 90_000 }, async () => {
      const checks = await walkStep(tour, step);
      expect(checks.filter(({ agrees }) => !agrees)).toEqual([]);
      expect(checks.length).toBeGreaterThan(2);
    });
  }

  it('leaves the manifests as they were, and nothing that runs', async () => {
    const names = readdirSync(mesh.places.manifests).sort();
    expect(names).toEqual(
      readdirSync(mesh.examples.manifests)
        .filter((name) => name.endsWith('.yaml'))
        .sort(),
    );
    // Two agents, their Envoys, the bookstore.
    expect(running().length).toBeGreaterThanOrEqual(5);
    await mesh.stop({ keepFiles: false });
    expect(running()).toEqual([]);
    expect(existsSync(mesh.places.root)).toBe(false);
  });
});

describe('cairn demo --once', () => {
  it('ends with 1 when something differs or a step fails, says what, and keeps the logs', async () => {
    const io = createIo();
    const code = await walkTour({ addressBlock: block.cidr }, io, [
      { title: 'a step that differs', walk: () => Promise.resolve([compare('status', 200, 503)]) },
      { title: 'a step that fails', walk: () => Promise.reject(new Error('no such thing')) },
    ]);
    expect(code).toBe(1);
    expect(io.printed()).toMatch(/DIFFERS +status +200 +503/);
    expect(io.printed()).toMatch(/DIFFERS .*no such thing|no such thing/);
    expect(io.printed()).toContain('2 of 2 comparisons differ');
    expectLogLines(readFileSync(join(home, 'cairn/tour/state/cairn.log'), 'utf8'));
    expect(running()).toEqual([]);
  });

  it('ends with 0 when all agrees, and keeps nothing', async () => {
    const io = createIo();
    const step = { title: 'a step', walk: () => Promise.resolve([compare('status', 200, 200)]) };
    expect(await walkTour({ addressBlock: block.cidr }, io, [step])).toBe(0);
    expect(io.printed()).toContain('All 1 comparisons agree');
    expect(existsSync(join(home, 'cairn/tour'))).toBe(false);
  });
});

describe('cairn demo', () => {
  const start = async (...flags: readonly string[]): Promise<StartedProcess> => {
    const [node = '', ...options] = nodeCommand;
    const args = [...options, 'cli/main.ts', 'demo', '--address-block', block.cidr, ...flags];
    return startProcess(node, args, { cwd: repository, env: { XDG_STATE_HOME: home } });
  };
  const waitUntilUp = (demo: StartedProcess): Promise<true> =>
    waitFor(() => demo.stdout().includes('Ctrl-C ends it'), { timeout: 60_000, seen: () => demo.output() });
  const runCommand = async (demo: StartedProcess, pattern: RegExp): Promise<string> => {
    const line = pattern.exec(demo.stdout())?.[0] ?? '';
    const command = await startProcess('sh', ['-c', line.trim()]);
    await command.exited;
    return command.output();
  };

  it('prints commands that work, is not started twice, and is gone after Ctrl-C', { timeout: 120_000 }, async () => {
    const demo = await start();
    await waitUntilUp(demo);
    expect(await runCommand(demo, /^ {2}curl .*productpage$/m)).toContain('<h1>');

    await runCommand(demo, /^ {2}cp .*productpage-viewer.*$/m);
    const refused = await waitFor(
      async () => {
        const answer = await runCommand(demo, /^ {2}curl .*-X DELETE$/m);
        return answer.includes('RBAC') ? answer : false;
      },
      { what: 'the policy that was copied in' },
    );
    expect(refused).toBe('RBAC: access denied');
    await runCommand(demo, /^ {2}rm .*productpage-viewer.*$/m);
    await waitFor(async () => (await runCommand(demo, /^ {2}curl .*-X DELETE$/m)).includes('DELETE'));

    const second = await start();
    expect((await second.exited).code).toBe(2);
    expect(second.stderr()).toMatch(/process \d+ already runs in .*Ctrl-C/);

    process.kill(demo.pid, 'SIGINT');
    expect((await demo.exited).code).toBe(0);
    expect(running()).toEqual([]);
    expect(existsSync(join(home, 'cairn/demo'))).toBe(false);
  });

  it('ends the tour in the middle of a step on Ctrl-C', { timeout: 120_000 }, async () => {
    const demo = await start('--once');
    await waitFor(() => demo.stdout().includes('\n3. '), { timeout: 60_000, seen: () => demo.output() });
    process.kill(demo.pid, 'SIGINT');
    expect((await demo.exited).code).toBe(2);
    expect(demo.stderr()).toContain('stopped before its end');
    expect(running()).toEqual([]);
    expect(existsSync(join(home, 'cairn/tour'))).toBe(false);
  });

  it('cleans up after one that was killed', { timeout: 120_000 }, async () => {
    const killed = await start();
    await waitUntilUp(killed);
    process.kill(killed.pid, 'SIGKILL');
    await killed.exited;
    const next = await start();
    await waitUntilUp(next);
    expect(await runCommand(next, /^ {2}curl .*productpage$/m)).toContain('<h1>');
    process.kill(next.pid, 'SIGTERM');
    expect((await next.exited).code).toBe(0);
    expect(running()).toEqual([]);
  });
});
