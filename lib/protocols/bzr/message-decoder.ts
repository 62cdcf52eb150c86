import { HoldfastError } from '../../errors.ts';
import { show } from '../../util/check.ts';
import { type BzrValue, decodeValue } from './bencode.ts';
import { Body } from './body.ts';

/** How each message begins, in both directions. */
export const marker: Buffer = Buffer.from('bzr message 3 (bzr 1.6)\n');

/** A whole message of version 3, as it arrives. */
export interface BzrMessage {
  readonly headers: ReadonlyMap<string, BzrValue>;
  readonly isSuccess: boolean;
  readonly args: readonly BzrValue[];
  /** The body as it came, in parts whose borders mean nothing. */
  readonly chunks: readonly Buffer[];
  /** Why the body ended early. */
  readonly interruption: readonly BzrValue[] | undefined;
}

/** How a server answers that takes this version for an unknown verb, or for its own. */
const olderVersions = ['error\x01', 'bzr response 2'];

/** Headers are a few words. */
const maxHeaderBytes = 64 * 1024;

/** Longest of the parts that are not kept. */
const wordBytes = 4;

const nothing = Buffer.alloc(0);

/** First allocation for a part; more is taken as more arrives. */
const firstBytes = 64 * 1024;

const letters = Buffer.from('osbeSE');
const [o, s, b, e, S, E] = [...letters] as [number, number, number, number, number, number];

type Part = 'marker' | 'headers' | 'kind' | 'status' | 'structure' | 'body';

/**
 * Reads responses of protocol version 3, byte for byte, and tells each when its end marker is
 * there. What is not such a message is an error, and so is a byte that comes when no message is
 * awaited: {@link expect} says that one is.
 */
export class MessageDecoder {
  readonly #maxBytes: number;
  readonly #tell: (message: BzrMessage, isLast: boolean) => void;
  #isExpected = false;
  #part: Part = 'marker';
  /** The part's length is not known yet, and these bytes are it. */
  #isLength = false;
  #wanted = marker.length;
  #bytes = nothing;
  #filled = 0;
  #totalBytes = 0;
  #headers: ReadonlyMap<string, BzrValue> = new Map();
  #statuses: boolean[] = [];
  #structures: (readonly BzrValue[])[] = [];
  #body = new Body();
  /** Memory for the parts that are not kept: a kind, a status, a length. */
  readonly #word = Buffer.alloc(wordBytes);

  /**
   * @param maxBytes of a message
   * @param tell called with each message; `isLast` unless bytes follow that nobody awaits
   */
  constructor(maxBytes: number, tell: (message: BzrMessage, isLast: boolean) => void) {
    this.#maxBytes = maxBytes;
    this.#tell = tell;
  }

  /** True when no message has begun that is not complete. */
  get atBoundary(): boolean {
    return this.#totalBytes === 0;
  }

  /** One more message may come. */
  expect(): void {
    this.#isExpected = true;
  }

