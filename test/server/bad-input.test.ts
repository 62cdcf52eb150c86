import { expect } from 'chai';
import { type Server, serve } from '../../lib/index.ts';
import { FrameType, preamble } from '../../lib/protocols/holdfast/frames.ts';
import { Bystander } from '../support/bystander.ts';
import {
  call,
  cancel,
  clientHello,
  declared,
  endRawPeers,
  frame,
  listOf,
  numberOf,
  pack,
  ping,
  pong,
  RawPeer,
  replied,
  u32,
  u48,
} from '../support/raw-peer.ts';
import { seededBytes } from '../support/recorder.ts';
import { Executions, verbs } from '../support/verbs.ts';

const maxFrameBytes = 1024 * 1024;

/** A TLS 1.2 ClientHello as browsers begin it. */
const tlsHello = Buffer.from(
  '16030100a5010000a10303b5d6a1f6e1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aa',
  'hex',
);

function wrongPreamble(at: number, byte: number): Buffer {
  const bytes = Buffer.from(preamble);
  bytes[at] = byte;
  return bytes;
}

const foreign: readonly (readonly [what: string, bytes: Buffer])[] = [
  ['random bytes', seededBytes(1, 5_000)],
  ['zeros', Buffer.alloc(64)],
  ['one wrong byte', Buffer.of(0x00)],
  ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: example.test\r\n\r\n')],
  ['a TLS ClientHello', tlsHello],
  ['an SSH banner', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')],
  ['a preamble whose line ends were translated', Buffer.from('8948460a1a0a01', 'hex')],
  ['a preamble whose eighth bits were stripped', Buffer.from('0948460d0a1a0a01', 'hex')],
  ['a hello without a preamble', clientHello().subarray(preamble.length)],
  ...[0, 1, 2, 3, 4, 5, 6].map(
    (at) => [`a preamble whose byte ${at} is wrong`, wrongPreamble(at, 0x58)] as const,
  ),
];

/** What must not stand where the client's hello must stand. */
const notHello: readonly (readonly [what: string, bytes: Buffer, code: string, text: RegExp])[] = [
  ['a call', call({ number: 1 }), 'PROTOCOL', /type 0x10 is not expected/],
  ['a ping', ping(1), 'PROTOCOL', /type 0x30 is not expected/],
  ['a frame of length 0', u32(0), 'PROTOCOL', /length is 0/],
  ['a frame too large for a hello', declared(262_141, 1), 'FRAME_TOO_LARGE', /262145 bytes/],
  ['a frame of 4 GiB', declared(0xffff_ffff, 1), 'FRAME_TOO_LARGE', /4294967299 bytes.*262144/],
];

const session = Buffer.alloc(16, 7);
const good = { session, maxFrameBytes: 1_000_000 };

function helloOf(body: Uint8Array): Buffer {
  return frame(FrameType.hello, body);
}

function nested(depth: number): Buffer {
  return Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.of(0xc0)]);
}

