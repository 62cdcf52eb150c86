import type { Channel, Medium } from '../media/medium.ts';
import {
  type Check,
  type Checks,
  clockLike,
  resolveOptions,
  wholeNumber,
  withMethods,
} from '../util/check.ts';
import { type Clock, systemClock, type Timer } from '../util/clock.ts';
import { unlessAborted } from '../util/unless-aborted.ts';
import { FaultChannel, type FaultChannelContext, type FaultyConnection } from './fault-channel.ts';
import { checkFaults, type Faults, type Plan } from './faults.ts';
import { seededRandom } from './seeded-random.ts';

/** How a {@link FaultMedium} behaves. */
export interface FaultMediumOptions {
  /** What befalls each connection, or who decides. Default: nothing. */
  readonly plan?: Faults | Plan;
  /** What the plan's chance begins with: equal seeds, equal faults. Default 1. */
  readonly seed?: number;
  /** By which delays are measured. Default: the system's. */
  readonly clock?: Clock;
  /** Bytes on their way in one direction beyond which the writer has to wait. Default 256 KiB. */
  readonly bufferBytes?: number;
}

/** What {@link FaultMediumOptions} are without being given. */
export const faultMediumDefaults: Readonly<{
  plan: Faults;
  seed: number;
  clock: Clock;
  bufferBytes: number;
}> = Object.freeze({
  plan: Object.freeze({}),
  seed: 1,
  clock: systemClock,
  bufferBytes: 256 * 1024,
});

const planLike: Check = (_, value) => {
  if (typeof value !== 'function') checkFaults(value as Faults);
};

const checks: Checks<FaultMediumOptions> = {
  plan: planLike,
  seed: wholeNumber(0),
  clock: clockLike,
  bufferBytes: wholeNumber(0),
};

/**
 * A medium over another one, whose connections fail as the test says: by a plan made beforehand, or
 * at a word. Pass it to `connect`; the server knows nothing of it.
 *
 * What it says of writes is as true as what systems say: a write fails only if not all of its bytes
 * were taken, and one that is taken may still get lost.
 *
 * It owns its connections until both sides have heard of their end. {@link destroy} it after the
 * test: what was stalled is still open to the server.
 */
export class FaultMedium implements Medium {
  readonly address: string;
  readonly losesPackets: boolean;
  /** What befalls the connections that {@link next} says nothing of. */
  plan: Faults | Plan;
  readonly #medium: Medium;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #context: FaultChannelContext;
  readonly #channels = new Set<FaultChannel>();
  #next: Faults[] = [];
  #dials = 0;
  #last: FaultChannel | undefined;

  /** @throws HoldfastError `ERR_HOLDFAST_OPTION` */
  constructor(medium: Medium, options?: FaultMediumOptions) {
    withMethods('dial')('medium', medium);
    const settings = resolveOptions('fault medium option', options, faultMediumDefaults, checks);
    const { plan, seed, clock, bufferBytes } = settings;
    this.#medium = medium;
    this.address = medium.address;
    this.losesPackets = medium.losesPackets === true;
    this.plan = plan;
    this.#clock = clock;
    this.#random = seededRandom(seed);
    this.#context = { clock, bufferBytes, onGone: (channel) => this.#channels.delete(channel) };
  }

  /** How often it was dialled. */
  get dials(): number {
    return this.#dials;
  }

  /** Connections of which one side at least does not know that they are over; oldest first. */
  get connections(): readonly FaultyConnection[] {
    return [...this.#channels];
  }

  /** The connection that was made last; throws when there was none. */
  get last(): FaultyConnection {
    if (this.#last === undefined) throw new Error(`Nobody has connected to ${this.address} yet`);
    return this.#last;
  }

  /**
   * What befalls the next connections, one for each of these, in place of what an earlier call has
   * left; later connections go by the plan.
   */
  next(...faults: readonly Faults[]): void {
    this.#next = faults.map(checkFaults);
  }

  async dial(signal: AbortSignal, onAnswered?: () => void): Promise<Channel> {
    const faults = this.#faultsOf(++this.#dials);
    const { refuse = false, hang = false, dialMs = 0 } = faults;
    if (hang) await unlessAborted(new Promise(() => {}), signal);
    if (dialMs > 0) await this.#pause(dialMs, signal);
    if (refuse !== false) throw refuse === true ? refused(this.address) : refuse;
    const inner = await this.#medium.dial(signal, onAnswered);
    const channel = new FaultChannel(inner, faults, this.#context);
    this.#channels.add(channel);
    this.#last = channel;
    return channel;
  }

  /** Ends all connections at both ends, also those that are stalled. */
  destroy(): void {
    for (const channel of this.#channels) channel.abandon();
  }

  #faultsOf(number: number): Faults {
    const { plan } = this;
    const planned = typeof plan === 'function' ? plan({ number, random: this.#random }) : plan;
    return this.#next.shift() ?? checkFaults(planned);
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    let timer: Timer | undefined;
    const over = new Promise<void>((resolve) => {
      timer = this.#clock.setTimer(resolve, ms);
    });
    await unlessAborted(over, signal).finally(() => timer?.cancel());
  }
}

function refused(address: string): Error {
  const message = `connect ECONNREFUSED ${address}`;
  return Object.assign(new Error(message), { code: 'ECONNREFUSED', syscall: 'connect' });
}
