import { expect } from 'chai';
import {
  type Begun,
  type CompletionStore,
  refuse,
  type Server,
  type ServerOptions,
  serve,
} from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { call, clientHello, endRawPeers, ping, RawPeer, u48, unpack } from '../support/raw-peer.ts';
import { settled } from '../support/recorder.ts';
import { Executions, verbs } from '../support/verbs.ts';

const session = Buffer.alloc(16, 0x1a);
const [never, , , forgotten] = [0, 1, 2, 3];

describe('A client that comes back', () => {
  let server: Server;

  afterEach(async () => {
    await server.close();
    await endRawPeers();
  });

  async function start(
    once: () => Promise<string>,
    options: Partial<ServerOptions> = {},
  ): Promise<void> {
    const handlers = { ...new Executions().handlers(), once };
    server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0', ...options });
  }

  /** A link whose call 1, of a `once` verb, has come to the server; then the link is lost. */
  async function lost(): Promise<void> {
    const peer = await RawPeer.greeted(server.urls[0] as string, { session });
    peer.send(call({ number: 1, verb: 3, value: 'x' }), ping(1));
    await peer.nextOf(FrameType.pong);
    peer.destroy();
    await settled(() => server.connections);
  }

  /** The next link, which asks for that call. */
  async function back(): Promise<RawPeer> {
    const peer = await RawPeer.connect(server.urls[0] as string);
    peer.send(clientHello({ session, resume: u48(1) }));
    return peer;
  }

  async function verdictTo(peer: RawPeer): Promise<number | undefined> {
    const { body } = await peer.nextOf(FrameType.hello);
    return (unpack(body) as { verdicts?: Uint8Array }).verdicts?.[0];
  }

  for (const [what, end, answer] of [
    ['gets its answer', () => 'done', FrameType.reply],
    [
      'learns that its call did not run',
      () => {
        throw refuse({ retryAfterMs: 1 });
      },
      FrameType.refused,
    ],
  ] as const) {
    it(`${what}, in whatever moment of the call's end it comes`, async () => {
      for (let ticks = -8; ticks <= 8; ticks++) {
        let finish = (): void => {};
        let admit = (): void => {};
        const isAsked = { yet: false };
        const finished = new Promise<void>((resolve) => {
          finish = resolve;
        });
        const admitted = new Promise<void>((resolve) => {
          admit = resolve;
        });
        let links = 0;
        const authenticate = async (): Promise<string> => {
          if (++links > 1) {
            isAsked.yet = true;
            await admitted;
          }
          return 'me';
        };
        await start(() => finished.then(end), { authenticate });
        await lost();
        const peer = await back();
        while (!isAsked.yet) await new Promise((turn) => setImmediate(turn));
        const [first, second] = ticks < 0 ? [admit, finish] : [finish, admit];
        first();
        for (let tick = 0; tick < Math.abs(ticks); tick++) await Promise.resolve();
        second();
        // Told in the hello, or as the answer behind it.
        if ((await verdictTo(peer)) !== never) await peer.nextOf(answer);
        await server.close();
      }
    });
  }

  it('is not told that a call never came of which nobody can tell what it did', async () => {
    let say = (_: Begun): void => {};
    const begun = new Promise<Begun>((resolve) => {
      say = resolve;
    });
    const completions: CompletionStore = {
      id: 'a store',
      begin: () => begun,
      finish: () => {},
      abandon: () => {},
    };
    await start(() => Promise.resolve('done'), { completions });
    await lost();
    say({ state: 'lost' });
    await new Promise((turn) => setImmediate(turn));
    expect(await verdictTo(await back())).to.equal(forgotten);
  });
});
