import { expect } from 'chai';
import { defineVerbs, mutate, once, read, type Server, serve } from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { MemoryWatch } from '../support/memory-use.ts';
import {
  call,
  endRawPeers,
  hex,
  listOf,
  numberOf,
  pack,
  RawPeer,
  replied,
} from '../support/raw-peer.ts';
import { seededBytes } from '../support/recorder.ts';

const echo = defineVerbs({
  read: read<unknown, unknown>(),
  mutate: mutate<unknown, unknown>(),
  once: once<unknown, unknown>(),
});

function nested(depth: number, open: number): Buffer {
  const level = open === 0x81 ? hex('81 a1 61') : Buffer.of(open);
  return Buffer.concat([...Array.from({ length: depth }, () => level), Buffer.of(0xc0)]);
}

const wrongValues: readonly (readonly [what: string, bytes: Buffer, text: RegExp])[] = [
  ['nothing at all', hex(''), /ends early/],
  ['half an integer', hex('cd 01'), /goes beyond its end/],
  ['half a string', hex('a5 61 62'), /goes beyond its end/],
  ['half a timestamp', hex('d6 ff 00'), /ends early/],
  ['two values', hex('01 02'), /1 bytes follow the value/],
  ['a value and garbage', Buffer.concat([pack({ a: 1 }), seededBytes(1, 99)]), /99 bytes follow/],
  ['the token that is never used', hex('c1'), /token 0xc1 is not allowed/],
  ['an extension of one byte', hex('d4 01 00'), /extension types are not allowed/],
  ['an extension of two bytes', hex('d5 01 00 00'), /token 0xd5 is not allowed/],
  ['an extension of 16 bytes', hex(`d8 01 ${'00'.repeat(16)}`), /token 0xd8|extension/],
  ['an extension with a length', hex(`c7 0c 01 ${'00'.repeat(12)}`), /extension types/],
  ['an extension with a long length', hex('c8 0001 00 00'), /token 0xc8 is not allowed/],
  ['an extension of 4 GiB', hex('c9 ffffffff 00'), /token 0xc9 is not allowed/],
  ["msgpackr's record", hex('d4 72 40 91 a1 61 01'), /extension types are not allowed/],
  ["msgpackr's reference to itself", hex('d6 69 00000001 91 d6 70 00000001'), /extension types/],
  ["msgpackr's error", hex('d4 65 00'), /extension types are not allowed/],
  ["msgpackr's regular expression", hex('d4 78 00'), /extension types are not allowed/],
  ['a record for a reused structure', hex('d4 72 41'), /extension types are not allowed/],
  ['a string of 4 GiB', hex('db ffffffff 61'), /goes beyond its end/],
  ['bytes of 4 GiB', hex('c6 ffffffff 61'), /goes beyond its end/],
  ['an array of 4 billion', hex('dd ffffffff c0'), /goes beyond its end/],
  ['a map of 4 billion', hex('df ffffffff a1 61 c0'), /goes beyond its end/],
  ['an array of 65535 in 3 bytes', hex('dc ffff'), /goes beyond its end/],
  ['arrays in arrays, each of many', hex(`${'dc ffff '.repeat(50)} c0`), /goes beyond its end/],
  ['arrays, 101 deep', nested(101, 0x91), /nested deeper than 100/],
  ['arrays, 500000 deep', nested(500_000, 0x91), /nested deeper than 100/],
  ['maps, 101 deep', nested(101, 0x81), /nested deeper than 100/],
  ['maps, 200000 deep', nested(200_000, 0x81), /nested deeper than 100/],
  ['a number as a key', hex('81 01 02'), /a key is not a string/],
  ['nil as a key', hex('81 c0 02'), /a key is not a string/],
  ['bytes as a key', hex('81 c4 01 61 02'), /a key is not a string/],
  ['a map as a key', hex('81 80 02'), /a key is not a string/],
  ['a map without its last value', hex('82 a1 61 01 a1 62'), /goes beyond its end|ends early/],
];

