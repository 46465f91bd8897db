// The guide to a mesh on one machine, typed as it stands, in a copy of this checkout: the commands
// print what it shows.

import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { copyCheckout } from '../support/checkout.ts';
import { readConsoleSteps, typeSteps } from '../support/console-blocks.ts';

const root = join(import.meta.dirname, '../..');

it('a mesh of your own on one machine', async () => {
  const steps = readConsoleSteps(join(root, 'docs/guide/one-machine.md'));
  expect(steps.length).toBeGreaterThan(15);
  const copy = copyCheckout();
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
  // The packages are those of this checkout: `npm run setup` finds them installed.
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const { typed, err } = await typeSteps(steps, { cwd: copy, env: process.env });
  for (const { command, printed, out, status } of typed) {
    expect({ command, status, err: status === 0 ? '' : err }).toEqual({ command, status: 0, err: '' });
    // Steps that only prepare show nothing, whatever they print.
    if (printed !== '') expect({ command, out }).toEqual({ command, out: printed });
  }
  expect(typed).toHaveLength(steps.length);
}, 180_000);
