import { expect } from 'chai';
import { type Channel, connect, type Medium, memory, serve } from '../../lib/index.ts';
import { seededRandom, VirtualClock } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failure.ts';
import { Executions, verbs } from '../support/verbs.ts';

describe('After a restart', () => {
  it('500 clients come back spread over time, all of them, and soon', async function () {
    this.timeout(20_000);
    const clock = new VirtualClock({ turns: 'real' });
    const here = memory('herd');
    const dials: number[] = [];
    const medium: Medium = {
      address: here.address,
      dial: (signal) => {
        dials.push(clock.now());
        return here.dial(signal);
      },
    };
    const options = { clock, random: seededRandom(3), timeoutMs: 60_000 };
    let server = await serve(verbs, new Executions().handlers(), { listen: here, clock });
    const clients = Array.from({ length: 500 }, () => connect(medium, verbs, options));
    const made = clients.map((client) => client.call.read('before'));
    await clock.pass(10);
    await Promise.all(made);
    await server.close();
    // Each has something to do while the server is away for three seconds.
    const calls = clients.map((client) => client.call.mutate('while it is away'));
    await clock.pass(3_000);
    dials.length = 0;
    const executions = new Executions();
    server = await serve(verbs, executions.handlers(), { listen: here, clock });
    const backAt = clock.now();
    await clock.pass(10_000);
    expect(executions.of('while it is away')).to.equal(500);
    await Promise.all(calls);
    expect(dials).to.have.length(500);
    const perTenth = new Array(100).fill(0);
    for (const at of dials) perTenth[Math.floor((at - backAt) / 100)]++;
    // Evenly over the longest bound that anyone had come to they would be 16; all at once, 500.
    expect(Math.max(...perTenth)).to.be.below(60);
    const half = dials.sort((one, other) => one - other)[250] as number;
    expect(half - backAt).to.be.within(300, 3_200);
    for (const client of clients) client.destroy();
    await Promise.all(clients.map(({ closed }) => closed));
    await server.close();
  });
});

describe('While a server is down', () => {
  /** Accepts every connection and says nothing. */
  function silent(onDial: (signal: AbortSignal) => void): Medium {
    const here = memory('silent');
    const channels: Channel[] = [];
    return {
      address: 'silent:',
      dial: async (signal) => {
        const listening = await here.listen((channel) => {
          channels.push(channel);
          channel.start({ onBytes: () => {}, onClosed: () => {} });
        });
        const channel = await here.dial(signal);
        await listening.close();
        onDial(signal);
        return channel;
      },
    };
  }

  it('one probe at a time goes out for 1,000 callers, also when it accepts and says nothing', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    const dials: number[] = [];
    const medium = silent(() => dials.push(clock.now()));
    const options = { clock, random: seededRandom(5), timeoutMs: 60_000, dialTimeoutMs: 2_000 };
    const client = connect(medium, verbs, options);
    const calls = Array.from({ length: 1_000 }, () => failureOf(client.call.read('x')));
    await clock.pass(60_100);
    for (const failure of await Promise.all(calls)) {
      expect(failure).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'not-executed' });
    }
    expect(dials.length).to.be.within(5, 30);
    for (const [index, at] of dials.entries()) {
      if (index > 0) expect(at - (dials[index - 1] as number)).to.be.at.least(2_000);
    }
    await client.close();
  });
});
