import { expect } from 'chai';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failure.ts';
import { frame, greet, listFrame, type RawPeer, u32, u48 } from '../support/raw-peer.ts';
import { ScriptedServer } from '../support/scripted-server.ts';

describe('A client whose servers all go at once', () => {
  let scripted: ScriptedServer;

  afterEach(() => scripted.close());

  const going: readonly (readonly [
    string,
    (peer: RawPeer) => Promise<unknown>,
    (peer: RawPeer, number: number) => void,
  ])[] = [
    [
      'drains as soon as it has said hello',
      async (peer) => {
        await greet(peer);
        peer.send(frame(FrameType.drain, u32(10_000)), frame(FrameType.line, u48(0)));
      },
      () => {},
    ],
    [
      'draws its last line before each call',
      (peer) => greet(peer),
      (peer) => peer.send(frame(FrameType.drain, u32(10_000)), frame(FrameType.line, u48(0))),
    ],
    [
      'says of each call that it drains',
      (peer) => greet(peer),
      (peer, number) =>
        peer.send(
          listFrame(FrameType.refused, number, ['ERR_HOLDFAST_DRAINING', 'draining', null, false]),
        ),
    ],
  ];
  for (const [what, open, answer] of going) {
    it(`waits longer and longer for one that ${what}`, async () => {
      const clock = new VirtualClock({ turns: 'real' });
      scripted = await ScriptedServer.start(
        (peer) => open(peer),
        (peer, number) => answer(peer, number),
        {
          clock,
          random: () => 0.5,
          reconnectBaseMs: 50,
          reconnectCapMs: 2_000,
        },
      );
      const call = failureOf(scripted.client.call.mutate('x', { timeoutMs: 20_000 }));
      for (let at = 0; at < 21_000; at += 20) await clock.pass(20);
      const { code, outcome } = await call;
      expect(code).to.match(/DEADLINE|DRAINING/);
      expect(outcome).to.equal('not-executed');
      const sent = scripted.calls.reduce((sum, calls) => sum + calls.length, 0);
      expect(scripted.calls.length + sent).to.be.within(10, 80);
    });
  }
});
