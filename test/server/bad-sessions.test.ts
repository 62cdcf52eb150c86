import { expect } from 'chai';
import { type Server, serve } from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import {
  call,
  cancel,
  endRawPeers,
  numberOf,
  ping,
  RawPeer,
  replied,
} from '../support/raw-peer.ts';
import { settled } from '../support/recorder.ts';
import { Executions, verbs } from '../support/verbs.ts';

describe('A server whose client comes and goes in the middle of its calls', () => {
  const session = Buffer.alloc(16, 0x5e);
  let executions: Executions;
  let server: Server;
  let url: string;
  /** Opens the handlers of the `semi` verb, which wait; by the call's name. */
  let gates: Map<string, () => void>;
  let aborted: string[];

  beforeEach(async () => {
    executions = new Executions();
    gates = new Map();
    aborted = [];
    const handlers = {
      ...executions.handlers(),
      semi: async (name: string, { signal }: { signal: AbortSignal }) => {
        executions.note(name);
        signal.addEventListener('abort', () => aborted.push(name));
        await new Promise<void>((resolve) => gates.set(name, resolve));
        return `done ${name}`;
      },
    };
    server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0' });
    url = server.urls[0] as string;
  });

  afterEach(async () => {
    await server.close();
    for (const open of gates.values()) open();
    await endRawPeers();
  });

  /** A call that waits; `attempt` above 1 asks for one that was sent before. */
  function slow(number: number, name: string, attempt = 1): Buffer {
    return call({ number, verb: 2, value: name, attempt });
  }

  /** A link of the session at which the call has begun. */
  async function begun(number: number, name: string): Promise<RawPeer> {
    const peer = await RawPeer.greeted(url, { session });
    peer.send(slow(number, name), ping(number));
    await peer.nextOf(FrameType.pong);
    expect(gates.has(name)).to.equal(true);
    return peer;
  }

  async function left(peer: RawPeer): Promise<void> {
    peer.destroy();
    await peer.closed;
    await settled(() => server.connections);
  }

  it('gives the answer to the newer link that asks for a call that still runs', async () => {
    const first = await begun(1, 'asked twice');
    await left(first);
    const second = await RawPeer.greeted(url, { session });
    second.send(slow(1, 'asked twice', 2), ping(9));
    await second.nextOf(FrameType.pong);
    gates.get('asked twice')?.();
    const reply = await second.nextOf(FrameType.reply);
    expect([numberOf(reply), replied(reply)]).to.deep.equal([1, 'done asked twice']);
    expect(executions.of('asked twice')).to.equal(1);
  });

  it('knows what runs for a client that came again before an old handler was done', async () => {
    const first = await begun(1, 'old');
    first.send(cancel(1), ping(2));
    await first.nextOf(FrameType.pong);
    await left(first);
    // The session begins anew; the old handler ends only now, and must not take it away.
    const second = await begun(2, 'new');
    gates.get('old')?.();
    await settled(() => server.connections);
    await left(second);
    const third = await RawPeer.greeted(url, { session });
    third.send(slow(2, 'new', 2), ping(3));
    await third.nextOf(FrameType.pong);
    expect(executions.of('new')).to.equal(1);
    gates.get('new')?.();
    expect(replied(await third.nextOf(FrameType.reply))).to.equal('done new');
  });

  it('cancels what runs for every client when it is closed', async () => {
    const first = await begun(1, 'old');
    first.send(cancel(1));
    await left(first);
    await begun(2, 'new');
    gates.get('old')?.();
    await settled(() => server.connections);
    await server.close();
    expect(aborted).to.deep.equal(['old', 'new']);
  });

  it('ends a link that asks again for a call that runs on it, and runs it once', async () => {
    const peer = await begun(1, 'impatient');
    peer.send(slow(1, 'impatient', 2));
    expect((await peer.fault()).message).to.include('Call number 1');
    expect(executions.of('impatient')).to.equal(1);
  });

  it('lets nobody have a call of another session, nor cancel it', async () => {
    const peer = await begun(1, 'mine');
    const other = await RawPeer.greeted(url);
    other.send(cancel(1), slow(1, 'theirs', 2), ping(1));
    await other.nextOf(FrameType.pong);
    expect(aborted).to.deep.equal([]);
    gates.get('mine')?.();
    expect(replied(await peer.nextOf(FrameType.reply))).to.equal('done mine');
    gates.get('theirs')?.();
    expect(replied(await other.nextOf(FrameType.reply))).to.equal('done theirs');
  });

  it('lets the link that has the session cancel a call of an older one', async () => {
    await begun(1, 'dropped');
    const second = await RawPeer.greeted(url, { session });
    second.send(cancel(1), ping(1));
    await second.nextOf(FrameType.pong);
    expect(aborted).to.deep.equal(['dropped']);
  });
});
