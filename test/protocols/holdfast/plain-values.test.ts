import { expect } from 'chai';
import { Packr } from 'msgpackr';
import { HoldfastError } from '../../../lib/errors.ts';
import { maxDepth } from '../../../lib/protocols/holdfast/inspect.ts';
import { writePlain } from '../../../lib/protocols/holdfast/plain-writer.ts';
import { packValue, unpackValue } from '../../../lib/protocols/holdfast/values.ts';
import { seededRandom } from '../../../lib/testing/index.ts';

const reference = new Packr({
  useRecords: false,
  variableMapSize: true,
} as ConstructorParameters<typeof Packr>[0]);

const roomBytes = 256 * 1024;

/** What is written by hand; undefined when it has to go the other way. */
function written(value: unknown, room = roomBytes): Buffer | undefined {
  const memory = Buffer.alloc(room + 5, 0xee);
  const end = writePlain(memory, 5, value);
  expect(memory.subarray(0, 5)).to.deep.equal(Buffer.alloc(5, 0xee));
  return end < 0 ? undefined : memory.subarray(5, end);
}

/** By hand and by msgpackr a value has the same bytes. */
function expectSame(value: unknown): void {
  const bytes = written(value);
  const expected = Buffer.from(reference.pack(value));
  if (bytes === undefined || !bytes.equals(expected)) {
    expect(bytes?.toString('hex')).to.equal(expected.toString('hex'));
  }
}

function nested(levels: number): unknown {
  let value: unknown = 'bottom';
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { value };
  return value;
}

const numbers = [
  0,
  1,
  0x1f,
  0x20,
  0x7f,
  0x80,
  0xff,
  0x100,
  0xffff,
  0x1_0000,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53,
  -1,
  -0x1f,
  -0x20,
  -0x21,
  -0x80,
  -0x81,
  -0x8000,
  -0x8001,
  -(2 ** 31),
  -(2 ** 31) - 1,
  -(2 ** 53),
  0.5,
  -0.5,
  1e300,
  5e-324,
  Number.POSITIVE_INFINITY,
  Number.NaN,
];

const characters = ['a', '\u0000', '\u007f', '\u0080', 'ä', '\u07ff', '€', '\uffff', '🦊'];

