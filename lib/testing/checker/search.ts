import type { Safety } from '../../verbs/safety.ts';
import { answersDiffer, judge, type Observation } from './judge.ts';
import { messageOf, shown, storyOf } from './report.ts';
import { isRepeatable, observe, type Setup, type Trial } from './trial.ts';
import { firstTrials, type Material, randomTrials, shorterTrials } from './trials.ts';

/** How far is looked. */
export interface Reach {
  /** Random histories for each verb. */
  readonly rounds: number;
  /** Most calls before the one that is repeated. */
  readonly maxBefore: number;
}

/** A trial in which a verb did not do what its class promises. */
export interface Counterexample {
  readonly trial: Trial;
  readonly problem: string;
  readonly story: string;
}

/** What was seen of a verb on the way. */
export interface Impression {
  /** Whether any call of it succeeded. */
  hasSucceeded: boolean;
  lastError: unknown;
  /** What is worth a look. */
  doubt: string | undefined;
}

/** Looks for the smallest counterexample to a verb's class. */
export class Search {
  trials = 0;
  readonly impression: Impression = {
    hasSucceeded: false,
    lastError: undefined,
    doubt: undefined,
  };
  readonly #setup: Setup;
  readonly #material: Material;
  readonly #reach: Reach;

  constructor(setup: Setup, material: Material, reach: Reach) {
    this.#setup = setup;
    this.#material = material;
    this.#reach = reach;
  }

  /** Short histories come first, so that what is found is small. */
  async run(verb: string, safety: Safety): Promise<Counterexample | undefined> {
    const { rounds, maxBefore } = this.#reach;
    const first = firstTrials(this.#material, verb, safety);
    let found = await this.#smallest(first, safety);
    for (let length = 1; found === undefined && length <= maxBefore; length++) {
      for (let round = 0; found === undefined && round < rounds / maxBefore; round++) {
        const random = randomTrials(this.#material, verb, safety, length);
        found = await this.#smallest(random, safety);
      }
    }
    return found === undefined ? undefined : this.#shrunk(found, safety);
  }

  async #smallest(trials: Iterable<Trial>, safety: Safety): Promise<Counterexample | undefined> {
    let smallest: Counterexample | undefined;
    for (const trial of trials) {
      const found = await this.#try(trial, safety);
      if (found === undefined) continue;
      if (smallest === undefined || found.story.length < smallest.story.length) smallest = found;
    }
    return smallest;
  }

  /** Leaves out of the history whatever is not needed. */
  async #shrunk(found: Counterexample, safety: Safety): Promise<Counterexample> {
    for (const trial of shorterTrials(found.trial)) {
      const shorter = await this.#try(trial, safety);
      if (shorter !== undefined) return this.#shrunk(shorter, safety);
    }
    return found;
  }

  async #try(trial: Trial, safety: Safety): Promise<Counterexample | undefined> {
    this.trials++;
    const observation = await observe(this.#setup, trial);
    this.#note(trial, observation);
    const problem = judge(safety, observation);
    if (problem === undefined) return undefined;
    const comparesRuns = trial.way === 'later' || trial.way === 'together';
    if (comparesRuns && !(await isRepeatable(this.#setup, trial))) {
      this.impression.doubt ??=
        'equal calls leave different states, so that only immediate repeats could be compared: leave what is random or tells the time out of the snapshot';
      return undefined;
    }
    return { trial, problem, story: storyOf(trial, observation) };
  }

  #note({ call: { input } }: Trial, observation: Observation): void {
    const { impression } = this;
    const { first, repeat } = observation;
    if (first.isGood) impression.hasSucceeded = true;
    else impression.lastError = first.error;
    if (!answersDiffer(observation) || !first.isGood || repeat?.isGood !== true) return;
    const answers = `${shown(first.value)}, then ${shown(repeat.value)}`;
    impression.doubt ??= `a repeat with ${shown(input)} answers something else: ${answers}`;
  }

  /** Why nothing can be said of the verb; undefined when something can. */
  get excuse(): string | undefined {
    if (this.impression.hasSucceeded) return undefined;
    return `no call of it succeeded, the last one with "${messageOf(this.impression.lastError)}": give inputs that do`;
  }
}
