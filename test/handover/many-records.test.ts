import { expect } from 'chai';
import { Bequest } from '../../lib/handover/bequest.ts';
import { connectPredecessor } from '../../lib/handover/connect-predecessor.ts';
import { type Channel, memory } from '../../lib/index.ts';
import type { OwnStore } from '../../lib/server/own-store.ts';
import type { Predecessor } from '../../lib/server/predecessor.ts';
import { Gated } from '../support/gated.ts';
import { verbs } from '../support/verbs.ts';

const count = 25_000;

describe('Records of very many "once" calls', () => {
  let old: Gated;
  let bequest: Bequest;
  let predecessor: Predecessor;

  beforeEach(async () => {
    old = await Gated.start(undefined, verbs, { maxRecords: count, maxOnceBytes: 2 ** 30 });
    const wire = memory();
    const channel = new Promise<Channel>((resolve) => void wire.listen(resolve));
    const dialled = wire.dial(new AbortController().signal);
    predecessor = connectPredecessor(
      () => dialled,
      () => {},
    );
    bequest = await channel.then((one) => Bequest.on(one, old.server.core));
  });

  afterEach(async () => {
    predecessor.close();
    await bequest.close();
    await old.close();
  });

  it('go to the successor, in as many messages as it takes', async () => {
    const store = old.server.core.ownStore as OwnStore;
    const value = Buffer.from('c0', 'hex');
    for (let ticket = 1; ticket <= count; ticket++) {
      const key = `key:0::${ticket}`;
      const request = { key, fingerprint: 'f', keepMs: 60_000, owner: 'old', ticket };
      store.memory.begin({ ...request, takesOver: false });
      store.memory.finish(
        { ...request, takesOver: false },
        { kind: 'reply', value, isBytes: false },
      );
    }
    await predecessor.ready();
    const ended = bequest.finish();
    expect(await predecessor.rest()).to.deep.equal([]);
    const records = await predecessor.records.takeAll();
    expect(new Set(records.map(({ key }) => key)).size).to.equal(count);
    predecessor.close();
    await ended;
  });
});