describe('A server that gets calls whose values are hostile', () => {
  let server: Server;
  let peer: RawPeer;
  let seen: unknown[];
  let number: number;

  beforeEach(async () => {
    seen = [];
    const note = (input: unknown): unknown => {
      seen.push(input);
      return input ?? 'nothing';
    };
    const handlers = { read: note, mutate: note, once: note };
    server = await serve(echo, handlers, { listen: 'tcp://127.0.0.1:0' });
    peer = await RawPeer.greeted(server.urls[0] as string);
    number = 0;
  });

  afterEach(async () => {
    // However bad a value was, it cost its own call and nothing else.
    expect(await echoed(pack('still here'))).to.equal('still here');
    await endRawPeers();
    await server.close();
    for (const key of ['polluted', 'a', 'session']) {
      expect(({} as Record<string, unknown>)[key]).to.equal(undefined);
    }
  });

  /** Sends a value as it is; gives what the handler gave back. */
  async function echoed(bytes: Uint8Array, verb = 1): Promise<unknown> {
    peer.send(call({ number: ++number, verb, bytes }));
    return replied(await peer.nextOf(FrameType.reply));
  }

  async function refused(bytes: Uint8Array, form?: number, verb = 1): Promise<string> {
    const fields = form === undefined ? {} : { form };
    peer.send(call({ number: ++number, verb, bytes, ...fields }));
    const answer = await peer.next();
    expect([answer.type, numberOf(answer)]).to.deep.equal([FrameType.refused, number]);
    const [code, message, retryAfterMs, final] = listOf(answer);
    expect([code, retryAfterMs, final]).to.deep.equal(['ERR_HOLDFAST_DECODE', null, true]);
    expect(seen).to.deep.equal([]);
    return String(message);
  }

  for (const [what, bytes, text] of wrongValues) {
    it(`refuses ${what}, for good, and runs nothing`, async () => {
      for (const verb of [0, 1, 2]) expect(await refused(bytes, undefined, verb)).to.match(text);
    });
  }

  for (const form of [3, 0x7f, 0xff]) {
    it(`refuses a value of form ${form}`, async () => {
      // The highest bit is none of the form's: it marks a replay.
      expect(await refused(pack('x'), form)).to.include(`form is ${form & 0x7f}`);
    });
  }

  it('refuses bytes behind the form that has none', async () => {
    expect(await refused(hex('00'), 0)).to.include('form is 0');
  });

  it('takes arrays and maps 100 deep', async () => {
    for (const open of [0x91, 0x81]) {
      let value = await echoed(nested(100, open));
      for (let depth = 0; depth < 100; depth++) value = Object.values(value as object)[0];
      expect(value).to.equal(null);
    }
  });

  it('gives keys with a meaning in JavaScript to the handler as data, and nothing else', async () => {
    const text = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"a":2}';
    const value = await echoed(pack(JSON.parse(text)));
    const [input] = seen as [Record<string, unknown>];
    expect(Object.getPrototypeOf(input)).to.equal(Object.prototype);
    expect(input['polluted']).to.equal(undefined);
    expect(Object.hasOwn(input, '__proto__')).to.equal(false);
    expect(input['a']).to.equal(2);
    expect((value as Record<string, unknown>)['constructor']).to.deep.equal({
      prototype: { polluted: 1 },
    });
  });

  it('takes the last of two values under one key', async () => {
    expect(await echoed(hex('82 a1 61 01 a1 61 02'))).to.deep.equal({ a: 2 });
  });

  it('takes strings that are not UTF-8, with marks in them', async () => {
    expect(await echoed(hex('92 a2 c3 28 a3 ed a0 80'))).to.deep.equal([
      '\ufffd(',
      '\ufffd'.repeat(3),
    ]);
  });

  it('takes times and numbers at the ends of their ranges', async () => {
    const values = [
      'c7 0c ff 3b9ac9ff 7fffffffffffffff',
      'd7 ff ffffffffffffffff',
      'cf ffffffffffffffff',
      'd3 8000000000000000',
    ];
    for (const value of values) {
      peer.send(call({ number: ++number, bytes: hex(value) }));
      // A time beyond what a Date can hold is refused.
      const isTooFar = value === values[0];
      const expected = isTooFar ? FrameType.refused : FrameType.reply;
      expect((await peer.next()).type, value).to.equal(expected);
    }
    expect(seen[0]).to.be.instanceOf(Date);
    expect(seen[1]).to.equal(2n ** 64n - 1n);
    expect(seen[2]).to.equal(-(2n ** 63n));
  });

  it('takes a hundred thousand random values, or refuses them, and does not grow', async function () {
    this.timeout(30_000);
    const memory = await MemoryWatch.start();
    for (let round = 0; round < 100; round++) {
      const calls: Buffer[] = [];
      const random = seededBytes(round + 1, 20_000);
      for (let at = 0; at < random.length; at += 20) {
        calls.push(call({ number: ++number, bytes: random.subarray(at, at + 20) }));
      }
      peer.send(...calls);
      for (let answers = 0; answers < calls.length; answers++) await peer.next();
      seen.length = 0;
    }
    expect(await memory.grownBytes(16 * 1024 * 1024)).to.be.at.most(16 * 1024 * 1024);
  });
});
