import { connectPredecessor } from '../../lib/handover/connect-predecessor.ts';
import { passOn } from '../../lib/handover/pass-on.ts';
import type { Server, ServerOptions } from '../../lib/index.ts';
import { wheelOf } from '../../lib/retry/timer-wheel.ts';
import type { PassedListener } from '../../lib/server/predecessor.ts';
import { startServing } from '../../lib/server/start-serving.ts';
import type { SimChannel } from './channel.ts';
import { handlersOf } from './handlers.ts';
import type { Network } from './network.ts';
import type { PlannedFault } from './plan.ts';
import { Process } from './process.ts';
import type { Random } from './random.ts';
import type { ServerRecord } from './record.ts';
import type { SimStore } from './store.ts';
import { verbs } from './verbs.ts';

/** What all servers of a run have in common. */
export interface ServerHouse {
  readonly network: Network;
  readonly record: ServerRecord;
  readonly store: SimStore | undefined;
  readonly options: Partial<ServerOptions>;
  readonly random: Random;
  inputBytesOf(id: number): number;
  /** Something is wrong with the end of a server. */
  complain(what: string): void;
}

/** How long a process takes from its start until it listens, in ms. */
const startMs = 5;

/** What was closed at last may take so long to be gone. */
const farewellMs = 3_000;

interface Instance {
  readonly process: Process;
  readonly server: Server;
}

/** What serves at one address: a process, and those that come after it. */
export class ServerPlace {
  readonly address: string;
  readonly #house: ServerHouse;
  readonly #name: string;
  #generations = 0;
  readonly #instances: Instance[] = [];
  readonly #starting = new Set<Process>();
  /** Servers that hand over: they end when that is over. */
  readonly #passing = new Set<Process>();
  /** Nobody is started any more. */
  isOver = false;

  constructor(house: ServerHouse, index: number) {
    this.#house = house;
    this.#name = `server-${index}`;
    this.address = `tcp://${this.#name}:1`;
  }

