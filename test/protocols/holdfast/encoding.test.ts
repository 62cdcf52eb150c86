import { expect } from 'chai';
import * as msgpackr from 'msgpackr';
import { HoldfastError } from '../../../lib/errors.ts';
import { FrameWriter } from '../../../lib/protocols/holdfast/frame-writer.ts';
import { packValue, unpackValue } from '../../../lib/protocols/holdfast/values.ts';

const maxFrameBytes = 16 * 1_024 * 1_024;
const headerBytes = 12;

function arrived(writer: FrameWriter): unknown {
  return unpackValue(1, writer.buffer, writer.start + headerBytes, writer.end, false);
}

function nested(levels: number): unknown {
  let value: unknown = 0;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

function cyclic(): unknown {
  const value: { self?: unknown } = {};
  value.self = [value];
  return value;
}

/** Travels as what `give` gives. */
class Custom {
  readonly #give: () => unknown;

  constructor(give: () => unknown) {
    this.#give = give;
  }

  toJSON(): unknown {
    return this.#give();
  }
}

class Itself {
  readonly words = new Uint32Array(2);

  toJSON(): this {
    return this;
  }
}

function failing(error: Error): Custom {
  return new Custom(() => {
    throw error;
  });
}

/** Grows while it is being encoded. */
function growing(): Map<string, unknown> {
  const map = new Map<string, unknown>();
  map.set('a', new Custom(() => map.set('b', 1).size));
  return map;
}

const unencodable: Readonly<Record<string, () => unknown>> = {
  'a function': () => () => 1,
  'a method among fields': () => ({ a: 1, run() {} }),
  'a class': () => [class {}],
  'a symbol': () => Symbol('s'),
  'a symbol inside': () => ({ list: [1, Symbol('s')] }),
  'a cycle': cyclic,
  'a nesting of 101 levels': () => nested(101),
  'a nesting of 100000 levels': () => nested(100_000),
  'a toJSON that throws': () => ({ deep: [failing(new Error('not today'))] }),
  'a getter that throws': () => ({
    a: 1,
    get b(): number {
      throw new Error('not today');
    },
  }),
  'an integer of more than 64 bits': () => 2n ** 64n,
  'a negative integer of more than 64 bits': () => ({ a: -(2n ** 63n) - 1n }),
  'an invalid date': () => new Date(Number.NaN),
  'a map whose keys are numbers': () => new Map([[1, 'one']]),
  'a map whose keys are objects': () => ({ map: new Map([[{}, 'one']]) }),
  'a map that grows meanwhile': growing,
  'a Float64Array': () => new Float64Array([1.5, 2.5]),
  'an Int8Array inside': () => ({ samples: new Int8Array([-1]) }),
  'a Float32Array in a set': () => new Set([new Float32Array(2)]),
  'a Float32Array in a map': () => new Map([['samples', new Float32Array(2)]]),
  'an Int16Array as the cause of an error': () => new Error('e', { cause: new Int16Array(2) }),
  'a Uint32Array in an object whose toJSON gives itself': () => new Itself(),
  'a BigInt64Array in a set': () => new Set([new BigInt64Array(1)]),
  'a Uint16Array from a toJSON': () => new Custom(() => ({ words: new Uint16Array(3) })),
  'a DataView': () => [new DataView(new ArrayBuffer(4))],
};

describe('encoding', () => {
  for (const [what, make] of Object.entries(unencodable)) {
    it(`refuses ${what}, and the writer goes on`, () => {
      const writer = new FrameWriter();
      writer.encode(headerBytes, { before: 1 }, maxFrameBytes);
      const { buffer, start, end } = writer;
      const before = Buffer.from(buffer.subarray(start, end));
      for (const attempt of [
        () => writer.encode(headerBytes, make(), maxFrameBytes),
        () => packValue(make()),
      ]) {
        expect(attempt)
          .to.throw(HoldfastError, /^Value cannot be encoded: ./)
          .that.includes({ code: 'ERR_HOLDFAST_ENCODE', final: true, outcome: 'not-executed' });
      }
      writer.encode(headerBytes, { after: [2] }, maxFrameBytes);
      expect(arrived(writer)).to.deep.equal({ after: [2] });
      expect(writer.start, 'nothing of what failed is kept').to.equal(end);
      expect(buffer.subarray(start, end).equals(before)).to.equal(true);
    });
  }

  for (const [what, close] of [
    ['its field', (value: object) => value],
    ['a list', (value: object) => [1, [value]]],
    ['a map', (value: object) => new Map([['value', value]])],
    ['the cause of an error', (value: object) => new Error('e', { cause: value })],
    ['a toJSON', (value: object) => new Custom(() => value)],
  ] as const) {
    it(`sees a cycle by ${what} before it is packed thousands of times with a long text`, () => {
      let rounds = 0;
      const value = {
        text: 'x'.repeat(300_000),
        get again(): unknown {
          rounds++;
          return close(value);
        },
      };
      const writer = new FrameWriter();
      for (const attempt of [
        () => writer.encode(headerBytes, value, maxFrameBytes),
        () => packValue(value),
      ]) {
        rounds = 0;
        expect(attempt).to.throw(HoldfastError, 'it is cyclic or nested too deeply');
        expect(rounds).to.be.below(450);
      }
    });
  }

  it('takes a value of many parts that outgrows its memory and is no cycle', () => {
    const shared = { list: Array.from({ length: 200 }, (_, index) => ({ index })) };
    const value = { text: 'x'.repeat(300_000), all: Array.from({ length: 100 }, () => shared) };
    const bytes = packValue(value);
    expect(unpackValue(1, bytes, 0, bytes.length, false)).to.deep.equal(value);
  });

  it('keeps the cause of what an application threw', () => {
    const cause = new Error('not today');
    expect(() => packValue([failing(cause)]))
      .to.throw(HoldfastError, 'not today')
      .with.property('cause', cause);
  });

  it('takes plain bytes and buffers of every kind of memory', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(7);
    for (const bytes of [new Uint8Array([7, 7, 7]), Buffer.alloc(3, 7), shared]) {
      const packed = packValue({ bytes, others: new Set([bytes]) });
      const arrived = unpackValue(1, packed, 0, packed.length, true);
      const expected = Buffer.alloc(3, 7);
      expect(arrived).to.deep.equal({ bytes: expected, others: [expected] });
    }
  });
});

