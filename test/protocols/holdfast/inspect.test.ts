import { expect } from 'chai';
import { HoldfastError } from '../../../lib/errors.ts';
import { inspectValue, maxDepth, maxObjects } from '../../../lib/protocols/holdfast/inspect.ts';
import { packValue, unpackValue } from '../../../lib/protocols/holdfast/values.ts';

const mebibyte = 1_024 * 1_024;

/** A hostile value must be refused within this time, however long it is. */
const patienceMs = 1_000;

function inspect(bytes: Buffer | string): void {
  const value = typeof bytes === 'string' ? Buffer.from(bytes, 'hex') : bytes;
  // In the middle of other bytes, which no length may reach.
  const memory = Buffer.concat([Buffer.alloc(3, 0x91), value, Buffer.alloc(300, 0x00)]);
  inspectValue(memory, 3, 3 + value.length);
}

/** The value must be refused, quickly and before anything of it is built. */
function expectRefused(bytes: Buffer | string, why: RegExp, what?: string): void {
  const before = process.memoryUsage().heapUsed;
  const start = performance.now();
  expect(() => inspect(bytes), what ?? String(bytes))
    .to.throw(HoldfastError, why)
    .that.includes({ code: 'ERR_HOLDFAST_DECODE', final: true });
  expect(performance.now() - start).to.be.below(patienceMs);
  expect(process.memoryUsage().heapUsed - before).to.be.below(8 * mebibyte);
  const value = typeof bytes === 'string' ? Buffer.from(bytes, 'hex') : bytes;
  expect(() => unpackValue(1, value, 0, value.length, true), what).to.throw(HoldfastError);
}

/** So many containers inside each other, around a nil. */
function nested(levels: number, opening: string): Buffer {
  return Buffer.from(`${opening.repeat(levels)}c0`, 'hex');
}

const containers: Readonly<Record<string, string>> = {
  'short arrays': '91',
  'arrays of 16 bits': 'dc0001',
  'arrays of 32 bits': 'dd00000001',
  'short maps': '81a161',
  'maps of 16 bits': 'de0001a161',
  'maps of 32 bits': 'df00000001a161',
};

/** Each with a body that would be whole. */
const extensions: Readonly<Record<string, string>> = {
  "msgpackr's record definition": 'd4724092a161a16201c0',
  "msgpackr's record definition of two bytes": 'd572400091a16101',
  'an Error': 'd4650093a454797065a16dc0',
  'a RegExp': 'd4780092a461282b29a0',
  'a bigint of 8 bytes': 'd7420102030405060708',
  'a bigint of 9 bytes': 'c70942010203040506070809',
  'a Set': 'd473009101',
  'a typed array': 'c703740501ff',
  'bundled strings': 'd66200000005c0a0a0',
  'bundled strings of 16 bits': 'c8000462000000000090',
  'an identified object': 'd6690000000180',
  'a pointer to an object': 'd67000000001',
  'a timestamp of 1 byte': 'd4ff00',
  'a timestamp of 2 bytes': 'd5ff0000',
  'a timestamp of 16 bytes': `d8ff${'00'.repeat(16)}`,
  'a timestamp of 11 bytes': `c70bff${'00'.repeat(11)}`,
  'a timestamp of 13 bytes': `c70dff${'00'.repeat(13)}`,
  'a timestamp of 12 bytes, length of 16 bits': `c8000cff${'00'.repeat(12)}`,
  'a timestamp of 12 bytes, length of 32 bits': `c90000000cff${'00'.repeat(12)}`,
  'an empty extension': 'c70001',
  'an extension of 4 bytes and type 0': 'd60000000000',
  'an extension of 12 bytes and type 0': `c70c00${'00'.repeat(12)}`,
  'the byte that msgpack never uses': 'c1',
};

const announcements: Readonly<Record<string, string>> = {
  'a string of 31 bytes': 'bf',
  'a string of 255 bytes': 'd9ff',
  'a string of 65535 bytes': 'daffff',
  'a string of 4 GiB': 'dbffffffff',
  'a string of 2 GiB': 'db80000000',
  'bytes, 255 of them': 'c4ff',
  'bytes, 65535 of them': 'c5ffff',
  'bytes, 4 GiB of them': 'c6ffffffff',
  'an array of 15': '9f',
  'an array of 65535': 'dcffff',
  'an array of 2^32 - 1': 'ddffffffff',
  'an array of 2^31': 'dd80000000',
  'a map of 15': '8f',
  'a map of 65535': 'deffff',
  'a map of 2^32 - 1': 'dfffffffff',
  'a map of 2^31': 'df80000000',
};

