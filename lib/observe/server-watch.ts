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

  constructor(server: object, routes: Routes, verb: string) {
    this.#server = server;
    this.#routes = routes;
    this.#figures = routes.of(verb);
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

  constructor(server: object, routes: Routes) {
    this.#server = server;
    this.routes = routes;
  }

  of(verb: string): ServerWatch {
    return new ServerWatch(this.#server, this.routes, verb);
  }

  /** A call came for a verb that the server does not have. */
  unknownVerb({ code, message }: Pick<Refusal, 'code' | 'message'>): void {
    publishRefusal(this.#server, undefined, code, message);
  }
}
