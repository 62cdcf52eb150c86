import { expect } from 'chai';
import { type AttemptRecord, type Client, connect } from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { failureOf } from '../support/failure.ts';
import { Middleman } from '../support/middleman.ts';
import {
  listFrame,
  numberOf,
  type RawPeer,
  RawServer,
  serverHello,
  unpack,
} from '../support/raw-peer.ts';
import { verbs } from '../support/verbs.ts';

/** The verdict of a server that has seen no other call than the first. */
function verdictsOn(hello: Buffer): { readonly verdicts?: Buffer } {
  const { resume } = unpack(hello) as { readonly resume?: Buffer };
  if (resume === undefined) return {};
  const numbers = Array.from({ length: resume.length / 6 }, (_, at) =>
    resume.readUIntBE(6 * at, 6),
  );
  return { verdicts: Buffer.from(numbers.map((number) => (number === 1 ? 1 : 0))) };
}

describe('An answer on a link that was left, while its call is in doubt', () => {
  let server: RawServer;
  let path: Middleman;
  let client: Client<typeof verbs>;
  /** Numbers of the calls that came. */
  let calls: number[];
  let letIn: Promise<void>;
  let isOver: boolean;

  beforeEach(async () => {
    calls = [];
    isOver = false;
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
      peer.send(serverHello(verdictsOn(frame.body)));
    }
  }

  async function until(isSo: () => boolean): Promise<void> {
    while (!isSo() && !isOver) await new Promise((turn) => setImmediate(turn));
  }

  it('ends a call that must not be repeated, although it says that it will pass', async () => {
    const decisions: string[] = [];
    const onAttempt = ({ decision }: AttemptRecord): void => void decisions.push(decision);
    const call = failureOf(client.call.mutate('pay', { onAttempt }));
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
    server.peers[0]?.send(listFrame(FrameType.error, 1, ['EBUSY', 'try later', null, true]));
    const again = until(() => calls.length > 1).then(() => ({ code: 'sent again', outcome: '' }));
    setTimeout(open, 50);
    const { code, outcome } = await Promise.race([call, again]);
    expect([code, outcome]).to.deep.equal(['ERR_HOLDFAST_REMOTE', 'executed']);
  });
});