class Generator {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  next(depth = 0): unknown {
    const kind = this.#below(depth < 5 ? 10 : 6);
    if (kind < 2) return this.#text();
    if (kind < 4) return numbers[this.#below(numbers.length)];
    if (kind < 6) return [null, true, false, undefined][this.#below(4)];
    const size = this.#below(10) === 0 ? this.#below(40) : this.#below(5);
    if (kind < 8) return Array.from({ length: size }, () => this.next(depth + 1));
    return Object.fromEntries(
      Array.from({ length: size }, () => [this.#text(), this.next(depth + 1)]),
    );
  }

  #text(): string {
    const length = this.#below(8) === 0 ? this.#below(300) : this.#below(40);
    const isWide = this.#below(3) === 0;
    const pick = (): string =>
      isWide ? (characters[this.#below(characters.length)] as string) : 'k';
    return Array.from({ length }, pick).join('');
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }
}

describe('Plain values', () => {
  it('have the bytes that msgpackr gives them, whatever they are', () => {
    const generator = new Generator(5);
    for (let round = 0; round < 5_000; round++) expectSame([generator.next()]);
  });

  it('may have any number, and text of any length and width, as values and as keys', () => {
    expectSame(numbers);
    expectSame([-0]);
    for (const character of characters) {
      for (let length = 0; length < 300; length++) {
        const text = character.repeat(length);
        expectSame({ [text]: [text, `a${text}`, `${text}a`] });
      }
      for (const length of [1_365, 1_366, 21_845, 21_846]) expectSame([character.repeat(length)]);
    }
  });

  it('may have any number of items and entries', () => {
    for (const count of [0, 1, 15, 16, 17, 255, 256, 10_000]) {
      const items = Array.from({ length: count }, (_, index) => index);
      expectSame(items);
      expectSame(Object.fromEntries(items.map((index) => [`key ${index}`, index])));
      expectSame({ before: 1, inner: Object.fromEntries(items.map((at) => [at, at])), behind: 2 });
    }
    expectSame(new Array(3));
  });

  it('have lone surrogates as msgpackr has them', () => {
    for (const lone of ['\ud800', '\udc00', 'a\ud800', '\ud800\ud800', '\udc00\ud800']) {
      for (const length of [1, 10, 31, 40, 63, 64, 100]) {
        const text = lone.padEnd(length, 'x');
        expect(packValue([text])).to.deep.equal(reference.pack([text]));
        expect(packValue({ [text]: 1 })).to.deep.equal(reference.pack({ [text]: 1 }));
      }
    }
  });

  it('are own and enumerable: what is inherited or hidden does not travel', () => {
    class Hidden {
      shown = 1;
    }
    const value = Object.create(
      { inherited: 1, constructor: Object },
      { own: { value: 1, enumerable: true }, hidden: { value: 2, enumerable: false } },
    ) as object;
    expectSame(value);
    expect(written([new Hidden()])).to.equal(undefined);
    Object.defineProperty(Object.prototype, 'polluted', {
      value: 1,
      enumerable: true,
      writable: true,
      configurable: true,
    });
    try {
      expectSame({ own: 1 });
    } finally {
      delete (Object.prototype as { polluted?: number }).polluted;
    }
  });

  it('are nothing else: that goes the other way', () => {
    const others = [
      new Date(0),
      new Map(),
      new Set(),
      Buffer.from('bytes'),
      new Uint8Array(3),
      10n,
      Symbol('symbol'),
      () => {},
      new Error('error'),
      /expression/,
      Object.create(null) as object,
      { toJSON: () => 1 },
      new (class {})(),
    ];
    for (const other of others) {
      expect(written([other]), String(typeof other)).to.equal(undefined);
      expect(written({ other })).to.equal(undefined);
      expect(written(other)).to.equal(undefined);
    }
    expect(packValue([new Date(0), { at: new Date(1_000) }])).to.deep.equal(
      Buffer.from(reference.pack([new Date(0), { at: new Date(1_000) }])),
    );
  });

  it('are as deep as what may arrive, and no deeper', () => {
    expectSame(nested(maxDepth));
    expect(written(nested(maxDepth + 1))).to.equal(undefined);
    expect(() => packValue(nested(maxDepth + 1)))
      .to.throw(HoldfastError)
      .that.includes({ code: 'ERR_HOLDFAST_ENCODE' });
  });

  it('that are cyclic are given up soon', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle, cycle, { cycle });
    expect(written(cycle)).to.equal(undefined);
    expect(() => packValue(cycle))
      .to.throw(HoldfastError)
      .that.includes({ code: 'ERR_HOLDFAST_ENCODE' });
  });

  it('never write beyond their memory', () => {
    const generator = new Generator(6);
    for (let round = 0; round < 1_000; round++) {
      const value = [generator.next(), generator.next()];
      const { length } = reference.pack(value);
      for (const room of [0, 1, length - 1, length, length + 1, length + 8]) {
        const memory = Buffer.alloc(room + 20, 0xee);
        const end = writePlain(memory.subarray(0, room), 0, value);
        expect(end).to.be.at.most(room);
        expect(memory.subarray(room)).to.deep.equal(Buffer.alloc(20, 0xee));
        if (end >= 0) expect(end).to.equal(length);
      }
    }
  });

  it('may have getters; one that throws fails the value, and the next is as good as ever', () => {
    const value = {
      before: [1, 2],
      get now(): string {
        return 'got';
      },
    };
    expectSame(value);
    const bad = {
      before: 1,
      get now(): never {
        throw new Error('not now');
      },
    };
    expect(() => packValue(bad)).to.throw(HoldfastError, 'not now');
    const nesting = {
      get inner(): Buffer {
        return packValue({ inner: 1 });
      },
    };
    expect(() => packValue(nesting)).to.throw(HoldfastError, 'another value is being encoded');
    const bytes = packValue(value);
    expect(unpackValue(1, bytes, 0, bytes.length, true)).to.deep.equal({
      before: [1, 2],
      now: 'got',
    });
  });
});
