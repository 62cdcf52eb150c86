import { expect } from 'chai';
import type { Reconciled } from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { failureOf } from '../support/failure.ts';
import { greet, listFrame } from '../support/raw-peer.ts';
import { ScriptedServer } from '../support/scripted-server.ts';

describe('An application that is asked of a `once` call whose server will never know its end', () => {
  /** A server that began the call once, says so, and is asked by a client with this application. */
  async function ask(answer: Reconciled<string>): Promise<{
    readonly server: ScriptedServer;
    readonly call: Promise<string>;
  }> {
    const fate = ['ERR_HOLDFAST_UNFINISHED', 'it began and did not end'];
    const server = await ScriptedServer.start(
      (peer) => greet(peer),
      (peer, number) => peer.send(listFrame(FrameType.unknown, number, fate)),
      { reconcile: { once: () => answer } },
    );
    return { server, call: server.client.call.once('pay') };
  }

  it('ends the call, when it was applied', async () => {
    const { server, call } = await ask({ result: 'applied', output: 'found' });
    expect(await call).to.equal('found');
    await server.close();
  });

  for (const [result, known] of [
    ['not-applied', 'not-executed'],
    ['unknown', 'unknown'],
  ] as const) {
    it(`does not have it sent again when its answer is ${result}: the server would not run it`, async () => {
      const { server, call } = await ask({ result });
      const { code, outcome } = await failureOf(call);
      expect([code, outcome]).to.deep.equal(['ERR_HOLDFAST_UNFINISHED', known]);
      expect(server.calls).to.deep.equal([[1]]);
      await server.close();
    });
  }
});