  /**
   * @throws HoldfastError `ERR_HOLDFAST_PROTOCOL`, `ERR_HOLDFAST_FRAME_TOO_LARGE`,
   *   `ERR_HOLDFAST_VERSION`
   */
  push(chunk: Buffer): void {
    if (!this.#isExpected) throw stray(chunk.length);
    let position = 0;
    let message: BzrMessage | undefined;
    while (position < chunk.length && message === undefined) {
      const taken = Math.min(chunk.length - position, this.#wanted - this.#filled);
      this.#take(chunk.subarray(position, position + taken));
      position += taken;
      if (this.#part === 'marker') this.#checkMarker();
      while (this.#filled === this.#wanted && message === undefined) message = this.#onWhole();
    }
    if (message === undefined) return;
    const rest = chunk.length - position;
    this.#isExpected = false;
    this.#tell(message, rest === 0);
    if (rest > 0) throw stray(rest);
  }

  #take(bytes: Buffer): void {
    const needed = this.#filled + bytes.length;
    if (this.#bytes.length < needed) {
      const room = Math.max(needed, Math.min(this.#wanted, Math.max(firstBytes, 2 * needed)));
      const grown = Buffer.allocUnsafeSlow(Math.min(room, this.#wanted));
      this.#bytes.copy(grown, 0, 0, this.#filled);
      this.#bytes = grown;
    }
    bytes.copy(this.#bytes, this.#filled);
    this.#filled = needed;
    this.#totalBytes += bytes.length;
  }

  /** Says at the first wrong byte what else it is. */
  #checkMarker(): void {
    const begun = this.#bytes.subarray(0, this.#filled);
    if (begun.equals(marker.subarray(0, begun.length))) return;
    const text = begun.toString('latin1');
    // It may come in pieces.
    if (olderVersions.some((older) => older.startsWith(text) && older !== text)) return;
    if (!olderVersions.some((older) => text.startsWith(older))) {
      throw bad(`it sent ${show(text)} where a message should begin`);
    }
    const message = 'The server speaks only older versions of the Bazaar protocol than 3';
    throw new HoldfastError('ERR_HOLDFAST_VERSION', message, { final: true });
  }

  /** The part, or its length, is there; gives the message if it was its last. */
  #onWhole(): BzrMessage | undefined {
    const bytes = this.#bytes;
    if (this.#isLength) {
      this.#isLength = false;
      this.#await(this.#part, this.#bounded(bytes.readUInt32BE(0)));
      return undefined;
    }
    switch (this.#part) {
      case 'marker':
        this.#awaitLength('headers');
        return undefined;
      case 'headers':
        this.#headers = headersIn(decodeValue(bytes));
        break;
      case 'kind':
        return this.#onKind(bytes[0] as number);
      case 'status':
        this.#onStatus(bytes[0] as number);
        break;
      case 'structure':
        this.#onStructure(decodeValue(bytes));
        break;
      case 'body':
        this.#body.add(bytes);
        break;
    }
    this.#await('kind', 1, this.#word);
    return undefined;
  }

  #onKind(kind: number): BzrMessage | undefined {
    if (kind === e) return this.#onEnd();
    if (kind === o) this.#await('status', 1, this.#word);
    else if (kind === s) this.#awaitLength('structure');
    else if (kind === b) this.#onBody();
    else throw bad(`a part of kind ${show(String.fromCharCode(kind))}`);
    return undefined;
  }

  /** The second one says that the body ended early. */
  #onStatus(status: number): void {
    if (status !== S && status !== E) throw bad(`a status ${show(String.fromCharCode(status))}`);
    const isSecond = this.#statuses.length > 0;
    const hasPlace = isSecond
      ? this.#statuses.length === 1 && this.#structures.length === 1 && this.#statuses[0] === true
      : true;
    if (!hasPlace || (isSecond && status === S)) throw bad('a status in the wrong place');
    this.#statuses.push(status === S);
  }

  #onStructure(value: BzrValue): void {
    if (!Array.isArray(value)) throw bad('a structure that is no list');
    if (this.#structures.length !== this.#statuses.length - 1) {
      throw bad('a structure in the wrong place');
    }
    this.#structures.push(value);
  }

  #onBody(): void {
    if (this.#structures.length !== 1 || this.#statuses.length !== 1) {
      throw bad('a body in the wrong place');
    }
    this.#awaitLength('body');
  }

  #onEnd(): BzrMessage {
    const [args, interruption] = this.#structures;
    const [isSuccess] = this.#statuses;
    const isWhole = this.#structures.length === this.#statuses.length;
    if (args === undefined || isSuccess === undefined || !isWhole) throw bad('an early end');
    const message = {
      headers: this.#headers,
      isSuccess,
      args,
      chunks: this.#body.chunks,
      interruption,
    };
    this.#statuses = [];
    this.#structures = [];
    this.#body = new Body();
    this.#totalBytes = 0;
    this.#await('marker', marker.length);
    return message;
  }

  #awaitLength(part: Part): void {
    this.#await(part, wordBytes, this.#word);
    this.#isLength = true;
  }

  #await(part: Part, wanted: number, memory = nothing): void {
    this.#part = part;
    this.#wanted = wanted;
    this.#bytes = memory;
    this.#filled = 0;
  }

  #bounded(length: number): number {
    const isHeaders = this.#part === 'headers';
    const mostBytes = isHeaders ? maxHeaderBytes : this.#maxBytes - this.#totalBytes;
    if (length <= mostBytes) return length;
    const message = `The answer has more than ${isHeaders ? maxHeaderBytes : this.#maxBytes} bytes`;
    throw new HoldfastError('ERR_HOLDFAST_FRAME_TOO_LARGE', message, { final: true });
  }
}

function headersIn(value: BzrValue): ReadonlyMap<string, BzrValue> {
  if (value instanceof Map) return value;
  throw bad('headers that are no dictionary');
}

function stray(bytes: number): HoldfastError {
  return bad(`${bytes} bytes came that no request asked for`);
}

function bad(what: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_PROTOCOL', `Peer's message is wrong: ${what}`);
}
