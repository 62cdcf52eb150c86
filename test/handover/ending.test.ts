import { expect } from 'chai';
import { Bequest } from '../../lib/handover/bequest.ts';
import { connectPredecessor } from '../../lib/handover/connect-predecessor.ts';
import { type Channel, type Client, connect, type Listening, memory } from '../../lib/index.ts';
import type { Predecessor } from '../../lib/server/predecessor.ts';
import { failureOf } from '../support/failing.ts';
import { Gated } from '../support/gated.ts';
import { verbs } from '../support/verbs.ts';

describe('A server that is told to end while its successor starts', () => {
  let old: Gated;
  let client: Client<typeof verbs>;
  let listening: Listening;
  let bequest: Promise<Bequest> | undefined;
  let predecessor: Predecessor;
  let hasLetGo: boolean;

  beforeEach(async () => {
    old = await Gated.start();
    client = connect(old.server.urls[0] as string, verbs);
    hasLetGo = false;
    const wire = memory();
    listening = await wire.listen((channel) => {
      bequest = Bequest.on(channel, old.server.core);
    });
    let dialled: Promise<Channel> | undefined = wire.dial(new AbortController().signal);
    const takeChannel = (): Promise<Channel> | undefined => {
      const channel = dialled;
      dialled = undefined;
      return channel;
    };
    predecessor = connectPredecessor(takeChannel, () => {
      hasLetGo = true;
    });
  });

  afterEach(async () => {
    predecessor.close();
    await (await bequest)?.close();
    await listening.close();
    client.destroy();
    await client.closed;
    await old.close();
  });

  for (const how of ['drain', 'close'] as const) {
    it(`does not let the successor live on in its place, at ${how}()`, async () => {
      const running = client.call.mutate('pay').catch(() => {});
      await old.begun(1);
      const ended = old.server[how]();
      const error = await failureOf(predecessor.ready());
      expect(error).to.have.property('message').that.includes('told to end');
      expect(hasLetGo).to.equal(false);
      old.open('pay');
      client.destroy();
      await Promise.all([running, ended]);
    });
  }
});
