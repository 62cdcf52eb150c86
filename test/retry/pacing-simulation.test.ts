import { expect } from 'chai';
import { type Client, connect, memory, refuse, type Server, serve } from '../../lib/index.ts';
import { seededRandom, VirtualClock } from '../../lib/testing/index.ts';
import { verbs } from '../support/verbs.ts';

/** What happened within one second. */
interface Second {
  arrived: number;
  done: number;
  refused: number;
  failed: number;
  /** Longest time from a call to its reply. */
  slowestMs: number;
}

/** A client that makes more calls than its server can take, on a clock that a test moves. */
class Crowd {
  readonly clock = new VirtualClock({ turns: 'real' });
  /** Calls a second that the server takes; it refuses the rest. */
  capacity = Number.POSITIVE_INFINITY;
  readonly seconds: Second[] = [];
  readonly #server: Server;
  readonly #client: Client<typeof verbs>;
  #second: Second = empty();
  #tokens = 0;

  private constructor(server: Server, client: Client<typeof verbs>, clock: VirtualClock) {
    this.#server = server;
    this.#client = client;
    this.clock = clock;
  }

  static async start(pacing: boolean): Promise<Crowd> {
    const here = memory('crowd');
    const clock = new VirtualClock({ turns: 'real' });
    const handle = (): string => crowd.#take();
    const handlers = {
      read: handle,
      idempotent: handle,
      semi: handle,
      once: handle,
      mutate: handle,
    };
    const server = await serve(verbs, handlers, { listen: here, clock });
    const random = seededRandom(11);
    const client = connect(here, verbs, { clock, random, pacing, timeoutMs: 1_000 });
    const crowd = new Crowd(server, client, clock);
    return crowd;
  }

  /** Makes so many calls a second, evenly. */
  async run(perSecond: number, seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      for (let step = 0; step < 50; step++) {
        this.#tokens = Math.min(this.capacity / 10, this.#tokens + this.capacity / 50);
        for (let index = 0; index < perSecond / 50; index++) this.#call();
        await this.clock.pass(20);
      }
      this.seconds.push(this.#second);
      this.#second = empty();
    }
  }

  async close(): Promise<void> {
    await this.clock.pass(2_000);
    await this.#client.close();
    await this.#server.close();
  }

  #take(): string {
    this.#second.arrived++;
    if (this.#tokens < 1) {
      this.#second.refused++;
      throw refuse({ overloaded: true });
    }
    this.#tokens--;
    return 'done';
  }

  #call(): void {
    const madeAt = this.clock.now();
    this.#client.call.mutate('x').then(
      () => {
        this.#second.done++;
        this.#second.slowestMs = Math.max(this.#second.slowestMs, this.clock.now() - madeAt);
      },
      () => {
        this.#second.failed++;
      },
    );
  }
}

function empty(): Second {
  return { arrived: 0, done: 0, refused: 0, failed: 0, slowestMs: 0 };
}

function sum(seconds: readonly Second[], name: keyof Second): number {
  return seconds.reduce((total, second) => total + second[name], 0);
}

describe('Pacing, with a server that takes a third of what is asked for', () => {
  it('spares the server nearly all that it would refuse, and wastes little of what it can do', async () => {
    const shares: number[] = [];
    for (const pacing of [true, false]) {
      const crowd = await Crowd.start(pacing);
      await crowd.run(300, 2);
      crowd.capacity = 100;
      await crowd.run(300, 20);
      const settled = crowd.seconds.slice(7);
      shares.push(sum(settled, 'refused') / sum(settled, 'arrived'));
      if (pacing) expect(sum(settled, 'done') / settled.length).to.be.within(70, 101);
      await crowd.close();
    }
    expect(shares[0]).to.be.below(0.15);
    expect(shares[1]).to.be.above(0.5);
  });

  it('comes back to the full rate when the server does, and costs no call any time then', async () => {
    const crowd = await Crowd.start(true);
    await crowd.run(300, 2);
    crowd.capacity = 100;
    await crowd.run(300, 10);
    crowd.capacity = Number.POSITIVE_INFINITY;
    await crowd.run(300, 20);
    const [before, first] = [crowd.seconds[11] as Second, crowd.seconds[1] as Second];
    expect(first.done).to.be.within(294, 306);
    expect(before.done).to.be.below(110);
    const after = crowd.seconds.slice(12);
    const backAfter = after.findIndex(({ done, failed }) => done >= 295 && failed === 0);
    expect(backAfter).to.be.within(1, 15);
    for (const { done, failed, refused, slowestMs } of after.slice(-3)) {
      // A step of 20 ms may count in the second after it.
      expect(done).to.be.within(294, 306);
      expect([failed, refused]).to.deep.equal([0, 0]);
      expect(slowestMs).to.be.at.most(20);
    }
    await crowd.close();
  });
});
