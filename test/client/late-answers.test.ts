import { expect } from 'chai';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { ampleBudget } from '../support/budgets.ts';
import { failureOf } from '../support/failure.ts';
import { greet, listFrame, type RawPeer, reply, replyOf } from '../support/raw-peer.ts';
import { ScriptedServer } from '../support/scripted-server.ts';

/** An ERROR that will pass. */
function passing(peer: RawPeer, number: number): void {
  peer.send(listFrame(FrameType.error, number, ['EBUSY', 'try later', null, true]));
}

describe('An answer that comes when its attempt was given up already', () => {
  let script: ScriptedServer;
  /** CALL frames that came, and what a test does at each. */
  let came: number;

  afterEach(() => script.close());

  /** Calls are answered as `answer` says; an attempt takes 80 ms at most. */
  async function start(
    answer: (peer: RawPeer, number: number, place: number) => void,
    chance: () => number,
  ): Promise<void> {
    came = 0;
    script = await ScriptedServer.start(
      (peer) => greet(peer),
      (peer, number) => answer(peer, number, ++came),
      {
        attemptTimeoutMs: 80,
        reconnectBaseMs: 50,
        reconnectCapMs: 50,
        random: chance,
        retryBudget: ampleBudget,
      },
    );
  }

  /** Resolves when so many CANCEL frames have come. */
  async function cancelled(count: number): Promise<void> {
    const isCancel = ({ type }: { readonly type: number }): boolean => type === FrameType.cancel;
    while (script.others.filter(isCancel).length < count) {
      await new Promise((turn) => setImmediate(turn));
    }
  }

  for (const [what, bad] of [
    ['an error that will pass', passing],
    [
      'a reply that is not accepted',
      (peer: RawPeer, number: number) => peer.send(reply(number, 'bad')),
    ],
  ] as const) {
    it(`does not send the call twice when it is ${what}`, async () => {
      // After the second time-out there is a pause; after an answer there would be none.
      let chance = 0;
      let first = 0;
      await start(
        (peer, number, place) => {
          if (place === 1) first = number;
          if (place < 3) return;
          const wait = setTimeout(() => peer.send(reply(number, `sent ${came} times`)), 250);
          wait.unref();
        },
        () => chance,
      );
      const accept = (output: string): boolean => output !== 'bad';
      const call = script.client.call.idempotent('x', { accept, timeoutMs: 3_000 });
      await cancelled(1);
      chance = 0.9;
      await cancelled(2);
      chance = 0;
      const [peer] = script.peers;
      bad(peer as RawPeer, first);
      await cancelled(3);
      expect(came).to.equal(3);
      expect(script.peers).to.have.length(1);
      script.client.destroy();
      await call.catch(() => {});
      expect(script.client.pending).to.equal(0);
    });
  }

  it('ends a "once" call: a repeat under another number would be another call', async () => {
    // The answer comes in the pause behind the second time-out.
    let chance = 0;
    const numbers: number[] = [];
    await start(
      (_, number) => numbers.push(number),
      () => chance,
    );
    const call = failureOf(script.client.call.once('x', { timeoutMs: 3_000 }));
    await cancelled(1);
    chance = 0.9;
    await cancelled(2);
    const [peer] = script.peers;
    passing(peer as RawPeer, numbers[0] as number);
    expect(await call).to.include({ code: 'ERR_HOLDFAST_REMOTE', outcome: 'executed' });
    expect(new Set(numbers).size).to.equal(1);
  });

  it('ends the call when it is final, or good', async () => {
    await start(
      (peer, number, place) => {
        if (place === 2) peer.send(replyOf(number, 1, Buffer.from('a3796573', 'hex')));
      },
      () => 0.9,
    );
    expect(await script.client.call.idempotent('x')).to.equal('yes');
  });
});
