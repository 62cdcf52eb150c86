import type { Refusal } from '../protocols/protocol.ts';
import type { CallContext } from '../server/call-context.ts';
import { channels, type ServedResult, type ServerCallMessage } from './channels.ts';
import type { Figures } from './figures.ts';
import type { Routes } from './routes.ts';

/** Follows what becomes of the calls of one verb at a server. */
export class ServerWatch {
  readonly #server: object;
  readonly #routes: Routes;
  readonly #figures: Figures;
  readonly #answering: ServerWatch[];
  /** Calls that were answered at once and are not counted yet, and when they came. */
  #answered = 0;
  #arrivedAt = 0;

  /** @param answering where it puts itself when it has calls to be counted by {@link countAnswered} */
  constructor(server: object, routes: Routes, verb: string, answering: ServerWatch[]) {
    this.#server = server;
    this.#routes = routes;
    this.#figures = routes.of(verb);
    this.#answering = answering;
  }

  /** A call came whose client has sent it before. */
  replayed(): void {
    this.#figures.replayed(this.#routes.clock.now());
  }

  /** A repeat waits for the answer now: the attempt before it got none. */
  overtaken(): void {
    this.#figures.attempted(this.#routes.clock.now(), false);
  }

  /** A repeat got the answer that was kept. */
  answeredAgain(): void {
    this.#figures.attempted(this.#routes.clock.now(), true);
  }

  /** A call is not run. Its caller may see nothing of that: it is sent again, if it may be. */
  refused({ code, message }: Pick<Refusal, 'code' | 'message'>): void {
    const now = this.#routes.clock.now();
    this.#figures.attempted(now, false);
    this.#figures.refused(now);
    publishRefusal(this.#server, this.#figures.verb, code, message);
  }

  /**
   * Tells subscribers that a handler runs, and runs it within what subscribers have bound to the channel, and gives
   * what it returns.
   *
   * @param run may throw
   */
  run<Output>(call: ServedCall, run: () => Output): Output {
    call.message = { server: this.#server, verb: call.verb, call };
    return channels.serverCallStart.runStores(call.message, run);
  }

  /** A call was answered while the message with which it came was being read. */
  answeredAtOnce({ arrivedAt }: ServedCall): void {
    if (this.#answered++ > 0) return;
    this.#arrivedAt = arrivedAt;
    this.#answering.push(this);
  }

  /** Counts those calls. */
  countAnswered(now: number): void {
    this.#figures.replied(now, now - this.#arrivedAt, this.#answered);
    this.#answered = 0;
  }

  /** A call is answered, or nobody waits for the answer any more. */
  ended(call: ServedCall, result: ServedResult, error: unknown): void {
    const { message, arrivedAt } = call;
    const now = this.#routes.clock.now();
    const durationMs = now - arrivedAt;
    if (result === 'reply') {
      this.#figures.replied(now, durationMs);
    } else {
      this.#figures.attempted(now, false);
      if (result === 'refused') this.#figures.refused(now);
      else this.#figures.settled(now, durationMs, result === 'unknown' ? 'unknown' : 'failed');
    }
    if (message !== undefined) publishEnd(message, result, durationMs, error);
    else if (result === 'refused') {
      const { code, message: why } = error as Refusal;
      publishRefusal(this.#server, call.verb, code, why);
    }
  }
}

/** A call as it is followed. */
export interface ServedCall extends CallContext {
  /** On the server's clock. */
  readonly arrivedAt: number;
  /** What subscribers are given; set when its handler's turn has come and somebody subscribes. */
  message: ServerCallMessage | undefined;
}

/** Tells subscribers of a call that is not run. */
export function publishRefusal(
  server: object,
  verb: string | undefined,
  code: string,
  message: string,
): void {
  const { serverRefusal } = channels;
  if (serverRefusal.hasSubscribers)
    serverRefusal.publish({ server, verb, error: { code, message } });
}

function publishEnd(
  message: ServerCallMessage,
  result: ServedResult,
  durationMs: number,
  error: unknown,
): void {
  message.result = result;
  message.durationMs = durationMs;
  if (result !== 'reply') {
    message.error = error;
    channels.serverCallError.publish(message);
  }
  channels.serverCallEnd.publish(message);
}

/** Follows what becomes of a server's calls. */
export class ServerWatches {
  readonly routes: Routes;
  readonly #server: object;
  /** Verbs of which calls were answered at once. */
  readonly #answering: ServerWatch[] = [];

  constructor(server: object, routes: Routes) {
    this.#server = server;
    this.routes = routes;
  }

  of(verb: string): ServerWatch {
    return new ServerWatch(this.#server, this.routes, verb, this.#answering);
  }

  /**
   * What had come was read: counts the calls that were answered meanwhile. One look at the clock does
   * for all of them; one for each was a tenth of a server's work.
   */
  countAnswered(): void {
    if (this.#answering.length === 0) return;
    const now = this.routes.clock.now();
    for (const watch of this.#answering.splice(0)) watch.countAnswered(now);
  }

  /** A call came for a verb that the server does not have. */
  unknownVerb({ code, message }: Pick<Refusal, 'code' | 'message'>): void {
    publishRefusal(this.#server, undefined, code, message);
  }
}
