import { setTimeout as delay } from 'node:timers/promises';
import type { Breaker } from './breaker.ts';
import type { Recovery } from './recovery.ts';
import type { Fault } from './schedule.ts';
import { type DrainedServer, ServerProcess } from './server-process.ts';
import type { Work } from './work.ts';

/** Makes faults happen, one after the other, each after the recovery from the one before. */
export class Director {
  server: ServerProcess;
  /** How the servers ended that were asked to. */
  readonly drained: DrainedServer[] = [];
  readonly #folder: string;
  readonly #breaker: Breaker;
  readonly #work: Work;
  readonly #recovery: Recovery;

  constructor(
    server: ServerProcess,
    folder: string,
    breaker: Breaker,
    work: Work,
    recovery: Recovery,
  ) {
    this.server = server;
    this.#folder = folder;
    this.#breaker = breaker;
    this.#work = work;
    this.#recovery = recovery;
  }

  /** Makes a fault happen; resolves when the client has recovered from it. */
  async cause(fault: Fault): Promise<void> {
    const { kind } = fault;
    switch (kind) {
      case 'idle FIN': {
        await this.#work.gate.close();
        await delay(fault.idleMs);
        const recovered = this.#recovery.from(kind);
        // In the same turn, so that the client writes before it can have heard of the end.
        this.#breaker.finish();
        this.#work.gate.open();
        await recovered;
        return;
      }
      case 'RST': {
        const recovered = this.#recovery.from(kind);
        this.#breaker.reset();
        await recovered;
        return;
      }
      case 'silent stall': {
        const recovered = this.#recovery.from(kind);
        const endStall = this.#breaker.stall(fault.isDeliveredLate);
        await recovered;
        endStall();
        return;
      }
      case 'cut in a large write': {
        const recovered = this.#breaker
          .cutAfter(fault.afterBytes)
          .then(() => this.#recovery.from(kind));
        await this.#work.large(fault.verb);
        await recovered;
        return;
      }
      case 'SIGKILL': {
        const recovered = this.#recovery.from(`${kind}, server away for ${fault.downMs} ms`);
        await this.server.kill();
        await delay(fault.downMs);
        await this.#startServer();
        await recovered;
        return;
      }
      case 'drained restart': {
        const recovered = this.#recovery.from(kind);
        const old = this.server;
        await this.#startServer();
        this.drained.push(await old.drain());
        await recovered;
        return;
      }
    }
  }

  async #startServer(): Promise<void> {
    this.server = await ServerProcess.start(this.#folder);
    this.#breaker.serverPort = this.server.port;
  }
}
