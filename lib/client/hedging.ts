import { randomBytes } from 'node:crypto';
import type { Medium } from '../media/medium.ts';
import { sessionBytes } from '../protocols/holdfast/hello.ts';
import { IdleLife } from '../retry/idle-life.ts';
import { type TimerWheel, wheelOf } from '../retry/timer-wheel.ts';
import type { Clock } from '../util/clock.ts';
import { isHedgeable, notHedgeable } from '../verbs/hedge.ts';
import type { ReplaySetting } from '../verbs/safety.ts';
import type { Call } from './call.ts';
import { Links } from './links.ts';
import type { LinksListener, SharedByLinks } from './links-surroundings.ts';
import type { ResolvedClientOptions } from './options.ts';
import { type Course, type Lane, Race, type RacedCall } from './race.ts';
import type { VerbUse } from './verb-use.ts';

/**
 * The way for copies of calls: for each address links of its own, made when the first copy goes
 * there. They have a session of their own, since a server of the main links may be there too.
 */
export class Hedging implements Course {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly main: Lane;
  readonly maxAttempts: number;
  readonly replay: ReplaySetting;
  readonly #media: readonly Medium[];
  readonly #options: ResolvedClientOptions;
  readonly #shared: SharedByLinks;
  readonly #lanes = new Map<Medium, LinkedLane>();
  #isClosing = false;

  constructor(
    media: readonly Medium[],
    options: ResolvedClientOptions,
    shared: SharedByLinks,
    main: Links,
  ) {
    this.clock = options.clock;
    this.wheel = wheelOf(options.clock);
    this.maxAttempts = options.maxAttempts;
    this.replay = options.replay;
    this.#media = media;
    this.#options = { ...options, eager: false };
    this.#shared = shared;
    this.main = new LinkedLane(main);
  }

  /** True when there is another address for a copy. */
  get isPossible(): boolean {
    return this.#media.length > 1;
  }

  race(raced: RacedCall): void {
    raced.verb.figures ??= this.main.calls.routes.of(raced.verb.name);
    new Race(this, raced);
  }

  another(taken: ReadonlySet<Medium | undefined>): Lane | undefined {
    if (this.#isClosing) return undefined;
    const others = this.#media.filter((medium) => !taken.has(medium));
    const good = others.filter((medium) => this.#lanes.get(medium)?.hasFailed !== true);
    const choice = good.length > 0 ? good : others;
    const medium = choice[Math.floor(this.#options.random() * choice.length)];
    return medium === undefined ? undefined : this.#laneTo(medium);
  }

  affords({ link }: Call, { target }: Lane): boolean {
    const budget = link?.budget ?? this.#shared.budgets.get(this.main.target ?? (target as Medium));
    return budget?.withdraw(this.clock.now()) === true;
  }

  /** No more copies; resolves when those that were made have ended. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const { links } of this.#lanes.values()) links.close();
    await Promise.all([...this.#lanes.values()].map(({ closed }) => closed));
  }

  destroy(reason: Error | undefined): void {
    this.#isClosing = true;
    for (const { links } of this.#lanes.values()) links.destroy(reason);
  }

  #laneTo(medium: Medium): Lane {
    let lane = this.#lanes.get(medium);
    if (lane === undefined) {
      const session = randomBytes(sessionBytes);
      const shared = { ...this.#shared, session, idleLife: new IdleLife() };
      let onClosed: () => void = () => {};
      const closed = new Promise<void>((resolve) => {
        onClosed = resolve;
      });
      const links = new Links([medium], this.#options, shared, { ...silent, onClosed });
      lane = new LinkedLane(links, medium, closed);
      this.#lanes.set(medium, lane);
    }
    return lane;
  }
}

class LinkedLane implements Lane {
  readonly links: Links;
  readonly closed: Promise<void>;
  readonly #medium: Medium | undefined;
  readonly #uses = new WeakMap<VerbUse, VerbUse>();

  constructor(links: Links, medium?: Medium, closed: Promise<void> = Promise.resolve()) {
    this.links = links;
    this.closed = closed;
    this.#medium = medium;
  }

  get calls(): Links['calls'] {
    return this.links.calls;
  }

  get target(): Medium | undefined {
    return this.#medium ?? this.links.target;
  }

  get hasFailed(): boolean {
    return this.links.lastFailure !== undefined;
  }

  useOf(verb: VerbUse): VerbUse {
    let use = this.#uses.get(verb);
    if (use === undefined) {
      use = verb.fork();
      this.#uses.set(verb, use);
    }
    return use;
  }
}

const silent: Omit<LinksListener, 'onClosed'> = {
  onState() {},
  onReconnecting() {},
  onReplay() {},
  onDraining() {},
  onLinkUp() {},
  onLinkDown() {},
};

/** A class that is not known yet is looked at when a copy is to be sent. */
export function mayBeHedged({ isKnown, row }: VerbUse): boolean {
  return !isKnown || isHedgeable(row.safety);
}

/** @throws HoldfastError `ERR_HOLDFAST_OPTION` when there may be no copies of the verb's calls */
export function checkHedge(use: VerbUse): void {
  if (!mayBeHedged(use)) throw notHedgeable('Call option', use.row.safety);
}
