import { expect } from 'chai';
import { passOn } from '../../lib/handover/pass-on.ts';
import { handOverVerbs } from '../../lib/handover/verbs.ts';
import { type Channel, type Client, connect, memory } from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { Gated } from '../support/gated.ts';
import { verbs } from '../support/verbs.ts';

describe('A successor of another version of holdfast', () => {
  let old: Gated;
  let client: Client<typeof verbs>;
  let successor: Client<typeof handOverVerbs>;

  beforeEach(async () => {
    old = await Gated.start();
    client = connect(old.server.urls[0] as string, verbs);
  });

  afterEach(async () => {
    for (const one of [client, successor]) {
      one.destroy();
      await one.closed;
    }
    await old.close();
  });

  for (const format of [undefined, 2]) {
    it(`is refused before anything is given to it, and the server goes on: format ${format}`, async () => {
      const paid = client.call.mutate('pay');
      await old.begun(1);
      const wire = memory();
      const channel = new Promise<Channel>((resolve) => void wire.listen(resolve));
      successor = connect(wire, handOverVerbs);
      const said = failureOf(successor.call.ready(format as number));
      let isStopped = false;
      const given = {
        channel: await channel,
        ended: new Promise<string>(() => {}),
        stop: async () => {
          isStopped = true;
        },
      };
      const bounds = { readyTimeoutMs: 5_000, timeoutMs: 1_000, noticeMs: 0 };
      const error = await failureOf(passOn(old.server.core, given, bounds));
      expect(error.code).to.equal('ERR_HOLDFAST_HAND_OVER');
      for (const { message } of [error, await said]) {
        expect(message).to.match(/another version of holdfast.*format 1/);
      }
      expect(isStopped).to.equal(true);
      expect(old.server.core.isEnding).to.equal(false);
      old.open('pay');
      expect(await paid).to.equal('done pay');
      expect(await client.call.read('x')).to.equal('done x');
    });
  }
});
