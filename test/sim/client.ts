import {
  type AttemptEvent,
  type CallOptions,
  type Client,
  connect,
  type ReconnectingEvent,
  retryBudget,
  type StreamOptions,
} from '../../lib/index.ts';
import { itemsOf, take } from './items.ts';
import type { Network } from './network.ts';
import type { PlannedCall, PlannedClient, PlannedStream } from './plan.ts';
import { Process } from './process.ts';
import type { Random } from './random.ts';
import {
  marked,
  type SimInput,
  type SimItem,
  type SimOpening,
  type SimOutput,
  verbs,
} from './verbs.ts';

/** How a call went, as its caller saw it. */
export interface Told {
  readonly call: PlannedCall;
  readonly process: Process;
  readonly client: SimClient;
  /** On the clock of its process. */
  readonly madeAt: number;
  settledAt: number | undefined;
  value?: unknown;
  error?: unknown;
  /** It was told that it need not go on. */
  abortedAt?: number;
}

/** An application with a client, in a process of its own. */
export class SimClient {
  readonly process: Process;
  readonly client: Client<typeof verbs>;
  readonly plan: PlannedClient;
  /** Attempts that ended, in their order. */
  readonly attempts: (AttemptEvent & { readonly at: number })[] = [];
  readonly reconnects: (ReconnectingEvent & { readonly at: number })[] = [];
  calls = 0;
  mostPending = 0;
  /** What is wrong with items that came. */
  readonly complaints: string[] = [];
  closedAt: number | undefined;

  constructor(
    network: Network,
    name: string,
    plan: PlannedClient,
    addresses: readonly string[],
    random: Random,
  ) {
    const process = new Process(network.world, name, random.int(0, 100_000));
    this.process = process;
    this.plan = plan;
    const media = plan.servers.map((server) =>
      network.medium(process, addresses[server] as string),
    );
    this.client = connect(media, verbs, {
      ...plan.options,
      clock: process,
      random: random.fork('client').next,
      // One of its own: those that are shared are held weakly, and the collector has no seed.
      retryBudget: plan.hasBudget ? retryBudget() : false,
    });
    this.client.on('attempt', (event) => {
      this.attempts.push({ ...event, at: process.now() });
      const { verb, number, evidence, decision, why } = event;
      network.world.log(() => `${name}: ${verb} #${number} ${evidence} → ${decision} (${why})`);
    });
    this.client.on('reconnecting', (event) => {
      this.reconnects.push({ ...event, at: process.now() });
    });
    this.client.on('state', ({ next, reason }) => {
      network.world.log(
        () => `${name}: ${next}${reason === undefined ? '' : ` (${reason.message})`}`,
      );
    });
    void this.client.closed.then(() => {
      this.closedAt = network.world.now;
    });
  }

  /** Makes a call; what it came to is written into what this returns. */
  call(call: PlannedCall): Told {
    const { process } = this;
    const told: Told = {
      call,
      process,
      client: this,
      madeAt: process.now(),
      settledAt: undefined,
    };
    this.calls++;
    this.mostPending = Math.max(this.mostPending, this.client.pending + 1);
    const { safety, conduct, workMs, outputBytes } = call;
    const id = call.group ?? call.id;
    const input: SimInput = {
      id,
      conduct,
      workMs,
      outputBytes,
      bytes: marked(id, call.inputBytes),
    };
    process.world.log(() => `${process.name}: calls ${safety} ${call.id}`);
    this.#made(told, input).then(
      (value) => settle(told, () => 'resolves', { value }),
      (error: unknown) => settle(told, () => `fails: ${String(error)}`, { error }),
    );
    return told;
  }

  #made(told: Told, input: SimInput): Promise<unknown> {
    const { safety, stream } = told.call;
    const options = this.#optionsOf(told);
    if (stream === undefined) return this.client.call[safety](input, options);
    return this.#stream(told, { ...input, ...stream }, options, stream.kind);
  }

  /** Resolves as the other calls do, when all items have come. */
  async #stream(
    { call }: Told,
    opening: SimOpening,
    options: StreamOptions<SimOpening, SimItem>,
    kind: PlannedStream['kind'],
  ): Promise<SimOutput> {
    const { process } = this;
    const { id, items, takeMs } = opening;
    const own = (): AsyncIterable<SimItem> => itemsOf(process, id, items, takeMs);
    if (kind === 'take') return this.client.call.take(opening, own(), options);
    const given =
      kind === 'exchange'
        ? this.client.call.exchange(opening, own(), options)
        : this.client.call[kind](opening, options);
    const complain = (what: string): void => {
      this.complaints.push(what);
    };
    const count = await take(process, id, given, takeMs, complain);
    if (count !== items) complain(`call ${id} is told the end behind ${count} of ${items} items`);
    return { id, bytes: marked(id + 1, call.outputBytes) };
  }

  #optionsOf(told: Told): CallOptions & StreamOptions<SimOpening, SimItem> {
    const { timeoutMs, attemptTimeoutMs, replay, group, abortAfterMs } = told.call;
    const options: { -readonly [Name in keyof CallOptions]: CallOptions[Name] } = { timeoutMs };
    if (attemptTimeoutMs !== undefined) options.attemptTimeoutMs = attemptTimeoutMs;
    if (replay !== undefined) options.replay = replay;
    if (group !== undefined) options.key = `group ${group}`;
    if (abortAfterMs !== undefined) {
      const controller = new AbortController();
      options.signal = controller.signal;
      this.process.setTimer(() => {
        told.abortedAt = this.process.now();
        controller.abort(new Error('not wanted any more'));
      }, abortAfterMs);
    }
    return options;
  }
}

function settle(told: Told, how: () => string, what: { value?: unknown; error?: unknown }): void {
  const { process, call } = told;
  told.settledAt = process.now();
  Object.assign(told, what);
  process.world.log(() => `${process.name}: ${call.safety} ${call.id} ${how()}`);
}
