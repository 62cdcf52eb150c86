import { wheelOf } from '../../lib/retry/timer-wheel.ts';
import type { Session } from '../../lib/server/session.ts';
import { type Findings, judge, type Violation } from './checker.ts';
import { SimClient, type Told } from './client.ts';
import { commit, type FaultyWorld } from './faults.ts';
import { Network } from './network.ts';
import type { Plan, PlannedCall } from './plan.ts';
import { Random } from './random.ts';
import { ServerRecord } from './record.ts';
import { type ServerHouse, ServerPlace } from './server.ts';
import { SimStore } from './store.ts';
import { World } from './world.ts';

/** What a run came to. */
export interface Outcome {
  readonly violations: readonly Violation[];
  readonly trace: readonly string[];
  readonly calls: number;
  readonly executions: number;
  /** Simulated. */
  readonly minutes: number;
  readonly steps: number;
}

/** After the last call and the last fault: every deadline passes, every session grows old. */
const calmMs = 150_000;

/** An idle client says what it has settled last when it calls again. */
const maxUnsaid = 40;

/** How long an orderly end may take. */
const endMs = 30_000;

/** Runs a plan. The same plan gives the same trace, to the letter. */
export async function simulate(plan: Plan, isTraced = false): Promise<Outcome> {
  const simulation = new Simulation(plan, isTraced);
  return simulation.run();
}

/** Errors that surface in the process of Node that runs simulations, for the run at hand. */
let current: World | undefined;

/** Says to the run at hand what nobody has caught; false when there is none. */
export function tellUncaught(error: unknown): boolean {
  current?.uncaught.push(error);
  return current !== undefined;
}

class Simulation implements FaultyWorld {
  readonly network: Network;
  readonly store: SimStore | undefined;
  readonly #plan: Plan;
  readonly #world: World;
  readonly #random: Random;
  readonly #record = new ServerRecord();
  readonly #servers: readonly ServerPlace[];
  readonly #clients: SimClient[];
  /** All that there were. */
  readonly #everyClient: SimClient[] = [];
  readonly #told: Told[] = [];
  readonly #complaints: string[] = [];

