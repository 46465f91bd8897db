// Whether answers arrive whole: downloads of random sizes, ends and paces, through a waypoint and
// through node proxies alone, several at a time, under `cairn run`.

import { startDownloadMesh } from '../../test/support/download-mesh.ts';
import { chooseDownload } from '../../test/support/downloads.ts';
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
          const wanted = chooseDownload();
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
