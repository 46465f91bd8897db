// Tables as kubectl prints them: columns padded with spaces, no lines, so that `awk` reads them as
// well as people do.

/** One column: its heading, and the cell of a row. */
export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => string;
}

/**
 * The table as text that ends in a newline; the heading alone when there are no rows. An empty cell
 * is written as `-`.
 */
export function formatTable<T>(columns: readonly Column<T>[], rows: readonly T[], gap = '   '): string {
  const lines = [
    columns.map(({ title }) => title.toUpperCase()),
    ...rows.map((row) => columns.map(({ cell }) => cell(row).replaceAll(/\s+/g, ' ') || '-')),
  ];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => displayWidth(line[index] ?? ''))));
  return lines
    .map((line) => {
      const cells = line.map((cell, index) => cell + ' '.repeat((widths[index] ?? 0) - displayWidth(cell)));
      return `${cells.join(gap).trimEnd()}\n`;
    })
    .join('');
}

/** Colour codes have no width. */
function displayWidth(text: string): number {
  const colours = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');
  return text.replaceAll(colours, '').length;
}
