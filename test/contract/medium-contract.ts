import type { Channel, Listener, Listening, Medium } from '../../lib/index.ts';
import { Recorder } from '../support/recorder.ts';
import { describeChannel } from './channel-contract.ts';
import { describeListener } from './listener-contract.ts';
import { describeRound } from './round-contract.ts';
import { describeStreams } from './stream-contract.ts';

/** What a medium's test gives to the contract suite, fresh for each test. */
export interface MediumSetup {
  /** Listens at an address that nobody else uses. */
  readonly listener: Listener;
  /** The medium that reaches what listens at `url`. */
  mediumFor(url: string): Medium;
  /** A listener at that very address, for a server that comes again. */
  listenerAt(url: string): Listener;
  /** The codes with which a dial fails where nobody listens; one of them. */
  readonly refusedCodes: readonly string[];
  /**
   * The code of the cause when the far end resets the channel; undefined where nobody can tell.
   * Several where it depends on what the far end's own buffers have taken.
   */
  readonly resetCode: string | undefined | readonly (string | undefined)[];
  /** True when dialled channels read long messages straight into their user's memory. */
  readonly readsInto: boolean;
  /** Removes what the setup made; everything that was opened is closed by then. */
  cleanup?(): Promise<void>;
}

/** Both ends of one channel. */
export interface Ends {
  readonly near: Recorder;
  readonly far: Recorder;
}

/** A setup at work: what the tests of the contract use, and their cleaning up. */
export class Bench {
  readonly setup: MediumSetup;
  /** Channels that the listener handed over, oldest first. */
  readonly accepted: Recorder[] = [];
  readonly #listenings: Listening[] = [];
  readonly #dialled: Channel[] = [];
  #waiters: (() => void)[] = [];

  constructor(setup: MediumSetup) {
    this.setup = setup;
  }

  async listen(listener: Listener = this.setup.listener): Promise<Listening> {
    const listening = await listener.listen((channel) => {
      this.accepted.push(new Recorder(channel));
      for (const wake of this.#waiters.splice(0)) wake();
    });
    this.#listenings.push(listening);
    return listening;
  }

  /** Dials without starting the channel. */
  async dial(url: string, signal = new AbortController().signal): Promise<Channel> {
    const channel = await this.setup.mediumFor(url).dial(signal);
    this.#dialled.push(channel);
    return channel;
  }

  /** Resolves when so many channels were accepted. */
  async acceptedCount(count: number): Promise<void> {
    while (this.accepted.length < count) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  /** Opens a channel and waits for its far end; one at a time, so that the ends belong together. */
  async open(url: string): Promise<Ends> {
    const count = this.accepted.length;
    const near = new Recorder(await this.dial(url));
    await this.acceptedCount(count + 1);
    return { near, far: this.accepted[count] as Recorder };
  }

  async close(): Promise<void> {
    for (const channel of this.#dialled) channel.destroy();
    for (const { channel } of this.accepted) channel.destroy();
    await Promise.all(this.#listenings.map((listening) => listening.close()));
    await this.setup.cleanup?.();
  }
}

/** The contract of `Medium`, `Listener` and `Channel`, for any medium. */
export function describeMedium(name: string, makeSetup: () => Promise<MediumSetup>): void {
  describe(`The medium's contract: ${name}`, () => {
    let bench: Bench;

    beforeEach(async () => {
      bench = new Bench(await makeSetup());
    });

    afterEach(() => bench.close());

    describeChannel(() => bench);
    describeListener(() => bench);
    describeRound(() => bench.setup);
    describeStreams(() => bench.setup);
  });
}
