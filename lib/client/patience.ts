import {
  type Checks,
  milliseconds,
  optionError,
  resolveOptions,
  wholeNumber,
} from '../util/check.ts';

/** When a link that gets no answers is left for a fresh one. */
export interface StallOptions {
  /**
   * Calls wait and nothing is heard for so long: ping; no answer to that for as long, or for four
   * round trips if that is longer: the link stalls. Once it has shown that packets get lost, half of it
   * is enough, and a quarter before another dial is tried. Default: 200.
   */
  readonly afterMs?: number;
  /**
   * Most connections that the client has at a time: one that calls are on, and of the others half that
   * are dialled, or are open in reserve, and half that were left. Default: 5.
   */
  readonly maxConnections?: number;
}

/** The defaults of {@link StallOptions}. */
export const stallDefaults = { afterMs: 200, maxConnections: 5 } as const;

const checks: Checks<StallOptions> = {
  afterMs: (name, value) => milliseconds(1)(`stall.${name}`, value),
  maxConnections: (name, value) => wholeNumber(2, 16)(`stall.${name}`, value),
};

/** Checks the option. */
export function stallSetting(_name: string, value: unknown): void {
  if (value === true) throw optionError('Option "stall" must be an object or false, got true');
  if (value !== false) resolveStall(value as StallOptions);
}

/** Checks and completes the option. */
export function resolveStall(given: StallOptions): Required<StallOptions> {
  return resolveOptions('stall option', given, stallDefaults, checks);
}

/** Connections beside the one that calls are on. */
export interface Room {
  /** Dials, and channels on which hello was not said yet. */
  readonly fresh: number;
  /** Links that were left, of which answers may still come. */
  readonly left: number;
}

/** What the option allows. */
export function roomFor(stall: StallOptions | false): Room {
  if (stall === false) return { fresh: 1, left: 0 };
  const others = resolveStall(stall).maxConnections - 1;
  const fresh = Math.ceil(others / 2);
  return { fresh, left: others - fresh };
}

/** Round trips that count: the least of the last few is what the path takes when nothing is lost. */
const remembered = 16;

/** So many of the least round trips must pass before silence says something. */
const tripsPerAnswer = 4;

/** What is waited for on a path of which nothing is known (RFC 6298, section 2.1). */
const firstMs = 1_000;

/** After so many in a row that were in vain the wait doubles. */
const stepOf = { connects: 8, hellos: 4, slow: 1 } as const;

/**
 * Where packets are known to be lost, the least wait is so many times shorter. It is there for servers
 * that are slow; and a connect is answered by the server's system, which is not.
 */
const lossyShare = { connects: 4, answers: 2 } as const;

/** A wait does not grow beyond this, unless round trips are longer. */
const capMs = 8_000;

/** For so long after a connect that was not answered the path counts as one that loses packets. */
const lossyMs = 10_000;

/** Where no packets seem to be lost a server may be slow: it gets so many times as long. */
const slowFactor = { least: 8, answers: 2 } as const;

/** A connect to see whether packets are lost is a load too: it comes after so many times as long. */
const doubtFactor = 20;

/**
 * How long a client waits for an answer before it takes the path, or the connection, for the cause.
 * Learned from round trips: the least of the last few, because those that were held up by losses say
 * nothing about the path without. A TCP connection doubles its wait with each loss (RFC 6298) and is
 * slow to notice that the path is back; a fresh one tries at once.
 *
 * A server that is slow must not be mistaken for a path that loses packets, for each fresh link is a
 * load. Its kernel answers a connect all the same: only a connect that is *not* answered speaks
 * against the path. Pure: it is told the time.
 */
export class Patience {
  readonly #afterMs: number;
  readonly #connects = new Trips();
  readonly #hellos = new Trips();
  readonly #pongs = new Trips();
  #lostAt = Number.NEGATIVE_INFINITY;
  /** Connects, and hellos, in a row that were not answered in time. */
  #deafConnects = 0;
  #deafHellos = 0;

  constructor(afterMs: number) {
    this.#afterMs = afterMs;
  }

  connected(tookMs: number): void {
    this.#connects.add(tookMs);
    this.#deafConnects = 0;
  }

  /** A connect was not answered in time. */
  connectLost(now: number): void {
    this.#lostAt = now;
    this.#deafConnects++;
  }

  greeted(tookMs: number): void {
    this.#hellos.add(tookMs);
    this.#deafHellos = 0;
  }

  /**
   * A hello was answered after so long while another link to the same server was silent. A server that
   * answers as fast as ever is not slow: what the other link lacks was lost.
   */
  isOutrun(tookMs: number): boolean {
    const leastMs = this.#afterMs / slowFactor.least;
    return tookMs <= Math.max(leastMs, tripsPerAnswer * this.#hellos.leastMs);
  }

  /** A hello was not answered in time. */
  helloLost(): void {
    this.#deafHellos++;
  }

  ponged(tookMs: number): void {
    this.#pongs.add(tookMs);
  }

  /** A connect was not answered lately. */
  isLossy(now: number): boolean {
    return now - this.#lostAt < lossyMs;
  }

  /** Silence for so long while calls wait: ping. */
  get quietMs(): number {
    return this.#afterMs;
  }

  /** No answer to a ping for so long: the link stalls. */
  pongMs(now: number): number {
    const leastMs = Math.min(this.#pongs.leastMs, this.#hellos.leastMs);
    return this.#waitFor(leastMs, now, lossyShare.answers);
  }

  /** No answer to a connect for so long: another is tried. */
  connectMs(now: number): number {
    const waitMs = this.#waitFor(this.#connects.leastMs, now, lossyShare.connects);
    return grown(waitMs, this.#deafConnects, stepOf.connects);
  }

  /** No answer to a hello for so long: it is asked by another connect whether packets are lost. */
  get doubtMs(): number {
    return this.#afterMs * doubtFactor;
  }

  /** No answer to a hello for so long: it is tried on another connection. */
  helloMs(now: number): number {
    const { leastMs } = this.#hellos;
    const waitMs = this.#waitFor(leastMs, now, lossyShare.answers);
    if (this.isLossy(now)) return grown(waitMs, this.#deafHellos, stepOf.hellos);
    // Who is asked for the first time may have much to do before it answers.
    if (leastMs === Number.POSITIVE_INFINITY) return leastMs;
    return this.#slow(waitMs);
  }

  /**
   * A link must have been silent for so long before hello is said on a fresh one, which ends it: a
   * server whose kernel answers may only be slow.
   */
  leaveMs(now: number): number {
    return this.isLossy(now) ? 0 : this.#slow(this.pongMs(now));
  }

  #slow(waitMs: number): number {
    const { least, answers } = slowFactor;
    const slowMs = Math.max(this.#afterMs * least, waitMs * answers);
    return grown(slowMs, this.#deafHellos, stepOf.slow);
  }

  #waitFor(leastMs: number, now: number, share: number): number {
    const tripMs = leastMs === Number.POSITIVE_INFINITY ? firstMs : leastMs * tripsPerAnswer;
    return Math.max(this.isLossy(now) ? this.#afterMs / share : this.#afterMs, tripMs);
  }
}

function grown(waitMs: number, inVain: number, step: number): number {
  return Math.max(waitMs, Math.min(capMs, waitMs * 2 ** Math.floor(inVain / step)));
}

class Trips {
  readonly #last: number[] = [];
  #next = 0;

  add(tookMs: number): void {
    this.#last[this.#next] = tookMs;
    this.#next = (this.#next + 1) % remembered;
  }

  /** Infinity when there was none. */
  get leastMs(): number {
    return Math.min(...this.#last);
  }
}
