import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { lmdbCompletions } from '../../lib/completions/lmdb.ts';
import {
  type Client,
  type CompletionStore,
  connect,
  defineVerbs,
  type Medium,
  memoryCompletions,
  once,
  type Server,
  serve,
  tcp,
} from '../../lib/index.ts';
import { Breaker } from '../support/breaker.ts';
import { expectFailure } from '../support/failing.ts';

const verbs = defineVerbs({ pay: once<string, string>() });

/** One server of several, behind a road that can be cut. */
interface Place {
  readonly server: Server;
  readonly breaker: Breaker;
}

describe('Servers that share the records of "once" calls', () => {
  let places: Place[];
  let target: number;
  let payments: string[];
  let whilePaying: () => Promise<void>;
  let client: Client<typeof verbs>;

  /** Every dial goes to where the load balancer points at the moment. */
  const balancer: Medium = {
    address: 'tcp://balancer',
    dial: (signal) => {
      const { hostname, port } = new URL((places[target] as Place).breaker.url);
      return tcp({ host: hostname, port: Number(port) }).dial(signal);
    },
  };

  async function addServer(completions?: CompletionStore): Promise<void> {
    const name = places.length;
    const pay = async (what: string): Promise<string> => {
      payments.push(`${what} at ${name}`);
      await whilePaying();
      return `${what} paid by ${name}`;
    };
    const options = completions === undefined ? {} : { completions };
    const server = await serve(verbs, { pay }, { listen: 'tcp://127.0.0.1:0', ...options });
    const breaker = await Breaker.before(server.urls[0] as string);
    places.push({ server, breaker });
  }

  /** From now on the client reaches only this one. */
  function pointAt(place: number): void {
    const { breaker } = places[target] as Place;
    target = place;
    for (const line of breaker.lines.splice(0)) line.reset();
  }

  beforeEach(() => {
    places = [];
    payments = [];
    target = 0;
    whilePaying = async () => {};
    client = connect(balancer, verbs);
  });

  afterEach(async () => {
    client.destroy();
    for (const { server, breaker } of places) {
      await breaker.close();
      await server.close();
    }
  });

  /** A call is made, and while its handler runs, `meanwhile` happens. */
  async function payWhile(meanwhile: (end: () => void) => void): Promise<string> {
    whilePaying = () => new Promise((resolve) => meanwhile(resolve));
    return await client.call.pay('rent');
  }

  it('give a call its reply from wherever it ran, and run it once', async () => {
    const completions = memoryCompletions();
    await addServer(completions);
    await addServer(completions);
    const reply = await payWhile((end) => {
      pointAt(1);
      setTimeout(end, 100);
    });
    expect(reply).to.equal('rent paid by 0');
    expect(payments).to.deep.equal(['rent at 0']);
  });

  it('do so too when the client comes back to one that it knows from before', async () => {
    const completions = memoryCompletions();
    await addServer(completions);
    await addServer(completions);
    await client.call.pay('tea');
    pointAt(1);
    await client.call.pay('milk');
    const reply = await payWhile((end) => {
      pointAt(0);
      setTimeout(end, 100);
    });
    expect(reply).to.equal('rent paid by 1');
    expect(payments).to.deep.equal(['tea at 0', 'milk at 1', 'rent at 1']);
  });

  it('with records of their own leave it unknown, and do not run it again', async () => {
    await addServer();
    await addServer();
    const paying = payWhile((end) => {
      pointAt(1);
      end();
    });
    const error = await expectFailure(paying, 'ERR_HOLDFAST_LOST');
    expect(error.outcome).to.equal('unknown');
    expect(payments).to.deep.equal(['rent at 0']);
  });

  it('say that it is unknown when its process is gone, whoever asks, and never run it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-fleet-'));
    const path = join(folder, 'records');
    const [first, second] = [await lmdbCompletions({ path }), await lmdbCompletions({ path })];
    try {
      await addServer(first);
      await addServer(second);
      whilePaying = () => new Promise(() => {});
      const paying = client.call.pay('rent', { key: 'k' });
      const failed = expectFailure(paying, 'ERR_HOLDFAST_UNFINISHED');
      while (payments.length === 0) await new Promise((resolve) => setImmediate(resolve));
      // As when its process ends: nobody renews its lease.
      await first.close();
      pointAt(1);
      expect((await failed).outcome).to.equal('unknown');
      const again = client.call.pay('rent', { key: 'k' });
      expect((await expectFailure(again, 'ERR_HOLDFAST_UNFINISHED')).outcome).to.equal('unknown');
      expect(payments).to.deep.equal(['rent at 0']);
    } finally {
      await second.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
