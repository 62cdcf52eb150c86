import { expect } from 'chai';
import { refuse, type Server, type ServerOptions, serve } from '../../../lib/index.ts';
import { FrameType } from '../../../lib/protocols/holdfast/frames.ts';
import { all, Gate, type Handlers, place } from '../../support/gate.ts';
import {
  call,
  cancel,
  clientHello,
  endRawPeers,
  frame,
  listOf,
  numberOf,
  ping,
  pong,
  RawPeer,
  replied,
  u48,
  unpack,
} from '../../support/raw-peer.ts';
import { Executions, verbs } from '../../support/verbs.ts';

describe('what a server must never do, by PROTOCOL.md section 12', () => {
  let server: Server | undefined;
  let executions: Executions;

  beforeEach(() => {
    executions = new Executions();
  });

  afterEach(async () => {
    await endRawPeers();
    await server?.close();
    server = undefined;
  });

  async function listen(
    handlers: Handlers = executions.handlers(),
    options: Omit<ServerOptions, 'listen'> = {},
  ): Promise<string> {
    server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0', ...options });
    return server.urls[0] as string;
  }

  /** Everything that the peer has sent so far was read when this resolves. */
  async function roundTrip(peer: RawPeer, token: number): Promise<void> {
    peer.send(ping(token));
    const { type, body } = await peer.nextOf(FrameType.pong);
    expect([type, body.readUInt32BE()]).to.deep.equal([FrameType.pong, token]);
  }

  it('S1: acts on a call only when its last byte is there', async () => {
    const url = await listen();
    const whole = call({ number: 1, verb: place.mutate, value: 'cut' });
    for (let length = 0; length < whole.length; length++) {
      const peer = await RawPeer.greeted(url);
      peer.sendLast(whole.subarray(0, length));
      await peer.closed;
    }
    expect(executions.total).to.equal(0);
    const peer = await RawPeer.greeted(url);
    for (const byte of whole) peer.send(Buffer.of(byte));
    expect(replied(await peer.next())).to.equal('done cut');
    expect(executions.total).to.equal(1);
  });

  it("S2: sends nothing before the client's hello is whole", async () => {
    const url = await listen();
    const other = await RawPeer.greeted(url);
    const peer = await RawPeer.connect(url);
    const hello = clientHello();
    peer.send(hello.subarray(0, -1));
    for (let token = 1; token <= 5; token++) await roundTrip(other, token);
    expect(peer.receivedBytes).to.equal(0);
    peer.send(hello.subarray(-1));
    expect((await peer.next()).type).to.equal(FrameType.hello);
  });

  it('S2: sends the preamble and a FAULT instead of its hello when it gives up', async () => {
    const url = await listen(executions.handlers(), { maxConnections: 1 });
    await RawPeer.greeted(url);
    const peer = await RawPeer.connect(url);
    expect((await peer.fault()).code).to.equal('ERR_HOLDFAST_TOO_MANY_CONNECTIONS');
  });

  it('S3: does not answer a call after a CANCEL, and aborts its handler', async () => {
    const gate = new Gate();
    const peer = await RawPeer.greeted(await listen(all(gate.handler)));
    for (const verb of Object.values(place)) peer.send(call({ number: verb + 1, verb }));
    await gate.executed(5);
    for (const verb of Object.values(place)) peer.send(cancel(verb + 1));
    await roundTrip(peer, 1);
    expect(gate.signals.map(({ aborted }) => aborted)).to.deep.equal(Array(5).fill(true));
    gate.release();
    peer.send(cancel(77), call({ number: 10, value: 'behind' }));
    expect(numberOf(await peer.next())).to.equal(10);
    await roundTrip(peer, 2);
    expect(peer.frames).to.deep.equal([]);
  });

  it('S4: does not execute a first attempt whose number is not higher than all before', async () => {
    const url = await listen();
    for (const again of [5, 4, 1, 0]) {
      const peer = await RawPeer.greeted(url);
      peer.send(call({ number: 3 }), call({ number: 5 }), call({ number: again, value: 'again' }));
      expect((await peer.fault()).code).to.equal('ERR_HOLDFAST_PROTOCOL');
    }
    expect(executions.of('again')).to.equal(0);
    expect(executions.of('call 5')).to.equal(4);
  });

  it('S5: does not execute what it has refused', async () => {
    const gate = new Gate();
    const peer = await RawPeer.greeted(await listen(all(gate.handler), { maxCalls: 1 }));
    peer.send(call({ number: 1 }));
    await gate.executed(1);
    peer.send(call({ number: 2, verb: place.mutate }), call({ number: 3, verb: 99 }));
    for (const [number, code, final] of [
      [2, 'ERR_HOLDFAST_TOO_MANY_CALLS', false],
      [3, 'ERR_HOLDFAST_UNKNOWN_VERB', true],
    ] as const) {
      const refused = await peer.next();
      expect([refused.type, numberOf(refused)]).to.deep.equal([FrameType.refused, number]);
      const list = listOf(refused);
      expect([list[0], list[3]]).to.deep.equal([code, final]);
    }
    gate.release();
    expect(numberOf(await peer.next())).to.equal(1);
    await roundTrip(peer, 1);
    expect(gate.executions.total).to.equal(1);
  });

  it('S5: refuses what it has executed only when the handler says that it did nothing', async () => {
    const handler = (name: string): string => {
      executions.note(name);
      if (name === 'refuse') throw refuse({ retryAfterMs: 5 });
      throw Object.assign(new Error(name), { code: 'ERR_HOLDFAST_REFUSED' });
    };
    const peer = await RawPeer.greeted(await listen(all(handler)));
    peer.send(call({ number: 1, value: 'refuse' }), call({ number: 2, value: 'fail' }));
    expect((await peer.next()).type).to.equal(FrameType.refused);
    expect((await peer.next()).type).to.equal(FrameType.error);
  });

  it('S6: does not execute a call that arrives with no time left', async () => {
    const peer = await RawPeer.greeted(await listen());
    for (const verb of Object.values(place)) {
      peer.send(call({ number: verb + 1, verb, remainingMs: 0 }));
      const refused = await peer.next();
      const list = listOf(refused);
      expect([refused.type, list[0], list[3]]).to.deep.equal([
        FrameType.refused,
        'ERR_HOLDFAST_DEADLINE',
        true,
      ]);
    }
    expect(executions.total).to.equal(0);
  });

  it('S7: does not execute a call that it reads after a FAULT', async () => {
    const url = await listen();
    for (const cut of [true, false]) {
      const peer = await RawPeer.greeted(url);
      const wrong = frame(0x99);
      const late = call({ number: 1, value: 'late' });
      peer.send(...(cut ? [wrong] : [wrong, late]));
      expect((await peer.nextOf(FrameType.fault)).type).to.equal(FrameType.fault);
      if (!peer.hasEnded) peer.sendLast(late);
      await peer.closed;
    }
    expect(executions.total).to.equal(0);
  });

  it('S9: executes a "once" call once for one key, whoever sends it and how often', async () => {
    const gate = new Gate();
    const url = await listen(all(gate.handler));
    const once = { verb: place.once, key: 'k', value: 'paid' };
    const [one, other] = [await RawPeer.greeted(url), await RawPeer.greeted(url)];
    one.send(call({ ...once, number: 1 }), call({ ...once, number: 2 }));
    await gate.executed(1);
    other.send(call({ ...once, number: 1 }), call({ ...once, number: 2, value: 'another' }));
    const refused = await other.next();
    expect([numberOf(refused), listOf(refused)[0]]).to.deep.equal([2, 'ERR_HOLDFAST_KEY_REUSED']);
    gate.release();
    for (const [peer, count] of [
      [one, 2],
      [other, 1],
    ] as const) {
      for (let reply = 0; reply < count; reply++) {
        expect(replied(await peer.next())).to.equal('done paid');
      }
    }
    other.send(call({ ...once, number: 1, attempt: 2 }));
    expect(replied(await other.next())).to.equal('done paid');
    expect(gate.executions.counts()).to.deep.equal({ paid: 1 });
  });

  it('S10: sends no frame that is larger than the client takes', async () => {
    const handler = (name: string): string => {
      const long = 'x'.repeat(5_000);
      if (name === 'fail') throw Object.assign(new Error(long), { data: long, code: long });
      if (name === 'refuse') throw refuse({ message: long });
      return long;
    };
    const peer = await RawPeer.greeted(await listen(all(handler)), { maxFrameBytes: 1_024 });
    for (const [index, value] of ['reply', 'fail', 'refuse'].entries()) {
      peer.send(call({ number: index + 1, value }));
      const { type, body } = await peer.next();
      expect(type).to.equal(value === 'refuse' ? FrameType.refused : FrameType.error);
      expect(body.length + 5).to.be.at.most(1_024);
    }
  });

  it('S11: says "never" only of what was not executed, and never will be', async () => {
    const gate = new Gate();
    const url = await listen(all(gate.handler));
    const session = Buffer.alloc(16, 9);
    const first = await RawPeer.greeted(url, { session });
    const { mutate } = place;
    first.send(call({ number: 1, verb: mutate, value: 'waits' }));
    first.send(call({ number: 3, verb: mutate, value: 'late', remainingMs: 0 }));
    await gate.executed(1);
    expect((await first.next()).type).to.equal(FrameType.refused);
    // The last byte of call 4 is missing, and of 2 and 5 nothing was ever sent.
    first.send(call({ number: 4, verb: mutate, value: 'cut' }).subarray(0, -1));
    const numbers = [1, 2, 3, 4, 5];
    const second = await RawPeer.connect(url);
    second.send(clientHello({ session, resume: Buffer.concat(numbers.map(u48)) }));
    const hello = unpack((await second.nextOf(FrameType.hello)).body) as { verdicts: Buffer };
    expect([...hello.verdicts]).to.deep.equal([1, 0, 0, 0, 0]);
    gate.release();
    expect(replied(await second.next())).to.equal('done waits');
    second.destroy();
    await second.closed;
    const third = await RawPeer.connect(url);
    third.send(clientHello({ session, resume: Buffer.concat([1, 2].map(u48)) }));
    const again = unpack((await third.nextOf(FrameType.hello)).body) as { verdicts: Buffer };
    expect([...again.verdicts]).to.deep.equal([2, 0]);
    const answer = await third.next();
    expect([numberOf(answer), replied(answer)]).to.deep.equal([1, 'done waits']);
    expect(gate.executions.counts()).to.deep.equal({ waits: 1 });
  });

  it('S11: says "forgotten" of what was acknowledged, and of every call of a session that it does not know', async () => {
    const url = await listen();
    const session = Buffer.alloc(16, 10);
    const first = await RawPeer.greeted(url, { session });
    first.send(call({ number: 7, verb: place.mutate, value: 'x' }));
    expect(replied(await first.next())).to.equal('done x');
    first.send(frame(FrameType.acknowledge, u48(8)));
    await roundTrip(first, 1);
    for (const [known, expected] of [
      [session, [3, 0]],
      [Buffer.alloc(16, 11), [3, 3]],
    ] as const) {
      const peer = await RawPeer.connect(url);
      peer.send(clientHello({ session: known, resume: Buffer.concat([7, 9].map(u48)) }));
      const { verdicts } = unpack((await peer.nextOf(FrameType.hello)).body) as {
        verdicts: Buffer;
      };
      expect([...verdicts]).to.deep.equal(expected);
    }
  });

  it('S12: reads nothing more from a link when another link of its session has said hello', async () => {
    const url = await listen();
    const session = Buffer.alloc(16, 12);
    const older = await RawPeer.greeted(url, { session });
    const newer = await RawPeer.connect(url);
    newer.send(clientHello({ session }));
    await newer.nextOf(FrameType.hello);
    older.send(call({ number: 1, verb: place.mutate, value: 'zombie' }));
    await older.closed;
    await roundTrip(newer, 1);
    expect(executions.of('zombie')).to.equal(0);
  });

  it('S12: leaves the session to the later connection when the hello of an earlier one comes late', async () => {
    const url = await listen();
    const session = Buffer.alloc(16, 13);
    const later = await RawPeer.greeted(url, { session, link: 2 });
    const late = await RawPeer.connect(url);
    late.send(clientHello({ session, link: 1 }));
    expect((await late.fault()).code).to.equal('ERR_HOLDFAST_PROTOCOL');
    await roundTrip(later, 1);
    const next = await RawPeer.greeted(url, { session, link: 3 });
    await later.closed;
    await roundTrip(next, 1);
  });

  it('B1: ends the link at bytes that are not allowed', async () => {
    const peer = await RawPeer.greeted(await listen());
    peer.send(frame(FrameType.cancel, Buffer.alloc(5)), ping(1));
    expect((await peer.fault()).code).to.equal('ERR_HOLDFAST_PROTOCOL');
  });

  for (const [what, bytes] of [
    ['a part of a number', 13],
    ['more numbers than are allowed', 6 * 16_385],
  ] as const) {
    it(`B1: ends the link at an ASK with ${what}`, async () => {
      const peer = await RawPeer.greeted(await listen());
      peer.send(frame(FrameType.ask, Buffer.alloc(bytes)));
      expect((await peer.fault()).code).to.equal('ERR_HOLDFAST_PROTOCOL');
    });
  }

  it('B4: answers every PING with its own token, in order', async () => {
    const peer = await RawPeer.greeted(await listen());
    const tokens = [1, 0, 0xffff_ffff, 0x8000_0000, 7, 7];
    peer.send(...tokens.map(ping));
    for (const token of tokens) {
      const { type, body } = await peer.next();
      expect([type, body.readUInt32BE()]).to.deep.equal([FrameType.pong, token]);
    }
    peer.send(pong(123_456));
    await roundTrip(peer, 9);
  });
});
