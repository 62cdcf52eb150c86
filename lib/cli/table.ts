import type { Paint, Tone } from './terminal.ts';

/** What stands in a cell, and how. */
export interface Cell {
  readonly text: string;
  readonly tone?: Tone | undefined;
}

/** A column of a table: its title, and which way its cells lean. */
export interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
}

/** A table of plain text: columns as wide as they must be, two spaces apart. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly (string | Cell)[])[],
  paint: Paint,
): string {
  const cells = rows.map((row) => row.map(asCell));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((row) => row[index]?.text.length ?? 0)),
  );
  const line = (row: readonly Cell[]): string => {
    const parts = row.map(({ text, tone }, index) => {
      const { isNumber = false } = columns[index] as Column;
      const width = widths[index] as number;
      const isLast = index === columns.length - 1;
      const padded = isNumber ? text.padStart(width) : isLast ? text : text.padEnd(width);
      return tone === undefined ? padded : paint(tone, padded);
    });
    return parts.join('  ').trimEnd();
  };
  const head = columns.map(({ title }): Cell => ({ text: title, tone: 'bold' }));
  return [line(head), ...cells.map(line)].join('\n');
}

function asCell(cell: string | Cell): Cell {
  return typeof cell === 'string' ? { text: cell } : cell;
}
