import { seededRandom } from '../../../lib/testing/index.ts';

/** A value and one of the ways in which msgpack may carry it. */
export interface Generated {
  readonly value: unknown;
  readonly bytes: Buffer;
}

const texts = [
  '',
  'a',
  'key',
  'ä',
  '€uro',
  '🦊 fox',
  'constructor',
  'x'.repeat(31),
  'y'.repeat(33),
];

/** Makes random values, the same ones for the same seed. */
export class Generator {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(Math.imul(seed, 0x9e37_79b9));
  }

  /** The next value; containers become rarer with depth. */
  next(depth = 0): Generated {
    const kinds = depth < 5 ? 10 : 8;
    switch (this.#below(kinds)) {
      case 0:
        return this.#constant();
      case 1:
      case 2:
        return this.#integer();
      case 3:
        return this.#float();
      case 4:
      case 5:
        return this.#text();
      case 6:
        return this.#bytes();
      case 7:
        return this.#date();
      case 8:
        return this.#array(depth);
      default:
        return this.#map(depth);
    }
  }

  /** The same bytes with a few changes. */
  damage(bytes: Buffer): Buffer {
    const damaged = Buffer.from(bytes);
    for (let times = this.#below(3); times >= 0 && damaged.length > 0; times--) {
      damaged[this.#below(damaged.length)] = this.#below(256);
    }
    return this.#below(4) === 0 ? damaged.subarray(0, this.#below(damaged.length + 1)) : damaged;
  }

  /** Up to 24 random bytes, more often such as begin something. */
  noise(): Buffer {
    const bytes = Buffer.alloc(1 + this.#below(24));
    for (let at = 0; at < bytes.length; at++) {
      bytes[at] = this.#below(2) === 0 ? 0x80 + this.#below(0x60) : this.#below(256);
    }
    return bytes;
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  #constant(): Generated {
    const [value, hex] = [
      [null, 'c0'],
      [false, 'c2'],
      [true, 'c3'],
      [undefined, 'd40000'],
    ][this.#below(4)] as [unknown, string];
    return { value, bytes: Buffer.from(hex, 'hex') };
  }

  #integer(): Generated {
    const bits = this.#below(64);
    const magnitude =
      (BigInt(this.#below(2 ** 32)) * 2n ** 32n + BigInt(this.#below(2 ** 32))) >> BigInt(bits);
    const big = this.#below(2) === 0 ? magnitude : -(magnitude >> 1n);
    const isExact = big >= -(2n ** 53n) && big <= 2n ** 53n;
    const value = isExact ? Number(big) : big;
    return { value, bytes: this.#integerBytes(big) };
  }

  /** Any token that is wide enough. */
  #integerBytes(value: bigint): Buffer {
    if (value >= -32n && value < 128n && this.#below(2) === 0) {
      return Buffer.from([Number(value) & 0xff]);
    }
    const widths = [1, 2, 4, 8].filter((width) => {
      const bits = BigInt(width * 8);
      return value >= 0n ? value < 2n ** bits : value >= -(2n ** (bits - 1n));
    });
    const width = widths[this.#below(widths.length)] as number;
    const bits = BigInt(width * 8);
    const isSigned = value < 0n || (value < 2n ** (bits - 1n) && this.#below(2) === 0);
    const bytes = Buffer.alloc(9);
    bytes.writeBigUInt64BE(BigInt.asUintN(64, value), 1);
    const tail = bytes.subarray(9 - width);
    return Buffer.concat([Buffer.from([(isSigned ? 0xd0 : 0xcc) + Math.log2(width)]), tail]);
  }

  #float(): Generated {
    const bytes = Buffer.alloc(9);
    if (this.#below(2) === 0) {
      const value = Math.fround((this.#below(2 ** 32) - 2 ** 31) / 1_024 + 0.5);
      bytes[0] = 0xca;
      bytes.writeFloatBE(value, 1);
      return { value, bytes: bytes.subarray(0, 5) };
    }
    const value = (this.#below(2 ** 32) - 2 ** 31) / 7 + 1e-3;
    bytes[0] = 0xcb;
    bytes.writeDoubleBE(value, 1);
    return { value, bytes };
  }

  #text(): Generated {
    const value = (texts[this.#below(texts.length)] as string).repeat(1 + this.#below(3));
    return { value, bytes: this.#textBytes(value) };
  }

  #textBytes(text: string): Buffer {
    const bytes = Buffer.from(text);
    const head = this.#head(bytes.length, { short: [0xa0, 32], tokens: [0xd9, 0xda, 0xdb] });
    return Buffer.concat([head, bytes]);
  }

  #bytes(): Generated {
    const value = Buffer.alloc(this.#below(40), this.#below(256));
    return {
      value,
      bytes: Buffer.concat([this.#head(value.length, { tokens: [0xc4, 0xc5, 0xc6] }), value]),
    };
  }

  #date(): Generated {
    const seconds = this.#below(2 ** 32);
    const milliseconds = this.#below(1_000);
    const bytes = Buffer.alloc(15);
    switch (this.#below(3)) {
      case 0:
        bytes.set([0xd6, 0xff]);
        bytes.writeUInt32BE(seconds, 2);
        return { value: new Date(seconds * 1_000), bytes: bytes.subarray(0, 6) };
      case 1: {
        bytes.set([0xd7, 0xff]);
        bytes.writeBigUInt64BE(((BigInt(milliseconds) * 1_000_000n) << 34n) | BigInt(seconds), 2);
        return { value: new Date(seconds * 1_000 + milliseconds), bytes: bytes.subarray(0, 10) };
      }
      default:
        bytes.set([0xc7, 12, 0xff]);
        bytes.writeUInt32BE(milliseconds * 1_000_000, 3);
        bytes.writeBigInt64BE(BigInt(-seconds), 7);
        return { value: new Date(-seconds * 1_000 + milliseconds), bytes };
    }
  }

  #array(depth: number): Generated {
    const items = Array.from({ length: this.#below(18) }, () => this.next(depth + 1));
    const head = this.#head(items.length, { short: [0x90, 16], tokens: [undefined, 0xdc, 0xdd] });
    return {
      value: items.map(({ value }) => value),
      bytes: Buffer.concat([head, ...items.map(({ bytes }) => bytes)]),
    };
  }

  #map(depth: number): Generated {
    const value: Record<string, unknown> = {};
    const parts: Buffer[] = [];
    const size = this.#below(18);
    for (let index = 0; index < size; index++) {
      const key = `${texts[this.#below(texts.length)]}${index}`;
      const item = this.next(depth + 1);
      value[key] = item.value;
      parts.push(this.#textBytes(key), item.bytes);
    }
    const head = this.#head(size, { short: [0x80, 16], tokens: [undefined, 0xde, 0xdf] });
    return { value, bytes: Buffer.concat([head, ...parts]) };
  }

  /** A token and a length, in any width that fits: inside the token, or 8, 16 or 32 bits behind it. */
  #head(
    length: number,
    {
      short,
      tokens,
    }: { short?: readonly [number, number]; tokens: readonly (number | undefined)[] },
  ): Buffer {
    if (short !== undefined && length < short[1] && this.#below(2) === 0) {
      return Buffer.from([short[0] + length]);
    }
    const fitting = [0, 1, 2].filter(
      (width) => tokens[width] !== undefined && length < 2 ** (8 * 2 ** width),
    );
    const width = fitting[this.#below(fitting.length)] as number;
    const bytes = Buffer.alloc(5);
    bytes.writeUInt32BE(length, 1);
    const tail = bytes.subarray(5 - 2 ** width);
    return Buffer.concat([Buffer.from([tokens[width] as number]), tail]);
  }
}
