import { systemClock } from '../util/clock.ts';

/** Waits so long, or until the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = systemClock.setTimer(end, ms);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
  });
}

/** What a promise resolves with; undefined when the signal aborts first. */
export function unlessAborted<Value>(
  promise: Promise<Value>,
  signal: AbortSignal,
): Promise<Value | undefined> {
  return new Promise((resolve, reject) => {
    const end = (): void => resolve(undefined);
    if (signal.aborted) end();
    signal.addEventListener('abort', end);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', end));
  });
}

/** A signal that aborts with this error after so long, or with the other signal. */
export function timeLimit(ms: number, error: () => Error, other: AbortSignal): TimeLimit {
  const controller = new AbortController();
  const abort = (): void => controller.abort(other.reason);
  const timer = systemClock.setTimer(() => controller.abort(error()), ms);
  if (other.aborted) abort();
  else other.addEventListener('abort', abort);
  const done = (): void => {
    timer.cancel();
    other.removeEventListener('abort', abort);
  };
  return { signal: controller.signal, done };
}

/** A bound that must be ended when it is not needed any more. */
export interface TimeLimit {
  readonly signal: AbortSignal;
  done(): void;
}
