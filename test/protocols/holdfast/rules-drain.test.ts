import { expect } from 'chai';
import { type Server, type ServerOptions, serve } from '../../../lib/index.ts';
import { FrameType } from '../../../lib/protocols/holdfast/frames.ts';
import { VirtualClock } from '../../../lib/testing/index.ts';
import { all, Gate, type Handlers, place } from '../../support/gate.ts';
import {
  call,
  clientHello,
  endRawPeers,
  frame,
  listOf,
  numberOf,
  ping,
  RawPeer,
  replied,
  u48,
} from '../../support/raw-peer.ts';
import { Executions, verbs } from '../../support/verbs.ts';

describe('what a server that drains, or is asked, must never do, by PROTOCOL.md section 12', () => {
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

  it('S7, S8: when it drains it refuses new calls and finishes those that it has', async () => {
    const gate = new Gate();
    const peer = await RawPeer.greeted(await listen(all(gate.handler)));
    peer.send(call({ number: 1, verb: place.mutate }));
    await gate.executed(1);
    const drained = (server as Server).drain({ noticeMs: 0 });
    expect((await peer.next()).type).to.equal(FrameType.drain);
    const line = await peer.next();
    expect([line.type, numberOf(line)]).to.deep.equal([FrameType.line, 1]);
    peer.send(call({ number: 2 }), call({ number: 3, verb: place.once }));
    for (const number of [2, 3]) {
      const refused = await peer.next();
      expect([refused.type, numberOf(refused)]).to.deep.equal([FrameType.refused, number]);
      const list = listOf(refused);
      expect([list[0], list[3]]).to.deep.equal(['ERR_HOLDFAST_DRAINING', false]);
    }
    expect(gate.signals.map(({ aborted }) => aborted)).to.deep.equal([false]);
    gate.release();
    expect(numberOf(await peer.next())).to.equal(1);
    peer.sendLast();
    expect((await drained).cut).to.deep.equal([]);
    expect(gate.executions.total).to.equal(1);
  });

  it('S7, S8: takes calls between DRAIN and LINE, and counts those too that it refuses', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    const gate = new Gate();
    const peer = await RawPeer.greeted(await listen(all(gate.handler), { clock }));
    peer.send(call({ number: 1, verb: place.mutate }));
    await gate.executed(1);
    const drained = (server as Server).drain({ timeoutMs: 5_000, noticeMs: 400 });
    const { type, body } = await peer.next();
    expect([type, body.readUInt32BE()]).to.deep.equal([FrameType.drain, 5_000]);
    peer.send(call({ number: 2, verb: place.once }), call({ number: 3, verb: 99 }));
    await gate.executed(2);
    expect((await peer.next()).type).to.equal(FrameType.refused);
    await clock.pass(500);
    const line = await peer.next();
    expect([line.type, numberOf(line)]).to.deep.equal([FrameType.line, 3]);
    // Everything but calls goes on.
    await roundTrip(peer, 1);
    peer.send(frame(FrameType.ask, u48(1), u48(9)));
    expect([...(await peer.next()).body.subarray(12)]).to.deep.equal([1, 0]);
    gate.release();
    const answered = [numberOf(await peer.next()), numberOf(await peer.next())];
    expect(answered).to.have.members([1, 2]);
    peer.sendLast();
    expect((await drained).cut).to.deep.equal([]);
  });

  it('S7: gives a FAULT to who has not said hello when it drains', async () => {
    const url = await listen();
    const peer = await RawPeer.connect(url);
    // It is accepted before the one that comes later.
    await RawPeer.greeted(url);
    const drained = (server as Server).drain();
    const { code, final } = await peer.fault();
    expect([code, final]).to.deep.equal(['ERR_HOLDFAST_DRAINING', false]);
    await endRawPeers();
    await drained;
  });

  it('S7: draws the line straight behind the hello of who comes while it drains', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    const url = await listen(executions.handlers(), { clock });
    for (let index = 0; index < 40; index++) await RawPeer.greeted(url);
    const peer = await RawPeer.connect(url);
    const told = await RawPeer.greeted(url);
    const drained = (server as Server).drain({ timeoutMs: 5_000, noticeMs: 1_000 });
    // They are told some after the others, and its turn has not come.
    peer.send(clientHello(), call({ number: 1, verb: place.mutate, value: 'late' }));
    expect((await peer.next()).type).to.equal(FrameType.hello);
    expect((await peer.next()).type).to.equal(FrameType.drain);
    const line = await peer.next();
    expect([line.type, numberOf(line)]).to.deep.equal([FrameType.line, 0]);
    expect((await peer.nextOf(FrameType.refused)).type).to.equal(FrameType.refused);
    expect(told.frames).to.deep.equal([]);
    await clock.pass(100);
    expect((await told.next()).type).to.equal(FrameType.drain);
    expect(executions.of('late')).to.equal(0);
    await endRawPeers();
    await drained;
  });

  it('S11: tells the same when it is asked on a link that is up, and sends the answers', async () => {
    const gate = new Gate();
    const url = await listen(all(gate.handler));
    const session = Buffer.alloc(16, 14);
    const first = await RawPeer.greeted(url, { session });
    const { mutate, read } = place;
    first.send(call({ number: 1, verb: mutate, value: 'waits' }));
    first.send(call({ number: 3, verb: read, value: 'reads' }));
    await gate.executed(2);
    const second = await RawPeer.greeted(url, { session });
    const ask = async (...numbers: readonly number[]): Promise<readonly number[]> => {
      second.send(frame(FrameType.ask, ...numbers.map(u48)));
      const { body } = await second.nextOf(FrameType.verdicts);
      expect(body.subarray(0, 6 * numbers.length)).to.deep.equal(Buffer.concat(numbers.map(u48)));
      return [...body.subarray(6 * numbers.length)];
    };
    expect(await ask(1, 2)).to.deep.equal([1, 0]);
    gate.release();
    expect(replied(await second.nextOf(FrameType.reply))).to.equal('done waits');
    while (second.frames.length > 0) await second.next();
    expect(await ask(2, 1)).to.deep.equal([0, 2]);
    const again = await second.nextOf(FrameType.reply);
    expect([numberOf(again), replied(again)]).to.deep.equal([1, 'done waits']);
    second.send(frame(FrameType.acknowledge, u48(4)));
    expect(await ask(1, 5)).to.deep.equal([3, 0]);
    expect(await ask()).to.deep.equal([]);
    expect(gate.executions.of('waits')).to.equal(1);
  });
});
