import { expect } from 'chai';
import type { HoldfastError } from '../../lib/index.ts';
import { FrameType, preamble } from '../../lib/protocols/holdfast/frames.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { expectFailure } from '../support/failing.ts';
import {
  declared,
  fault,
  frame,
  greet,
  hex,
  pack,
  ping,
  type RawPeer,
  reply,
  serverHello,
  u32,
} from '../support/raw-peer.ts';
import { seededBytes, settled } from '../support/recorder.ts';
import { echo, ScriptedServer } from '../support/scripted-server.ts';
import { strays } from '../support/strays.ts';

function helloOf(body: Uint8Array): Buffer {
  return Buffer.concat([preamble, frame(FrameType.hello, body)]);
}

const good = { server: 's', maxFrameBytes: 1_000_000, maxCalls: 10, verbs: [['read', 'read', {}]] };

function nested(depth: number): Buffer {
  return Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.of(0xc0)]);
}

/** What a server may say first that ends the matter: trying again cannot help. */
const hopeless: readonly (readonly [what: string, bytes: Buffer, code: string, text: RegExp])[] = [
  ['random bytes', seededBytes(1, 5_000), 'PROTOCOL', /does not speak holdfast/],
  ['an HTTP answer', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), 'PROTOCOL', /HTTP\/1\.1 400/],
  ['a TLS alert', hex('15 03 01 00 02 02 46'), 'PROTOCOL', /does not speak holdfast/],
  ['an SSH banner', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'), 'PROTOCOL', /SSH-2\.0/],
  ['a shell greeting', Buffer.from('Welcome to example!\n'), 'PROTOCOL', /Welcome to example!/],
  ['another version', hex('89 48 46 0d 0a 1a 0a 02'), 'VERSION', /speaks version 2/],
  ['a hello that is a list', helloOf(pack([1])), 'PROTOCOL', /hello is wrong: it must be a map/],
  ['no server name', helloOf(pack({ ...good, server: 7 })), 'PROTOCOL', /server must be a string/],
  [
    'no frame limit',
    helloOf(pack({ ...good, maxFrameBytes: 0 })),
    'PROTOCOL',
    /maxFrameBytes must/,
  ],
  ['no call limit', helloOf(pack({ ...good, maxCalls: -1 })), 'PROTOCOL', /maxCalls must/],
  ['no verbs', helloOf(pack({ ...good, verbs: {} })), 'PROTOCOL', /table of verbs is wrong/],
  [
    'a verb without a name',
    helloOf(pack({ ...good, verbs: [[7]] })),
    'PROTOCOL',
    /row has no name/,
  ],
  ['a row that is none', helloOf(pack({ ...good, verbs: ['get'] })), 'PROTOCOL', /row has no name/],
  ['too many verbs', helloOf(tooManyVerbs()), 'PROTOCOL', /at most 4096 verbs/],
  ['a wrong setting', helloOf(withSetting({ timeoutMs: -1 })), 'PROTOCOL', /out of range/],
  ['a setting in text', helloOf(withSetting({ maxAttempts: '9' })), 'PROTOCOL', /out of range/],
  ['deep nesting', helloOf(nested(100_000)), 'DECODE', /nested deeper/],
  ['a map of 4 billion', helloOf(hex('df ffffffff')), 'DECODE', /length goes beyond/],
  ['half a hello', helloOf(pack(good).subarray(0, 9)), 'DECODE', /cannot be decoded/],
];

function tooManyVerbs(): Buffer {
  return pack({ ...good, verbs: Array.from({ length: 4_097 }, (_, index) => [`v${index}`]) });
}

function withSetting(settings: object): Buffer {
  return pack({ ...good, verbs: [['read', 'read', settings]] });
}

/** What a server may say first that leaves hope: the client tries again. */
const passing: readonly (readonly [what: string, bytes: Buffer, text: RegExp])[] = [
  ['nothing and ends', Buffer.alloc(0), /ended the connection before it said hello/],
  ['half a preamble and ends', preamble.subarray(0, 5), /ended the connection before/],
  ['half a hello and ends', serverHello().subarray(0, 40), /ended the connection before/],
  ['a reply', Buffer.concat([preamble, reply(1, 'x')]), /type 0x20 is not expected/],
  ['a ping', Buffer.concat([preamble, ping(1)]), /type 0x30 is not expected/],
  ['a frame too large', Buffer.concat([preamble, declared(0xffff_ffff, 1)]), /4294967299 bytes/],
  ['a frame of length 0', Buffer.concat([preamble, u32(0), u32(0)]), /length is 0/],
  ['a fault', faultOf(['ERR_HOLDFAST_TOO_MANY_CONNECTIONS', 'full', null, false]), /full/],
  [
    'a fault without a known code',
    faultOf(['NEWS', 'something new', null, false]),
    /something new/,
  ],
  ['a fault that is no list', faultOf({ code: 'x' }), /code and a message/],
  ['a fault of objects', faultOf([{ toString: 1 }, { valueOf: 2 }, {}, {}]), /code and a message/],
];

function faultOf(list: unknown): Buffer {
  return Buffer.concat([preamble, fault(list)]);
}