const wrongHellos: readonly (readonly [what: string, body: Buffer, text: RegExp])[] = [
  ['nothing', Buffer.alloc(0), /cannot be decoded/],
  ['a list', pack([session, 1]), /must be a map, got an array/],
  ['a string', pack('hello'), /must be a map, got "hello"/],
  ['nil', pack(null), /must be a map, got null/],
  ['an empty map', pack({}), /session must be 16 bytes/],
  ['a session of 15 bytes', pack({ ...good, session: Buffer.alloc(15) }), /must be 16 bytes/],
  ['a session of 17 bytes', pack({ ...good, session: Buffer.alloc(17) }), /must be 16 bytes/],
  ['a session in text', pack({ ...good, session: 'x'.repeat(16) }), /must be 16 bytes/],
  ['no limit', pack({ session }), /maxFrameBytes must be a whole number above 0, got undefined/],
  ['a limit of 0', pack({ ...good, maxFrameBytes: 0 }), /above 0, got 0/],
  ['a limit below 0', pack({ ...good, maxFrameBytes: -1 }), /above 0, got -1/],
  ['a fractional limit', pack({ ...good, maxFrameBytes: 1.5 }), /above 0, got 1.5/],
  ['a limit that is no number', pack({ ...good, maxFrameBytes: Number.NaN }), /got NaN/],
  ['a limit in text', pack({ ...good, maxFrameBytes: '9' }), /above 0, got "9"/],
  ['a limit in a map', pack({ ...good, maxFrameBytes: { toString: 1 } }), /got an object/],
  ['bytes behind the map', Buffer.concat([pack(good), Buffer.of(0xc0)]), /1 bytes follow/],
  ['half a map', pack(good).subarray(0, 20), /cannot be decoded/],
  ['deep nesting', nested(200_000), /nested deeper than 100/],
  ['an extension', Buffer.from('81a161d405aa', 'hex'), /extension types/],
  ['a map of 4 billion', Buffer.from('dfffffffff', 'hex'), /length goes beyond/],
  ['a key that is no string', Buffer.from('8101c0', 'hex'), /key is not a string/],
  ['__proto__', pack(JSON.parse('{"__proto__":{"session":1,"maxFrameBytes":1}}')), /session must/],
];

/** What must not come from a client that has said hello. */
const outOfPlace: readonly (readonly [what: string, bytes: Buffer, text: RegExp])[] = [
  ['a second hello', clientHello().subarray(preamble.length), /type 0x01 is not expected/],
  ['a second preamble', preamble, /of 2303215121 bytes, more than/],
  ...[0x00, 0x02, 0x03, 0x14, 0x20, 0x21, 0x22, 0x24, 0x32, 0x40, 0x7f, 0xff].map((type) => {
    const shown = `0x${type.toString(16).padStart(2, '0')}`;
    const text = new RegExp(`type ${shown} is not expected`);
    return [`a frame of type ${shown}`, frame(type, u48(1), pack(['a', 'b'])), text] as const;
  }),
  ['a frame of length 0', u32(0), /length is 0/],
  ['a frame too large', declared(maxFrameBytes - 3, 0x10), /of 1048577 bytes, more than/],
  ['a frame of 4 GiB', declared(0xffff_ffff, 0x10), /of 4294967299 bytes, more than/],
  ['a CALL without a header', frame(FrameType.call), /CALL frame has the wrong length/],
  [
    'a CALL with half a header',
    frame(FrameType.call, Buffer.alloc(14)),
    /CALL frame has the wrong length/,
  ],
  [
    'a CALL whose key goes beyond its end',
    frame(FrameType.call, Buffer.from('010000000000000001010500007530aabbccdd', 'hex')),
    /CALL frame has the wrong length/,
  ],
  ['a CANCEL that is too short', frame(FrameType.cancel, Buffer.alloc(5)), /CANCEL frame/],
  ['a CANCEL that is too long', frame(FrameType.cancel, Buffer.alloc(7)), /CANCEL frame/],
  ['a PING that is too short', frame(FrameType.ping, Buffer.alloc(3)), /PING frame/],
  ['a PING that is too long', frame(FrameType.ping, Buffer.alloc(5)), /PING frame/],
  ['a PONG that is empty', frame(FrameType.pong), /PONG frame/],
];

