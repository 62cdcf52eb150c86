import { expect } from 'chai';
import { HoldfastError } from '../../../lib/errors.ts';
import { ValueForm } from '../../../lib/protocols/holdfast/frames.ts';
import { packValue, unpackValue } from '../../../lib/protocols/holdfast/values.ts';

/** Packs and unpacks, in memory that the value owns and in memory that is reused at once. */
function roundTrips(value: unknown): readonly [owned: unknown, copied: unknown] {
  const packed = packValue(value);
  const own = Buffer.from(packed);
  const owned = unpackValue(ValueForm.msgpack, own, 0, own.length, true);
  const reused = Buffer.concat([Buffer.alloc(7, 0xc1), packed, Buffer.alloc(9, 0xc1)]);
  const copied = unpackValue(ValueForm.msgpack, reused, 7, 7 + packed.length, false);
  reused.fill(0xee);
  return [owned, copied];
}

function expectSame(value: unknown, arrived: unknown = value): void {
  for (const result of roundTrips(value)) expect(result).to.deep.equal(arrived);
}

function decodeHex(form: number, hex: string): unknown {
  const buffer = Buffer.from(hex, 'hex');
  return unpackValue(form, buffer, 0, buffer.length, false);
}

describe('values', () => {
  it('carry null, booleans and undefined', () => {
    for (const value of [null, true, false, undefined]) expectSame(value);
    expectSame({ a: undefined, b: [undefined, null], c: { d: undefined } });
    const [arrived] = roundTrips({ a: undefined });
    expect(Object.hasOwn(arrived as object, 'a')).to.equal(true);
  });

  it('carry numbers exactly', () => {
    const edges = [0, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 2 ** 31, 2 ** 32, 2 ** 53];
    for (const edge of edges) {
      for (const value of [edge - 1, edge, edge + 1]) {
        expectSame(value);
        expectSame(-value, value === 0 ? 0 : -value);
      }
    }
    for (const value of [0.1, -0.5, 1e308, 5e-324, Number.POSITIVE_INFINITY, Number.NaN]) {
      expectSame([value]);
    }
  });

  it('carry integers of 64 bits as numbers where that is exact, else as bigints', () => {
    expectSame(5n, 5);
    expectSame(-5n, -5);
    expectSame(2n ** 53n, 2 ** 53);
    expectSame(-(2n ** 53n), -(2 ** 53));
    for (const value of [2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, 2n ** 64n - 1n]) {
      expectSame(value);
      expectSame({ deep: [value] });
    }
    expectSame(-(2n ** 63n));
    expect(decodeHex(1, 'd3fffffffffffffffe')).to.equal(-2);
    expect(decodeHex(1, 'cf0000000000000007')).to.equal(7);
  });

  it('carry strings of every length of header, in characters of every width', () => {
    for (const character of ['a', 'ä', '€', '🦊']) {
      for (const length of [0, 1, 7, 8, 15, 16, 31, 32, 63, 64, 65, 85, 255, 256, 21_846, 65_536]) {
        const text = character.repeat(length);
        for (const [one, other] of [roundTrips(text), roundTrips({ [text]: [text, text] })]) {
          expect(one).to.deep.equal(other);
        }
        expect(roundTrips(text)[0] === text, `${length} of ${character}`).to.equal(true);
      }
    }
    expectSame('mixed: aä€🦊 \u0000 \uffff \u{10ffff}');
  });

  it('carry surrogate pairs, and put U+FFFD in the place of lone surrogates', () => {
    expectSame('\u{1f98a}');
    for (const lone of [
      '\ud83e',
      '\udd8a',
      'a\ud83eb',
      '\udd8a\ud83e',
      `${'x'.repeat(70)}\ud83e`,
    ]) {
      for (const text of roundTrips([lone, 'behind'])) {
        const [arrived, behind] = text as [string, string];
        expect(arrived.replaceAll('\ufffd', '')).to.equal(lone.replace(/[\ud800-\udfff]/g, ''));
        expect(arrived).to.contain('\ufffd');
        expect(behind).to.equal('behind');
      }
    }
  });

  it('carry dates with their milliseconds', () => {
    for (const at of [
      '1970-01-01T00:00:00.000Z',
      '2026-11-22T12:34:56.789Z',
      '2300-01-01T00:00Z',
    ]) {
      expectSame(new Date(at));
      expectSame({ at: new Date(at) });
    }
    expectSame(new Date(-1));
    expectSame(new Date('1900-01-01T00:00:00.001Z'));
    expectSame(new Date(8_640_000_000_000_000));
  });

  it('carry bytes inside a value, as memory that nobody writes over', () => {
    for (const length of [0, 1, 255, 256, 65_535, 65_536, 100_000]) {
      const bytes = new Uint8Array(length).fill(0xab);
      for (const arrived of roundTrips({ nested: [bytes, Buffer.from(bytes)] })) {
        const { nested } = arrived as { nested: Uint8Array[] };
        for (const part of nested) {
          expect(part).to.be.instanceOf(Uint8Array);
          expect(Buffer.compare(part, bytes)).to.equal(0);
        }
      }
    }
  });

  it('carry bytes alone, copied out of reused memory and uncopied out of their own', () => {
    const memory = Buffer.from('0102030405', 'hex');
    const copied = unpackValue(ValueForm.bytes, memory, 1, 4, false) as Uint8Array;
    const own = unpackValue(ValueForm.bytes, memory, 1, 4, true) as Uint8Array;
    memory.fill(0xee);
    expect([...copied]).to.deep.equal([2, 3, 4]);
    expect([...own]).to.deep.equal([0xee, 0xee, 0xee]);
    expect(unpackValue(ValueForm.bytes, memory, 2, 2, false)).to.have.length(0);
  });

  it('carry big arrays and big maps', () => {
    for (const size of [15, 16, 65_535, 65_536, 70_000]) {
      expectSame(Array.from({ length: size }, (_, index) => index));
      expectSame(
        Object.fromEntries(Array.from({ length: size }, (_, index) => [`k${index}`, index])),
      );
    }
  });

  it('carry nesting of 100 levels', () => {
    let value: unknown = 'in the middle';
    for (let level = 0; level < 100; level++) value = level % 2 === 0 ? [value] : { next: value };
    expectSame(value);
  });

  it('carry maps and sets as objects and arrays', () => {
    expectSame(new Map([['a', new Map([['b', 1]])]]), { a: { b: 1 } });
    expectSame(new Set(['a', 2, new Set([3])]), ['a', 2, [3]]);
    expectSame({ set: new Set(), map: new Map() }, { set: [], map: {} });
  });

  it('carry what toJSON gives, errors as lists and other objects by their own fields', () => {
    class Point {
      x = 1;
      #hidden = 2;
      get both(): number {
        return this.x + this.#hidden;
      }
    }
    expectSame(new Point(), { x: 1 });
    class Custom {
      toJSON(): unknown {
        return { a: [this instanceof Custom] };
      }
    }
    expectSame([new Custom()], [{ a: [true] }]);
    expectSame(new TypeError('wrong'), ['TypeError', 'wrong', undefined]);
    expectSame(/a+/g, ['a+', 'g']);
    expectSame(new URL('tcp://h:1'), 'tcp://h:1');
    expectSame([new Uint8Array([1, 2]).buffer], [Buffer.from([1, 2])]);
  });

  it('carry names that an object has already, without touching any prototype', () => {
    expectSame({ constructor: 1, toString: 2, hasOwnProperty: 3, valueOf: null });
    const hostile = JSON.parse('{"__proto__":{"polluted":true},"a":1}') as object;
    for (const arrived of roundTrips(hostile)) {
      expect(Object.getPrototypeOf(arrived)).to.equal(Object.prototype);
      expect(arrived).to.deep.equal({ __proto_: { polluted: true }, a: 1 });
    }
    expect(({} as Record<string, unknown>)['polluted']).to.equal(undefined);
  });

  it('arrive in forms that are known, whole and alone', () => {
    expect(decodeHex(ValueForm.none, '')).to.equal(undefined);
    const wrong: [number, string][] = [
      [ValueForm.none, '00'],
      [ValueForm.msgpack, ''],
      [3, ''],
      [3, '00'],
      [255, '00'],
      [-1, ''],
    ];
    for (const [form, hex] of wrong) {
      expect(() => decodeHex(form, hex), `form ${form} of "${hex}"`)
        .to.throw(HoldfastError)
        .with.property('code', 'ERR_HOLDFAST_DECODE');
    }
  });

  it('never take bytes from behind their end', () => {
    // Behind a string that is cut within a character lies what another peer sent.
    const secret = Buffer.from('81bf80a3', 'hex');
    for (const hex of ['a1c3', 'a1f0', 'a2f09f', 'd901e2', '92a1c3a1e2', '81a1f0a1c3']) {
      const value = Buffer.from(hex, 'hex');
      const alone = unpackValue(1, value, 0, value.length, false);
      const followed = Buffer.concat([value, secret]);
      expect(unpackValue(1, followed, 0, value.length, false)).to.deep.equal(alone);
      expect(JSON.stringify(alone)).to.contain('\ufffd');
    }
  });
});
