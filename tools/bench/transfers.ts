// Whether answers arrive whole: downloads of random sizes, ends and paces, through a waypoint and
// through node proxies alone, several at a time, under `cairn run`.

import { startDownloadMesh } from '../../test/support/download-mesh.ts';
import { type Download, endings } from '../../test/support/downloads.ts';
import { type Report, type Row, summarize } from './report.ts';

const atOnce = 8;

/** Makes so many downloads by each way. */
export async function measureTransfers(count: number): Promise<Report> {
  const mesh = await startDownloadMesh();
  const rows: Row[] = [];
  try {
    for (const [way, service] of [
      ['waypoint', 'web'],
      ['node proxies', 'bare'],
    ] as const) {
      const seconds: number[] = [];
      let whole = 0;
      let lost = 0;
      let total = 0;
      let left = count;
      const work = async (): Promise<void> => {
        while (left-- > 0) {
          const wanted = choose();
          const started = performance.now();
          const got = await mesh.get(service, wanted);
          seconds.push((performance.now() - started) / 1000);
          total += got.bytes;
          lost += wanted.bytes - got.bytes;
          if (got.bytes === wanted.bytes && got.isComplete) whole += 1;
          else process.stderr.write(`not whole: ${JSON.stringify({ way, ...wanted, got })}\n`);
        }
      };
      await Promise.all(Array.from({ length: atOnce }, work));
      rows.push({ way, transfers: count, whole, 'bytes lost': lost, GB: total / 1e9, seconds: summarize(seconds) });
    }
    return { benchmark: 'transfers', rows };
  } finally {
    await mesh.close();
  }
}

/**
 * 1 kB to 100 MB, as many small ones as large ones; a third is read slowly, a third written slowly.
 */
function choose(): Download {
  const ending = endings[Math.floor(Math.random() * endings.length)] ?? 'length';
  const bytes = Math.round(10 ** (3 + 5 * Math.random()));
  const pace = Math.floor(Math.random() * 3);
  // No slower than 15 s or so for each.
  const pause = Math.min(20, Math.ceil((15_000 * 65_536) / bytes));
  return { ending, bytes, ...(pace === 0 ? {} : pace === 1 ? { pauseMs: pause } : { writePauseMs: pause }) };
}