describe('inspectValue', () => {
  it('takes nesting up to its limit and refuses one level more', () => {
    for (const [what, opening] of Object.entries(containers)) {
      inspect(nested(maxDepth, opening));
      expectRefused(nested(maxDepth + 1, opening), /deeper than 100/, what);
      expectRefused(nested(1_000_000, opening), /deeper than 100/, what);
    }
  });

  it('counts levels, not containers', () => {
    const siblings = Buffer.concat([Buffer.from('dcea60', 'hex'), Buffer.alloc(60_000, 0x90)]);
    inspect(siblings);
    const deepSiblings = `92${nested(99, '91').toString('hex')}${nested(99, '91').toString('hex')}`;
    inspect(deepSiblings);
    expectRefused(
      `92${nested(99, '91').toString('hex')}${nested(100, '91').toString('hex')}`,
      /deeper/,
    );
  });

  for (const [what, hex] of Object.entries(extensions)) {
    it(`B3: refuses ${what}, alone and inside`, () => {
      const why = /not allowed|it ends early/;
      expectRefused(hex, why);
      expectRefused(`92c0${hex}`, why);
      expectRefused(`81a161${hex}`, why);
    });
  }

  it('B3: refuses every extension of every type but timestamps and undefined', () => {
    const sizes: [string, number][] = [
      ['d4', 1],
      ['d5', 2],
      ['d6', 4],
      ['d7', 8],
      ['d8', 16],
      ['c70c', 12],
    ];
    for (const [token, size] of sizes) {
      for (let type = 0; type < 256; type++) {
        const hex = `${token}${type.toString(16).padStart(2, '0')}${'00'.repeat(size)}`;
        const isTimestamp = type === 0xff && [4, 8, 12].includes(size);
        if (isTimestamp || (type === 0 && size === 1)) inspect(hex);
        else expectRefused(hex, /not allowed/, hex);
      }
    }
  });

  it('refuses timestamps beyond what a date can hold, which cannot be sent on', () => {
    const timestamp = (seconds: bigint, nanoseconds = 0): Buffer => {
      const bytes = Buffer.from(`c70cff${'00'.repeat(12)}`, 'hex');
      bytes.writeUInt32BE(nanoseconds, 3);
      bytes.writeBigInt64BE(seconds, 7);
      return bytes;
    };
    const last = 8_640_000_000_000n;
    for (const bytes of [timestamp(last), timestamp(-last), timestamp(-last, 999_999_999)]) {
      inspect(bytes);
      const date = unpackValue(1, bytes, 0, bytes.length, false) as Date;
      expect(packValue(date).length).to.be.above(0);
    }
    for (const bytes of [
      timestamp(last, 1_000_000),
      timestamp(last + 1n),
      timestamp(-last - 1n),
      timestamp(2n ** 63n - 1n),
      timestamp(-(2n ** 63n)),
    ]) {
      expectRefused(bytes, /a timestamp is out of range/);
    }
  });

  it('refuses keys that are not strings', () => {
    const keys = [
      '00',
      '7f',
      'e0',
      'c0',
      'c2',
      'c3',
      'c400',
      'ca00000000',
      'cc01',
      'cf00000000000000ff',
    ];
    for (const key of [
      ...keys,
      'd3ffffffffffffffff',
      '90',
      '80',
      'dc0000',
      'd6ff00000000',
      'd40000',
    ]) {
      expectRefused(`81${key}c0`, /a key is not a string/);
      expectRefused(`82a161c0${key}c0`, /a key is not a string/);
      expectRefused(`de0002a16180${key}c0`, /a key is not a string/);
      expectRefused(`9181a16181${key}c0`, /a key is not a string/);
    }
    for (const key of ['a0', 'a161', 'd90161', 'da000161', 'db0000000161']) inspect(`81${key}c0`);
  });

  for (const [what, hex] of Object.entries(announcements)) {
    it(`B2: refuses ${what} that is only announced`, () => {
      expectRefused(hex, /early|beyond/);
      expectRefused(`${hex}00`, /early|beyond/);
      expectRefused(`93c0${hex}c0c0c0`, /early|beyond|key/);
      expectRefused(`81a161${hex}a161`, /early|beyond|key/);
    });
  }

  it('B2: refuses many announcements, each as large as what follows', () => {
    const length = 4 * mebibyte;
    const each = Buffer.alloc(length);
    for (let at = 0; at + 5 <= length; at += 5) {
      each[at] = 0xdd;
      each.writeUInt32BE(length - at - 5, at + 1);
    }
    expectRefused(each, /deeper|early|beyond/, 'arrays');
  });

  it('refuses bytes behind the value', () => {
    for (const hex of [
      'c000',
      'a16100',
      '9000',
      '8000',
      '91c0c0',
      '0000',
      'cb000000000000000000',
    ]) {
      expectRefused(hex, /1 bytes follow/);
    }
    expectRefused(Buffer.alloc(16 * mebibyte), /16777215 bytes follow/, 'zeros');
  });

  it('refuses a rich value that is cut at any offset', () => {
    const rich = packValue({
      text: ['', 'short', 'ä€🦊', 'x'.repeat(40), 'y'.repeat(300)],
      numbers: [0, 1, 127, 128, 65_536, -1, -33, -129, -70_000, 1.5, 2n ** 60n, 2 ** 40],
      bytes: [Buffer.alloc(0), Buffer.alloc(10), Buffer.alloc(300)],
      dates: [new Date(0), new Date(1_234), new Date(-1)],
      deep: [[[[{ a: [undefined, null, true, false] }]]]],
      many: Array.from({ length: 20 }, (_, index) => ({ index })),
      map: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, index])),
    });
    inspect(Buffer.from(rich));
    for (let cut = 0; cut < rich.length; cut++) {
      expect(() => inspect(Buffer.from(rich.subarray(0, cut))), `cut at ${cut}`)
        .to.throw(HoldfastError)
        .with.property('code', 'ERR_HOLDFAST_DECODE');
    }
  });

  it('starts afresh after a value that it refused', () => {
    expectRefused('8191c0', /not a string/);
    expectRefused(nested(101, '81a161'), /deeper/);
    inspect('81a16191c0');
    expectRefused('00c0', /1 bytes follow/);
  });

  it('takes long values of many small parts without building them', () => {
    const bytes = Buffer.alloc(16 * mebibyte, 0xc0);
    bytes[0] = 0xdd;
    bytes.writeUInt32BE(bytes.length - 5, 1);
    const before = process.memoryUsage().heapUsed;
    inspectValue(bytes, 0, bytes.length);
    expect(process.memoryUsage().heapUsed - before).to.be.below(8 * mebibyte);
  });

  it('refuses more arrays and maps than a value may have, which cost far more than they weigh', () => {
    const most = Buffer.alloc(5 + maxObjects - 1, 0x80);
    most[0] = 0xdd;
    most.writeUInt32BE(maxObjects - 1, 1);
    inspectValue(most, 0, most.length);
    const more = Buffer.concat([most, Buffer.of(0x80)]);
    more.writeUInt32BE(maxObjects, 1);
    expectRefused(more, /more than 1000000 objects/);
  });

  for (const [what, hex] of [
    ['byte strings', 'c400'],
    ['longer byte strings', 'c5000101'],
    ['timestamps', 'd6ff00000001'],
    ['longer timestamps', 'd7ff0000000000000001'],
  ] as const) {
    it(`counts ${what}, of which each takes much more memory than bytes`, () => {
      const one = Buffer.from(hex, 'hex');
      const some = (count: number): Buffer => {
        const bytes = Buffer.alloc(5 + count * one.length);
        bytes[0] = 0xdd;
        bytes.writeUInt32BE(count, 1);
        for (let at = 5; at < bytes.length; at += one.length) one.copy(bytes, at);
        return bytes;
      };
      inspect(some(maxObjects - 1));
      expectRefused(some(maxObjects), /more than 1000000 objects/, what);
    });
  }
});
