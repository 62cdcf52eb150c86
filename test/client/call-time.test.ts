import { expect } from 'chai';
import {
  type Client,
  connect,
  defineVerbs,
  type HoldfastError,
  type Medium,
  read,
} from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';

const verbs = defineVerbs({ get: read<string, string>() });

/** Nobody answers there. */
const nowhere: Medium = {
  address: 'nowhere:',
  dial: (signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
    }),
};

describe('The time of a call', () => {
  let clock: VirtualClock;
  let client: Client<typeof verbs>;
  /** What became of each call, by name. */
  let ended: Map<string, unknown>;

  beforeEach(() => {
    clock = new VirtualClock({ turns: 'real' });
    client = connect(nowhere, verbs, { clock, timeoutMs: 1_000, dialTimeoutMs: 100_000 });
    ended = new Map();
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
  });

  function call(name: string, options?: { timeoutMs: number }): void {
    client.call.get(name, options).then(
      () => ended.set(name, 'answered'),
      (error: HoldfastError) => ended.set(name, error.code),
    );
  }

  it('begins when its turn ends, so that what else is done in that turn does not cost it any', async () => {
    call('first');
    clock.block(900);
    call('second');
    await clock.pass(990);
    expect([...ended]).to.deep.equal([]);
    await clock.pass(20);
    expect([...ended]).to.deep.equal([
      ['first', 'ERR_HOLDFAST_DEADLINE'],
      ['second', 'ERR_HOLDFAST_DEADLINE'],
    ]);
  });

  it('begins at once when the call says how long it may take', async () => {
    call('bounded', { timeoutMs: 1_000 });
    clock.block(900);
    call('plain');
    await clock.pass(110);
    expect([...ended]).to.deep.equal([['bounded', 'ERR_HOLDFAST_DEADLINE']]);
  });

  it('ends for each call by itself, whatever others were made in the same turn', async () => {
    call('long', { timeoutMs: 2_000 });
    call('plain');
    call('short', { timeoutMs: 300 });
    call('plain too');
    await clock.pass(310);
    expect([...ended.keys()]).to.deep.equal(['short']);
    await clock.pass(700);
    expect([...ended.keys()]).to.deep.equal(['short', 'plain', 'plain too']);
    await clock.pass(1_000);
    expect([...ended.keys()]).to.deep.equal(['short', 'plain', 'plain too', 'long']);
  });

  it('ends for all of many calls that were made in one turn after another', async () => {
    const count = 20_000;
    for (let made = 0; made < count; made += 100) {
      for (let name = made; name < made + 100; name++) call(String(name));
      await clock.pass(1);
    }
    await clock.pass(1_010);
    expect(ended.size).to.equal(count);
  });
});
