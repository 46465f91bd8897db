// Shows the steps of the tour: expected and observed values.

import picocolors from 'picocolors';
import type { Check } from './check.ts';

const differs = 'DIFFERS';
/** A longer text gets lines of its own, so that a table fits a terminal. */
const longestCell = 30;

/** Expected and observed values side by side; a word marks a difference, not a colour alone. */
export function formatChecks(checks: readonly Check[], isColoured: boolean): string {
  const { green, red, dim, bold } = picocolors.createColors(isColoured);
  const whatWidth = Math.max(...checks.map(({ what }) => what.length));
  const expectedWidth = longestCell;
  const indent = ' '.repeat(differs.length + 4 + whatWidth + 2);
  const lines = checks.map(({ what, expected, observed, agrees }) => {
    const mark = agrees ? green('ok'.padEnd(differs.length)) : bold(red(differs));
    const start = `  ${mark}  ${what.padEnd(whatWidth)}  `;
    const seen = agrees ? observed : red(observed);
    return isLong(expected) || isLong(observed)
      ? `${start}${expected}\n${indent}${seen}\n`
      : `${start}${expected.padEnd(expectedWidth)}  ${seen}\n`;
  });
  return `${dim(`${indent}${'expected'.padEnd(expectedWidth)}  observed`)}\n${lines.join('')}`;
}

function isLong(text: string): boolean {
  return text.length > longestCell;
}
