// The rules while their file is broken, mended and deleted: a mistake takes nothing out of force, a
// deletion does.

import { setTimeout as sleep } from 'node:timers/promises';
import { compare, compareTime } from '../check.ts';
import type { Check } from '../check.ts';
import { effectLimitMs } from '../tour.ts';
import type { LoggedAnswer, Tour, TourStep } from '../tour.ts';

const policyFile = 'productpage-viewer.yaml';
/** Many times the time that an edit needs to be in force. */
const settleMs = 500;

/** A policy in force, its file broken, mended, and deleted. */
export const editingStep: TourStep = {
  title: 'a broken policy file is reported and changes nothing; deleting the file opens productpage again',
  walk: async (tour) => {
    try {
      await tour.copy(policyFile);
      await tour.waitForEffect(
        'notsleep is refused',
        () => askAs(tour, 'notsleep'),
        ({ status }) => status === 403,
      );
      return [...(await walkBroken(tour)), ...(await walkDeleted(tour))];
    } finally {
      await tour.remove(policyFile);
    }
  },
};

async function walkBroken(tour: Tour): Promise<readonly Check[]> {
  // An editor that began to write the list on one line and was interrupted.
  const text = await tour.edit(policyFile, (before) => before.replace('methods:', 'methods: ['));
  const expected = `${policyFile}:${placeAfter(text, 'methods: [')} SyntaxError`;
  const findings = await tour.waitForFindings((all) => all.length > 0);
  // A report does not mean yet that a change, if there were one, had reached the proxy.
  await sleep(settleMs);
  const [reader, stranger] = [await askAs(tour, 'sleep'), await askAs(tour, 'notsleep')];
  await tour.copy(policyFile);
  const mended = await tour.waitForFindings((all) => all.length === 0);
  return [
    compare(
      'broken: reported by /api/findings',
      expected,
      findings
        .map(({ file = '', line, column, code }) => `${file.split('/').at(-1)}:${line}:${column} ${code}`)
        .join(', '),
    ),
    compare('broken: sleep GET', 200, reader.status),
    compare('broken: notsleep GET', 403, stranger.status),
    compare('mended: findings', 0, mended.length),
  ];
}

async function walkDeleted(tour: Tour): Promise<readonly Check[]> {
  const before = await askAs(tour, 'notsleep');
  await tour.remove(policyFile);
  const opened = await tour.waitForEffect(
    'notsleep is served',
    () => askAs(tour, 'notsleep'),
    ({ status }) => status !== 403,
  );
  return [
    compare('mended: notsleep GET', 403, before.status),
    compare('deleted: notsleep GET', 200, opened.answer.status),
    compareTime('deleted: first request served after', { to: effectLimitMs }, opened.after),
  ];
}

function askAs(tour: Tour, from: 'sleep' | 'notsleep'): Promise<LoggedAnswer> {
  return tour.ask(from, 'productpage', '/productpage');
}

/** The place where a YAML reader fails: the list item on the line below the opened bracket. */
function placeAfter(text: string, opening: string): string {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => line.includes(opening)) + 1;
  return `${at + 1}:${(lines[at] ?? '').indexOf('-') + 1}`;
}