describe('A server that gets bytes that the protocol does not allow', () => {
  let executions: Executions;
  let server: Server;
  let url: string;
  let bystander: Bystander;
  let faults: string[];

  beforeEach(async () => {
    executions = new Executions();
    const handlers = executions.handlers();
    server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0', maxFrameBytes });
    faults = [];
    server.on('fault', ({ error }) => faults.push(error.code));
    url = server.urls[0] as string;
    bystander = await Bystander.at(url);
  });

  afterEach(async () => {
    await endRawPeers();
    await bystander.stop();
    await server.close();
    expect(({} as Record<string, unknown>)['polluted']).to.equal(undefined);
  });

  /** Sends the bytes, expects the fault, and sees that nothing behind them is executed. */
  async function expectFault(
    peer: RawPeer,
    bytes: Uint8Array,
    code: string,
    text: RegExp,
  ): Promise<void> {
    // What follows in the same segment, and what follows later, must not be looked at.
    peer.send(bytes, call({ number: 900, value: 'behind' }));
    peer.send(call({ number: 901, value: 'behind' }));
    const fault = await peer.fault();
    expect(fault.code).to.equal(`ERR_HOLDFAST_${code}`);
    expect(fault.message).to.match(text);
    expect(fault.message.length).to.be.below(500);
    expect(executions.of('behind')).to.equal(0);
    expect(faults).to.deep.equal([fault.code]);
  }

  describe('instead of the preamble', () => {
    for (const [what, bytes] of foreign) {
      it(`gives up with a reason after ${what}`, async () => {
        const peer = await RawPeer.connect(url);
        await expectFault(peer, bytes, 'PROTOCOL', /does not speak holdfast: it began with/);
      });
    }

    it('names both versions to a peer of another one', async () => {
      const peer = await RawPeer.connect(url);
      const text = /speaks version 2 of the holdfast protocol, this side speaks version 1/;
      await expectFault(peer, wrongPreamble(7, 2), 'VERSION', text);
    });

    it('says that trying again cannot help', async () => {
      for (const bytes of [tlsHello, wrongPreamble(7, 9)]) {
        const peer = await RawPeer.connect(url);
        peer.send(bytes);
        expect((await peer.fault()).final).to.equal(true);
      }
    });
  });

  describe('instead of the hello', () => {
    for (const [what, bytes, code, text] of notHello) {
      it(`gives up with a reason after ${what}`, async () => {
        const peer = await RawPeer.connect(url);
        await expectFault(peer, Buffer.concat([preamble, bytes]), code, text);
      });
    }

    for (const [what, body, text] of wrongHellos) {
      it(`gives up with a reason after a hello that is or has ${what}`, async () => {
        const peer = await RawPeer.connect(url);
        peer.send(preamble, helloOf(body), call({ number: 1, value: 'behind' }));
        const fault = await peer.fault();
        expect(fault.code).to.be.oneOf(['ERR_HOLDFAST_PROTOCOL', 'ERR_HOLDFAST_DECODE']);
        expect(fault.message).to.match(text);
        expect(executions.of('behind')).to.equal(0);
      });
    }

    it('takes a hello with fields that it does not know', async () => {
      const peer = await RawPeer.greeted(url, { future: { a: [1, 2, 3] }, toString: 'x' });
      peer.send(call({ number: 1, value: 'known' }));
      expect(replied(await peer.nextOf(FrameType.reply))).to.equal('done known');
    });
  });

  describe('after the hello', () => {
    for (const [what, bytes, text] of outOfPlace) {
      it(`gives up with a reason after ${what}`, async () => {
        const peer = await RawPeer.greeted(url);
        const code = text.source.includes('more than') ? 'FRAME_TOO_LARGE' : 'PROTOCOL';
        await expectFault(peer, bytes, code, text);
      });
    }

    for (const number of [1, 2, 5]) {
      it(`gives up when call ${number} follows call 5, and runs each at most once`, async () => {
        const peer = await RawPeer.greeted(url);
        peer.send(call({ number: 5, value: 'five' }));
        expect(numberOf(await peer.nextOf(FrameType.reply))).to.equal(5);
        const bytes = call({ number, value: 'again' });
        await expectFault(peer, bytes, 'PROTOCOL', new RegExp(`Call number ${number} `));
        expect([executions.of('five'), executions.of('again')]).to.deep.equal([1, 0]);
      });
    }

    it('gives up when the first call has number 0', async () => {
      const peer = await RawPeer.greeted(url);
      await expectFault(peer, call({ number: 0, value: 'none' }), 'PROTOCOL', /Call number 0 /);
      expect(executions.of('none')).to.equal(0);
    });

    it('tells the reason although many replies are on their way', async () => {
      const peer = await RawPeer.greeted(url);
      const value = 'x'.repeat(1_000);
      const calls = Array.from({ length: 500 }, (_, index) => call({ number: index + 1, value }));
      await expectFault(peer, Buffer.concat([...calls, u32(0)]), 'PROTOCOL', /length is 0/);
      expect(executions.of(value)).to.equal(500);
    });
  });

  describe('what it puts up with', () => {
    let peer: RawPeer;

    beforeEach(async () => {
      peer = await RawPeer.greeted(url);
    });

    afterEach(async () => {
      peer.send(call({ number: 999, value: 'after' }));
      const { body, type } = await peer.next();
      expect(replied({ body, type })).to.equal('done after');
      expect(faults).to.deep.equal([]);
    });

    it('ignores a CANCEL of a number that never was, or is done', async () => {
      peer.send(cancel(1), cancel(2 ** 48 - 1), cancel(0), call({ number: 7 }));
      expect(numberOf(await peer.next())).to.equal(7);
      peer.send(cancel(7), cancel(7));
    });

    it('ignores a PONG that answers no ping', async () => {
      peer.send(pong(1), pong(0), pong(0xffff_ffff));
    });

    it('answers each PING with its token', async () => {
      const tokens = [0, 1, 0xffff_ffff, 1];
      peer.send(...tokens.map(ping));
      for (const token of tokens) {
        const { type, body } = await peer.next();
        expect([type, body.readUInt32BE()]).to.deep.equal([FrameType.pong, token]);
      }
    });

    for (const verb of [5, 255, 65_535]) {
      it(`refuses a call of the verb at place ${verb}, for good`, async () => {
        peer.send(call({ number: 1, verb }));
        const refused = await peer.next();
        expect([refused.type, numberOf(refused)]).to.deep.equal([FrameType.refused, 1]);
        const [code, message, , final] = listOf(refused);
        expect(code).to.equal('ERR_HOLDFAST_UNKNOWN_VERB');
        expect(message).to.include(`no verb at place ${verb}`);
        expect(final).to.equal(true);
      });
    }

    it('refuses a call that has no time left, and does not run it', async () => {
      peer.send(call({ number: 1, remainingMs: 0, value: 'too late' }));
      const [code, , , final] = listOf(await peer.nextOf(FrameType.refused));
      expect([code, final]).to.deep.equal(['ERR_HOLDFAST_DEADLINE', true]);
      expect(executions.of('too late')).to.equal(0);
    });
  });

  describe('when the bytes end early', () => {
    it('runs nothing, whatever the offset at which a hello and a call are cut', async function () {
      this.timeout(30_000);
      const bytes = Buffer.concat([clientHello(), call({ number: 1, verb: 4, value: 'cut off' })]);
      for (let length = 0; length < bytes.length; length++) {
        const peer = await RawPeer.connect(url);
        peer.sendLast(bytes.subarray(0, length));
        await peer.closed;
        const types = peer.frames.map(({ type }) => type);
        expect(types, `cut at ${length}`).to.satisfy(
          (all: number[]) => all.length === 0 || String(all) === String(FrameType.hello),
        );
      }
      expect(executions.of('cut off')).to.equal(0);
      expect(faults).to.deep.equal([]);
    });

    it('runs the call once when the same bytes come one by one', async () => {
      const bytes = Buffer.concat([clientHello(), call({ number: 1, verb: 4, value: 'in drops' })]);
      const peer = await RawPeer.connect(url);
      for (const byte of bytes) await peer.sendAll(Buffer.of(byte));
      expect(replied(await peer.nextOf(FrameType.reply))).to.equal('done in drops');
      expect(executions.of('in drops')).to.equal(1);
    });

    it('runs nothing when the connection is reset instead', async () => {
      const bytes = Buffer.concat([clientHello(), call({ number: 1, verb: 4, value: 'reset' })]);
      for (const length of [3, 8, 30, bytes.length - 1]) {
        const peer = await RawPeer.connect(url);
        await peer.sendAll(bytes.subarray(0, length));
        peer.socket.resetAndDestroy();
        await peer.closed;
      }
      expect(executions.of('reset')).to.equal(0);
    });
  });
});
