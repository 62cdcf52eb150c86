import { type Client, connect } from 'holdfast';
import { FaultMedium, type FaultyConnection, randomFaults } from 'holdfast/testing';
import { between } from '../demo/random.ts';
import type { Calls } from './calls.ts';
import { mediumOf, type Road, type Scene, type ServerName } from './scene.ts';
import { verbs } from './verbs.ts';
import { Worker } from './work.ts';

/** Which client goes where. */
export interface LanePlan {
  readonly server: ServerName;
  readonly road: Road;
}

/** A connection that its client has left is kept in the dark for so long. */
const keepStaleMs = 30_000;

const harms = ['reset', 'fin', 'stall', 'halfOpen', 'slow', 'refuse', 'hang', 'cut'] as const;

/** A client that works over a medium with faults, and what breaks that. */
export class Lane {
  readonly name: string;
  readonly client: Client<typeof verbs>;
  readonly worker: Worker;
  readonly #medium: FaultMedium;
  readonly #random: () => number;
  readonly #harmEveryMs: number;
  readonly #seen = new Map<FaultyConnection, number>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #isOver = false;

  constructor(
    scene: Scene,
    plan: LanePlan,
    name: string,
    calls: Calls,
    random: () => number,
    pace: { readonly callEveryMs: number; readonly harmEveryMs: number },
  ) {
    this.name = name;
    this.#medium = new FaultMedium(mediumOf(scene, plan.server, plan.road), {
      seed: between(random, 1, 1_000_000),
      plan: randomFaults({
        fin: 0.05,
        rst: 0.05,
        stall: 0.03,
        refuse: 0.05,
        hang: 0.02,
        withinBytes: 100_000,
        maxDelayMs: 10,
      }),
    });
    this.client = connect(this.#medium, verbs, {
      heartbeatMs: 2_000,
      heartbeatTimeoutMs: 3_000,
      random,
    });
    this.worker = new Worker(this.client, name, calls, random, pace.callEveryMs);
    this.#random = random;
    this.#harmEveryMs = pace.harmEveryMs;
  }

  start(): void {
    this.worker.start();
    this.#harmLater();
  }

  /** Connections of which one side at least does not know that they are over. */
  get connections(): number {
    return this.#medium.connections.length;
  }

  /** Settles what was begun, then ends the client: in order, or not. */
  async end(inOrder: boolean): Promise<void> {
    this.#isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    await this.worker.stop();
    if (inOrder) await this.client.close();
    else this.client.destroy();
    await this.client.closed;
    this.#medium.destroy();
  }

  #later(act: () => void, ms: number): void {
    if (this.#isOver) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }

  #harmLater(): void {
    this.#later(
      () => {
        this.#sweep();
        this.#harm();
        this.#harmLater();
      },
      this.#harmEveryMs * (0.3 + 1.4 * this.#random()),
    );
  }

  #harm(): void {
    const connection = this.#medium.connections.at(-1);
    const harm = harms[between(this.#random, 0, harms.length - 1)] as (typeof harms)[number];
    switch (harm) {
      case 'refuse':
        this.#medium.next({ refuse: true }, { refuse: true });
        connection?.fin();
        return;
      case 'hang':
        this.#medium.next({ hang: true });
        connection?.reset();
        return;
      case 'cut': {
        const afterBytes = between(this.#random, 0, 2_000);
        this.#medium.next({ toServer: { cut: { afterBytes } } });
        connection?.reset();
        return;
      }
      case 'slow':
        this.#medium.next({ toServer: { bytesPerMs: 100 }, toClient: { bytesPerMs: 100 } });
        connection?.fin();
        return;
      case 'stall':
        connection?.stall();
        this.#later(() => connection?.recover(), between(this.#random, 200, 15_000));
        return;
      case 'halfOpen':
        connection?.halfOpen();
        return;
      case 'fin':
        connection?.fin();
        return;
      case 'reset':
        connection?.reset();
    }
  }

  /** As a kernel does in the end: what is silent for long and was left is closed. */
  #sweep(): void {
    const now = performance.now();
    const { connections } = this.#medium;
    for (const connection of this.#seen.keys()) {
      if (!connections.includes(connection)) this.#seen.delete(connection);
    }
    for (const connection of connections.slice(0, -1)) {
      const since = this.#seen.get(connection);
      if (since === undefined) this.#seen.set(connection, now);
      else if (now - since > keepStaleMs) connection.reset();
    }
  }
}
