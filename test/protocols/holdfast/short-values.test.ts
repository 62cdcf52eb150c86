import { expect } from 'chai';
import { HoldfastCallWriter } from '../../../lib/protocols/holdfast/call-writer.ts';
import { callHeaderBytes, ValueForm } from '../../../lib/protocols/holdfast/frames.ts';
import { isShort, readShort } from '../../../lib/protocols/holdfast/short-values.ts';
import { packValue, unpackValue } from '../../../lib/protocols/holdfast/values.ts';

/** The value as a call carries it. */
function written(value: unknown): Buffer {
  const writer = new HoldfastCallWriter();
  writer.write(1, 'verb', undefined, value, 1024 * 1024);
  return Buffer.from(writer.buffer.subarray(writer.start + callHeaderBytes, writer.end));
}

/** Written by hand or by msgpackr, a value has the same bytes, and comes back from them. */
function expectSame(value: unknown, arrived: unknown = value): void {
  const bytes = written(value);
  expect(bytes).to.deep.equal(packValue(value));
  const text = Buffer.concat([Buffer.alloc(3, 0xc1), bytes, Buffer.alloc(3, 0x61)]);
  const end = 3 + bytes.length;
  expect(unpackValue(ValueForm.msgpack, text, 3, end, false)).to.equal(arrived);
  if (isShort(text, 3, end)) expect(readShort(text, 3, end)).to.equal(arrived);
}

describe('short values', () => {
  it('have the bytes that msgpackr gives them', () => {
    for (const value of [null, true, false, 0, 1, 127, 128, -1, 0.5, 255, 2 ** 31, 1e300]) {
      expectSame(value);
    }
    expectSame(-0, 0);
  });

  it('are strings of any length, in characters of any width, at any place', () => {
    for (const character of ['a', '\u0000', '\u007f', 'ä', '€', '🦊']) {
      for (let length = 0; length <= 300; length++) {
        expectSame(character.repeat(length));
        expectSame(`${'a'.repeat(length)}${character}`);
        expectSame(`${character}${'a'.repeat(length)}`);
      }
      for (const length of [1023, 1024, 1025, 1366, 4096, 70_000]) {
        expectSame(character.repeat(length));
      }
    }
  });

  it('end where they say; what does not is no short value', () => {
    const texts = ['', 'a', 'a'.repeat(31), 'a'.repeat(100)];
    for (const value of [...texts, 7, null, true, false]) {
      const bytes = written(value);
      expect(isShort(bytes, 0, bytes.length)).to.equal(true);
      expect(isShort(bytes, 0, bytes.length - 1)).to.equal(false);
      const longer = Buffer.concat([bytes, Buffer.of(0)]);
      expect(isShort(longer, 0, longer.length)).to.equal(false);
    }
  });
});