describe('A client whose server sends what the protocol does not allow', () => {
  let server: ScriptedServer;
  let client: ScriptedServer['client'];

  afterEach(() => server.close());

  async function start(...script: Parameters<typeof ScriptedServer.start>): Promise<void> {
    server = await ScriptedServer.start(...script);
    ({ client } = server);
  }

  /** Greets like a server, but the first connection says something else. */
  function firstSays(bytes: Uint8Array): (peer: RawPeer, index: number) => unknown {
    return (peer, index) => {
      if (index > 0) return greet(peer);
      peer.sendLast(bytes);
      return undefined;
    };
  }

  describe('before its hello', () => {
    for (const [what, bytes, code, text] of hopeless) {
      it(`fails the calls at once after ${what}, and says why`, async () => {
        await start((peer) => peer.send(bytes));
        const failing = [client.call.mutate('x'), client.call.read('y'), client.ready()];
        const errors = await Promise.all(
          failing.map((call) => expectFailure(call, `ERR_HOLDFAST_${code}` as 'ERR_HOLDFAST_URL')),
        );
        for (const error of errors.slice(0, 2) as HoldfastError[]) {
          expect(error.message).to.match(text);
          expect(error.outcome).to.equal('not-executed');
        }
        expect(server.peers).to.have.length(1);
      });
    }

    for (const [what, bytes, text] of passing) {
      it(`tries again after ${what}, and says why if that is all there is`, async () => {
        await start(firstSays(bytes));
        const heard: unknown[] = [];
        client.on('reconnecting', ({ cause }) => heard.push(cause?.message));
        expect(await client.call.mutate('x')).to.match(/^reply/);
        expect(heard[0]).to.match(text);
        expect(server.calls[0]).to.deep.equal([]);
        await server.close();
        await start((peer) => peer.sendLast(bytes));
        const error = await expectFailure(
          client.call.mutate('x', { timeoutMs: 60 }),
          'ERR_HOLDFAST_DEADLINE',
          text,
        );
        expect(error.outcome).to.equal('not-executed');
      });
    }

    it('gives up a server that accepts and is silent, and tries again in time', async () => {
      const clock = new VirtualClock({ turns: 'real' });
      await start((peer, index) => (index === 0 ? undefined : greet(peer)), echo, {
        clock,
        dialTimeoutMs: 5_000,
      });
      const call = client.call.mutate('x');
      await settled(() => server.peers.length);
      await clock.pass(3_900);
      expect(server.peers).to.have.length(1);
      await clock.pass(1_000);
      const next = new Promise<{ cause: Error | undefined }>((resolve) => {
        client.once('reconnecting', resolve);
      });
      await clock.pass(5_000);
      expect((await next).cause).to.have.property('code', 'ERR_HOLDFAST_HANDSHAKE_TIMEOUT');
      expect(await call).to.match(/^reply/);
      // A connect to see whether packets are lost: hello is not said on it while the first may answer.
      expect(server.peers[1]?.frames).to.deep.equal([]);
    });

    it("sends nothing but its hello before it has read the server's", async () => {
      await start(() => new Promise(() => {}));
      const call = client.call.mutate('x', { timeoutMs: 50 });
      await expectFailure(call, 'ERR_HOLDFAST_DEADLINE');
      const [peer] = server.peers;
      expect(peer?.frames.map(({ type }) => type)).to.deep.equal([FrameType.hello]);
    });

    it('takes a hello with classes and settings that it does not know', async () => {
      const rows = [
        ['read', 'telepathy', { timeoutMs: 5_000, future: true }],
        ['__proto__', 'read', {}],
        ['toString', 'read'],
        ['other', 'read', null],
      ];
      await start((peer) => greet(peer, { verbs: rows, motd: 'hi' }));
      expect(await client.call.read('x')).to.match(/^reply/);
      const error = await expectFailure(client.invoke('valueOf'), 'ERR_HOLDFAST_UNKNOWN_VERB');
      expect(error.outcome).to.equal('not-executed');
    });
  });

  describe('while the link is idle', () => {
    for (const [what, bytes] of strays) {
      it(`leaves the link after ${what}, and the next call works on a new one`, async () => {
        await start((peer) => greet(peer), echo, { probeAfterMs: 0 });
        expect(await client.call.mutate('first')).to.equal('reply 1');
        await server.peers[0]?.sendAll(bytes);
        const value = await client.call.mutate('second');
        expect(value)
          .to.match(/^reply \d+$/)
          .and.not.equal('reply 1');
        expect(server.peers).to.have.length(2);
        expect([server.calls[0]?.length, server.calls[1]?.length]).to.deep.equal([1, 1]);
      });
    }

    it('stays when the server pings, or answers a call twice', async () => {
      await start(
        (peer) => greet(peer),
        (peer, number) => {
          peer.send(reply(number, 'once'), reply(number, 'twice'), ping(5));
        },
      );
      expect(await client.call.mutate('x')).to.equal('once');
      expect(await client.call.mutate('y')).to.equal('once');
      await settled(() => server.others.length);
      const pongs = server.others.filter(({ type }) => type === FrameType.pong);
      expect(pongs.map(({ type, body }) => [type, body.readUInt32BE()])).to.deep.equal([
        [FrameType.pong, 5],
        [FrameType.pong, 5],
      ]);
      expect(server.peers).to.have.length(1);
    });
  });
});
