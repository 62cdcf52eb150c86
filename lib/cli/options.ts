import { maxTimerMs } from '../util/check.ts';
import { suggestion } from '../util/nearest.ts';
import type { Option } from './command.ts';
import { durationMs } from './durations.ts';

/** An option that is there or not. */
export function flag(help: string, short?: string): Option<boolean> {
  return {
    help,
    ...(short === undefined ? {} : { short }),
    read: (texts) => texts.length > 0,
  };
}

/** An option with a text. */
export function text(placeholder: string, help: string): Option<string | undefined> {
  return { placeholder, help, read: ([given]) => given };
}

/** An option that may be given more than once. */
export function list(placeholder: string, help: string): Option<readonly string[]> {
  return { placeholder, help, isRepeated: true, read: (texts) => texts };
}

/** A time, in ms. */
export function duration<Default extends number | undefined>(
  help: string,
  fallback: Default,
): Option<number | Default> {
  return {
    placeholder: 'TIME',
    help,
    read: ([given]) => (given === undefined ? fallback : durationMs(given, maxTimerMs)),
  };
}

/** A whole number from 1. */
export function count<Default extends number | undefined>(
  help: string,
  fallback: Default,
): Option<number | Default> {
  return {
    placeholder: 'N',
    help,
    read: ([given]) => {
      if (given === undefined) return fallback;
      const value = Number(given);
      if (/^\d+$/.test(given) && value >= 1 && value <= maxTimerMs) return value;
      throw new Error(`must be a whole number from 1 to ${maxTimerMs}, got "${given}"`);
    },
  };
}

/** One of some words. */
export function oneOf<Word extends string>(
  words: readonly Word[],
  help: string,
): Option<Word | undefined> {
  return {
    placeholder: words.join('|'),
    help,
    read: ([given]) => {
      const found = words.find((word) => word === given);
      if (found !== undefined || given === undefined) return found;
      throw new Error(
        `must be one of ${words.join(', ')}, got "${given}"${suggestion(given, words)}`,
      );
    },
  };
}
