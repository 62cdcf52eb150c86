import { HoldfastError } from '../../errors.ts';
import { show } from '../../util/check.ts';

/** What bencode can say, as it arrives: texts and bytes alike are bytes there. */
export type BzrValue = Buffer | number | readonly BzrValue[] | ReadonlyMap<string, BzrValue>;

/** What can be sent: a string goes as its UTF-8 bytes, a number must be whole. */
export type BzrArgument = string | Uint8Array | number | readonly BzrArgument[];

/** Deepest nesting of lists and dictionaries. */
const maxDepth = 16;

/** Most lists and dictionaries in a value, and most texts: an empty one takes two bytes to send and many to build. */
const maxContainers = 100_000;
const maxTexts = 1_000_000;

/** Encodes a list of arguments. Throws `ERR_HOLDFAST_ENCODE`. */
export function encodeList(items: readonly BzrArgument[]): Buffer {
  const parts: Uint8Array[] = [];
  encodeInto(parts, items, 0);
  return Buffer.concat(parts);
}

function encodeInto(parts: Uint8Array[], value: unknown, depth: number): void {
  if (typeof value === 'string' || value instanceof Uint8Array) {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    parts.push(Buffer.from(`${bytes.byteLength}:`), bytes);
  } else if (typeof value === 'number' && Number.isSafeInteger(value)) {
    parts.push(Buffer.from(`i${value}e`));
  } else if (Array.isArray(value)) {
    if (depth === maxDepth) throw unfit(`it is nested deeper than ${maxDepth}`);
    parts.push(Buffer.from('l'));
    for (const item of value) encodeInto(parts, item, depth + 1);
    parts.push(Buffer.from('e'));
  } else {
    throw unfit(`it must be a string, bytes, a whole number or a list, got ${show(value)}`);
  }
}

function unfit(why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_ENCODE', `Argument cannot be encoded: ${why}`, {
    final: true,
  });
}

/**
 * Decodes one whole value; its bytes are views of `bytes`.
 *
 * @throws HoldfastError `ERR_HOLDFAST_PROTOCOL`
 */
export function decodeValue(bytes: Buffer): BzrValue {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  if (reader.position !== bytes.length) throw bad('bytes follow it');
  return value;
}

const [e, i, l, d, colon] = [...Buffer.from('eild:')] as [number, number, number, number, number];

class Reader {
  position = 0;
  readonly #bytes: Buffer;
  #containers = 0;
  #texts = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  value(depth: number): BzrValue {
    const kind = this.#bytes[this.position];
    if (kind === i) {
      this.position++;
      return this.#number(e, /^(0|-?[1-9]\d{0,15})$/);
    }
    if (kind !== l && kind !== d) return this.#text();
    this.#enter(depth);
    return kind === l ? this.#list(depth + 1) : this.#dictionary(depth + 1);
  }

  #enter(depth: number): void {
    this.position++;
    if (depth === maxDepth) throw bad(`it is nested deeper than ${maxDepth}`);
    if (++this.#containers > maxContainers) throw bad(`it has more than ${maxContainers} lists`);
  }

  #list(depth: number): BzrValue[] {
    const items: BzrValue[] = [];
    while (!this.#ends()) items.push(this.value(depth));
    return items;
  }

  #dictionary(depth: number): Map<string, BzrValue> {
    const map = new Map<string, BzrValue>();
    while (!this.#ends()) {
      const key = this.#text().toString();
      map.set(key, this.value(depth));
    }
    return map;
  }

  #ends(): boolean {
    if (this.position >= this.#bytes.length) throw bad('it ends early');
    if (this.#bytes[this.position] !== e) return false;
    this.position++;
    return true;
  }

  #text(): Buffer {
    if (++this.#texts > maxTexts) throw bad(`it has more than ${maxTexts} texts`);
    const length = this.#number(colon, /^(0|[1-9]\d{0,9})$/);
    const start = this.position;
    this.position += length;
    if (this.position > this.#bytes.length) throw bad('it ends early');
    return this.#bytes.subarray(start, this.position);
  }

  #number(terminator: number, form: RegExp): number {
    // More digits than these make no number that is allowed.
    const digits = this.#bytes.subarray(this.position, this.position + 18);
    const end = digits.indexOf(terminator);
    const text = digits.toString('latin1', 0, Math.max(0, end));
    const number = Number(text);
    if (end < 0 || !form.test(text) || !Number.isSafeInteger(number)) {
      throw bad(`no value begins with ${show(digits.toString('latin1', 0, 8))}`);
    }
    this.position += end + 1;
    return number;
  }
}

function bad(why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_PROTOCOL', `Peer's bencode is wrong: ${why}`);
}
