// Ends a run with one plain line, `N passed, N failed`, for readers that are programs. Where
// something failed, the line before it gives the seed of the random numbers, to have them again.

import type { Reporter, TestModule } from 'vitest/node';

/** A vitest reporter: counts tests, and files that could not even be loaded as failures. */
export default class PlainReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    let passed = 0;
    let failed = errors.length;
    for (const module of modules) {
      const before = failed;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        else if (state === 'failed') failed += 1;
      }
      if (module.state() === 'failed' && failed === before) failed += 1;
    }
    if (failed > 0) console.log(`\nThe random numbers of this run: CAIRN_SEED=${process.env['CAIRN_SEED']}`);
    console.log(`\n${passed} passed, ${failed} failed`);
  }
}
