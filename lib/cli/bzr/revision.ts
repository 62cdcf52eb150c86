import { inflateSync } from 'node:zlib';
import { messageOf } from '../../errors.ts';
import { type BzrValue, decodeValue } from '../../protocols/bzr/bencode.ts';

/** What a revision says of itself. */
export interface Revision {
  readonly id: string;
  readonly parents: readonly string[];
  readonly committer: string;
  /** As its author's clock and zone had it, e.g. `2026-01-31 12:00:00 +0100`. */
  readonly at: string;
  readonly message: string;
}

/** A text is not larger than this, or it is not taken. */
const maxBytes = 16 * 1024 * 1024;

/**
 * Reads a revision as the formats from 2a on have it: packed, a list of names and values.
 *
 * @throws Error when it is something else
 */
export function readRevision(packed: Buffer): Revision {
  let fields: ReadonlyMap<string, BzrValue>;
  try {
    fields = fieldsIn(decodeValue(inflateSync(packed, { maxOutputLength: maxBytes })));
  } catch (error) {
    throw new Error(`The revision cannot be read: ${messageOf(error)}`, { cause: error });
  }
  const parents = fields.get('parent-ids');
  return {
    id: text(fields.get('revision-id')),
    parents: Array.isArray(parents) ? parents.map(text) : [],
    committer: text(fields.get('committer')),
    at: moment(Number(text(fields.get('timestamp'))), Number(fields.get('timezone') ?? 0)),
    message: text(fields.get('message')),
  };
}

function fieldsIn(value: BzrValue): ReadonlyMap<string, BzrValue> {
  const rows = Array.isArray(value) ? (value as readonly BzrValue[]) : [];
  return new Map(
    rows.map((row) => {
      const [name, content] = Array.isArray(row) ? (row as readonly BzrValue[]) : [];
      if (name === undefined || content === undefined) throw new Error('a field has no value');
      return [text(name), content];
    }),
  );
}

function text(value: BzrValue | undefined): string {
  return Buffer.isBuffer(value) ? value.toString() : '';
}

/** @param zoneSeconds how far that zone is ahead of UTC */
function moment(seconds: number, zoneSeconds: number): string {
  const there = new Date((seconds + zoneSeconds) * 1_000);
  if (Number.isNaN(there.getTime())) return '';
  const minutes = Math.abs(Math.trunc(zoneSeconds / 60));
  const digits = (number: number): string => String(number).padStart(2, '0');
  const zone = `${digits(Math.trunc(minutes / 60))}${digits(minutes % 60)}`;
  const sign = zoneSeconds < 0 ? '-' : '+';
  return `${there.toISOString().slice(0, 19).replace('T', ' ')} ${sign}${zone}`;
}
