import { expect } from 'chai';
import { defineVerbs, mutate, type Server, type ServerOptions, serve } from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failure.ts';
import {
  call,
  cancel,
  clientHello,
  endRawPeers,
  numberOf,
  ping,
  RawPeer,
  replied,
  u48,
  unpack,
} from '../support/raw-peer.ts';
import { settled } from '../support/recorder.ts';
import { Executions, verbs } from '../support/verbs.ts';

const session = Buffer.alloc(16, 0x5e);
const verdictNames = ['never', 'running', 'done', 'forgotten'];

describe("A server's memory of a session", () => {
  let executions: Executions;
  let server: Server;
  let url: string;
  let clock: VirtualClock;
  /** Opens the handlers of the `mutate` verb, which wait; by the call's name. */
  let gates: Map<string, () => void>;
  let aborted: string[];

  async function start(options: Partial<ServerOptions> = {}): Promise<void> {
    executions = new Executions();
    gates = new Map();
    aborted = [];
    clock = new VirtualClock({ turns: 'real' });
    const wait = async (
      name: string,
      { signal }: { readonly signal: AbortSignal },
    ): Promise<string> => {
      executions.note(name);
      signal.addEventListener('abort', () => aborted.push(name));
      await new Promise<void>((resolve) => gates.set(name, resolve));
      return `done ${name}`;
    };
    const handlers = {
      ...executions.handlers(),
      read: (name: string, call: { readonly signal: AbortSignal }) =>
        name.startsWith('slow') ? wait(name, call) : executions.note(name),
      mutate: wait,
    };
    server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0', clock, ...options });
    url = server.urls[0] as string;
  }

  afterEach(async () => {
    for (const open of gates.values()) open();
    await server.close();
    await endRawPeers();
  });

  /** A new link of the session, and what it is told of the calls that it asks for. */
  async function joined(
    resume: readonly number[] = [],
    id: Buffer = session,
    more: Record<string, unknown> = {},
  ): Promise<{ peer: RawPeer; verdicts: string[] }> {
    const peer = await RawPeer.connect(url);
    const numbers = Buffer.concat(resume.map(u48));
    peer.send(clientHello({ session: id, ...(resume.length > 0 && { resume: numbers }), ...more }));
    const { body } = await peer.nextOf(FrameType.hello);
    const { verdicts = [] } = unpack(body) as { verdicts?: Uint8Array };
    return { peer, verdicts: Array.from(verdicts, (code) => verdictNames[code] as string) };
  }

  async function left(peer: RawPeer): Promise<void> {
    peer.destroy();
    await peer.closed;
    await settled(() => server.connections);
  }

  /** Sends calls and waits until the server has read them. */
  async function sent(peer: RawPeer, ...frames: Buffer[]): Promise<void> {
    peer.send(...frames, ping(7));
    await peer.nextOf(FrameType.pong);
  }

  const slow = (number: number, name: string): Buffer => call({ number, verb: 4, value: name });
  const quick = (number: number, name: string): Buffer => call({ number, verb: 1, value: name });
  const read = (number: number, name: string, attempt = 1): Buffer =>
    call({ number, verb: 0, value: name, attempt });

  it('never takes a call of a forgotten session for one that it never had', async () => {
    await start({ keepSessionsMs: 1_000 });
    const first = await joined();
    await sent(first.peer, quick(5, 'ran'));
    await left(first.peer);
    await clock.pass(2_000);
    // The hello that makes the session anew is answered, and the answer is lost on the way.
    const second = await joined([5]);
    expect(second.verdicts).to.deep.equal(['forgotten']);
    const third = await joined([5, 6]);
    expect(third.verdicts).to.deep.equal(['forgotten', 'never']);
  });

  it('does not either when a hello of long ago makes the session anew', async () => {
    await start({ keepSessionsMs: 1_000 });
    const first = await joined([], session, { link: 2 });
    await sent(first.peer, quick(5, 'ran'));
    await left(first.peer);
    await clock.pass(2_000);
    const late = await joined([], session, { link: 1 });
    await left(late.peer);
    const { verdicts } = await joined([5, 6], session, { link: 3 });
    expect(verdicts).to.deep.equal(['forgotten', 'never']);
  });

  it('takes no table that leaves no room for verdicts in its hello', async () => {
    await start();
    const names = Array.from({ length: 4_096 }, (_, index) => `verb${index}`.padEnd(51, '.'));
    const table = defineVerbs(Object.fromEntries(names.map((name) => [name, mutate()])));
    const handlers = Object.fromEntries(names.map((name) => [name, () => undefined]));
    const served = serve(table, handlers, { listen: 'tcp://127.0.0.1:0' });
    const { code } = await failureOf(served.then((other) => other.close()));
    expect(code).to.equal('ERR_HOLDFAST_REGISTRY');
  });

  it('lets handlers go on for resumeGraceMs, and cancels them then', async () => {
    await start({ resumeGraceMs: 1_000 });
    const { peer } = await joined();
    await sent(peer, slow(1, 'orphan'));
    await left(peer);
    await clock.pass(900);
    expect(aborted).to.deep.equal([]);
    await clock.pass(200);
    expect(aborted).to.deep.equal(['orphan']);
    expect((await joined([1, 2])).verdicts).to.deep.equal(['forgotten', 'never']);
  });

  it('cancels what runs although its client says that it is settled', async () => {
    await start();
    const first = await joined();
    await sent(first.peer, slow(1, 'given up'), slow(2, 'kept'));
    await left(first.peer);
    const { verdicts } = await joined([2], session, { acknowledged: 2 });
    expect(verdicts).to.deep.equal(['running']);
    expect(aborted).to.deep.equal(['given up']);
  });

  it('does not cancel what a client came back for', async () => {
    await start({ resumeGraceMs: 1_000 });
    const first = await joined();
    await sent(first.peer, slow(1, 'kept'));
    await left(first.peer);
    await clock.pass(900);
    const { peer, verdicts } = await joined([1]);
    expect(verdicts).to.deep.equal(['running']);
    await clock.pass(5_000);
    expect(aborted).to.deep.equal([]);
    gates.get('kept')?.();
    expect(replied(await peer.nextOf(FrameType.reply))).to.equal('done kept');
  });

  it('keeps an answer over many links until it is acknowledged', async () => {
    await start();
    const first = await joined();
    await sent(first.peer, quick(1, 'ran'), quick(2, 'too'));
    for (let round = 0; round < 3; round++) {
      const { peer, verdicts } = await joined([1, 2]);
      expect(verdicts).to.deep.equal(['done', 'done']);
      const reply = await peer.nextOf(FrameType.reply);
      expect([numberOf(reply), replied(reply)]).to.deep.equal([1, 'done ran']);
    }
    const { verdicts } = await joined([1, 2], session, { acknowledged: 2 });
    expect(verdicts).to.deep.equal(['forgotten', 'done']);
    expect(executions.counts()).to.deep.equal({ ran: 1, too: 1 });
  });

  it('keeps the answer of a read from its second attempt on', async () => {
    await start();
    const first = await joined();
    await sent(first.peer, read(1, 'list'));
    const second = await joined([1]);
    expect(second.verdicts).to.deep.equal(['never']);
    await sent(second.peer, read(1, 'list', 2));
    const third = await joined([1]);
    expect(third.verdicts).to.deep.equal(['done']);
    expect(replied(await third.peer.nextOf(FrameType.reply))).to.equal('done list');
    third.peer.send(read(1, 'list', 3));
    expect(replied(await third.peer.nextOf(FrameType.reply))).to.equal('done list');
    expect(executions.of('list')).to.equal(2);
    const { verdicts } = await joined([1], session, { acknowledged: 2 });
    expect(verdicts).to.deep.equal(['forgotten']);
  });

  it('keeps the answer of a read that ran when its client came back for it', async () => {
    await start();
    const first = await joined();
    await sent(first.peer, read(1, 'slow one'), read(2, 'slow two'), read(3, 'slow three'));
    const second = await joined([1]);
    expect(second.verdicts).to.deep.equal(['running']);
    await sent(second.peer, read(2, 'slow two', 2));
    for (const open of gates.values()) open();
    for (const _ of [1, 2, 3]) await second.peer.nextOf(FrameType.reply);
    expect((await joined([1, 2, 3])).verdicts).to.deep.equal(['done', 'done', 'never']);
    expect(executions.total).to.equal(3);
  });

  it('knows that a read was cancelled whose answer it would have kept', async () => {
    await start();
    const { peer } = await joined();
    await sent(peer, read(1, 'slow', 2), cancel(1));
    expect((await joined([1])).verdicts).to.deep.equal(['forgotten']);
  });

  it('leaves half of maxRecordedBytes to answers that cannot be had again', async () => {
    await start({ maxRecordedBytes: 200 });
    const { peer } = await joined();
    await sent(
      peer,
      read(1, 'x'.repeat(60), 2),
      read(2, 'y'.repeat(60), 2),
      quick(3, 'z'.repeat(60)),
    );
    expect((await joined([1, 2, 3])).verdicts).to.deep.equal(['done', 'forgotten', 'done']);
  });

  it('forgets everything keepSessionsMs after the link was lost', async () => {
    await start({ keepSessionsMs: 1_000 });
    const { peer } = await joined();
    await sent(peer, quick(1, 'ran'));
    await left(peer);
    await clock.pass(900);
    const again = await joined([1]);
    expect(again.verdicts).to.deep.equal(['done']);
    await left(again.peer);
    await clock.pass(1_100);
    expect((await joined([1])).verdicts).to.deep.equal(['forgotten']);
  });

  it('forgets the oldest session without a link when there are maxSessions', async () => {
    await start({ maxSessions: 2 });
    const idle = await joined();
    await sent(idle.peer, slow(1, 'evicted'));
    await left(idle.peer);
    await joined([], Buffer.alloc(16, 1));
    expect(aborted).to.deep.equal([]);
    await joined([], Buffer.alloc(16, 2));
    expect(aborted).to.deep.equal(['evicted']);
    expect((await joined([1])).verdicts).to.deep.equal(['forgotten']);
  });

  it('keeps no more than maxRecordedBytes, and still knows what ran', async () => {
    await start({ maxRecordedBytes: 100 });
    const { peer } = await joined();
    await sent(peer, quick(1, 'x'.repeat(60)), quick(2, 'y'.repeat(60)), quick(3, 'z'));
    expect((await joined([1, 2, 4])).verdicts).to.deep.equal(['done', 'forgotten', 'never']);
    const { peer: other } = await joined([], Buffer.alloc(16, 1));
    await sent(other, quick(1, 'w'.repeat(60)));
    expect((await joined([1], Buffer.alloc(16, 1))).verdicts).to.deep.equal(['forgotten']);
    // What is acknowledged makes room for others.
    await joined([], session, { acknowledged: 4 });
    await sent((await joined([], Buffer.alloc(16, 1))).peer, quick(2, 'v'.repeat(60)));
    expect((await joined([2], Buffer.alloc(16, 1))).verdicts).to.deep.equal(['done']);
  });

  it('reads nothing more from a link whose session another one has (S12)', async () => {
    await start();
    const { peer: older } = await joined();
    const { verdicts } = await joined([1]);
    expect(verdicts).to.deep.equal(['never']);
    older.send(quick(1, 'zombie'));
    await older.closed;
    await settled(() => server.connections);
    expect(executions.of('zombie')).to.equal(0);
  });

  it('lets a client have no more handlers than maxCalls by coming again', async () => {
    await start({ maxCalls: 2 });
    const first = await joined();
    await sent(first.peer, slow(1, 'one'), slow(2, 'two'));
    const { peer } = await joined();
    peer.send(slow(3, 'three'), ping(1));
    expect((await peer.next()).type).to.equal(FrameType.refused);
    expect(executions.total).to.equal(2);
  });

  it('says of a cancelled call that it does not know, and drops its answer', async () => {
    await start();
    const { peer } = await joined();
    await sent(peer, slow(1, 'dropped'), cancel(1));
    gates.get('dropped')?.();
    expect((await joined([1])).verdicts).to.deep.equal(['forgotten']);
  });

  it('names in the report of a drain what ran for a client that was away', async () => {
    await start();
    const { peer } = await joined();
    await sent(peer, slow(1, 'orphan'));
    await left(peer);
    const report = server.drain({ timeoutMs: 1_000 });
    await settled(() => server.connections);
    await clock.pass(1_500);
    const { cut } = await report;
    expect(cut.map(({ verb, outcome }) => [verb, outcome])).to.deep.equal([['mutate', 'unknown']]);
    expect(aborted).to.deep.equal(['orphan']);
  });

  it('ends with the sessions of clients that are away when it is closed', async () => {
    await start();
    const { peer } = await joined();
    await sent(peer, slow(1, 'orphan'));
    await left(peer);
    await server.close();
    expect(aborted).to.deep.equal(['orphan']);
    await clock.pass(600_000);
    expect(clock.keepsAlive).to.equal(false);
  });
});
