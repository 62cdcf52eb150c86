import net, { type AddressInfo, type Socket } from 'node:net';
import { expect } from 'chai';
import { type Client, connect, type Server, serve } from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { Breaker } from '../support/breaker.ts';
import { blockLoop } from '../support/busy.ts';
import { PeerProcess } from '../support/peer-process.ts';
import { Executions, verbs } from '../support/verbs.ts';

describe('A dead connection is noticed before it costs a call', () => {
  let executions: Executions;
  let server: Server;
  let breaker: Breaker;
  let clock: VirtualClock;
  let client: Client<typeof verbs>;
  let peer: PeerProcess;

  before(async () => {
    peer = await PeerProcess.start();
  });

  after(() => peer.stop());

  beforeEach(async () => {
    executions = new Executions();
    server = await serve(verbs, executions.handlers(), { listen: 'tcp://127.0.0.1:0' });
    breaker = await Breaker.before(server.urls[0] as string);
    clock = new VirtualClock({ turns: 'real' });
    client = connect(breaker.url, verbs, { clock, random: () => 0 });
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await breaker.close();
    await server.close();
  });

  /** Lets the time pass in small steps until the promise settles; sockets move on in between. */
  async function passUntil<Value>(
    promise: Promise<Value>,
    limitMs = 60_000,
  ): Promise<{ value: Value; ms: number }> {
    const start = clock.now();
    let done = false;
    const settled = promise.finally(() => {
      done = true;
    });
    settled.catch(() => {});
    while (!done && clock.now() - start < limitMs) await clock.pass(50);
    return { value: await settled, ms: clock.now() - start };
  }

  describe('by the ping before an unsafe write', () => {
    it('makes a mutate call on a new link when the path has died silently, executed once', async () => {
      await client.call.read('first');
      breaker.last.stall();
      await clock.pass(20_000);
      const { value, ms } = await passUntil(client.call.mutate('x'));
      expect(value).to.equal('done x');
      expect(executions.of('x')).to.equal(1);
      expect(ms).to.be.within(5_000, 5_200);
    });

    it('shares one ping among all calls that wait for it', async () => {
      await client.call.read('first');
      const before = breaker.last.passed;
      await clock.pass(20_000);
      const calls = ['a', 'b', 'c'].map((name) => client.call.mutate(name));
      await Promise.all(calls);
      const pingBytes = 9;
      const callBytes = 3 * 22;
      expect(breaker.last.passed - before).to.equal(pingBytes + callBytes);
      expect(breaker.lines).to.have.length(1);
    });

    it('does not ping before a call that may be repeated, nor after a short silence', async () => {
      await client.call.read('first');
      const before = breaker.last.passed;
      await clock.pass(14_000);
      await client.call.mutate('a');
      await clock.pass(20_000);
      await client.call.read('b');
      const acknowledgeBytes = 11;
      expect(breaker.last.passed - before).to.equal(2 * 22 + acknowledgeBytes);
    });

    it('learns how long the path may be silent, and verifies well before that', async () => {
      await client.call.read('first');
      breaker.last.stall();
      await clock.pass(12_000);
      // A read is not verified; it finds the path dead, by its heartbeat, after 12 s of silence.
      expect((await passUntil(client.call.read('second'))).value).to.equal('done second');
      const before = breaker.last.passed;
      await clock.pass(7_000);
      await client.call.mutate('third');
      // The answer of the second attempt was recorded.
      const acknowledgeBytes = 11;
      expect(breaker.last.passed - before).to.equal(9 + 26 + acknowledgeBytes);
    });
  });

  describe('by the heartbeat while calls wait', () => {
    beforeEach(() => {
      client.destroy();
      client = connect(breaker.url, verbs, { clock, random: () => 0, stall: false });
    });

    it('gives a silent link up and sends a repeatable call again', async () => {
      await client.call.read('first');
      breaker.last.stall();
      const { value, ms } = await passUntil(client.call.read('x'));
      expect(value).to.equal('done x');
      expect(ms).to.be.within(10_000, 10_200);
    });

    it('asks what became of a mutate call that was sent into the silence, and executes it once', async () => {
      await client.call.read('first');
      breaker.last.stall();
      const { value } = await passUntil(client.call.mutate('x'));
      expect(value).to.equal('done x');
      expect(executions.of('x')).to.equal(1);
    });

    it('does not give up a link whose handler is slow', async () => {
      let release: (value: string) => void = () => {};
      const slow = await serve(
        verbs,
        {
          ...executions.handlers(),
          read: () =>
            new Promise<string>((resolve) => {
              release = resolve;
            }),
        },
        { listen: 'tcp://127.0.0.1:0' },
      );
      const patient = connect(slow.urls[0] as string, verbs, { clock, timeoutMs: 300_000 });
      const states: string[] = [];
      patient.on('state', ({ next }) => states.push(next));
      await patient.ready();
      const call = patient.call.read('x');
      await clock.pass(120_000);
      release('late');
      expect(await call).to.equal('late');
      expect(states).to.deep.equal(['connecting', 'ready']);
      await patient.close();
      await slow.close();
    });

    it('does not give up a link that is slow to take a long message', async () => {
      const { port } = new URL(server.urls[0] as string);
      const slow = net.createServer((socket) => trickle(socket, Number(port)));
      await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
      const url = `tcp://127.0.0.1:${(slow.address() as AddressInfo).port}`;
      const patient = connect(url, verbs, {
        heartbeatMs: 700,
        heartbeatTimeoutMs: 700,
      });
      await patient.ready();
      const start = performance.now();
      const value = await patient.call.mutate('x'.repeat(15_000_000));
      expect(value).to.have.length(15_000_005);
      // Longer than a silent link would have been borne with.
      expect(performance.now() - start).to.be.greaterThan(1_400);
      await patient.close();
      await new Promise((resolve) => slow.close(resolve));
    });
  });

  it('does not blame the peer for a block of our own event loop', async () => {
    const own = connect(peer.urls[0] as string, verbs, {
      heartbeatMs: 100,
      heartbeatTimeoutMs: 100,
      timeoutMs: 800,
    });
    const states: string[] = [];
    own.on('state', ({ next }) => states.push(next));
    await own.ready({ timeoutMs: 10_000 });
    for (let round = 0; round < 3; round++) {
      const call = own.call.mutate(`${round}`);
      await sent(own);
      // The answer comes meanwhile, also on a busy machine.
      blockLoop(1_000);
      expect(await call).to.equal(`done ${round}`);
    }
    expect(states).to.deep.equal(['connecting', 'ready']);
    await own.close();
  });
});

/** Resolves when a call that was made on an idle link has been looked through and written. */
async function sent(client: Client<typeof verbs>): Promise<void> {
  for (let turn = 0; turn < 4 && client.pending > 0; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/**
 * Passes a stream on at 8 MB a second, and reads no faster than that. The kernel tells the writer
 * of new room in lumps of some megabytes.
 */
function trickle(client: Socket, port: number): void {
  const server = net.connect({ host: '127.0.0.1', port });
  const start = performance.now();
  let passed = 0;
  client.on('data', (chunk: Buffer) => {
    passed += chunk.length;
    server.write(chunk);
    client.pause();
    const aheadMs = passed / 8_000 - (performance.now() - start);
    setTimeout(() => client.resume(), aheadMs);
  });
  server.on('data', (chunk: Buffer) => client.write(chunk));
  for (const socket of [client, server]) socket.on('error', () => {});
  client.on('close', () => server.destroy());
  server.on('close', () => client.destroy());
}
