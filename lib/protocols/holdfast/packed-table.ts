import { createHash } from 'node:crypto';
import { encodeTable, type VerbRow } from '../../verbs/table.ts';
import { packValue } from './values.ts';

/** A table of verbs as bytes. */
export interface PackedTable {
  readonly bytes: Buffer;
  /** In hex. */
  readonly hash: string;
}

/** Bytes of a table's hash. */
export const hashBytes = 16;

const packed = new WeakMap<readonly VerbRow[], PackedTable>();

/** Packs a table, once; the rows must not change afterwards. */
export function packTable(rows: readonly VerbRow[]): PackedTable {
  const known = packed.get(rows);
  if (known !== undefined) return known;
  const bytes = packValue(encodeTable(rows));
  const hash = createHash('sha256')
    .update(bytes)
    .digest('hex')
    .slice(0, 2 * hashBytes);
  const table = { bytes, hash };
  packed.set(rows, table);
  return table;
}
