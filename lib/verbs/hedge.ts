import type { HoldfastError } from '../errors.ts';
import {
  type Checks,
  milliseconds,
  optionError,
  resolveOptions,
  wholeNumber,
} from '../util/check.ts';
import type { Safety } from './safety.ts';

/** When a call that takes long is sent to another server as well. */
export interface HedgeOptions {
  /** No answer for so long: a copy goes to another address, and after as long the next. */
  readonly afterMs: number;
  /** Most copies of a call. Default: 1. */
  readonly max?: number;
}

const checks: Checks<HedgeOptions> = {
  afterMs: (name, value) => milliseconds()(`hedge.${name}`, value),
  max: (name, value) => wholeNumber(1, 16)(`hedge.${name}`, value),
};

/** Checks the option. */
export function hedgeOptions(_name: string, value: unknown): void {
  const { afterMs } = resolveOptions('hedge option', value as HedgeOptions, {}, checks);
  if (afterMs === undefined) throw optionError('Option "hedge.afterMs" is missing');
}

/** True for classes of which two copies may run at the same time. */
export function isHedgeable(safety: Safety): safety is 'read' | 'idempotent' {
  return safety === 'read' || safety === 'idempotent';
}

/** The error for the option where it cannot be meant. */
export function notHedgeable(what: string, safety: Safety): HoldfastError {
  return optionError(
    `${what} "hedge" is for "read" and "idempotent" verbs, of which two copies may run at a time, and not for "${safety}"`,
  );
}
