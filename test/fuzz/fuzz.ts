import { mutate, shrunk } from './mutate.ts';
import type { Target } from './target.ts';

/** An input that a target does not bear. */
export class Crash extends Error {
  readonly input: Buffer;

  constructor({ name }: Target, input: Buffer, cause: unknown) {
    const shown = JSON.stringify(input.toString('latin1').slice(0, 200));
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`${name} does not bear ${input.toString('hex') || 'nothing'} (${shown}): ${why}`, {
      cause,
    });
    this.input = input;
  }
}

/** Tries an input; throws a {@link Crash} with the smallest one that was found. */
export function tryInput(target: Target, input: Buffer): void {
  const failure = failureOf(target, input);
  if (failure === undefined) return;
  const smallest = shrunk(input, (less) => failureOf(target, less) !== undefined);
  throw new Crash(target, smallest, failureOf(target, smallest)?.cause);
}

/** Makes the next input for a target. */
export function nextInput(target: Target, corpus: readonly Buffer[], random: () => number): Buffer {
  return mutate({ random, corpus, words: target.words });
}

function failureOf(target: Target, input: Buffer): { readonly cause: unknown } | undefined {
  try {
    target.take(input);
    return undefined;
  } catch (cause) {
    return { cause };
  }
}
