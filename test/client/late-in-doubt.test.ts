import { expect } from 'chai';
import { type AttemptRecord, type CallOptions, type Client, connect } from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { failureOf } from '../support/failure.ts';
import { Middleman } from '../support/middleman.ts';
import {
  listFrame,
  numberOf,
  type RawPeer,
  RawServer,
  reply,
  serverHello,
  unpack,
} from '../support/raw-peer.ts';
import { verbs } from '../support/verbs.ts';

/** The verdict of a server that has seen no other call than the first. */
function verdictsOn(hello: Buffer, fate: number): { readonly verdicts?: Buffer } {
  const { resume } = unpack(hello) as { readonly resume?: Buffer };
  if (resume === undefined) return {};
  const numbers = Array.from({ length: resume.length / 6 }, (_, at) =>
    resume.readUIntBE(6 * at, 6),
  );
  return { verdicts: Buffer.from(numbers.map((number) => (number === 1 ? fate : 0))) };
}

describe('An answer on a link that was left, while its call is in doubt', () => {
  let server: RawServer;
  let path: Middleman;
  let client: Client<typeof verbs>;
  /** Numbers of the calls that came. */
  let calls: number[];
  let letIn: Promise<void>;
  let isOver: boolean;
  let accepted: () => Promise<boolean>;
  /** What the server says of the first call: that it runs. */
  let fate: number;

  beforeEach(async () => {
    calls = [];
    isOver = false;
    fate = 1;
    letIn = Promise.resolve();
    server = await RawServer.listen(hear);
    path = await Middleman.before(server.url);
    const options = { stall: { afterMs: 20 }, reconnectBaseMs: 5, reconnectCapMs: 5 };
    client = connect(`tcp://127.0.0.1:${path.port}`, verbs, { ...options, timeoutMs: 5_000 });
  });

  afterEach(async () => {
    isOver = true;
    client.destroy();
    await client.closed;
    await path.close();
    await server.close();
  });

  /** Answers nothing but hellos. */
  async function hear(peer: RawPeer): Promise<void> {
    for (;;) {
      const frame = await peer.next().catch(() => undefined);
      if (frame === undefined) return;
      if (frame.type === FrameType.call) calls.push(numberOf(frame));
      if (frame.type !== FrameType.hello) continue;
      await letIn;
      peer.send(serverHello(verdictsOn(frame.body, fate)));
    }
  }

  async function until(isSo: () => boolean): Promise<void> {
    while (!isSo() && !isOver) await new Promise((turn) => setImmediate(turn));
  }

  /** A call that must not be repeated is on a link that was left, and the next one is lost too. */
  async function inDoubt(options: CallOptions<string> = {}): Promise<{
    readonly call: Promise<string>;
    readonly answer: (frame: Buffer) => void;
    readonly open: () => void;
  }> {
    const decisions: string[] = [];
    const onAttempt = ({ decision }: AttemptRecord): void => void decisions.push(decision);
    const call = client.call.mutate('pay', { ...options, onAttempt });
    call.catch(() => {});
    await until(() => calls.length === 1);
    const [left] = path.lines;
    left?.halt('up');
    // The client takes the call along to a fresh link, which is lost too.
    await until(() => decisions.includes('attach'));
    let open = (): void => {};
    letIn = new Promise((resolve) => {
      open = resolve;
    });
    for (const line of path.lines.slice(1)) line.destroy();
    await until(() => client.state !== 'ready');
    return { call, answer: (frame) => server.peers[0]?.send(frame), open };
  }

  it('ends a call that must not be repeated, although it says that it will pass', async () => {
    const { call, answer, open } = await inDoubt();
    answer(listFrame(FrameType.error, 1, ['EBUSY', 'try later', null, true]));
    const again = until(() => calls.length > 1).then(() => ({ code: 'sent again', outcome: '' }));
    setTimeout(open, 50);
    const { code, outcome } = await Promise.race([failureOf(call), again]);
    expect([code, outcome]).to.deep.equal(['ERR_HOLDFAST_REMOTE', 'executed']);
  });

  it('is what the call resolves with, although the server forgets it while it is looked at', async () => {
    let accept = (_: boolean): void => {};
    const looked = new Promise<void>((isLookedAt) => {
      accepted = () => {
        isLookedAt();
        return new Promise((resolve) => {
          accept = resolve;
        });
      };
    });
    const { call, answer, open } = await inDoubt({ accept: () => accepted() });
    answer(reply(1, 'paid'));
    await looked;
    fate = 3;
    const isBack = client.ready();
    open();
    await isBack;
    await new Promise((turn) => setTimeout(turn, 20));
    accept(true);
    expect(await call).to.equal('paid');
  });
});
