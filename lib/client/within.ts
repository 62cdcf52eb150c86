import { HoldfastError } from '../errors.ts';
import type { Layer } from '../layers/layer.ts';
import type { CallOptions, GivenOptions } from './options.ts';

/** The options of a call that is made for the sake of another. */
export interface OptionsWithin {
  readonly options: GivenOptions;
  /** To be called when the call has settled. */
  release(): void;
}

const nothing = (): void => {};

/** A call that is made for the sake of another is cancelled with it. */
export function optionsWithin(layer: Layer, given: CallOptions | undefined): OptionsWithin {
  const own = given?.signal;
  const above = layer.signal;
  // A copy is another attempt.
  const hedging = layer.isReplay ? { hedge: false as const } : {};
  const { remainingMs } = layer;
  // A stream may have no deadline: a call for its sake has its own then.
  const most = remainingMs < Number.POSITIVE_INFINITY ? { mostMs: remainingMs } : {};
  const within = { ...given, ...hedging, ...most, layer };
  if (own === undefined) return { options: { ...within, signal: above }, release: nothing };
  const controller = new AbortController();
  const signals = [own, above];
  const onAbort = (): void => {
    controller.abort(signals.find(({ aborted }) => aborted)?.reason);
  };
  const release = (): void => {
    for (const signal of signals) signal.removeEventListener('abort', onAbort);
  };
  if (signals.some(({ aborted }) => aborted)) onAbort();
  else for (const signal of signals) signal.addEventListener('abort', onAbort);
  return { options: { ...within, signal: controller.signal }, release };
}

/** The error of a call that is not made because the one that it is made for has no time left. */
export function tooLateWithin(verb: string): HoldfastError {
  const message = `Call "${verb}" was not made: the deadline of the call that it is made for has passed`;
  return new HoldfastError('ERR_HOLDFAST_DEADLINE', message, { verb, final: true });
}
