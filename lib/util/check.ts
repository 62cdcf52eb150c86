import { HoldfastError } from '../errors.ts';
import { suggestion } from './nearest.ts';

/** Longest delay that a Node timer takes; a longer one would fire at once. */
export const maxTimerMs: number = 2 ** 31 - 1;

/** Throws `ERR_HOLDFAST_OPTION` when `value` will not do for the option `name`. */
export type Check = (name: string, value: unknown) => void;

/** One check for each option of a set. */
export type Checks<Options> = { readonly [Name in keyof Required<Options>]: Check };

/**
 * Checks every option once and fills in the defaults. Unknown names are refused with the nearest
 * right one; `undefined` means the default.
 */
export function resolveOptions<Given extends object, Defaults extends object>(
  what: string,
  given: Given | undefined,
  defaults: Defaults,
  checks: Checks<Given>,
): Readonly<Given & Defaults> {
  if (given !== undefined && (typeof given !== 'object' || given === null)) {
    throw optionError(`${what} must be an object, got ${show(given)}`);
  }
  const resolved = { ...defaults } as Record<string, unknown>;
  for (const [name, value] of Object.entries(given ?? {})) {
    const check: Check | undefined = Object.hasOwn(checks, name)
      ? checks[name as keyof Given]
      : undefined;
    if (check === undefined) {
      throw optionError(`Unknown ${what} "${name}"${suggestion(name, Object.keys(checks))}`);
    }
    if (value === undefined) continue;
    check(name, value);
    resolved[name] = value;
  }
  return Object.freeze(resolved) as Readonly<Given & Defaults>;
}

/** A whole or fractional number of milliseconds. */
export function milliseconds(min = 0, max: number = maxTimerMs): Check {
  return (name, value) => {
    if (typeof value !== 'number' || !(value >= min && value <= max)) {
      throw optionError(
        `Option "${name}" must be a number of milliseconds from ${min} to ${max}, got ${show(value)}`,
      );
    }
  };
}

/** A number, whole or not: a ratio, a rate. */
export function numberFrom(min: number, max: number): Check {
  return (name, value) => {
    if (typeof value !== 'number' || !(value >= min && value <= max)) {
      throw optionError(
        `Option "${name}" must be a number from ${min} to ${max}, got ${show(value)}`,
      );
    }
  };
}

/** A whole number: of bytes, calls, connections, attempts. */
export function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER): Check {
  return (name, value) => {
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
      throw optionError(
        `Option "${name}" must be a whole number from ${min} to ${max}, got ${show(value)}`,
      );
    }
  };
}

/** One of some words. */
export function oneOf(words: readonly string[]): Check {
  return (name, value) => {
    if (typeof value !== 'string' || !words.includes(value)) {
      const list = words.map((word) => `"${word}"`).join(', ');
      throw optionError(`Option "${name}" must be one of ${list}, got ${show(value)}`);
    }
  };
}

/** A value of the given `typeof`. */
export function ofType(type: 'boolean' | 'function' | 'string' | 'object'): Check {
  return (name, value) => {
    if (typeof value !== type || value === null) {
      const article = type === 'object' ? 'an' : 'a';
      throw optionError(`Option "${name}" must be ${article} ${type}, got ${show(value)}`);
    }
  };
}

/** An object that can do what these names say. */
export function withMethods(...names: readonly string[]): Check {
  return (name, value) => {
    ofType('object')(name, value);
    const missing = names.find(
      (method) => typeof (value as Record<string, unknown>)[method] !== 'function',
    );
    if (missing !== undefined) {
      throw optionError(`Option "${name}" must have the method ${missing}()`);
    }
  };
}

/** A clock, or what can stand for one. */
export const clockLike: Check = withMethods('now', 'setTimer', 'nextTurn');

/** No check: the type system says enough. */
export const anything: Check = () => {};

/** An `ERR_HOLDFAST_OPTION` error. */
export function optionError(message: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_OPTION', message, { final: true });
}

/** A value as an error message shows it: short, on one line. */
export function show(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