  constructor(plan: Plan, isTraced: boolean) {
    const world = new World(isTraced);
    const random = new Random(plan.seed).fork('run');
    this.#plan = plan;
    this.#world = world;
    this.#random = random;
    this.network = new Network(world, random.fork('network'), plan.network);
    const { storeTimeoutMs = 5_000 } = plan.serverOptions;
    if (plan.hasStore) this.store = new SimStore(world, random.fork('store'), storeTimeoutMs);
    const inputBytes = new Map(plan.calls.map(({ id, inputBytes: bytes }) => [id, bytes]));
    const house: ServerHouse = {
      network: this.network,
      record: this.#record,
      store: this.store,
      options: plan.serverOptions,
      random: random.fork('servers'),
      inputBytesOf: (id) => inputBytes.get(id) ?? 0,
      complain: (what) => this.#complaints.push(what),
    };
    this.#servers = Array.from(
      { length: plan.servers },
      (_, index) => new ServerPlace(house, index),
    );
    this.#clients = plan.clients.map((_, index) => this.#startClient(index));
  }

  clientAt(index: number): SimClient {
    return this.#clients[index % this.#clients.length] as SimClient;
  }

  serverAt(index: number): ServerPlace {
    return this.#servers[index % this.#servers.length] as ServerPlace;
  }

  replaceClient(index: number): void {
    const place = index % this.#clients.length;
    this.#clients[place] = this.#startClient(place);
  }

  async run(): Promise<Outcome> {
    current = this.#world;
    const { calls, faults, endMs: planned } = this.#plan;
    for (const server of this.#servers) server.start();
    for (const call of calls) this.#world.after(call.at, () => this.#call(call));
    for (const fault of faults) {
      this.#world.after(fault.at, () => {
        this.#world.log(() => `*** ${fault.kind} ${JSON.stringify(fault)}`);
        commit(this, fault);
      });
    }
    await this.#world.run(planned);
    await this.#calmDown();
    await this.#end();
    current = undefined;
    const { now, steps, trace = [] } = this.#world;
    return {
      violations: judge(this.#findings()),
      trace,
      calls: this.#told.length,
      executions: this.#record.total,
      minutes: now / 60_000,
      steps,
    };
  }

  #call(call: PlannedCall): void {
    const client = this.clientAt(call.client);
    client.process.io(() => this.#told.push(client.call(call)));
  }

  #startClient(index: number): SimClient {
    const { clients } = this.#plan;
    const addresses = this.#servers.map(({ address }) => address);
    const name = `client-${index}.${this.#everyClient.length}`;
    const random = this.#random.fork(name);
    const plan = clients[index] as Plan['clients'][number];
    const client = new SimClient(this.network, name, plan, addresses, random);
    this.#everyClient.push(client);
    return client;
  }

  /** Nothing goes wrong any more; what was begun comes to its end. */
  async #calmDown(): Promise<void> {
    this.network.openAllPaths();
    if (this.store !== undefined) this.store.mode = 'well';
    for (const server of this.#servers) server.startLater(0);
    await this.#world.run(this.#world.now + calmMs);
    for (const client of this.#clients) this.#checkIdle(client);
    for (const server of this.#servers) this.#checkQuiet(server);
  }

  /** Everybody ends in order, and nothing is left. */
  async #end(): Promise<void> {
    for (const { process, client } of this.#clients) process.io(() => void client.close());
    await this.#world.run(this.#world.now + endMs);
    for (const server of this.#servers) {
      server.isOver = true;
      server.drain({ timeoutMs: 10_000, noticeMs: 0 }, 0);
    }
    await this.#world.run(this.#world.now + endMs);
    for (const client of this.#everyClient) this.#checkEnded(client);
    for (const server of this.#servers) {
      for (const { process } of server.instances)
        this.#complaints.push(`${process.name} does not end`);
    }
  }

  #checkIdle({ process, client, plan }: SimClient): void {
    if (!process.isAlive) return;
    const { name } = process;
    if (client.pending > 0) this.#complaints.push(`${name} has ${client.pending} calls pending`);
    if (plan.options.eager) return;
    const isKept = this.network.of(process).some(({ near }) => near.isRef && !near.isClosed);
    if (isKept || process.hasLastingTimer) {
      this.#complaints.push(`${name} is idle and keeps its process alive`);
    }
  }

  get #hasHandOvers(): boolean {
    return this.#plan.faults.some(({ kind }) => kind.startsWith('hand-over'));
  }

  /** Everything is settled, and the clients have said so, but for the last word of some. */
  #checkQuiet(place: ServerPlace): void {
    const most = maxUnsaid + Math.max(...this.#everyClient.map(({ mostPending }) => mostPending));
    for (const { process, server } of place.instances) {
      for (const id of server.core.sessions.ids()) {
        const { records, handlers } = server.core.sessions.get(id) as Session;
        const { done, forgotten } = records.export();
        const kept = done.length + forgotten.length;
        // From hand-over to hand-over the last words of idle clients come late again.
        if (kept > most && !this.#hasHandOvers)
          this.#complaints.push(`${process.name} keeps ${kept} old answers`);
        if (handlers > 0) this.#complaints.push(`${process.name} still runs ${handlers} handlers`);
      }
    }
  }

  #checkEnded({ process, closedAt }: SimClient): void {
    if (!process.isAlive) return;
    const { name } = process;
    if (closedAt === undefined) this.#complaints.push(`${name} does not close`);
    const entries = wheelOf(process).size;
    if (entries > 0)
      this.#complaints.push(`${name} is closed and left ${entries} entries on its wheel`);
    for (const holding of process.holdings) {
      void holding;
      this.#complaints.push(`${name} is closed and left a connection`);
    }
  }

  #findings(): Findings {
    return {
      plan: this.#plan,
      told: this.#told,
      clients: this.#everyClient,
      record: this.#record,
      dials: this.network.dials,
      complaints: [
        ...this.#complaints,
        ...this.#record.complaints,
        ...this.#everyClient.flatMap(({ complaints }) => complaints),
        ...this.#world.uncaught.map((error) => `uncaught: ${describe(error)}`),
      ],
    };
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
