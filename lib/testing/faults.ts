import {
  type Check,
  type Checks,
  milliseconds,
  numberFrom,
  ofType,
  oneOf,
  optionError,
  resolveOptions,
  show,
  wholeNumber,
} from '../util/check.ts';

/** Which way bytes go. */
export type Direction = 'toServer' | 'toClient';

/** Where a connection breaks, and how. */
export interface Cut {
  /** So many bytes still pass in this direction, then it happens. */
  readonly afterBytes: number;
  /**
   * `fin`: both ends see an orderly end. `rst`: the client sees `ECONNRESET`. `stall`: nothing
   * passes any more in either direction and nobody says so. Default `rst`.
   */
  readonly as?: 'fin' | 'rst' | 'stall';
  /**
   * What the client's write says whose bytes did not all pass. Systems do each of these somewhere:
   * `failed`, an error, which proves that not all were taken; `ok`, although they were not;
   * `never`, nothing at all. A write that passed whole, or may pass yet, never fails. Default
   * `failed`.
   */
  readonly report?: 'failed' | 'ok' | 'never';
}

/** How one direction of a connection goes. */
export interface Course {
  /** Every byte arrives so much later. Default 0. */
  readonly delayMs?: number;
  /** No more pass than so many, e.g. for a slow reader. Default: no bound. */
  readonly bytesPerMs?: number;
  /** Missing: it does not break. */
  readonly cut?: Cut;
}

/** What befalls one connection. Everything is optional; nothing means a connection without faults. */
export interface Faults {
  /** True: the dial fails with `ECONNREFUSED`; an error: with that one. */
  readonly refuse?: boolean | Error;
  /** The dial does not end until it is given up, as when packets are dropped. */
  readonly hang?: boolean;
  /** The dial takes so much longer. */
  readonly dialMs?: number;
  readonly toServer?: Course;
  readonly toClient?: Course;
}

/** What a plan may look at. */
export interface Dial {
  /** Counts the medium's dials, from 1. */
  readonly number: number;
  /** The medium's seeded chance, from 0 to below 1. */
  readonly random: () => number;
}

/** Decides what befalls each connection. */
export type Plan = (dial: Dial) => Faults;

const cutChecks: Checks<Cut> = {
  afterBytes: wholeNumber(0),
  as: oneOf(['fin', 'rst', 'stall']),
  report: oneOf(['failed', 'ok', 'never']),
};

const courseChecks: Checks<Course> = {
  delayMs: milliseconds(),
  bytesPerMs: numberFrom(Number.MIN_VALUE, Number.POSITIVE_INFINITY),
  cut: (_, value) => {
    const cut = resolveOptions('cut option', value as Cut, {}, cutChecks);
    cutChecks.afterBytes('afterBytes', cut.afterBytes);
  },
};

const course: Check = (_, value) => {
  checkCourse(value as Course);
};

const errorOrFlag: Check = (name, value) => {
  if (typeof value === 'boolean' || value instanceof Error) return;
  throw optionError(`Option "${name}" must be a boolean or an error, got ${show(value)}`);
};

const faultChecks: Checks<Faults> = {
  refuse: errorOrFlag,
  hang: ofType('boolean'),
  dialMs: milliseconds(),
  toServer: course,
  toClient: course,
};

/** Throws `ERR_HOLDFAST_OPTION`. */
export function checkCourse(given: Course): Course {
  return resolveOptions('course option', given, {}, courseChecks);
}

/** Throws `ERR_HOLDFAST_OPTION`. */
export function checkFaults(given: Faults): Faults {
  return resolveOptions('fault', given, {}, faultChecks);
}
