import { codeOf, type ErrorCode, HoldfastError, messageOf, type RemoteFailure } from '../errors.ts';
import { wasRetried } from '../layers/retried.ts';
import {
  encodeFailure,
  encodeRefusal,
  encodeUnknown,
} from '../protocols/holdfast/answer-frames.ts';
import type { Refusal } from '../protocols/protocol.ts';
import { anything, type Checks, numberFrom, ofType, resolveOptions } from '../util/check.ts';
import type { ServerCall } from './server-call.ts';
import { isTransient } from './transient.ts';

/** Who hears of handlers that failed; their stacks do not cross the wire. */
export interface AnswersListener {
  onHandlerError(verb: string, error: unknown): void;
}

/** Answers calls: with a reply, an error or a refusal, if somebody still waits for it. */
export class Answers {
  readonly #listener: AnswersListener;

  constructor(listener: AnswersListener) {
    this.#listener = listener;
  }

  reply(call: ServerCall, value: unknown): void {
    if (call.isCancelled) return;
    try {
      call.target.reply(call.number, value, call.recording);
    } catch (error) {
      // The handler ran, but its reply cannot travel.
      this.#listener.onHandlerError(call.verb, error);
      this.error(call, failureOf(error), error);
      return;
    }
    call.replied();
  }

  /** @param thrown for subscribers in this process */
  error(call: ServerCall, failure: RemoteFailure, thrown: unknown = failure): void {
    if (call.isCancelled) return;
    const { session, target, number, recording } = call;
    target.error(number, encodeFailure(number, failure, session.maxFrameBytes), recording);
    call.ended('error', thrown);
  }

  /** The call was not executed: nothing is recorded, and a client that asks is told `never`. */
  refuse(call: ServerCall, refusal: Refusal): void {
    if (call.isCancelled) return;
    const { session, target, number } = call;
    target.decline(number, encodeRefusal(number, refusal, session.maxFrameBytes));
    call.ended('refused', refusal);
  }

  /** Nobody can tell whether the call was executed; a client that asks is told `forgotten`. */
  unknown(call: ServerCall, code: ErrorCode, message: string): void {
    if (call.isCancelled) return;
    const { session, number } = call;
    session.unknown(number, encodeUnknown(number, { code, message }, session.maxFrameBytes));
    call.ended('unknown', { code, message });
  }

  /** A handler threw: it refused the call, or it failed. */
  fail(call: ServerCall, error: unknown): void {
    if (isRefusal(error) && !call.hasGiven) {
      const refusal = refusalOf(error);
      const retried = call.wasRetried || wasRetried(error);
      this.refuse(call, retried ? { ...refusal, retried } : refusal);
      return;
    }
    if (!call.isCancelled) this.#listener.onHandlerError(call.verb, error);
    const failure = failureOf(error);
    const retried = call.wasRetried || wasRetried(error);
    this.error(call, retried ? { ...failure, retried } : failure, error);
  }

  /** A handler of a recorded call threw; gives what crosses the wire. */
  note(verb: string, error: unknown): RemoteFailure {
    this.#listener.onHandlerError(verb, error);
    return failureOf(error);
  }
}

/** True when a handler says, by `refuse`, that it did nothing. */
export function isRefusal(error: unknown): error is HoldfastError {
  return refusals.has(error as object);
}

/** The errors that {@link refuse} made: one that a handler got from a call of its own is none. */
const refusals = new WeakSet<object>();

/** Options of {@link refuse}. */
export interface RefuseOptions {
  /** Why, for the caller. Default: "the server refused the call". */
  readonly message?: string;
  /** The client may try again after so many milliseconds; without it, it does not. */
  readonly retryAfterMs?: number;
  /**
   * There is too much to do: the client may try again, and slows down all that it sends. The caller's
   * code is then `ERR_HOLDFAST_OVERLOADED`.
   */
  readonly overloaded?: boolean;
  /** What led to it; of an error of a call that was tried again already the mark is passed on. */
  readonly cause?: unknown;
}

const refuseChecks: Checks<RefuseOptions> = {
  message: ofType('string'),
  // What another server asked for may be passed on, however long it is.
  retryAfterMs: numberFrom(0, Number.MAX_VALUE),
  overloaded: ofType('boolean'),
  cause: anything,
};

/**
 * The error that a handler throws when it did nothing: `throw refuse({ retryAfterMs: 500 })`. The
 * caller's outcome is then `not-executed`, whatever the verb's class.
 *
 * @throws HoldfastError `ERR_HOLDFAST_OPTION`
 */
export function refuse(options?: RefuseOptions): HoldfastError {
  const { overloaded, retryAfterMs, cause, ...given } = resolveOptions(
    'refuse option',
    options,
    { overloaded: false },
    refuseChecks,
  );
  const { message = overloaded ? 'the server has too much to do' : 'the server refused the call' } =
    given;
  const code = overloaded ? 'ERR_HOLDFAST_OVERLOADED' : 'ERR_HOLDFAST_REFUSED';
  const final = retryAfterMs === undefined && !overloaded;
  const error = new HoldfastError(code, message, { retryAfterMs, final, cause });
  refusals.add(error);
  return error;
}

/** A refusal for now: the client may try again. */
export function busy(code: string, message: string): Refusal {
  return { code, message, final: false };
}

/** A refusal for good: trying again cannot help. */
export function hopeless(code: string, message: string): Refusal {
  return { code, message, final: true };
}

function refusalOf({ code, message, retryAfterMs, final }: HoldfastError): Refusal {
  return { code, message, retryAfterMs, final };
}

/** What of a handler's error crosses the wire: no stack, no internals. */
function failureOf(error: unknown): RemoteFailure {
  const code = codeOf(error) || 'ERROR';
  const message = messageOf(error);
  const data = dataOf(error);
  const failure = data === undefined ? { code, message } : { code, message, data };
  return isTransient(error) ? { ...failure, transient: true } : failure;
}

function dataOf(error: unknown): unknown {
  try {
    return (error as { data?: unknown } | null | undefined)?.data;
  } catch {
    return undefined;
  }
}
