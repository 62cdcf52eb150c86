import {
  type Checks,
  milliseconds,
  numberFrom,
  optionError,
  resolveOptions,
  wholeNumber,
} from '../util/check.ts';
import type { Cut, Faults, Plan } from './faults.ts';

/** How often what befalls a connection; shares from 0 to 1. */
export interface RandomFaultsOptions {
  /** The dial fails. Default 0. */
  readonly refuse?: number;
  /** The dial does not end. Default 0. */
  readonly hang?: number;
  /** The connection ends in order somewhere. Default 0. */
  readonly fin?: number;
  /** The connection is reset somewhere. Default 0. */
  readonly rst?: number;
  /** The connection falls silent somewhere. Default 0. */
  readonly stall?: number;
  /** Where at the latest that happens, in bytes of one direction. Default 4096. */
  readonly withinBytes?: number;
  /** Longest delay of each direction. Default 0. */
  readonly maxDelayMs?: number;
}

/** What {@link RandomFaultsOptions} are without being given. */
export const randomFaultsDefaults: Readonly<Required<RandomFaultsOptions>> = Object.freeze({
  refuse: 0,
  hang: 0,
  fin: 0,
  rst: 0,
  stall: 0,
  withinBytes: 4096,
  maxDelayMs: 0,
});

const share = numberFrom(0, 1);

const checks: Checks<RandomFaultsOptions> = {
  refuse: share,
  hang: share,
  fin: share,
  rst: share,
  stall: share,
  withinBytes: wholeNumber(1),
  maxDelayMs: milliseconds(),
};

const reports = ['failed', 'ok', 'never'] as const;

/**
 * A plan by which connections fail at random, at any byte of either direction.
 *
 * @throws HoldfastError `ERR_HOLDFAST_OPTION`, also when the shares are more than 1 together
 */
export function randomFaults(options: RandomFaultsOptions): Plan {
  const settings = resolveOptions('random faults option', options, randomFaultsDefaults, checks);
  const { refuse, hang, fin, rst, stall, withinBytes, maxDelayMs } = settings;
  const all = refuse + hang + fin + rst + stall;
  if (all > 1) throw optionError(`Shares of faults must be 1 at most together, got ${all}`);
  return ({ random }): Faults => {
    const chance = random();
    const as = chance < fin ? 'fin' : chance < fin + rst ? 'rst' : 'stall';
    const cut: Cut = {
      afterBytes: Math.floor(random() * withinBytes),
      as,
      report: reports[Math.floor(random() * reports.length)] ?? 'failed',
    };
    const isOfServer = random() < 0.5;
    const toServer = { delayMs: random() * maxDelayMs };
    const toClient = { delayMs: random() * maxDelayMs };
    const endings = fin + rst + stall;
    if (chance >= endings + refuse + hang) return { toServer, toClient };
    if (chance >= endings + refuse) return { hang: true };
    if (chance >= endings) return { refuse: true };
    return isOfServer
      ? { toServer: { ...toServer, cut }, toClient }
      : { toServer, toClient: { ...toClient, cut } };
  };
}