  /** The server that serves, or ends at the moment, newest first. */
  get instances(): readonly Instance[] {
    for (const [index, { process }] of [...this.#instances.entries()].reverse()) {
      if (!process.isAlive) this.#instances.splice(index, 1);
    }
    return [...this.#instances].reverse();
  }

  get current(): Instance | undefined {
    return this.instances.find(({ server }) => !server.core.isEnding);
  }

  start(): void {
    if (this.isOver) return;
    const process = this.#process();
    this.#starting.add(process);
    process.io(() => {
      this.#serve(process, this.#house.network.listener(process, this.address)).catch(
        (error: unknown) => this.#house.complain(`${process.name} does not start: ${error}`),
      );
    }, startMs);
  }

  /** Sees to it that somebody serves after so long. */
  startLater(delayMs: number): void {
    this.#house.network.world.after(delayMs, () => {
      for (const process of this.#starting) if (!process.isAlive) this.#starting.delete(process);
      if (this.current === undefined && this.#starting.size === 0) this.start();
    });
  }

  die(delayMs: number): void {
    for (const { process } of this.instances) process.kill();
    for (const process of this.#starting) process.kill();
    this.startLater(delayMs);
  }

  /** Ends at once, in order. */
  close(delayMs: number): void {
    const instance = this.current;
    if (instance !== undefined) {
      instance.process.io(() => void instance.server.close().then(() => this.#exit(instance)));
    }
    this.startLater(delayMs);
  }

  drain({ timeoutMs, noticeMs }: { timeoutMs: number; noticeMs: number }, delayMs: number): void {
    const instance = this.current;
    this.startLater(delayMs);
    if (instance === undefined) return;
    instance.process.io(() => {
      void instance.server.drain({ timeoutMs, noticeMs }).then(() => this.#exit(instance));
    });
  }

  /** Starts a successor that takes over from the server that serves. */
  handOver({ kind, timeoutMs, noticeMs, ms }: PlannedFault): void {
    const instance = this.current;
    if (instance === undefined || this.#starting.size > 0) return;
    const heir = this.#process();
    this.#starting.add(heir);
    const [near, far] = this.#house.network.pair(instance.process, heir);
    instance.process.io(() => this.#passOn(instance, heir, near, { timeoutMs, noticeMs }));
    heir.io(() => this.#inherit(heir, far), startMs);
    if (kind === 'hand-over') return;
    const victim = kind === 'hand-over-heir-dies' ? heir : instance.process;
    this.#house.network.world.after(ms, () => {
      victim.kill();
      this.startLater(ms);
    });
  }

  #passOn(
    instance: Instance,
    heir: Process,
    channel: SimChannel,
    bounds: { readonly timeoutMs: number; readonly noticeMs: number },
  ): void {
    const ended = new Promise<string>((resolve) => {
      heir.holdings.add({ shut: () => instance.process.io(() => resolve('it died')) });
    });
    const stop = (): Promise<void> => {
      heir.kill();
      return Promise.resolve();
    };
    const successor = { channel, ended, stop };
    const { core } = instance.server;
    const over = core.heir?.over ?? Promise.resolve();
    this.#passing.add(instance.process);
    void over
      .then(() => passOn(core, successor, { ...bounds, readyTimeoutMs: 2_000 }))
      .catch(() => {
        this.#house.network.world.log(() => `${instance.process.name} has not handed over`);
        heir.kill();
      })
      .then(() => {
        this.#passing.delete(instance.process);
        if (core.isEnding) void core.closed.then(() => this.#exit(instance));
      });
  }

  #inherit(heir: Process, channel: SimChannel): void {
    let isTaken = false;
    const take = (): SimChannel | undefined => {
      if (isTaken) return undefined;
      isTaken = true;
      return channel;
    };
    const { random } = this.#house;
    const nature = { clock: heir, random: random.fork(heir.name).next };
    const listener: PassedListener = {
      ...this.#house.network.listener(heir, this.address),
      predecessor: connectPredecessor(take, () => {}, nature),
    };
    this.#serve(heir, listener).catch(() => {
      // The predecessor has ended, or did not let go.
      heir.kill();
      this.startLater(startMs);
    });
  }

  async #serve(process: Process, listen: PassedListener): Promise<void> {
    const { record, store, options } = this.#house;
    const handlers = handlersOf(process, record, (id) => this.#house.inputBytesOf(id));
    // In simulated time nothing can be loaded: `serve` would do so.
    const server = await startServing(verbs, handlers, {
      ...options,
      listen,
      clock: process,
      ...(store === undefined ? {} : { completions: store.usedBy(process) }),
    });
    server.on('fault', ({ error }) => {
      process.world.log(() => `${process.name}: fault ${error.code} ${error.message}`);
    });
    process.world.log(() => `${process.name}: serves`);
    this.#starting.delete(process);
    this.#instances.push({ process, server });
    if (this.isOver) await server.close();
  }

  /** The server has ended; a while later the process does, and must have nothing left by then. */
  #exit(instance: Instance): void {
    const { process } = instance;
    if (this.#passing.has(process)) return;
    process.world.log(() => `${process.name}: ends`);
    process.io(() => this.#leave(instance), farewellMs);
  }

  #leave({ process, server: { core } }: Instance): void {
    const left = {
      'entries on its wheel': wheelOf(process).size,
      links: core.links.size,
      sessions: core.sessions.size,
    };
    for (const [what, count] of Object.entries(left)) {
      if (count > 0) this.#house.complain(`${process.name} has ended and left ${count} ${what}`);
    }
    process.kill();
  }

  #process(): Process {
    const { network, random } = this.#house;
    const name = `${this.#name}.${++this.#generations}`;
    return new Process(network.world, name, random.fork(`clock of ${name}`).int(0, 100_000));
  }
}
