import type { Safety } from '../../verbs/safety.ts';
import type { Step } from './application.ts';
import { type Way, waysOf } from './judge.ts';
import type { Trial } from './trial.ts';

/** Inputs of a verb: examples, or a function that makes them. */
export type Inputs<Input> = readonly Input[] | ((random: () => number) => Input);

/** From which calls trials are made. */
export interface Material {
  readonly random: () => number;
  /** Verbs that can be called, and their inputs. */
  readonly inputs: ReadonlyMap<string, Inputs<unknown>>;
  /** Those of them that may change the state. */
  readonly writers: readonly string[];
}

/** So many inputs of each verb are tried in the first state; of each other verb, between repeats. */
const maxInputs = 20;
const maxBetween = 3;

/** Turns of the promise queue by which a copy may come later. */
const maxTurns = 4;

/** Trials of a verb in the first state: each input, in each way, with each other verb. */
export function* firstTrials(material: Material, verb: string, safety: Safety): Generator<Trial> {
  const others = material.writers.flatMap((other) =>
    someInputs(material, other, maxBetween).map((input) => ({ verb: other, input })),
  );
  for (const input of someInputs(material, verb, maxInputs)) {
    const call = { verb, input };
    for (const way of waysOf[safety]) {
      yield* trialsOf(way, [], call, others);
    }
  }
}

function* trialsOf(
  way: Way,
  before: readonly Step[],
  call: Step,
  others: readonly Step[],
): Generator<Trial> {
  const trial = { way, before, call, between: undefined, turns: 0 };
  if (way === 'later') {
    for (const between of others) yield { ...trial, between };
  } else if (way === 'together') {
    for (let turns = 0; turns < maxTurns; turns++) yield { ...trial, turns };
  } else {
    yield trial;
  }
}

/** One trial in each way behind a history of so many random calls. */
export function* randomTrials(
  material: Material,
  verb: string,
  safety: Safety,
  length: number,
): Generator<Trial> {
  const { random, writers } = material;
  if (writers.length === 0) return;
  const before = Array.from({ length }, () => randomStep(material, anyOf(random, writers)));
  const call = randomStep(material, verb);
  for (const way of waysOf[safety]) {
    const between = way === 'later' ? randomStep(material, anyOf(random, writers)) : undefined;
    yield { way, before, call, between, turns: Math.floor(random() * maxTurns) };
  }
}

/** The same trial with less before it: each a step shorter. */
export function* shorterTrials(trial: Trial): Generator<Trial> {
  for (let index = 0; index < trial.before.length; index++) {
    yield { ...trial, before: trial.before.toSpliced(index, 1) };
  }
}

function randomStep({ inputs, random }: Material, verb: string): Step {
  const given = inputs.get(verb) ?? [undefined];
  return { verb, input: typeof given === 'function' ? given(random) : anyOf(random, given) };
}

function someInputs({ inputs, random }: Material, verb: string, most: number): unknown[] {
  const given = inputs.get(verb) ?? [undefined];
  if (typeof given !== 'function') return given.slice(0, most);
  return Array.from({ length: Math.min(most, 5) }, () => given(random));
}

function anyOf<Item>(random: () => number, items: readonly Item[]): Item {
  return items[Math.floor(random() * items.length)] as Item;
}