/** Runs `use` between uses of holdfast's encoder, and checks that no result is written over. */
function expectIntact(use: (value: unknown) => Buffer): void {
  const writer = new FrameWriter();
  const kept: { bytes: Buffer; copy: Buffer }[] = [];
  const keep = (bytes: Buffer): void => {
    kept.push({ bytes, copy: Buffer.from(bytes) });
  };
  for (let round = 0; round < 200; round++) {
    keep(use({ round, text: 'x'.repeat(round) }));
    writer.encode(headerBytes, { round, text: 'y'.repeat(round * 3) }, maxFrameBytes);
    keep(writer.buffer.subarray(writer.start, writer.end));
    keep(packValue([round, 'z'.repeat(round)]));
    keep(use([round]));
    keep(use('w'.repeat(round * 50)));
  }
  for (const [index, { bytes, copy }] of kept.entries()) {
    expect(bytes.equals(copy), `result ${index}`).to.equal(true);
  }
}

describe("msgpackr's buffer, which a process has only once", () => {
  it("leaves results of an application's own pack intact", () => {
    expectIntact((value) => msgpackr.pack(value));
  });

  it("leaves results of an application's own Packr intact", () => {
    const own = new msgpackr.Packr({ structuredClone: true });
    expectIntact((value) => own.pack(value));
  });

  it('leaves results intact that a toJSON makes while holdfast encodes', () => {
    const own = new msgpackr.Packr({ structuredClone: true });
    const made: { bytes: Buffer; copy: Buffer }[] = [];
    const note = (bytes: Buffer): Buffer => {
      made.push({ bytes, copy: Buffer.from(bytes) });
      return bytes;
    };
    const writer = new FrameWriter();
    for (let round = 1; round <= 200; round++) {
      const inner = new Custom(() => note(msgpackr.pack({ inner: 'i'.repeat(round) })));
      const other = new Custom(() => note(own.pack({ other: 'o'.repeat(round * 20) })));
      const value = { before: 'b'.repeat(round), inner, between: [other], after: round };
      writer.encode(headerBytes, value, maxFrameBytes);
      const [innerMade, otherMade] = made.slice(-2);
      expect(arrived(writer)).to.deep.equal({
        before: 'b'.repeat(round),
        inner: innerMade?.copy,
        between: [otherMade?.copy],
        after: round,
      });
      note(msgpackr.pack(round));
    }
    for (const { bytes, copy } of made) expect(bytes.equals(copy)).to.equal(true);
  });

  it('refuses to encode inside its own encoding, and the outer value is whole', () => {
    const writer = new FrameWriter();
    const other = new FrameWriter();
    const attempts: readonly (() => unknown)[] = [
      () => packValue({ deep: 1 }),
      () => writer.encode(headerBytes, { deep: 1 }, maxFrameBytes),
      () => writer.encode(headerBytes, undefined, maxFrameBytes),
      () => other.encode(headerBytes, Buffer.from('deep'), maxFrameBytes),
    ];
    for (const attempt of attempts) {
      const inner = new Custom(() => {
        expect(attempt)
          .to.throw(HoldfastError, 'another value is being encoded')
          .with.property('code', 'ERR_HOLDFAST_ENCODE');
        return 'instead';
      });
      writer.encode(headerBytes, { before: 'b', inner, after: 'a' }, maxFrameBytes);
      expect(arrived(writer)).to.deep.equal({ before: 'b', inner: 'instead', after: 'a' });
    }
  });

  it('leaves results intact around an encoding that fails', () => {
    expectIntact((value) => {
      const bytes = msgpackr.pack(value);
      expect(() => packValue({ value, not: () => 1 })).to.throw(HoldfastError);
      return bytes;
    });
  });
});
