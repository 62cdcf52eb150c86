import { expect } from 'chai';
import { Bequest } from '../../lib/handover/bequest.ts';
import { connectPredecessor } from '../../lib/handover/connect-predecessor.ts';
import { type Channel, type Client, connect, memory, tcp } from '../../lib/index.ts';
import type { PassedListener } from '../../lib/server/predecessor.ts';
import { failureOf } from '../support/failing.ts';
import { Gated, Switch } from '../support/gated.ts';
import { verbs } from '../support/verbs.ts';

describe('A server that drains while it takes over from another', () => {
  let old: Gated;
  let heir: Gated;
  let bequest: Bequest;
  let client: Client<typeof verbs>;
  let paid: Promise<string>;

  /** A call runs at the old server, and its client has come to the heir. */
  beforeEach(async () => {
    old = await Gated.start();
    const path = new Switch();
    path.target = old.url;
    client = connect(path, verbs, { reconnectBaseMs: 2, reconnectCapMs: 5, timeoutMs: 5_000 });
    paid = client.call.mutate('pay');
    await old.begun(1);
    const wire = memory();
    let began: Promise<Bequest> | undefined;
    await wire.listen((channel) => {
      began = Bequest.on(channel, old.server.core);
    });
    let dialled: Promise<Channel> | undefined = wire.dial(new AbortController().signal);
    const take = (): Promise<Channel> | undefined => {
      const channel = dialled;
      dialled = undefined;
      return channel;
    };
    const predecessor = connectPredecessor(take, () => {});
    const listener = tcp({ port: 0 });
    const passed: PassedListener = { listen: (accept) => listener.listen(accept), predecessor };
    heir = await Gated.start(passed);
    bequest = (await began) as Bequest;
    path.target = heir.url;
    const isBack = new Promise<void>((resolve) => {
      client.on('state', ({ next }) => next === 'ready' && resolve());
    });
    old.breaker.last.reset();
    await isBack;
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await heir.close();
    await bequest.close();
    await old.close();
  });

  it('waits for what runs at the old one, and delivers it', async () => {
    const drained = heir.server.drain({ timeoutMs: 5_000, noticeMs: 0 });
    await new Promise((turn) => setImmediate(turn));
    old.open('pay');
    expect(await paid).to.equal('done pay');
    expect((await drained).cut).to.deep.equal([]);
    expect(old.executions.of('pay') + heir.executions.of('pay')).to.equal(1);
  });

  it('does not wait for longer than it was told, and names what runs there', async () => {
    const failed = failureOf(paid);
    const { cut } = await heir.server.drain({ timeoutMs: 50, noticeMs: 0 });
    expect(cut.map(({ verb, outcome }) => [verb, outcome])).to.deep.equal([['mutate', 'unknown']]);
    expect(cut[0]?.peer.medium).to.equal('tcp');
    client.destroy();
    expect(await failed).to.include({ outcome: 'unknown' });
  });
});
