import { expect } from 'chai';
import { type Client, type ClientOptions, connect } from '../../../lib/index.ts';
import { FrameType, preamble } from '../../../lib/protocols/holdfast/frames.ts';
import { failureOf } from '../../support/failure.ts';
import {
  frame,
  greet,
  listFrame,
  numberOf,
  ping,
  pong,
  type RawFrame,
  type RawPeer,
  RawServer,
  reply,
  serverHello,
  u32,
  u48,
} from '../../support/raw-peer.ts';
import { verbs } from '../../support/verbs.ts';

describe('what a client must never do, by PROTOCOL.md section 12', () => {
  let server: RawServer;
  let client: Client<typeof verbs>;
  /** Who waits for the connection of this index. */
  let arrivals: ((peer: RawPeer) => void)[];

  beforeEach(async () => {
    arrivals = [];
    server = await RawServer.listen((peer, index) => arrivals[index]?.(peer));
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await server.close();
  });

  function start(options: ClientOptions = {}): void {
    client = connect(server.url, verbs, { reconnectBaseMs: 1, reconnectCapMs: 2, ...options });
  }

  /** The connection of this index, as soon as it is there. */
  async function connection(index: number): Promise<RawPeer> {
    const there = server.peers[index];
    if (there !== undefined) return there;
    return new Promise((resolve) => {
      arrivals[index] = resolve;
    });
  }

  async function greeted(index: number, fields?: Record<string, unknown>): Promise<RawPeer> {
    const peer = await connection(index);
    await greet(peer, fields);
    return peer;
  }

  /** Ends a link that is up, and waits until the client has seen it. */
  async function end(peer: RawPeer): Promise<void> {
    const seen = new Promise((resolve) => client.once('state', resolve));
    peer.destroy();
    await seen;
  }

  /** Everything that the client had to send when it read this was sent when this resolves. */
  async function roundTrip(peer: RawPeer, token: number): Promise<void> {
    peer.send(ping(token));
    const { type, body } = await peer.next();
    expect([type, body.readUInt32BE()]).to.deep.equal([FrameType.pong, token]);
  }

  it("C1: sends nothing but its hello before it has read the server's", async () => {
    start();
    const calls = [client.call.mutate('a'), client.call.read('b'), client.call.once('c')];
    const peer = await connection(0);
    const hello = await peer.next();
    expect(hello.type).to.equal(FrameType.hello);
    const bytes = preamble.length + hello.body.length + 5;
    // Other connections come and go meanwhile: time enough to send too much.
    for (let index = 1; index <= 3; index++) {
      const other = connect(server.url, verbs);
      const ready = other.ready();
      await greeted(index);
      await ready;
      await other.close();
    }
    expect(peer.receivedBytes).to.equal(bytes);
    peer.send(serverHello());
    for (let number = 1; number <= 3; number++) {
      const sent = await peer.next();
      expect([sent.type, numberOf(sent)]).to.deep.equal([FrameType.call, number]);
      peer.send(reply(number, 'done'));
    }
    expect(await Promise.all(calls)).to.deep.equal(['done', 'done', 'done']);
  });

  it('C3: gives first attempts growing numbers on every link', async () => {
    // All calls are lost with a link, one link after another.
    start({ retryBudget: { ratio: 1 } });
    for (let link = 0; link < 3; link++) {
      const calls = Array.from({ length: 20 }, (_, index) => client.call.read(`${link} ${index}`));
      const peer = await greeted(link);
      let highest = 0;
      for (let count = 0; count < 20; count++) {
        const sent = await peer.nextOf(FrameType.call);
        const number = numberOf(sent);
        if (attemptOf(sent) === 1) expect(number).to.be.above(highest);
        highest = Math.max(highest, number);
        peer.send(reply(number, 'done'));
      }
      await Promise.all(calls);
      const gone = peer.closed;
      peer.destroy();
      await gone;
    }
  });

  it('C4: sends no new call behind the last accepted line', async () => {
    start();
    const accepted = client.call.mutate('accepted');
    const old = await greeted(0);
    const number = numberOf(await old.nextOf(FrameType.call));
    old.send(frame(FrameType.drain, u32(10_000)), frame(FrameType.line, u48(1)));
    await roundTrip(old, 1);
    const calls = [client.call.mutate('new'), client.call.read('newer')];
    const next = await greeted(1, { server: 'another process' });
    for (const _ of calls) next.send(reply(numberOf(await next.nextOf(FrameType.call)), 'done'));
    expect(await Promise.all(calls)).to.deep.equal(['done', 'done']);
    await roundTrip(old, 2);
    old.send(reply(number, 'accepted'));
    expect(await accepted).to.equal('accepted');
    await old.closed;
    expect(old.frames).to.deep.equal([]);
  });

  it('C4: sends again at once what is behind the line, although nobody refuses it', async () => {
    start();
    const calls = [client.call.mutate('accepted'), client.call.mutate('behind')];
    const old = await greeted(0);
    const numbers = [await old.nextOf(FrameType.call), await old.nextOf(FrameType.call)].map(
      numberOf,
    );
    old.send(frame(FrameType.drain, u32(10_000)), frame(FrameType.line, u48(1)));
    const next = await greeted(1, { server: 'another process' });
    const again = await next.nextOf(FrameType.call);
    expect([numberOf(again), attemptOf(again)]).to.deep.equal([numbers[1], 2]);
    next.send(reply(numberOf(again), 'done'));
    expect(await calls[1]).to.equal('done');
    // Its answer there, should one come, is nobody's any more.
    old.send(reply(numbers[1] as number, 'too late'), reply(numbers[0] as number, 'accepted'));
    expect(await calls[0]).to.equal('accepted');
    await old.closed;
  });

  it('C5: gives every answer to the call of its number, in whatever order they come', async () => {
    start();
    const names = Array.from({ length: 50 }, (_, index) => `call ${index}`);
    const calls = names.map((name) => client.call.mutate(name));
    const peer = await greeted(0);
    const frames: RawFrame[] = [];
    while (frames.length < names.length) frames.push(await peer.nextOf(FrameType.call));
    const answers = frames.map((sent, index) => reply(numberOf(sent), `answer ${index}`));
    for (const answer of answers.reverse()) peer.send(answer);
    expect(await Promise.all(calls)).to.deep.equal(names.map((_, index) => `answer ${index}`));
  });

  it('C5: ends the link at an answer to a number that it never sent', async () => {
    start();
    for (const [index, wrong] of [
      reply(999, 'for whom'),
      listFrame(FrameType.error, 1_000, ['E', 'for whom', null]),
      listFrame(FrameType.refused, 2 ** 48 - 1, ['E', 'for whom', null, false]),
      reply(0, 'for nobody'),
    ].entries()) {
      const failing = failureOf(client.call.mutate(`in flight ${index}`));
      const peer = await greeted(2 * index);
      await peer.nextOf(FrameType.call);
      peer.send(wrong);
      await peer.closed;
      // The next link's hello has no verdict: nobody knows.
      const next = await greeted(2 * index + 1);
      const { code, outcome } = await failing;
      await end(next);
      expect([code, outcome]).to.deep.equal(['ERR_HOLDFAST_LOST', 'unknown']);
    }
  });

  it("C6: sends no frame that is larger than the server's maxFrameBytes", async () => {
    start();
    const failing = failureOf(client.call.read('x'.repeat(2_000)));
    const small = client.call.read('small');
    const peer = await greeted(0, { maxFrameBytes: 1_024 });
    const sent = await peer.nextOf(FrameType.call);
    peer.send(reply(numberOf(sent), 'done'));
    expect(await small).to.equal('done');
    const { code, outcome } = await failing;
    expect([code, outcome]).to.deep.equal(['ERR_HOLDFAST_FRAME_TOO_LARGE', 'not-executed']);
    await roundTrip(peer, 1);
  });

  it("C7: has no more calls in flight than the server's maxCalls", async () => {
    start();
    const calls = Array.from({ length: 7 }, (_, index) => client.call.mutate(`call ${index}`));
    const peer = await greeted(0, { maxCalls: 2 });
    const inFlight: number[] = [];
    for (let count = 0; count < 2; count++) {
      inFlight.push(numberOf(await peer.nextOf(FrameType.call)));
    }
    for (let token = 1; inFlight.length > 0; token++) {
      await roundTrip(peer, token);
      peer.send(reply(inFlight.shift() as number, 'done'));
      if (token <= 5) inFlight.push(numberOf(await peer.nextOf(FrameType.call)));
    }
    expect((await Promise.all(calls)).length).to.equal(7);
  });

  it('C8: sends again what may have run only if its class permits it', async () => {
    start();
    const failing = failureOf(client.call.mutate('mutate'));
    const reading = client.call.read('read');
    const first = await greeted(0);
    const numbers = [await first.nextOf(FrameType.call), await first.nextOf(FrameType.call)];
    first.destroy();
    const second = await greeted(1);
    const { outcome } = await failing;
    expect(outcome).to.equal('unknown');
    const again = await second.nextOf(FrameType.call);
    expect(numberOf(again)).to.equal(numberOf(numbers[1] as RawFrame));
    expect(attemptOf(again)).to.equal(2);
    await roundTrip(second, 1);
    second.send(reply(numberOf(again), 'done'));
    expect(await reading).to.equal('done');
  });

  describe('about a call that was sent to a server which drains', () => {
    let failing: Promise<unknown>;
    let old: RawPeer;
    let number: number;

    /** The call is in flight there, and another link is up. */
    async function moved(fields: Record<string, unknown>): Promise<RawPeer> {
      start();
      const call = client.call.mutate('in flight');
      failing = call.catch((error) => error);
      old = await greeted(0);
      number = numberOf(await old.nextOf(FrameType.call));
      const told = new Promise((resolve) => client.once('draining', resolve));
      old.send(frame(FrameType.drain, u32(10_000)));
      await told;
      const next = await greeted(1, { server: 'next', ...fields });
      await roundTrip(next, 99);
      // It is the link for new calls.
      const reading = client.call.read('x');
      next.send(reply(numberOf(await next.nextOf(FrameType.call)), 'done'));
      expect(await reading).to.equal('done');
      return next;
    }

    const never = (): Buffer => frame(FrameType.verdicts, u48(number), Buffer.of(0));

    it('C9: takes no word from who is no heir, and asks him for none', async () => {
      const next = await moved({});
      next.send(never());
      await roundTrip(next, 1);
      old.destroy();
      expect(await failing).to.include({ code: 'ERR_HOLDFAST_LOST', outcome: 'unknown' });
      next.send(never());
      await roundTrip(next, 2);
      expect(next.frames).to.deep.equal([]);
    });

    it('C9: takes no word from an heir as long as it has not asked', async () => {
      const next = await moved({ heirOf: ['raw'] });
      next.send(never());
      await roundTrip(next, 1);
      old.send(reply(number, 'executed'));
      expect(await failing).to.equal('executed');
      expect(next.frames).to.deep.equal([]);
    });

    it('C9: asks an heir when the link is lost, and takes its word as a proof', async () => {
      const next = await moved({ heirOf: ['older', 'raw'] });
      old.destroy();
      const { body } = await next.nextOf(FrameType.ask);
      expect(body).to.deep.equal(u48(number));
      next.send(never());
      const again = await next.nextOf(FrameType.call);
      expect([numberOf(again), attemptOf(again)]).to.deep.equal([number, 2]);
      next.send(reply(number, 'executed'));
      expect(await failing).to.equal('executed');
    });

    for (const [who, heirOf, outcome] of [
      ['an heir', ['raw'], 'executed'],
      ['who is none', ['older'], 'unknown'],
    ] as const) {
      it(`C9: hears in a hello what became of it, from ${who}`, async () => {
        start();
        failing = client.call.mutate('in flight').catch((error) => error);
        old = await greeted(0);
        number = numberOf(await old.nextOf(FrameType.call));
        old.destroy();
        const next = await greeted(1, { server: 'next', heirOf, verdicts: Buffer.of(0) });
        if (outcome === 'executed') {
          next.send(reply(numberOf(await next.nextOf(FrameType.call)), 'executed'));
          expect(await failing).to.equal('executed');
        } else {
          expect(await failing).to.include({ code: 'ERR_HOLDFAST_LOST', outcome });
          await roundTrip(next, 1);
        }
      });
    }
  });

  it('B1: ends the link at bytes that are not allowed', async () => {
    start();
    for (const [index, wrong] of [
      frame(0x99),
      frame(FrameType.drain, Buffer.alloc(3)),
      Buffer.from('00000000', 'hex'),
      pong(77),
    ].entries()) {
      const failing = failureOf(client.call.mutate(`in flight ${index}`));
      const peer = await greeted(2 * index);
      const number = numberOf(await peer.nextOf(FrameType.call));
      peer.send(wrong, reply(number, 'too late'));
      await peer.closed;
      const next = await greeted(2 * index + 1);
      expect((await failing).outcome).to.equal('unknown');
      await end(next);
    }
  });

  it('B4: answers every PING with its own token, in order', async () => {
    start();
    const ready = client.ready();
    const peer = await greeted(0);
    await ready;
    for (const token of [1, 0, 0xffff_ffff, 0x8000_0000, 7, 7]) await roundTrip(peer, token);
  });
});

function attemptOf({ body }: RawFrame): number {
  return body[9] as number;
}
